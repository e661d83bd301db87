"""The admin client: what it asks, and what it says when it cannot."""

from __future__ import annotations

import socket
import threading
import uuid

import confluent_kafka as ck
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from moldau.client.admin import Admin
from moldau.client.errors import KafkaError, Refused, TimedOut, Unreachable, WrongPeer
from moldau.client.groups import delete_groups, describe_group, list_consumer_groups
from moldau.client.offsets import (
    EARLIEST,
    LATEST,
    Committed,
    commit_offsets,
    committed_offsets,
    delete_offsets,
    list_offsets,
)
from moldau.client.topics import (
    create_partitions,
    create_topic,
    delete_topics,
    describe_topic_configs,
    describe_topics,
    describe_topics_by_id,
    list_reassignments,
    list_topics,
)
from moldau.protocol.errors import ErrorCode
from tests.client.fake_peers import listening, relay, says

SHORT = {"default.api.timeout.ms": "300", "request.timeout.ms": "300"}


def _name() -> str:
    return f"t-{uuid.uuid4().hex[:8]}"


def test_topics_as_librdkafka_sees_them(broker: str) -> None:
    name = _name()
    with Admin(broker) as admin:
        create_topic(admin, name, 3, 1, configs={"retention.ms": "1000"})
        (topic,) = describe_topics(admin, [name])
        assert [p.id for p in topic.partitions] == [0, 1, 2]
        assert describe_topics_by_id(admin, [topic.id]) != []
        create_partitions(admin, {name: 4}, {})
        seen = AdminClient({"bootstrap.servers": broker}).list_topics(name, 10).topics[name]
        assert len(seen.partitions) == 4
        own = {c.name: c.value for c in describe_topic_configs(admin, [name])[name]}
        assert own["retention.ms"] == "1000"
        assert list_reassignments(admin, [(name, 0)]) == {}
        delete_topics(admin, [name])
        assert name not in [topic.name for topic in list_topics(admin)]


def test_a_description_in_pages_is_whole(broker: str) -> None:
    one, other = sorted((_name(), _name()))
    with Admin(broker) as admin:
        create_topic(admin, one, 5)
        create_topic(admin, other, 3)
        found = describe_topics(admin, [other, one], partitions_per_answer=2)
    assert [(t.name, len(t.partitions)) for t in found] == [(other, 3), (one, 5)]
    assert [p.id for p in found[1].partitions] == [0, 1, 2, 3, 4]


def test_offsets_that_librdkafka_committed(broker: str) -> None:
    name, group = _name(), _name()
    topic = NewTopic(name, 2, 1)
    librdkafka = AdminClient({"bootstrap.servers": broker})
    librdkafka.create_topics([topic])[name].result()
    producer = ck.Producer({"bootstrap.servers": broker})
    for _ in range(5):
        producer.produce(name, b"x", partition=1)
    assert producer.flush(10) == 0
    consumer = ck.Consumer({"bootstrap.servers": broker, "group.id": group})
    consumer.commit(offsets=[ck.TopicPartition(name, 1, 3)], asynchronous=False)
    consumer.close()
    places = [(name, 0), (name, 1)]
    with Admin(broker) as admin:
        assert committed_offsets(admin, group)[name, 1].offset == 3
        assert list_offsets(admin, places, EARLIEST) == {(name, 0): 0, (name, 1): 0}
        assert list_offsets(admin, places, LATEST) == {(name, 0): 0, (name, 1): 5}
        commit_offsets(admin, group, {(name, 0): 0, (name, 1): 4})
        assert committed_offsets(admin, group)[name, 1] == Committed(4, None)
        assert delete_offsets(admin, group, [(name, 0)]) == {(name, 0): 0}
        assert [g.id for g in list_consumer_groups(admin, ["Empty"])].count(group) == 1
        assert describe_group(admin, group).state == "Empty"
        assert delete_groups(admin, [group]) == {group: None}
        with pytest.raises(Refused) as refused:
            describe_group(admin, group)
    assert refused.value.code is ErrorCode.GROUP_ID_NOT_FOUND


def test_an_error_carries_javas_words(broker: str) -> None:
    name = _name()
    with Admin(broker) as admin:
        create_topic(admin, name)
        with pytest.raises(Refused) as refused:
            create_topic(admin, name)
    assert refused.value.in_java == (
        f"org.apache.kafka.common.errors.TopicExistsException: Topic '{name}' already exists."
    )


def test_another_server_of_the_list_answers(broker: str, unused_address: str) -> None:
    with Admin(f"{unused_address},{broker}") as admin:
        assert admin.brokers("listNodes")


def test_nothing_listens(unused_address: str) -> None:
    told: list[str] = []
    with Admin(unused_address, SHORT, told.append) as admin, pytest.raises(TimedOut) as timed_out:
        list_topics(admin)
    assert timed_out.value.message == ("Timed out waiting for a node assignment. Call: listTopics")
    assert timed_out.value.advice.startswith(f"Nothing listens on {unused_address}.")
    assert len(told) == 1


def test_without_waiting_nothing_listens_at_once(unused_address: str) -> None:
    with Admin(unused_address, waits=False) as admin, pytest.raises(Unreachable, match="moldau up"):
        list_topics(admin)


def test_a_broker_that_starts_late_is_found(broker: str) -> None:
    host, port = broker.rsplit(":", 1)
    late = socket.socket()
    late.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{late.getsockname()[1]}"

    def open_late(_: str) -> None:
        late.listen()
        threading.Thread(target=_pass_on, args=(late, host, int(port)), daemon=True).start()

    with Admin(address, notice=open_late) as admin:
        assert isinstance(list_topics(admin), list)
    late.close()


def _pass_on(server: socket.socket, host: str, port: int) -> None:
    connection, _ = server.accept()
    with connection, socket.create_connection((host, port)) as upstream:
        while data := connection.recv(1 << 16):
            upstream.sendall(data)
            connection.sendall(upstream.recv(1 << 20))


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is a web server"),
        (b"SSH-2.0-OpenSSH_9.0\r\n", "is an SSH server"),
        (b"\x15\x03\x03\x00\x02\x02\x46", "speaks TLS"),
        (b"\x00\x00\x00\x06\x00\x00\x00\x63ab", "does not answer as a Kafka broker"),
        (b"\x7f\xff\xff\xff", "is not a Kafka broker"),
        (b"", "not a Kafka broker, or its listener wants TLS"),
    ],
)
def test_what_is_no_kafka_is_named(answer: bytes, sentence: str) -> None:
    with listening(says(answer)) as address, Admin(address, waits=False) as admin:
        with pytest.raises(WrongPeer) as wrong:
            list_topics(admin)
        assert sentence in str(wrong.value)
        assert address in str(wrong.value)


def test_a_listener_that_wants_sasl_is_named(broker: str) -> None:
    with (
        listening(relay(broker, 1)) as address,
        Admin(address, waits=False) as admin,
        pytest.raises(Unreachable, match="SASL"),
    ):
        list_topics(admin)


@pytest.mark.parametrize(
    ("servers", "properties", "message"),
    [
        ("nonsense", {}, "say HOST:PORT"),
        ("localhost:0", {}, "say HOST:PORT"),
        ("", {}, "No bootstrap server"),
        ("localhost:1", {"security.protocol": "SASL_SSL"}, "not supported"),
        ("localhost:1", {"request.timeout.ms": "x"}, "Not a number of type INT"),
        ("localhost:1", {"request.timeout.ms": str(1 << 31)}, "Not a number of type INT"),
        (
            "localhost:1",
            {"request.timeout.ms": "2", "default.api.timeout.ms": "1"},
            "must be no smaller",
        ),
    ],
)
def test_settings_that_cannot_be_used(
    servers: str, properties: dict[str, str], message: str
) -> None:
    with pytest.raises(KafkaError) as error:
        Admin(servers, properties)
    assert message in str(error.value)


def test_an_ipv6_address_may_stand_in_brackets() -> None:
    from moldau.client.settings import parse_bootstrap

    assert parse_bootstrap("[::1]:9092,PLAINTEXT://h:1") == [("::1", 9092), ("h", 1)]
