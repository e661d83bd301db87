"""What is said at the limits, to the client and in the broker's log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from struct import pack

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from tests.attacks.raw import Raw

from bench.brokers import Running
from bench.limits.clients import Member, form, with_coordinator
from bench.limits.measured import Result, Scenario, Told, running, told_to_operator
from moldau.protocol.errors import ErrorCode

CONNECTIONS = 20
FILES = 256
PARTITIONS = 10_001
GROUP_SIZE = 2
RECORD = 2_000_000
REQUEST = 200_000_000
METADATA = 5000


def measure(folder: Path) -> Result:
    told = [
        _connections(folder / "a", f"max.connections={CONNECTIONS}", CONNECTIONS, 0),
        _connections(folder / "b", f"{FILES} open files (ulimit -n)", FILES // 2, FILES),
    ]
    with running(folder / "c", {"group.max.size": str(GROUP_SIZE)}) as broker:
        told.append(_partitions(broker))
        told.append(_record(broker))
        told.append(_group_size(broker))
        told.append(_commit(broker))
        told.append(_request(broker))
    return Result(told=told)


def _connections(folder: Path, limit: str, most: int, files: int) -> Told:
    settings = {} if files else {"max.connections": str(most)}
    with running(folder, settings, files) as broker, _open(broker, most):
        with suppress(ConnectionError), Raw(broker.address) as raw:
            raw.ping()
            raise AssertionError(f"connection {most + 1} was served")
        return Told(limit, "its connection is closed", told_to_operator(broker))


@contextmanager
def _open(broker: Running, count: int) -> Iterator[list[Raw]]:
    raws = [Raw(broker.address) for _ in range(count)]
    for raw in raws:
        raw.ping()
    try:
        yield raws
    finally:
        for raw in raws:
            raw.socket.close()


def _partitions(broker: Running) -> Told:
    admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 0})
    said = ""
    try:
        admin.create_topics([NewTopic("too-many", PARTITIONS, 1)])["too-many"].result(30)
    except KafkaException as error:
        said = error.args[0].str()
    return Told(f"{PARTITIONS:,} partitions in one request", said)


def _record(broker: Running) -> Told:
    AdminClient({"bootstrap.servers": broker.address}).create_topics([NewTopic("records", 1, 1)])
    producer = Producer({"bootstrap.servers": broker.address, "message.max.bytes": 10_000_000})
    said: list[str] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        said.append(error.str() if error else "accepted")

    producer.produce("records", bytes(RECORD), on_delivery=delivered)
    producer.flush(30)
    limit = f"a record of {RECORD // 10**6} MB (message.max.bytes)"
    return Told(limit, said[0])


def _group_size(broker: Running) -> Told:
    with_coordinator(broker, "full")
    members = [Member(broker, "full") for _ in range(GROUP_SIZE + 1)]
    form(members[:GROUP_SIZE])
    members[-1].ask_to_join()
    code = members[-1].join_error()
    for member in members:
        member.raw.socket.close()
    limit = f"member {GROUP_SIZE + 1} at group.max.size={GROUP_SIZE}"
    return Told(limit, ErrorCode(code).name)


def _commit(broker: Running) -> Told:
    member = Member(broker, "alone")
    member.ask_to_join()
    member.hear_of_join()
    member.ask_to_sync()
    member.hear_of_sync()
    code = member.commit_error(0, "m" * METADATA)
    member.raw.socket.close()
    limit = f"{METADATA} bytes beside an offset (offset.metadata.max.bytes)"
    return Told(limit, ErrorCode(code).name)


def _request(broker: Running) -> Told:
    with Raw(broker.address) as raw:
        mine = f":{raw.socket.getsockname()[1]}:"  # others close theirs at the same time
        raw.socket.sendall(pack(">i", REQUEST))
        assert raw.is_closed_by_peer()
    limit = f"a request of {REQUEST // 10**6} MB (socket.request.max.bytes)"
    return Told(limit, "its connection is closed", told_to_operator(broker, mine))


SCENARIO = Scenario(
    "told",
    "What is said at the limits",
    "Each limit is reached; what follows was said. Clients: librdkafka where it has a word for it, "
    "else the protocol's error.",
    measure,
)
