"""Runs a worker in this process until it is told to stop."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

from confluent_kafka import KafkaException

from moldau.streams.app import App
from moldau.streams.errors import StreamsError
from moldau.streams.watching.addresses import Listening
from moldau.streams.watching.announcing import announce
from moldau.streams.watching.serving import serving


def run(
    app: App, *, slot: int = 0, http: str | None = None, announce_to: int | None = None
) -> None:
    """A worker that ends cleanly on SIGINT and SIGTERM: it checkpoints and leaves the group. A
    second signal ends it at once, and so do brokers that do not answer for long; what was not
    checkpointed is done again. `http`: HOST:PORT where it answers; the port is written to the pipe
    `announce_to`, or said. Raises StreamsError."""
    try:
        _run(app, slot, http, announce_to)
    except KafkaException as error:
        raise StreamsError(
            f"{app.id}: trouble with {app.bootstrap_servers}: {error.args[0].str()}; what was not "
            f"checkpointed is done again when it is started again"
        ) from error


def _run(app: App, slot: int, http: str | None, announce_to: int | None) -> None:

    def say(listening: Listening) -> None:
        if announce_to is None:
            print(f"{app.id}: {listening.url}", flush=True)
        else:
            announce(announce_to, listening.port)

    with serving(app, slot, http, say) as worker:
        ends: list[Callable[[], None]] = []

        def cut(why: str) -> None:
            print(f"{app.id}: {why}", flush=True)

        def stop(number: int, _frame: FrameType | None) -> None:
            signal.signal(number, signal.SIG_DFL)
            worker.stop()
            ends.append(worker.patience.cut_by(number, cut))

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            worker.run()
        finally:
            for end in ends:
                end()
            for number, handler in before.items():
                signal.signal(number, handler)
