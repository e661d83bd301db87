"""`moldau mirror` from one broker of ours to another, judged by confluent-kafka."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import NewPartitions

from tests.tools.mirror.stage import (
    Cluster,
    assert_same,
    mirror,
    mirror_command,
    unique,
    wait_for,
)

Start = Callable[..., "subprocess.Popen[str]"]
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


@pytest.mark.slow
def test_records_of_every_kind_come_to_the_same_partitions(
    source: Cluster, target: Cluster
) -> None:
    topic = source.create(unique(), 3)
    source.produce(topic, [b"one", b"", None], key=b"k", timestamp=1_000)
    source.produce(
        topic, [b"x" * 300_000, b"no key"], 1, headers=[("h", b"1"), ("h", None), ("", b"")]
    )
    for codec in CODECS:
        values = [b"%d" % i + b"." * 200 for i in range(300)]
        source.produce(topic, values, 0, key=codec.encode(), config={"compression.type": codec})
    run = mirror(source, target, "--topics", topic)
    assert assert_same(source, target, topic, 3) == 5 + 5 * 300
    assert f"{topic}-2  0 records" in run.stdout
    assert "compared record by record" in run.stdout


@pytest.mark.slow
def test_again_copies_what_is_new_and_nothing_twice(source: Cluster, target: Cluster) -> None:
    topic = source.create(unique(), 2)
    for _ in range(3):
        source.produce(topic, [b"%d" % i for i in range(50)], 1)
        mirror(source, target, "--topics", topic)
        assert assert_same(source, target, topic, 2) % 50 == 0
    assert "0 records in this run" in mirror(source, target, "--topics", topic).stdout


@pytest.mark.slow
def test_configs_go_along_and_are_held_while_records_come(source: Cluster, target: Cluster) -> None:
    """Records of 1970 in a topic that keeps a day: at the source they are still there."""
    own = {
        "retention.ms": "86400000",
        "cleanup.policy": "compact,delete",
        "segment.bytes": "1048576",
        "compression.type": "zstd",
        "max.message.bytes": "2000000",
    }
    topic = source.create(unique(), config=own)
    source.produce(topic, [b"v"] * 3, key=b"k", timestamp=1)
    mirror(source, target, "--topics", topic)
    assert {k: v for k, v in target.configs(topic).items() if k in own} == own
    assert "message.timestamp.type" not in target.configs(topic)


@pytest.mark.slow
def test_times_that_the_source_gave_are_kept(source: Cluster, target: Cluster) -> None:
    topic = source.create(unique(), config={"message.timestamp.type": "LogAppendTime"})
    source.produce(topic, [b"%d" % i for i in range(10)], timestamp=1)
    time.sleep(0.01)
    source.produce(topic, [b"x" * 100_000] * 3, timestamp=1)
    mirror(source, target, "--topics", topic)
    assert_same(source, target, topic)
    assert target.configs(topic)["message.timestamp.type"] == "LogAppendTime"
    source.produce(topic, [b"later"])
    mirror(source, target, "--topics", topic)
    assert assert_same(source, target, topic) == 14


@pytest.mark.slow
def test_a_log_that_begins_above_0(source: Cluster, target: Cluster) -> None:
    topic = source.create(unique(), 2)
    source.produce(topic, [b"%d" % i for i in range(100)])
    source.delete_records(topic, 60)
    source.commit(group := unique("g"), {(topic, 0): 75}, "a text")
    source.commit(old := unique("g"), {(topic, 0): 10})
    run = mirror(source, target, "--topics", topic, "--groups", f"{group}|{old}")
    assert target.bounds(topic) == (0, 40)
    assert_same(source, target, topic, 2)
    assert target.committed(group, topic) == (15, "a text")
    assert target.committed(old, topic) == (0, "")
    assert f"group    {group}: 1 offsets" in run.stdout


@pytest.mark.slow
def test_records_deleted_at_both_sides_between_two_runs(source: Cluster, target: Cluster) -> None:
    topic = source.create(unique())
    source.produce(topic, [b"%d" % i for i in range(20)])
    mirror(source, target, "--topics", topic)
    target.delete_records(topic, 8)
    source.delete_records(topic, 5)
    source.produce(topic, [b"more"] * 3)
    mirror(source, target, "--topics", topic)
    assert [r.value for r in target.read(topic)] == [
        *(b"%d" % i for i in range(8, 20)),
        *[b"more"] * 3,
    ]
    source.produce(topic, [b"gone before it is copied"] * 2)
    source.produce(topic, [b"last"])
    source.delete_records(topic, 25)
    run = mirror(source, target, "--topics", topic)
    assert "has deleted the offsets 23 to 24 before they were copied" in run.stdout
    assert target.read(topic)[-1][:1] + target.read(topic)[-1][3:4] == (23, b"last")


@pytest.mark.slow
def test_what_is_not_this_mirror_s_is_refused(source: Cluster, target: Cluster) -> None:
    topic, other = source.create(unique()), source.create(unique())
    source.produce(topic, [b"v"])
    source.produce(other, [b"v"])
    target.create(topic)
    target.produce(topic, [b"not ours"])
    run = mirror(source, target, "--topics", f"{topic}|{other}", code=1)
    assert f"topic {topic} at the target has records that are not of this mirror" in run.stderr
    assert other not in target.admin.list_topics(timeout=10).topics
    assert [record.value for record in target.read(topic)] == [b"not ours"]


@pytest.mark.slow
def test_an_empty_topic_that_is_there_is_taken(source: Cluster, target: Cluster) -> None:
    topic = source.create(unique(), 3, {"retention.ms": "7200000"})
    source.produce(topic, [b"v"], 2)
    target.create(topic, 2, {"retention.bytes": "123456789", "max.message.bytes": "20000"})
    source.produce(topic, [b"x" * 30_000] * 2)
    mirror(source, target, "--topics", topic)
    assert_same(source, target, topic, 3)
    there = target.configs(topic)
    assert there["retention.ms"] == "7200000"
    assert (there["retention.bytes"], there["max.message.bytes"]) == ("123456789", "20000")
    assert "cleanup.policy" not in there


@pytest.mark.slow
def test_batches_and_records_that_are_too_large_for_the_target(
    source: Cluster, target: Cluster
) -> None:
    """They were written when the source's topic took more than it takes now."""
    topic = source.create(unique(), 1, {"max.message.bytes": "3000000"})
    large = {"message.max.bytes": 3_000_000, "batch.size": 3_000_000, "linger.ms": 500}
    source.produce(topic, [b"%d" % i + bytes(400_000) for i in range(5)], config=large)
    source.configure(topic, "max.message.bytes", "1000000")
    mirror(source, target, "--topics", topic)
    assert assert_same(source, target, topic) == 5
    source.configure(topic, "max.message.bytes", "3000000")
    source.produce(topic, [b"small", bytes(2_000_000), b"behind it"], config=large)
    source.configure(topic, "max.message.bytes", "1000000")
    run = mirror(source, target, "--topics", topic, code=1)
    assert "the record at offset 6 is 2,000,0" in run.stdout
    assert "raise max.message.bytes of the topic there" in run.stdout
    target.configure(topic, "max.message.bytes", "3000000")
    source.configure(topic, "max.message.bytes", "3000000")
    mirror(source, target, "--topics", topic)
    assert assert_same(source, target, topic) == 8


def test_more_partitions_at_the_target_are_refused(source: Cluster, target: Cluster) -> None:
    topic = source.create(unique(), 1)
    target.create(topic, 2)
    assert "keys would lie elsewhere" in mirror(source, target, "--topics", topic, code=1).stderr


@pytest.mark.slow
def test_a_topic_created_again_at_the_source_is_refused(source: Cluster, target: Cluster) -> None:
    topic = source.create(unique())
    source.produce(topic, [b"old"])
    mirror(source, target, "--topics", topic)
    source.delete(topic)
    source.create(topic)
    source.produce(topic, [b"new"])
    run = mirror(source, target, "--topics", topic, code=1)
    assert f"topic {topic} was deleted and created again at the source" in run.stderr
    target.delete(topic)
    mirror(source, target, "--topics", topic)
    assert [record.value for record in target.read(topic)] == [b"new"]


@pytest.mark.slow
def test_somebody_else_s_records_in_the_copy_are_noticed(source: Cluster, target: Cluster) -> None:
    topic = source.create(unique())
    source.produce(topic, [b"v"])
    mirror(source, target, "--topics", topic)
    target.produce(topic, [b"not ours"])
    source.produce(topic, [b"w"])
    run = mirror(source, target, "--topics", topic, code=1)
    assert "somebody else has written to it at the target" in run.stdout
    assert [record.value for record in target.read(topic)] == [b"v", b"not ours"]


@pytest.mark.slow
def test_a_changed_record_is_found_by_the_check(source: Cluster, target: Cluster) -> None:
    """The journal says that the copy is complete; the check reads the records."""
    topic = source.create(unique())
    source.produce(topic, [b"v"] * 5)
    mirror(source, target, "--topics", topic)
    source.delete(topic)
    source.create(topic)
    source.produce(topic, [b"v", b"v", b"CHANGED", b"v", b"v"])
    forge_source_id(source, target, topic)
    run = mirror(source, target, "--topics", topic, code=1)
    assert f"DIFFERS  {topic}-0: the record at offset 2 of the target is not its own" in run.stdout


def forge_source_id(source: Cluster, target: Cluster, topic: str) -> None:
    """Makes the journal believe that the topic is the one that was copied."""
    from moldau.client.admin import Admin
    from moldau.client.cluster import describe_cluster
    from moldau.client.topics import describe_topics
    from moldau.protocol.uuids import to_text
    from moldau.tools.mirror.journal import Journal
    from moldau.tools.mirror.notebook import Notebook

    with Admin(source.servers) as here, Admin(target.servers) as there:
        notebook = Notebook(there, Journal(describe_cluster(here).id or ""))
        notebook.take_over(print)
        (described,) = describe_topics(here, [topic])
        state = notebook.journal.topics[topic]._replace(source_id=to_text(described.id))
        notebook.write([notebook.journal.topic(topic, state)])
        notebook.end()


@pytest.mark.slow
def test_groups_are_translated_and_go_on_without_loss_or_repetition(
    source: Cluster, target: Cluster
) -> None:
    topic = source.create(unique(), 2)
    for partition in range(2):
        source.produce(topic, [b"%d" % i for i in range(100)], partition)
    source.delete_records(topic, 30)
    group = unique("g")
    first = consume(source, group, topic, 60)
    source.produce(topic, [b"later"] * 5)
    mirror(source, target, "--topics", topic, "--groups", group)
    rest = consume(target, group, topic, 170 + 5 - 60)
    expected = [(p, record.value) for p in range(2) for record in source.read(topic, p)]
    assert sorted(first + rest) == sorted(expected)


def consume(cluster: Cluster, group: str, topic: str, count: int) -> list[tuple[int, bytes]]:
    """So many records, committed."""
    consumer = Consumer(
        {
            "bootstrap.servers": cluster.servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    consumer.subscribe([topic])
    found: list[tuple[int, bytes]] = []
    while len(found) < count:
        messages = consumer.consume(count - len(found), 60)
        assert messages, f"only {len(found)} of {count} records came"
        found += [(message.partition(), message.value()) for message in messages]
    # One more would be one too many.
    consumer.commit(asynchronous=False)
    consumer.close()
    return found


@pytest.mark.slow
def test_a_group_with_members_and_one_that_moved_are_left_alone(
    source: Cluster, target: Cluster
) -> None:
    topic = source.create(unique())
    source.produce(topic, [b"v"] * 10)
    busy, moved = unique("busy"), unique("moved")
    for group in (busy, moved):
        source.commit(group, {(topic, 0): 4})
    mirror(source, target, "--topics", topic, "--groups", f"{busy}|{moved}")
    assert target.committed(busy, topic)[0] == target.committed(moved, topic)[0] == 4
    target.commit(moved, {(topic, 0): 7})
    for group in (busy, moved):
        source.commit(group, {(topic, 0): 5})
    member = Consumer(
        {
            "bootstrap.servers": target.servers,
            "group.id": busy,
            "client.id": "the-app",
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    member.subscribe([topic])
    while not member.assignment():
        member.poll(0.1)
    run = mirror(source, target, "--topics", topic, "--groups", f"{busy}|{moved}")
    member.close()
    assert (
        f"group {busy} is left alone at the target: it has 1 member there (the-app)" in run.stdout
    )
    assert f"group {moved} is left alone at the target: somebody else has committed" in run.stdout
    assert target.committed(busy, topic)[0] == 4
    assert target.committed(moved, topic)[0] == 7
    mirror(source, target, "--topics", topic, "--groups", busy)
    assert target.committed(busy, topic)[0] == 5


@pytest.fixture
def start(source: Cluster, target: Cluster) -> Iterator[Start]:
    """Starts mirrors that are gone behind the test."""
    running: list[subprocess.Popen[str]] = []

    def begin(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            mirror_command(source, target, *words),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def line_with(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if text in line:
            return line
    raise AssertionError(f"{text!r} did not come: {''.join(seen)}")


@pytest.mark.slow
def test_following_takes_new_records_partitions_topics_and_offsets(
    source: Cluster, target: Cluster, start: Start
) -> None:
    prefix = unique()
    topic = source.create(f"{prefix}-a")
    source.produce(topic, [b"first"])
    process = start("--topics", f"{prefix}.*", "--groups", prefix, "--follow")
    line_with(process, "following until Ctrl-C")
    source.produce(topic, [b"second"])
    wait_for(lambda: target.bounds(topic) == (0, 2))
    source.commit(prefix, {(topic, 0): 2})
    wait_for(lambda: target.committed(prefix, topic)[0] == 2)
    for future in source.admin.create_partitions([NewPartitions(topic, 2)]).values():
        future.result(30)
    source.produce(topic, [b"third"], 1)
    other = source.create(f"{prefix}-b")
    source.produce(other, [b"fourth"])
    wait_for(lambda: other in target.admin.list_topics(timeout=10).topics)
    wait_for(lambda: target.bounds(topic, 1) == (0, 1))
    source.produce(topic, [b"last"])
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert "COPIED   2 topics, 3 partitions" in out
    assert assert_same(source, target, topic, 2) == 4
    assert_same(source, target, other)


@pytest.mark.slow
def test_configs_that_are_changed_at_the_source_go_along(
    source: Cluster, target: Cluster, start: Start
) -> None:
    """At once what can be, and at the end what is held while records are copied."""
    begin = {"retention.ms": "100000000", "segment.bytes": "9000000", "max.message.bytes": "2000"}
    topic = source.create(unique(), 1, begin)
    process = start("--topics", topic, "--follow")
    line_with(process, "following until Ctrl-C")
    target.configure(topic, "index.interval.bytes", "5000")  # theirs, and none of our business
    source.configure(topic, "retention.ms", "200000000")
    source.configure(topic, "max.message.bytes", "3000000")
    wait_for(lambda: target.configs(topic)["retention.ms"] == "200000000")
    source.produce(topic, [bytes(2_500_000)], config={"message.max.bytes": 4_000_000})
    wait_for(lambda: target.bounds(topic) == (0, 1))
    source.configure(topic, "message.timestamp.type", "LogAppendTime")
    source.configure(topic, "segment.bytes", None)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert f"{topic}: segment.bytes is no longer set" in out
    assert target.configs(topic) == {**source.configs(topic), "index.interval.bytes": "5000"}


@pytest.mark.slow
def test_a_second_mirror_is_refused_while_the_first_works(
    source: Cluster, target: Cluster, start: Start
) -> None:
    topic = source.create(unique())
    process = start("--topics", topic, "--follow")
    line_with(process, "following until Ctrl-C")
    run = mirror(source, target, "--topics", topic, code=1)
    assert f"is at work already, in process {process.pid} on this machine" in run.stderr
    other = mirror(source, target, "--topics", topic, "--name", unique(), code=1)
    assert "is written by the mirror" in other.stderr
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0


@pytest.mark.slow
def test_one_that_slept_while_another_took_over_stops(
    source: Cluster, target: Cluster, start: Start
) -> None:
    """To the second the first looks dead: another machine, and silent."""
    topic = source.create(unique())
    source.produce(topic, [b"v"] * 10)
    first = start("--topics", topic, "--follow")
    line_with(first, "following until Ctrl-C")
    os.kill(first.pid, signal.SIGSTOP)
    try:
        mirror_elsewhere(source, target, topic)
        source.produce(topic, [b"w"] * 10)
    finally:
        os.kill(first.pid, signal.SIGCONT)
    out, _ = first.communicate(timeout=60)
    assert first.returncode == 1
    assert "another process has become the mirror" in out
    assert assert_same_prefix(source, target, topic) == 10
    mirror(source, target, "--topics", topic)
    assert assert_same(source, target, topic) == 20


def mirror_elsewhere(source: Cluster, target: Cluster, topic: str) -> None:
    """A mirror on a machine of another name."""
    code = (
        "import socket, sys; socket.gethostname = lambda: 'elsewhere'; "
        "from moldau.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    words = mirror_command(source, target, "--topics", topic)
    python, rest = words[0], words[3:]
    run = subprocess.run([python, "-c", code, *rest], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "still at work? waiting" in run.stdout


def assert_same_prefix(source: Cluster, target: Cluster, topic: str) -> int:
    here, there = source.read(topic), target.read(topic)
    assert [r.value for r in there] == [r.value for r in here][: len(there)]
    return len(there)


@pytest.mark.slow
def test_ctrl_c_in_a_copy_is_no_damage(source: Cluster, target: Cluster, start: Start) -> None:
    topic = source.create(unique())
    source.produce(topic, [b"x" * 1000] * 20_000)
    process = start("--topics", topic)
    wait_for(lambda: topic in target.admin.list_topics(timeout=10).topics)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode in (0, 1, 130)
    mirror(source, target, "--topics", topic)
    assert assert_same(source, target, topic) == 20_000


def test_a_cluster_onto_itself_and_nothing_at_all(source: Cluster, target: Cluster) -> None:
    assert "are the same cluster" in mirror(source, source, code=1).stderr
    run = mirror(source, target, "--topics", "there-is-no-such-topic")
    assert "there is no topic to copy" in run.stdout
    assert "is no regular expression" in mirror(source, target, "--topics", "(", code=1).stderr


def test_a_target_that_is_not_there(source: Cluster, unused_port: int) -> None:
    nowhere = Cluster.__new__(Cluster)
    nowhere.servers = f"127.0.0.1:{unused_port}"
    words = mirror_command(source, nowhere)
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert "Nothing listens" in line_with(process, "Trying for")
    process.kill()
    process.communicate()
