"""`moldau up` as people and scripts use it: a process, its words and its exit code."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, ClusterMetadata

from moldau.client.connection import Connection
from moldau.protocol.messages.describe_cluster import (
    DescribeClusterRequest,
    DescribeClusterResponse,
)
from moldau.protocol.messages.find_coordinator import (
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)

pytestmark = pytest.mark.slow  # each starts a broker, or several

UP = [sys.executable, "-P", "-m", "moldau", "up"]


def clean_environment(**variables: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("KAFKA_", "CLUSTER_ID"))}
    return kept | variables


def free_port() -> int:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def has_ipv6() -> bool:
    try:
        with closing(socket.socket(socket.AF_INET6)) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


@contextmanager
def up(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A broker that serves; `process.address` has been said on its first line."""
    process = subprocess.Popen(
        [*UP, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(**variables),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(process.communicate()[1])
    return line


def address(process: subprocess.Popen[str]) -> str:
    found = re.search(r"on (\S+:\d+),", first_line(process))
    assert found is not None
    return found[1]


def refused(*arguments: str, **variables: str) -> str:
    """What it says when it does not start: exit code 1 and one line. Nothing that it had opened is
    left to the interpreter's end, which in its development mode would say so."""
    done = subprocess.run(
        [*UP, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=clean_environment(PYTHONDEVMODE="1", **variables),
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


# --- start and end --------------------------------------------------------------------------------


def test_it_says_where_it_listens_and_what_to_type_next(tmp_path: Path) -> None:
    with up("--data", str(tmp_path), "--port", "0") as process:
        where = address(process)
        assert process.stdout is not None
        following = [process.stdout.readline() for _ in range(3)]
        assert all(f"--bootstrap-server {where}" in line for line in following)
        for line, tool in zip(following, ("topics", "producer", "consumer"), strict=True):
            assert tool in line


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(tmp_path: Path, how: signal.Signals) -> None:
    with up("--data", str(tmp_path), "--port", "0") as process:
        address(process)
        process.send_signal(how)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 0
        assert said == ""
    assert (tmp_path / ".kafka_cleanshutdown").exists()


def test_a_signal_ends_it_while_requests_wait(tmp_path: Path) -> None:
    with up("--data", str(tmp_path), "--port", "0") as process:
        where = address(process)
        consumer = Consumer({"bootstrap.servers": where, "group.id": "g"})
        consumer.subscribe(["^nothing.*"])
        consumer.poll(1)
        process.terminate()
        process.communicate(timeout=30)
        assert process.returncode == 0
        consumer.close()


def test_a_temporary_folder_is_gone_behind_it(tmp_path: Path) -> None:
    with up("--temporary", "--port", "0", TMPDIR=str(tmp_path)) as process:
        assert "temporary" in first_line(process)
        assert len(list(tmp_path.iterdir())) == 1
        process.terminate()
        process.communicate(timeout=30)
    assert list(tmp_path.iterdir()) == []


def test_the_ready_file_is_there_while_it_serves(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    with up("--temporary", "--port", "0", "--ready-file", str(ready)) as process:
        where = address(process)
        for _ in range(3):
            assert process.stdout is not None
            process.stdout.readline()
        wait_for(ready)
        assert ready.read_text() == f"{where}\n"
        process.terminate()
        process.communicate(timeout=30)
    assert not ready.exists()


def test_a_ready_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "no" / "ready"
    said = refused("--temporary", "--port", "0", "--ready-file", str(path))
    assert said.startswith(f"--ready-file {path} can't be written: No such file or directory.")


def test_it_serves_on_when_nobody_reads_what_it_says(tmp_path: Path) -> None:
    """As behind `| head -1`: a line to a closed pipe must not end the broker."""
    process = subprocess.Popen(
        [*UP, "--data", str(tmp_path), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=clean_environment(),
    )
    where = address(process)
    assert process.stdout is not None
    process.stdout.close()
    host, _, port = where.rpartition(":")
    for _ in range(3):
        with closing(socket.create_connection((host, int(port)))) as bad:
            bad.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert bad.recv(1) == b""  # it has said why
    round_trip(where)
    process.terminate()
    assert process.wait(30) == 0


def test_who_lets_others_in_is_warned_and_who_is_refused_only_hears_why(tmp_path: Path) -> None:
    options = ("--data", str(tmp_path), "--host", "0.0.0.0", "--port")
    with up(*options, "0") as process:
        port = address(process).rpartition(":")[2]
        process.terminate()
        assert "Other machines can reach 0.0.0.0, and" in process.communicate(timeout=30)[1]
    with up(*options, port) as process:
        first_line(process)
        assert f"Port {port} on 0.0.0.0 is taken" in refused(*options, port)


@pytest.mark.skipif(not has_ipv6(), reason="no ::1 here")
def test_an_ipv6_address_is_said_as_clients_want_it(tmp_path: Path) -> None:
    with up("--data", str(tmp_path), "--host", "::1", "--port", "0") as process:
        where = address(process)
        assert where.startswith("[::1]:")
        round_trip(where)


def wait_for(path: Path) -> None:
    import time

    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def say(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `moldau` where no brokers but those of this test are known."""

    def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "moldau", *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            env=clean_environment(MOLDAU_RUN_DIR=str(tmp_path / "run")),
        )

    return run


def test_in_the_background_it_is_shown_and_stopped(
    tmp_path: Path, say: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    ready = tmp_path / "ready"
    assert say("status").returncode == 1
    options = ("--port", "0", "--data", str(tmp_path / "data"), "--ready-file", str(ready))
    started = say("up", "--detach", "-o", "zookeeper.connect=z", *options)
    assert started.returncode == 0, started.stderr
    assert started.stderr.startswith("Note: -o zookeeper.connect: ")
    assert ready.read_text().strip() in started.stdout
    shown = say("status")
    assert shown.returncode == 0
    assert str(tmp_path / "data") in shown.stdout
    again = say("up", "--detach", "--port", "0", "--data", str(tmp_path / "data"))
    assert again.returncode == 1
    assert "in use by another broker" in again.stderr
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert say("down", "--data", str(tmp_path)).returncode == 1
    stopped = say("down", "--data", str(tmp_path / "link"))
    assert (stopped.returncode, say("status").returncode) == (0, 1)
    assert say("down").returncode == 1


def test_in_the_background_it_has_the_config_of_a_pipe(
    tmp_path: Path, say: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Which can be read only once: with an empty one it would serve elsewhere, on other data."""
    config = f"listeners=PLAINTEXT://127.0.0.1:0\nlog.dirs={tmp_path}/data\n" + "#" * 100_000
    started = say("up", "--detach", "--config", "/dev/stdin", stdin=config)
    assert started.returncode == 0, started.stderr
    assert f" {tmp_path}/data " in say("status").stdout
    assert say("down").returncode == 0


# --- what it refuses ------------------------------------------------------------------------------


def test_a_taken_port(tmp_path: Path) -> None:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = str(sock.getsockname()[1])
        said = refused("--data", str(tmp_path), "--host", "127.0.0.1", "--port", port)
    assert port in said
    assert "--port" in said


def test_a_folder_that_is_in_use(tmp_path: Path) -> None:
    with up("--data", str(tmp_path), "--port", "0") as process:
        address(process)
        assert str(tmp_path) in refused("--data", str(tmp_path), "--port", "0")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-o", "num.partition=3"], "num.partitions"),
        (["-o", "num.partitions=0"], "num.partitions"),
        (["-o", "nothing"], "name=value"),
        (["-o", "authorizer.class.name=org.example.Authorizer"], "refused"),
        (["-o", "listeners=SASL_SSL://localhost:0"], "SASL_SSL"),
        (["-o", "log.dirs=/tmp/a,/tmp/b"], "one"),
        (["--config", "/nowhere/server.properties"], "/nowhere/server.properties"),
        (["--config", ""], "--config is empty"),
        (["--host", "no-such-host.invalid"], "no-such-host.invalid"),
        # Of the documentation (RFC 5737), so of no machine.
        (["--host", "192.0.2.1"], "no address of this machine"),
        (["--data", __file__], "Not a folder"),
    ],
)
def test_what_it_can_not_do_is_one_sentence(arguments: list[str], says: str) -> None:
    assert says in refused("--port", "0", *arguments)


# --- the environment of compose files -------------------------------------------------------------


def cluster(where: str) -> ClusterMetadata:
    return AdminClient({"bootstrap.servers": where}).list_topics(timeout=10)


def advertised(where: str) -> set[str]:
    return {f"{b.host}:{b.port}" for b in cluster(where).brokers.values()}


def told_to_admins(port: int) -> set[str]:
    """The addresses in FindCoordinator and DescribeCluster."""
    connection = Connection("127.0.0.1", port, "test", 10)
    coordinator = FindCoordinatorRequest(key="g", coordinator_keys=["g"])
    found = connection.ask(coordinator, FindCoordinatorResponse).coordinators[0]
    (broker,) = connection.ask(DescribeClusterRequest(), DescribeClusterResponse).brokers
    connection.close()
    return {f"{found.host}:{found.port}", f"{broker.host}:{broker.port}"}


def round_trip(where: str) -> None:
    producer = Producer({"bootstrap.servers": where})
    producer.produce("round-trip", b"value")
    assert producer.flush(10) == 0
    consumer = Consumer(
        {"bootstrap.servers": where, "group.id": "g", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(["round-trip"])
    message = consumer.poll(15)
    assert message is not None
    assert message.value() == b"value"
    consumer.close()


def compose_of_old(port: int) -> dict[str, str]:
    return {
        "KAFKA_BROKER_ID": "1",
        "KAFKA_ZOOKEEPER_CONNECT": "zookeeper:2181",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://localhost:{port}",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    }


def compose_of_apache(port: int) -> dict[str, str]:
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://localhost:{port},CONTROLLER://localhost:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://localhost:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "3",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "3",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "2",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_NUM_PARTITIONS": "3",
        "CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw",
        "KAFKA_LOG4J_ROOT_LOGLEVEL": "WARN",
        "KAFKA_HEAP_OPTS": "-Xmx1G",
    }


@pytest.mark.parametrize("compose", [compose_of_old, compose_of_apache])
def test_the_usual_compose_files_just_work(
    tmp_path: Path, compose: type[Mapping[str, str]]
) -> None:
    port = free_port()
    with up("--data", str(tmp_path), **compose(port)) as process:  # type: ignore[call-arg]
        assert address(process).endswith(f":{port}")
        assert advertised(f"localhost:{port}") == {f"localhost:{port}"}
        round_trip(f"localhost:{port}")


def test_each_listener_is_answered_with_its_own_address(tmp_path: Path) -> None:
    inner, outer = free_port(), free_port()
    environment = {
        "KAFKA_BROKER_ID": "1",
        "KAFKA_LISTENERS": f"PLAINTEXT://127.0.0.1:{inner},PLAINTEXT_HOST://127.0.0.1:{outer}",
        "KAFKA_ADVERTISED_LISTENERS": (
            f"PLAINTEXT://kafka:{inner},PLAINTEXT_HOST://localhost:{outer}"
        ),
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT",
        "KAFKA_INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_CREATE_TOPICS": "made:3:1,compacted:1:1:compact",
    }
    with up("--data", str(tmp_path), **environment) as process:
        # What it says to type next works here: kafka is a name for other containers.
        assert f"on 127.0.0.1:{outer} and 127.0.0.1:{inner}, " in first_line(process)
        assert process.stdout is not None
        assert f"127.0.0.1:{outer} --create" in process.stdout.readline()
        topics = cluster(f"127.0.0.1:{outer}").topics
        assert {name: len(t.partitions) for name, t in topics.items()} == {
            "made": 3,
            "compacted": 1,
        }
        for port, address in ((inner, f"kafka:{inner}"), (outer, f"localhost:{outer}")):
            assert advertised(f"127.0.0.1:{port}") == {address}
            assert told_to_admins(port) == {address}
        round_trip(f"localhost:{outer}")


def test_a_client_is_told_the_address_that_it_dialled(tmp_path: Path) -> None:
    with up("--data", str(tmp_path), "--port", "0") as process:
        port = address(process).rpartition(":")[2]
        assert advertised(f"127.0.0.1:{port}") == {f"127.0.0.1:{port}"}
        families = {family for family, *_ in socket.getaddrinfo("localhost", port)}
        if socket.AF_INET6 in families:
            assert advertised(f"[::1]:{port}") in ({f"[::1]:{port}"}, {f"::1:{port}"})


def test_options_win_over_overrides_over_environment_over_the_file(tmp_path: Path) -> None:
    config = tmp_path / "server.properties"
    config.write_text(
        f"num.partitions=2\nlog.dirs={tmp_path}/from-file\nlisteners=PLAINTEXT://localhost:1\n"
        "default.replication.factor=1\nauto.create.topics.enable=false\n"
    )
    arguments = ["--config", str(config), "--data", str(tmp_path / "data"), "--port", "0"]
    overrides = ["-o", "auto.create.topics.enable=true"]
    with up(*arguments, *overrides, KAFKA_NUM_PARTITIONS="5") as process:
        where = address(process)
        round_trip(where)
        assert len(cluster(where).topics["round-trip"].partitions) == 5
    assert (tmp_path / "data" / "meta.properties").exists()
    assert not (tmp_path / "from-file").exists()
