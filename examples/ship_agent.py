"""An agent that ships orders, and what becomes of the orders that it cannot ship.

Shows a typed topic, a handler whose shipment leaves only when its order is done, three tries for an
order that fails, and the dead-letter topic behind them. Nobody ships games, until --games:

    python ship_agent.py                     # until Ctrl-C
    moldau dlq list ship-agent-dlq           # the orders that failed, and why
    moldau dlq redrive ship-agent-dlq
    python ship_agent.py --games             # they come back to the agent, and to nobody else
"""

import argparse

import msgspec

import moldau


class Order(msgspec.Struct):
    order: int
    customer: str
    category: str
    cents: int
    time: int  # ms since 1970, UTC


def program(arguments: argparse.Namespace) -> moldau.App:
    app = moldau.App("ship-agent", arguments.bootstrap_server, checkpoint="200ms")
    orders = app.topic(arguments.topic, Order, event_time="time", unit="ms", key="customer")
    shipments = app.topic(arguments.shipments)

    @app.agent(orders, on_error=moldau.retry(3, backoff="20ms"))
    async def ship(stream: moldau.RecordStream[Order]) -> None:
        async for order in stream:
            if order.category == "games" and not arguments.games:
                raise ValueError("nobody ships games")
            shipment = {"order": order.order, "to": order.customer}
            await shipments.send(shipment, key=order.customer)
            print(f"order {order.order} is shipped ({moldau.current().id})", flush=True)

    return app


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap-server", default="localhost:9092", metavar="HOST:PORT")
    parser.add_argument("--topic", default="orders")
    parser.add_argument("--shipments", default="shipments-of-the-agent", metavar="TOPIC")
    parser.add_argument("--games", action="store_true", help="ship games too")
    return parser.parse_args()


if __name__ == "__main__":
    program(parse_arguments()).run()
