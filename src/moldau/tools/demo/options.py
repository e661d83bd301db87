"""What can be asked of the demo. Imported for `--help`, so it imports nothing heavy."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

DEFAULT_RATE = 2_000
Data = Literal["made-up", "grocery"]
Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Options of one run. `rate` is orders per second, 0 for as many as go through."""

    rate: int = DEFAULT_RATE
    seconds: float = 0
    data: Data = "made-up"
    keep: bool = False
    prefix: str | None = None
    event_speed: int = 30
    replace_consumer_after: float = 0
    plain: bool = False
    seed: int = 1
    # Called with the bootstrap servers and the prefix when the pipeline has drained and the
    # check has not begun: the tests spoil the topics here and expect to be found out.
    before_check: Callable[[str, str], None] | None = None
    # What a broker of the demo's own said last; None as long as it runs.
    broker_ended: Callable[[], str | None] | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the demo's options to the parser of `moldau demo`."""
    add = parser.add_argument
    add(
        "--bootstrap-server",
        metavar="HOST:PORT",
        help="use this Kafka instead of a broker started for the demo",
    )
    add(
        "--seconds",
        type=_seconds,
        default=0,
        metavar="N",
        help="stop producing after N seconds, drain, check (default: 0, until Ctrl-C)",
    )
    add(
        "--rate",
        type=_count,
        metavar="N",
        help=f"orders per second, 0 for no limit (default: {DEFAULT_RATE}; no limit for grocery)",
    )
    add(
        "--data",
        choices=("made-up", "grocery"),
        default="made-up",
        help="made-up orders, or 1.47 million real purchases (needs the extra grocery)",
    )
    add(
        "--event-speed",
        type=_speed,
        default=30,
        metavar="N",
        help="seconds of event time per second, for made-up orders (default: 30)",
    )
    add(
        "--replace-consumer-after",
        type=_seconds,
        default=0,
        metavar="N",
        help="after N seconds stop one of the three consumers and start another (default: never)",
    )
    add("--prefix", metavar="NAME", help="name of the run's topics and groups (default: unique)")
    add("--keep", action="store_true", help="leave the topics and groups behind")
    add("--plain", action="store_true", help="print lines, even on a terminal")


def from_arguments(arguments: argparse.Namespace) -> DemoOptions:
    """The options that were parsed by `add_arguments`."""
    rate: int | None = arguments.rate
    if rate is None:
        rate = 0 if arguments.data == "grocery" else DEFAULT_RATE
    return DemoOptions(
        rate=rate,
        seconds=arguments.seconds,
        data=arguments.data,
        keep=arguments.keep,
        prefix=arguments.prefix,
        event_speed=arguments.event_speed,
        replace_consumer_after=arguments.replace_consumer_after,
        plain=arguments.plain,
    )


def _seconds(text: str) -> float:
    value = _number(float, text, "number of seconds")
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds: use 0 or more")
    return value


def _count(text: str) -> int:
    value = _number(int, text, "whole number")
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative: use 0 or more")
    return value


def _speed(text: str) -> int:
    value = _number(int, text, "whole number")
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} lets event time stand still: use 1 or more")
    return value


def _number(kind: Callable[[str], Number], text: str, what: str) -> Number:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no {what}") from None
