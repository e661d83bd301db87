"""One run from the first order to the verdict: topics, pipeline, check, clean-up, exit code."""

import sys
from functools import partial
from tempfile import TemporaryDirectory

from confluent_kafka import KafkaException

from moldau.tools.demo.board import Board
from moldau.tools.demo.check import Check, Findings
from moldau.tools.demo.options import DemoOptions
from moldau.tools.demo.pipeline import Pipeline
from moldau.tools.demo.revenue import internal_topics
from moldau.tools.demo.source import Source, open_source
from moldau.tools.demo.summary import summary
from moldau.tools.demo.topics import (
    BrokerEnded,
    DemoError,
    Topics,
    create,
    remove,
    unique_prefix,
)
from moldau.tools.demo.view import View, open_view
from moldau.tools.interrupts import on_first_interrupt


def run_demo(bootstrap_servers: str, options: DemoOptions) -> int:
    """Exit code 0: checked; 1: something differs or failed; 130: left by a second Ctrl-C."""
    topics = Topics(options.prefix or unique_prefix())
    try:
        source = open_source(options)
        create(bootstrap_servers, topics)
        try:
            findings, sent = _run_on(topics, bootstrap_servers, options, source)
        except BrokerEnded:
            raise
        except (DemoError, KafkaException):
            _clean_up(bootstrap_servers, topics, options)
            raise
        clean = _clean_up(bootstrap_servers, topics, options)
    except (DemoError, KafkaException) as error:
        print(f"moldau demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"left at once; topics {topics.prefix}.* may remain", file=sys.stderr)
        return 130
    print("\n".join(summary(findings, sent)))
    return 0 if clean and not findings.differences else 1


def _run_on(
    topics: Topics, bootstrap_servers: str, options: DemoOptions, source: Source
) -> tuple[Findings, int]:
    board = Board()
    with (
        open_view(bootstrap_servers, topics.prefix, options, board) as view,
        TemporaryDirectory(prefix="moldau-demo-", ignore_cleanup_errors=True) as state,
        Pipeline(bootstrap_servers, topics, state, options, source.orders, board, view) as pipeline,
        on_first_interrupt(pipeline.stop_producing),
    ):
        pipeline.produce()
        ends = pipeline.drain()
        if options.before_check is not None:
            options.before_check(bootstrap_servers, topics.prefix)
        check = Check(
            bootstrap_servers,
            topics,
            ends,
            pipeline.ledger,
            partial(_checking, board, view),
            source.file_totals,
        )
        return check.run(), board.sent


def _checking(board: Board, view: View, records: int) -> None:
    board.phase = f"checking {records:,}"
    view.update()


def _clean_up(bootstrap_servers: str, topics: Topics, options: DemoOptions) -> bool:
    """Whether nothing stays behind that should not."""
    if options.keep:
        print(f"kept       {', '.join(topics.names)}")
        return True
    try:
        remove(bootstrap_servers, topics, internal_topics(bootstrap_servers, topics))
    except (DemoError, KafkaException) as error:
        print(f"moldau demo: {error}", file=sys.stderr)
        return False
    return True
