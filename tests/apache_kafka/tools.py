"""Apache Kafka's command-line tools by the names of their scripts (bin/kafka-*.sh)."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import Any

from tests.apache_kafka.jvm import Java

_TOOLS = "org.apache.kafka.tools."
TOOLS = {
    "kafka-acls": _TOOLS + "AclCommand",
    "kafka-broker-api-versions": _TOOLS + "BrokerApiVersionsCommand",
    "kafka-client-metrics": _TOOLS + "ClientMetricsCommand",
    "kafka-cluster": _TOOLS + "ClusterTool",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-console-consumer": _TOOLS + "consumer.ConsoleConsumer",
    "kafka-console-producer": _TOOLS + "ConsoleProducer",
    "kafka-console-share-consumer": _TOOLS + "consumer.ConsoleShareConsumer",
    "kafka-consumer-groups": _TOOLS + "consumer.group.ConsumerGroupCommand",
    "kafka-consumer-perf-test": _TOOLS + "ConsumerPerformance",
    "kafka-delegation-tokens": _TOOLS + "DelegationTokenCommand",
    "kafka-delete-records": _TOOLS + "DeleteRecordsCommand",
    "kafka-dump-log": _TOOLS + "DumpLogSegments",
    "kafka-e2e-latency": _TOOLS + "EndToEndLatency",
    "kafka-features": _TOOLS + "FeatureCommand",
    "kafka-get-offsets": _TOOLS + "GetOffsetShell",
    "kafka-groups": _TOOLS + "GroupsCommand",
    "kafka-jmx": _TOOLS + "JmxTool",
    "kafka-leader-election": _TOOLS + "LeaderElectionCommand",
    "kafka-log-dirs": _TOOLS + "LogDirsCommand",
    "kafka-metadata-quorum": _TOOLS + "MetadataQuorumCommand",
    "kafka-producer-perf-test": _TOOLS + "ProducerPerformance",
    "kafka-reassign-partitions": _TOOLS + "reassign.ReassignPartitionsCommand",
    "kafka-replica-verification": _TOOLS + "ReplicaVerificationTool",
    "kafka-server-start": "kafka.Kafka",
    "kafka-share-consumer-perf-test": _TOOLS + "ShareConsumerPerformance",
    "kafka-share-groups": _TOOLS + "consumer.group.ShareGroupCommand",
    "kafka-storage": "kafka.tools.StorageTool",
    "kafka-streams-application-reset": _TOOLS + "StreamsResetter",
    "kafka-streams-groups": _TOOLS + "streams.StreamsGroupCommand",
    "kafka-topics": _TOOLS + "TopicCommand",
    "kafka-transactions": _TOOLS + "TransactionsCommand",
    "kafka-verifiable-consumer": _TOOLS + "VerifiableConsumer",
    "kafka-verifiable-producer": _TOOLS + "VerifiableProducer",
    "kafka-verifiable-share-consumer": _TOOLS + "VerifiableShareConsumer",
}


def main_class(tool: str) -> str:
    try:
        return TOOLS[tool.removesuffix(".sh")]
    except KeyError:
        raise ValueError(f"no tool of Apache Kafka is called {tool!r}: see TOOLS") from None


class ToolServer:
    """One JVM that runs tools one after the other (tests/java/Tools.java): a tool costs
    milliseconds, not a second. For tools that end by themselves. Its folder is that of this
    process."""

    def __init__(self) -> None:
        self._java = Java("Tools", [], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> ToolServer:
        self._java.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._java.__exit__(*exc)

    def run(self, tool: str, *args: str, stdin: str = "") -> tuple[int, bytes, str]:
        """Exit code, stdout, stderr."""
        head = _blob(main_class(tool)) + _blob(stdin) + struct.pack(">i", len(args))
        assert self._java.stdin is not None
        self._java.stdin.write(head + b"".join(map(_blob, args)))
        self._java.stdin.flush()
        (code,) = struct.unpack(">i", self._read(4))
        return code, self._read_blob(), self._read_blob().decode()

    def _read_blob(self) -> bytes:
        return self._read(struct.unpack(">i", self._read(4))[0])

    def _read(self, size: int) -> bytes:
        assert self._java.stdout is not None
        data: bytes = self._java.stdout.read(size)
        assert len(data) == size, "the JVM has died: see its stderr"
        return data


def _blob(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">i", len(data)) + data


def start_tool(tool: str, *args: str, cwd: Path | None = None, **options: Any) -> Java:
    """A running tool with pipes for stdin, stdout and stderr: `with start_tool(…) as process`."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return Java(main_class(tool), args, cwd=cwd, text=True, **(pipes | options))


def run_tool(
    tool: str, *args: str, stdin: str = "", timeout: float = 120, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Runs a tool to its end. log4j's lines (WARN and worse) are in `stderr`, as with Apache's
    own scripts. `options` are Popen's (cwd, env …). Raises TimeoutExpired (seconds)."""
    with start_tool(tool, *args, **options) as process:
        stdout, stderr = process.communicate(stdin, timeout)
    return subprocess.CompletedProcess([tool, *args], process.returncode, stdout, stderr)
