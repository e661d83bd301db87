"""kafka-dump-log: what stands in the files of a log.

Apache Kafka: org.apache.kafka.tools.DumpLogSegments, 4.3.1. As there, a file that cannot be read
to its end is shown as far as it can be.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from moldau.tools.frame import Tool, run
from moldau.tools.java_text import split
from moldau.tools.options import BadOption, Option, Parsed, Parser

if TYPE_CHECKING:
    from moldau.tools.dump_findings import Findings
    from moldau.tools.dump_records import Decoder

_STRING_DECODER = "org.apache.kafka.tools.api.StringDecoder"
_CLASS_HELP = (
    "DefaultDecoder, StringDecoder, LongDecoder or IntegerDecoder of org.apache.kafka.tools.api."
)
_ALL = 2**31 - 1

TOOL = Tool(
    "kafka-dump-log",
    "This tool helps to parse a log file and dump its contents to the console, useful for "
    "debugging a seemingly corrupt log segment.",
    Parser(
        Option(
            "files",
            "REQUIRED: The files of a log, divided by commas.",
            "String",
            "file1, file2, ...",
        ),
        Option("print-data-log", "Show keys and values; any decoder does so too."),
        Option("deep-iteration", "Show every record, not only batches; --print-data-log does too."),
        Option("skip-record-metadata", "Show only keys and values of records."),
        Option("max-bytes", "Read only so much of a segment.", "Integer", "size", str(_ALL)),
        Option("max-message-size", "The largest batch.", "Integer", "size", str(5 * 1024 * 1024)),
        Option("verify-index-only", "Compare indexes with the segment, show only what is wrong."),
        Option("index-sanity-check", "Check what a broker checks of an index when it starts."),
        Option(
            "key-decoder-class",
            f"The type of keys: {_CLASS_HELP}",
            "String",
            default=_STRING_DECODER,
            optional=True,
        ),
        Option(
            "value-decoder-class",
            f"The type of values: {_CLASS_HELP}",
            "String",
            default=_STRING_DECODER,
            optional=True,
        ),
        Option("offsets-decoder", "It is a segment of __consumer_offsets."),
        Option("transaction-log-decoder", "It is a segment of __transaction_state."),
        Option("cluster-metadata-decoder", "It is a segment or snapshot of __cluster_metadata."),
        Option("remote-log-metadata-decoder", "It is a segment of __remote_log_metadata."),
        Option("share-group-state-decoder", "It is a segment of __share_group_state."),
    ),
)
_TOPIC_DECODERS = (
    "offsets-decoder",
    "transaction-log-decoder",
    "cluster-metadata-decoder",
    "remote-log-metadata-decoder",
    "share-group-state-decoder",
)


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    try:
        options = TOOL.parse(argv)
    except BadOption as error:
        TOOL.refuse(str(error), TOOL.bad_option(error))
    TOOL.require(options, "files")
    try:
        return _dump_all(options)
    except BadOption as error:
        TOOL.refuse(str(error), TOOL.bad_option(error))


def _dump_all(options: Parsed) -> int:
    from moldau.tools.dump_findings import Findings
    from moldau.tools.record_decoders import NoDecoder

    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    findings = Findings()
    for path in _files(options):
        print(f"Dumping {path}")
        try:
            _dump(path, options, findings)
        except OSError as error:
            TOOL.refuse(
                f"{error.filename}: {error.strerror}",
                "Name files that are there, for instance DIR/TOPIC-0/00000000000000000000.log.",
            )
        except NoDecoder as error:
            TOOL.refuse("Failed to load decoder class", f"{error}.")
        except ValueError as error:
            TOOL.refuse(
                f"{error}",
                f"{path} cannot be shown beyond this: it is damaged, or wants another decoder.",
            )
    for line in findings.lines():
        print(line, file=sys.stderr)
    return 0


def _files(options: Parsed) -> list[str]:
    """Split and spelled as Java does: no empty names at the end, no doubled or last slashes."""
    return [_java_path(name) for name in split(options.value("files") or "", ",")]


def _java_path(name: str) -> str:
    while "//" in name:
        name = name.replace("//", "/")
    return name.rstrip("/") or name[:1]


def _dump(path: str, options: Parsed, findings: Findings) -> None:
    """Raises OSError, ValueError for content that cannot be shown, BadOption."""
    from moldau.tools import dump_indexes

    name = os.path.basename(path)
    suffix = name[name.rfind(".") :] if "." in name else ""
    if suffix in (".log", ".checkpoint"):
        _dump_segment(path, options, findings)
    elif suffix in (".index", ".timeindex"):
        how = dump_indexes.How(
            options.has("index-sanity-check"),
            options.has("verify-index-only"),
        )
        if suffix == ".timeindex":
            dump_indexes.dump_time_index(path, how, findings)
        else:
            most = options.number("max-message-size")
            dump_indexes.dump_offset_index(path, how, most or 0, findings)
    elif suffix == ".snapshot":
        dump_indexes.dump_producers(path)
    elif suffix == ".txnindex":
        dump_indexes.dump_aborted(path)
    else:
        print(f"Ignoring unknown file {path}", file=sys.stderr)


def _dump_segment(path: str, options: Parsed, findings: Findings) -> None:
    from moldau.tools.dump_records import What, dump_segment

    contents = options.has("print-data-log") or any(
        options.has(name) for name in (*_TOPIC_DECODERS, "key-decoder-class", "value-decoder-class")
    )
    decoder = _decoder(options)
    most = options.number("max-bytes")
    what = What(
        decoder if contents else None,
        contents or options.has("deep-iteration"),
        options.has("skip-record-metadata"),
        _ALL if most is None else most,
    )
    dump_segment(path, what, findings)


def _decoder(options: Parsed) -> Decoder:
    """The first that is named wins. Raises NoDecoder."""
    from moldau.tools import record_decoders as decoders

    chosen = next((name for name in _TOPIC_DECODERS if options.has(name)), None)
    if chosen is not None:
        return decoders.topic_decoder(chosen.removesuffix("-decoder"))
    return decoders.ClassDecoder(
        options.value("key-decoder-class") or "", options.value("value-decoder-class") or ""
    )
