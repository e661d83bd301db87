"""The same with the stream library: revenue per category and minute, by the orders' own time.

The minutes go to a topic, each once, when it is over. Any number of these may run: they share the
partitions, and when one is killed the others go on where it was.

    python revenue_per_minute_streams.py               # until Ctrl-C
    python revenue_per_minute_streams.py --until-end   # what there is now, every minute closed
    moldau consume revenue-per-minute
"""

import argparse

import msgspec

import moldau


class Order(msgspec.Struct):
    category: str
    cents: int
    time: int  # ms since 1970, UTC


def program(arguments: argparse.Namespace) -> moldau.App:
    app = moldau.App(
        "revenue-per-minute",
        arguments.bootstrap_server,
        until="end" if arguments.until_end else None,
    )
    orders = app.topic(
        arguments.topic, Order, event_time="time", unit="ms", lateness=arguments.lateness
    )
    (
        app.stream(orders)
        .group_by("category")
        .tumbling("1m")
        .agg(cents=moldau.sum("cents"), orders=moldau.count())
        .to(arguments.revenue)
    )
    return app


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap-server", default="localhost:9092", metavar="HOST:PORT")
    parser.add_argument("--topic", default="orders")
    parser.add_argument("--revenue", default="revenue-per-minute", metavar="TOPIC")
    parser.add_argument("--lateness", default="30s", metavar="SPAN")
    parser.add_argument("--until-end", action="store_true", help="stop where the topic ends now")
    return parser.parse_args()


if __name__ == "__main__":
    program(parse_arguments()).run()
