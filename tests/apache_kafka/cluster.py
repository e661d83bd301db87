"""One broker of Apache Kafka, or three: combined KRaft nodes on free loopback ports."""

from __future__ import annotations

import base64
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.apache_kafka import jvm
from tests.apache_kafka.jars import home, made
from tests.apache_kafka.settled import settle
from tests.apache_kafka.tools import run_tool

START_LIMIT_S = 90
STOP_LIMIT_S = 30
_METADATA_V0 = struct.pack(">ihhihi", 14, 3, 0, 1, -1, 0)


class ApacheKafka:
    """Brokers that run inside the `with` block and are gone with this process.

    `config` is added to server.properties; `{port}` in it is the port for clients, `{controller}`
    the one for controllers. In `folder` (default: a new one in the system's temporary folder) are
    `data-N`, `logs/broker-N.log` and `server-N.properties`, N from `first_node` on; a `data-N` that
    holds a `meta.properties` is taken as it is. After the block the data of a folder of our own are
    removed; the logs stay. With `dynamic` the one broker finds its voters in the folder (KIP-853)
    and not in its configuration. `heap` is what each JVM takes.
    """

    def __init__(
        self,
        brokers: int = 1,
        config: Mapping[str, object] | None = None,
        folder: Path | None = None,
        dynamic: bool = False,
        first_node: int = 1,
        heap: str = "1G",
    ) -> None:
        assert brokers == 1 or not dynamic
        self.brokers = brokers
        self.dynamic = dynamic
        self.config = dict(config or {})
        self.heap = heap
        self.own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="apache-kafka-"))
        self.nodes = range(first_node, first_node + brokers)
        self.data_dirs = [self.folder / f"data-{node}" for node in self.nodes]
        self.logs = [self.folder / "logs" / f"broker-{node}.log" for node in self.nodes]
        self.bootstrap_servers = ""
        self.processes: list[jvm.Java] = []

    def __enter__(self) -> ApacheKafka:
        has_data = (self.data_dirs[0] / "meta.properties").exists()
        with ExitStack() as stack:
            stack.push(self)
            with prepared(self) as properties:
                for path, log in zip(properties, self.logs, strict=True):
                    self.processes.append(self._start(path, log))
                wait_until_ready(self, self.processes)
            if has_data:  # it is to lead what is there, and to have loaded its groups
                settle(self.bootstrap_servers)
            stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        if self.own_folder:
            for path in self.data_dirs:
                shutil.rmtree(path, ignore_errors=True)

    def stop(self) -> None:
        """SIGTERM to all, and SIGKILL to one that does not end in time."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        fresh = self.folder / "classes.jsa"
        if fresh.exists():
            # One that was killed may have left half an archive.
            if self.processes[0].returncode != -signal.SIGKILL:
                made(jvm.archive(), lambda path: shutil.copyfile(fresh, path))
            fresh.unlink()

    def kill(self, index: int) -> None:
        """kill -9 of one broker, counted from 0."""
        self.processes[index].kill()
        self.processes[index].wait()

    def start_again(self, index: int) -> None:
        """One that was killed, on its port and its data; returns when all see each other."""
        properties = self.folder / f"server-{self.nodes[index]}.properties"
        self.processes[index] = self._start(properties, self.logs[index])
        wait_until_ready(self, self.processes)

    def _start(self, properties: Path, log: Path) -> jvm.Java:
        flags = jvm.broker_flags(self.heap)
        if not jvm.archive().exists() and log is self.logs[0]:
            flags.append(jvm.archive_flag(self.folder / "classes.jsa"))
        with log.open("ab") as output:
            return jvm.Java(
                "kafka.Kafka",
                [str(properties)],
                flags,
                log_level="INFO",
                log_to="SYSTEM_OUT",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )


@contextmanager
def prepared(kafka: ApacheKafka) -> Iterator[list[Path]]:
    """The server.properties of each node: folders formatted, ports chosen and held until the
    block ends (when the brokers listen), so that nobody else is given them."""
    cluster_id = _short_uuid()
    if not kafka.dynamic:
        for node, data in zip(kafka.nodes, kafka.data_dirs, strict=True):
            _format(data, node, cluster_id)
    kafka.logs[0].parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        sockets = [held.enter_context(bound()) for _ in range(2 * kafka.brokers)]
        ports = [s.getsockname()[1] for s in sockets]
        if sys.platform != "linux":
            held.close()
        kafka.bootstrap_servers = ",".join(f"127.0.0.1:{port}" for port in ports[::2])
        paths = [_write_properties(kafka, node, ports) for node in kafka.nodes]
        if kafka.dynamic:
            _format_standalone(kafka.data_dirs[0], paths[0], cluster_id)
        yield paths


def bound() -> socket.socket:
    """A port that is ours: bound but not listening, with SO_REUSEADDR as Java's sockets have it,
    so that the broker may bind it too (on Linux; elsewhere the port is let go at once)."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 0))
    return s


def _write_properties(kafka: ApacheKafka, node: int, ports: Sequence[int]) -> Path:
    index = kafka.nodes.index(node)
    client, controller = ports[2 * index : 2 * index + 2]
    replicas, in_sync = min(3, kafka.brokers), min(2, kafka.brokers)
    places = zip(kafka.nodes, ports[1::2], strict=True)
    voters = ",".join(f"{i}@127.0.0.1:{port}" for i, port in places)
    quorum = ("controller.quorum.voters", voters)
    if kafka.dynamic:
        quorum = ("controller.quorum.bootstrap.servers", f"127.0.0.1:{controller}")
    config: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": node,
        quorum[0]: quorum[1],
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}",
        "log.dirs": kafka.data_dirs[index],
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        # As in the server.properties that Kafka ships.
        "group.initial.rebalance.delay.ms": 0,
    }
    path = kafka.folder / f"server-{node}.properties"
    text = "".join(f"{k}={v}\n" for k, v in (config | kafka.config).items())
    text = text.replace("{port}", str(client)).replace("{controller}", str(controller))
    path.write_text(text)
    return path


def _format(data: Path, node: int, cluster_id: str) -> None:
    """What `kafka-storage format` does: a copy of a folder that it formatted once, under another
    name (a JVM's start per node saved; only meta.properties knows node and cluster)."""
    if (data / "meta.properties").exists():
        return
    shutil.copytree(made(home() / "formatted", _format_once), data, dirs_exist_ok=True)
    (data / "meta.properties").write_text(
        f"version=1\nnode.id={node}\ncluster.id={cluster_id}\ndirectory.id={_short_uuid()}\n"
    )


def _format_once(folder: Path) -> None:
    properties = folder.with_name(folder.name + ".properties")
    properties.write_text(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:1\n"
        "controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://127.0.0.1:1,PLAINTEXT://:2\n"
        f"log.dirs={folder}\n"
    )
    done = run_tool("kafka-storage", "format", "-t", _short_uuid(), "-c", str(properties))
    properties.unlink()
    if done.returncode:
        raise RuntimeError(f"kafka-storage format failed:\n{done.stdout}{done.stderr}")


def _format_standalone(data: Path, properties: Path, cluster_id: str) -> None:
    if (data / "meta.properties").exists():
        return
    done = run_tool(
        "kafka-storage", "format", "--standalone", "-t", cluster_id, "-c", str(properties)
    )
    if done.returncode:
        raise RuntimeError(f"kafka-storage format failed:\n{done.stdout}{done.stderr}")


def _short_uuid() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes)[:22].decode().replace("-", "A")


def wait_until_ready(kafka: ApacheKafka, processes: Sequence[subprocess.Popen[Any]]) -> None:
    """Returns when every broker lists all of them; raises with the end of the log otherwise."""
    # On one machine several take turns.
    deadline = time.monotonic() + START_LIMIT_S * kafka.brokers
    for address, process, log in zip(
        kafka.bootstrap_servers.split(","), processes, kafka.logs, strict=True
    ):
        while _brokers_seen_by(address) < kafka.brokers:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Apache Kafka did not start; {log} ends with:\n{_end(log)}")
            time.sleep(0.03)


def _brokers_seen_by(address: str) -> int:
    """The number of brokers in a Metadata reply (version 0), 0 while there is none."""
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), 5) as connection:
            connection.sendall(_METADATA_V0)
            with connection.makefile("rb") as reply:
                head = reply.read(12)  # size, correlation id, number of brokers
    except OSError:
        return 0
    return int(struct.unpack(">iii", head)[2]) if len(head) == 12 else 0


def _end(log: Path) -> str:
    """The last lines that are no frames of a Java stack."""
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join([line for line in lines if not line.startswith("\tat ")][-15:])
