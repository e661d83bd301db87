"""`moldau produce` when something is refused, is missing, or ends in the middle."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.client.admin import Admin
from moldau.tools import cli_client, cli_produce
from tests.streams.promises.test_promise_17_refused_outputs import records
from tests.streams.test_windowed_sum import read
from tests.tools.test_worker import wait_for, written

pytestmark = pytest.mark.slow
PRODUCE = [sys.executable, "-P", "-m", "moldau", "produce"]


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    with moldau.Broker() as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        small = NewTopic("small", 1, 1, config={"max.message.bytes": "1000"})
        for made in admin.create_topics([small, NewTopic("t", 1, 1)]).values():
            made.result(10)
        yield broker.bootstrap_servers


def produce(servers: str, text: bytes, *words: str) -> subprocess.CompletedProcess[bytes]:
    ran = [*PRODUCE, *words, "-b", servers]
    return subprocess.run(ran, input=text, capture_output=True, timeout=60)


def test_a_batch_that_is_too_large_goes_one_by_one_and_what_is_refused_is_named(
    servers: str,
) -> None:
    lines = [b'"%d%s"' % (n, b"x" * (2000 if n in (8, 20) else 90)) for n in range(30)]
    ran = produce(servers, b"\n".join(lines), "small", "-H", "a=1")
    assert (ran.returncode, ran.stdout) == (1, b"")
    assert b"2 of the records were not delivered; records 9, 21: Broker: Message size" in ran.stderr
    assert len(read(servers, "small")) == 28
    assert all(one.headers == [("a", b"1")] for one in records(servers, "small"))


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        (b'{"partition": 1000000000000}', "-i json --keep-partitions", b"Record 1: its partition"),
        (b'{"timestamp": 100000000000000000000000}', "-i json", b"Record 1: its partition or time"),
        (b"x" * 2_000_000, "", b"-X max.request.size=BYTES lets it through"),
        (b"a\xffb=1|value", "--headers-separator |", b""),
    ],
)
def test_what_cannot_be_sent_is_said(servers: str, text: bytes, words: str, said: bytes) -> None:
    ran = produce(servers, text, "t", *words.split())
    assert b"Traceback" not in ran.stderr
    assert (ran.returncode, said in ran.stderr) == (1 if said else 0, True)


def test_without_stdin_it_says_so(servers: str) -> None:
    command = f"{' '.join(PRODUCE)} t -b {servers} <&-"
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("moldau produce: There is no stdin; name files to read.")


def test_who_is_interrupted_says_what_was_sent(servers: str) -> None:
    ran = subprocess.Popen(
        [*PRODUCE, "interrupted", "-b", servers], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert ran.stdin is not None
    with ran, Admin(servers) as admin:
        ran.stdin.write(b'"one"\n"two"\n')
        ran.stdin.flush()
        wait_for(lambda: written(admin, "interrupted", 1) == 2)
        ran.send_signal(signal.SIGINT)
        assert ran.communicate(timeout=60)[0] == b"2 records to interrupted.\n"
        assert ran.returncode == 130


def test_what_is_sent_again_is_there_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless something says that it may be there twice."""
    made: list[dict[str, object]] = []
    monkeypatch.setattr("confluent_kafka.Producer", made.append)
    for words in ("", "--acks 1", "-X acks=1", "-X enable.idempotence=false", "-X retries=0"):
        typed = cli_produce.options().parse_args(["t", *words.split()])
        cli_client.make_producer(typed, sends_again_once=True)
    given = [str(one.get("enable.idempotence")).lower() for one in made]
    assert given == ["true", "false", "none", "false", "none"]
