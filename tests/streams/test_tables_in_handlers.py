"""`table[key]` in the functions of a program: what the task holds of that key as it is now."""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest

import moldau
from moldau.streams.engine.reading import Records
from moldau.streams.engine.state import State
from moldau.streams.engine.task import Task
from moldau.streams.errors import DefinitionError, StreamsError, Trouble
from moldau.streams.join_nodes import Latest
from moldau.streams.running.internal_topics import check
from moldau.streams.stream import Stream
from moldau.streams.tables import Table
from moldau.streams.topology import topology
from moldau.streams.upkeep.describing import as_text
from moldau.streams.watching.readable import readables


class Order(msgspec.Struct):
    product: str
    customer: str
    count: int = 1


class Price(msgspec.Struct):
    product: str
    cents: int


class Program:
    """Orders and prices, both keyed by the product."""

    def __init__(self) -> None:
        self.app = moldau.App("shop")
        self.orders = self.app.topic("orders", Order, key="product")
        self.topic = self.app.topic("prices", Price, key="product")
        self.out = self.app.topic("out")
        self.prices = self.app.table(self.topic)

    def results(self, *orders: Order, partitions: int = 1) -> list[Any]:
        """With tea at 5 and milk at 7, which is taken away."""
        with moldau.testing.run(self.app, partitions=partitions) as t:
            t[self.topic].send(Price("tea", 5), Price("milk", 7))
            t[self.topic].send(None, key="milk")
            t[self.orders].send(*(orders or (Order("tea", "ann"),)))
            assert "shop-dlq" not in t.report()
            return t[self.out].values()


Verb = Callable[[Stream, Any], Any]
VERBS: dict[str, Verb] = {
    "map": lambda stream, prices: stream.map(lambda order: prices[order.product].cents),
    "filter": lambda stream, prices: stream.filter(lambda order: order.product in prices).map(
        lambda order: 5
    ),
    "flat_map": lambda stream, prices: stream.flat_map(lambda order: [prices["tea"].cents]),
    "with_fields": lambda stream, prices: stream.with_fields(
        c=lambda order: prices[order.product].cents
    ).map(lambda row: row["c"]),
    "branch": lambda stream, prices: stream.branch(lambda order: order.product in prices)[0].map(
        lambda order: 5
    ),
    "key_by": lambda stream, prices: stream.key_by(lambda order: prices[order.product].product).map(
        lambda order: 5
    ),
    "partial": lambda stream, prices: stream.map(partial(cents_in, prices)),
    "another function": lambda stream, prices: stream.map(lambda order: cents_in(prices, order)),
}


def cents_in(prices: Any, order: Order) -> int:
    return int(prices[order.product].cents)


@pytest.mark.parametrize("verb", VERBS)
def test_verbs_look_into_a_table_whose_rows_are_of_its_type(verb: str) -> None:
    program = Program()
    VERBS[verb](program.app.stream(program.orders), program.prices).to(program.out)
    assert program.results() == [5]


def test_what_is_not_there() -> None:
    program = Program()
    prices, found = program.prices, []

    def look(order: Order) -> None:
        found.append([prices.get("milk"), prices.get("milk", 0), "milk" in prices, "tea" in prices])
        with pytest.raises(KeyError, match="milk"):
            prices["milk"]
        with pytest.raises(TypeError, match="not iterable"):
            list(prices)  # type: ignore[call-overload]

    program.app.stream(program.orders).peek(look).to(program.out)
    assert len(program.results()) == 1
    assert found == [[None, 0, False, True]]


FORMS = ["plain", "async", "stream", "list", "polars"]


@pytest.mark.parametrize("form", FORMS)
def test_agents_of_all_forms_look_into_a_table(form: str) -> None:
    program = Program()
    prices, out = program.prices, program.out

    def plain(order: Order) -> None:
        out.send(prices[order.product].cents)

    async def awaited(order: Order) -> None:
        await out.send(prices[order.product].cents)

    async def stream(orders: moldau.RecordStream[Order]) -> None:
        async for order in orders:
            await out.send(prices[order.product].cents)

    def many(orders: list[Order]) -> None:
        out.send(prices[orders[0].product].cents)

    def frame(orders: Any) -> None:
        out.send(prices[orders["product"][0]].cents)

    functions: dict[str, Callable[..., Any]]
    functions = dict(zip(FORMS, (plain, awaited, stream, many, frame), strict=True))
    batch: Any = form if form in ("list", "polars") else None
    program.app.agent(program.orders, batch=batch)(functions[form])
    assert program.results() == [5]


def test_methods_and_callable_objects_look_into_a_table() -> None:
    program = Program()

    class Pricing:
        def __init__(self, prices: Table) -> None:
            self.prices = prices

        def priced(self, order: Order) -> int:
            return int(self.prices[order.product].cents)

        def __call__(self, order: Order) -> int:
            return self.priced(order)

    pricing = Pricing(program.prices)
    stream = program.app.stream(program.orders)
    stream.map(pricing.priced).to(program.out)
    stream.map(pricing).to(program.out)
    assert program.results() == [5, 5]


def test_a_field_that_is_called_as_a_table_is_none() -> None:
    program = Program()
    product = program.prices
    program.app.stream(program.orders).map(lambda order: order.product).to(program.out)
    assert len(topology("shop", program.app.nodes).stages) == 2
    assert product is program.prices


def test_aggregates_and_tables_made_of_tables_are_looked_into() -> None:
    program = Program()
    grouped = program.app.stream(program.orders).group_by("product")
    bought = grouped.agg(n=moldau.sum("count"))
    dear = program.prices.filter(lambda price: price.cents > 6)
    cheap = program.prices.map(lambda price: price.cents * 2)

    @program.app.agent(program.orders)
    def tell(order: Order) -> None:
        if order.product == "tea":
            program.out.send([bought["tea"], "tea" in dear, cheap["tea"]])

    with moldau.testing.run(program.app) as t:
        t[program.topic].send(Price("tea", 5))
        t[program.orders].send(Order("milk", "ann"))
        t.advance("31s")  # what is made of a table comes when the watermark does
        t[program.orders].send(Order("tea", "ann", 2))
        assert t[program.out].values() == [[{"product": "tea", "n": 2}, False, 10]]


def test_an_aggregate_that_is_a_table_too_is_looked_into_as_of_the_watermark() -> None:
    program = Program()
    bought = program.app.stream(program.orders).group_by("product").agg(n=moldau.sum("count"))
    bought.stream().to("changes")
    program.app.stream(program.orders).map(lambda order: bought.get("tea")).to(program.out)
    with moldau.testing.run(program.app) as t:
        t[program.orders].send(Order("tea", "ann", 2))
        t.advance("31s")
        t[program.orders].send(Order("tea", "ann", 3))  # which tells how late it is
        t[program.orders].send(Order("tea", "ann", 4))
        assert t[program.out].values() == [None, None, {"product": "tea", "n": 2}]
    (stage,) = [
        one for one in topology("shop", program.app.nodes).stages if one.topics[0] == "orders"
    ]
    assert not any(isinstance(node, Latest) for node in stage.nodes)  # its own state is enough


def test_own_aggregates_and_punctuations_look_into_a_table() -> None:
    program = Program()
    prices, out = program.prices, program.out

    def add(total: int, order: Order) -> int:
        return total + int(prices[order.product].cents) * order.count

    folded = program.app.stream(program.orders).group_by("product")
    folded.agg(total=moldau.fold(int, add)).to(out)

    @program.app.punctuate(program.orders, "1m")
    def each_minute(now: Any) -> None:
        out.send(prices["tea"].cents)

    with moldau.testing.run(program.app) as t:
        t[program.topic].send(Price("tea", 5))
        t[program.orders].send(Order("tea", "ann", 2))
        t.advance("61s")
        t[program.orders].send(Order("tea", "ann", 1))
        values = t[out].values()
    assert [one["total"] for one in values if one != 5] == [10, 15]
    assert 5 in values


def test_records_with_another_key_are_brought_to_where_the_rows_are() -> None:
    app = moldau.App("shop")
    orders = app.topic("orders", Order, key="customer")
    prices = app.topic("prices", Price, key="product")
    table, out = app.table(prices), app.topic("out")
    products = [f"product {number}" for number in range(20)]

    @app.agent(app.stream(orders).key_by("product"))
    def price(order: Order) -> None:
        out.send([order.product, table[order.product].cents])

    with moldau.testing.run(app, partitions=4) as t:
        t[prices].send(*(Price(name, number) for number, name in enumerate(products)))
        t[orders].send(*(Order(name, f"customer {name}") for name in products))
        assert sorted(t[out].values()) == sorted([name, n] for n, name in enumerate(products))


def test_a_record_that_found_no_row_finds_it_when_its_dead_letter_comes_back() -> None:
    app = moldau.App("shop")
    orders = app.topic("orders", Order, key="customer")
    prices = app.topic("prices", Price, key="product")
    table, out = app.table(prices), app.topic("out")
    by_product = app.stream(orders).key_by("product")
    by_product.map(lambda order: table[order.product].cents).to(out)

    with moldau.testing.run(app, partitions=2) as t:
        t[orders].send(Order("tea", "ann"))
        t[prices].send(Price("tea", 5))
        assert t[out].values() == []
        assert t.redrive() == 1
        assert t[out].values() == [5]


@functools.cache
def cached(prices: Table, product: str) -> int:
    return int(prices[product].cents)


def test_decorated_functions_and_defaults_are_seen() -> None:
    program = Program()
    prices, tables = program.prices, {"prices": program.prices}

    @functools.wraps(cents_in)
    def wrapped(order: Order) -> int:
        return cents_in(tables["prices"], order)

    def by_default(order: Order, known: Table = prices) -> int:
        return int(known[order.product].cents)

    stream = program.app.stream(program.orders)
    stream.map(wrapped).to(program.out)
    stream.map(by_default).to(program.out)
    stream.map(lambda order: cached(prices, order.product)).to(program.out)
    assert program.results() == [5, 5, 5]


def test_a_row_of_another_partition_is_not_found_and_that_is_said() -> None:
    program = Program()
    prices, found = program.prices, []

    def look(order: Order) -> None:
        try:
            found.append(prices["tea"].cents)
        except KeyError as error:
            assert "tea" not in prices
            found.append(str(error))

    program.app.stream(program.orders).peek(look).to(program.out)
    products = ["tea", *(str(number) for number in range(10))]
    program.results(*(Order(name, "ann") for name in products), partitions=2)
    assert 5 in found
    said = next(one for one in found if one != 5)
    assert "'tea' is in partition" in said
    assert "key_by" in said


def test_global_tables_are_looked_into_everywhere() -> None:
    app = moldau.App("shop")
    orders = app.topic("orders", Order, key="customer")
    rates = app.topic("rates", Price, key="product")
    out = app.topic("out")
    everywhere = app.global_table(rates)

    @app.agent(orders)
    def price(order: Order) -> None:
        out.send(everywhere[order.product].cents if order.product in everywhere else None)

    @app.timer("1m")
    async def tell() -> None:
        await out.send(["timer", everywhere["tea"].cents])

    with moldau.testing.run(app, partitions=3) as t:
        t[rates].send(Price("tea", 5))
        t[orders].send(*(Order("tea", name) for name in "abc"), Order("milk", "ann"))
        assert sorted(t[out].values(), key=str) == [5, 5, 5, None]
        t.advance("60s")
        assert ["timer", 5] in t[out].values()


def test_what_has_no_row_of_a_table_says_so() -> None:
    program = Program()
    prices = program.prices
    everywhere = program.app.global_table(program.topic)
    for table in (prices, everywhere):
        with pytest.raises(StreamsError, match=r"in a handler.*HTTP.*moldau\.testing\.run"):
            table["tea"]

    @program.app.timer("1m")
    def tell() -> None:
        assert prices["tea"]

    with moldau.testing.run(program.app) as t:
        t[program.orders].send(Order("tea", "ann"))
        with pytest.raises(AssertionError, match=r"a timer or a task has none: take app\.global"):
            t.advance("60s")


def test_a_table_that_cannot_be_seen_ends_the_program_with_a_sentence() -> None:
    program = Program()
    hidden = {"table": [program.prices]}

    def look(order: Order) -> Any:
        return hidden.copy()["table"].copy()[0][order.product]

    program.app.stream(program.orders).map(look).to(program.out)
    unseen = moldau.App("other")
    table = unseen.table(program.topic)
    program.app.stream(program.orders).map(lambda order: table[order.product]).to(program.out)
    with moldau.testing.run(program.app) as t, pytest.raises(Trouble, match="name the table in"):
        t[program.orders].send(Order("tea", "ann"))


def test_promise_13_topics_that_are_looked_into_lie_like_those_of_a_join() -> None:
    program = Program()
    program.app.stream(program.orders).map(partial(cents_in, program.prices)).to(program.out)
    (stage,) = topology("shop", program.app.nodes).stages
    assert stage.joined_topics == {"orders", "prices"}
    with pytest.raises(StreamsError, match="prices and orders are read together, and have 3 and 2"):
        check(stage, {"orders": 2, "prices": 3})


def test_promise_08_rows_are_there_again_after_a_crash() -> None:
    program = Program()
    prices = program.prices
    program.app.stream(program.orders).map(partial(cents_in, prices)).to(program.out)
    made = topology("shop", program.app.nodes)
    (stage,) = made.stages

    def fed(task: Task, topic: str, value: Any) -> list[Any]:
        task.feed(topic, Records([0], [0], [b"tea"], [msgspec.json.encode(value)]), 0)
        return [one.value for one in task.outputs]

    counts = dict.fromkeys([*stage.topics, "out"], 1)
    before = Task(made, stage, 0, counts, State())
    assert fed(before, "prices", Price("tea", 5)) == []
    changelog = [(change.key or b"", change.value) for change in before.checkpoint()]
    state = State()
    after = Task(made, stage, 0, counts, state, state.restore(changelog))
    assert fed(after, "orders", Order("tea", "ann")) == [b"5"]


def test_a_program_in_words_says_which_tables_are_looked_into() -> None:
    program = Program()
    program.app.stream(program.orders).map(partial(cents_in, program.prices)).to(program.out)
    made = topology("shop", program.app.nodes)
    assert "map looks into table-1-latest  < source-1" in as_text(made)
    assert readables(made)["prices"].name == "table-1"  # of event time, as without


def test_two_declarations_of_a_global_table_are_refused() -> None:
    program = Program()
    program.app.global_table(program.topic)
    program.app.global_table(program.topic)
    with pytest.raises(DefinitionError, match="'prices' is read with type Price already"):
        program.app.global_table(program.app.topic("prices", Order, key="product"))


@pytest.mark.parametrize("kind", ["table", "global_table"])
def test_the_letter_of_a_row_that_is_not_there_names_the_table(kind: str) -> None:
    app = moldau.App("shop")
    orders = app.topic("orders", dict)
    rates = getattr(app, kind)(app.topic("rates", dict))
    app.stream(orders).map(lambda order: rates["tea"]).to("out")
    with moldau.testing.run(app) as t:
        t[orders].send({}, key="tea")
        (letter,) = t["shop-dlq"].records()
    message = (dict(letter.headers or [])["moldau-dlq-message"] or b"").decode()
    assert message.startswith(f"{rates} has no row of 'tea'")


def test_the_letter_of_a_value_that_is_not_kept_names_the_state() -> None:
    app = moldau.App("shop")
    orders = app.topic("orders", dict)
    counts = app.state("counts")

    @app.agent(orders, states=[counts])
    def count(order: Any) -> None:
        counts["tea"] += 1

    with moldau.testing.run(app) as t:
        t[orders].send({}, key="tea")
        (letter,) = t["shop-dlq"].records()
    assert b"state 'counts' has no value of 'tea'" in (
        dict(letter.headers or [])["moldau-dlq-message"] or b""
    )
