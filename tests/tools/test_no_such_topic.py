"""Nobody waits for a topic that cannot be, and a batch that is too large is no record lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.conftest import Moldau

SCRIPTS = Path(sys.executable).parent
pytestmark = pytest.mark.slow


def run(servers: str, tool: str, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(SCRIPTS / tool), "--bootstrap-server", servers, *words]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("tool", "words", "code"),
    [
        ("kafka-console-consumer", (), 0),
        ("kafka-console-consumer", ("--partition", "0"), 0),
        ("kafka-consumer-perf-test", ("--num-records", "1", "--timeout", "600000"), 1),
        ("kafka-verifiable-consumer", ("--group-id", "g"), 0),
    ],
)
def test_a_name_that_no_topic_can_have(
    bootstrap_servers: str, tool: str, words: tuple[str, ...], code: int
) -> None:
    ran = run(bootstrap_servers, tool, "--topic", "bad/name", *words)
    assert ran.returncode == code
    assert f"{tool}: Invalid topics: [bad/name]." in ran.stderr


def test_records_of_a_batch_that_is_too_large(bootstrap_servers: str, moldau: Moldau) -> None:
    assert moldau("topics", "create", "tight", "-c", "max.message.bytes=200").returncode == 0
    lines = [f"{number}{50 * '-'}" for number in range(4)]
    sent = "".join(f"{line}\n" for line in [*lines, 300 * "-"])
    ran = run(bootstrap_servers, "kafka-console-producer", "--topic", "tight", stdin=sent)
    assert (ran.returncode, ran.stderr.count("was not delivered")) == (0, 1)
    words = ("--topic", "tight", "--from-beginning", "--max-messages", "4")
    shown = run(bootstrap_servers, "kafka-console-consumer", *words)
    assert sorted(shown.stdout.splitlines()) == lines
