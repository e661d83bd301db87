"""kafka-python's own integration tests, from its source archive on PyPI, on a broker of ours.

pip fetches the archive into `.cache/`, in the version that is installed. What it lacks is the
module that starts brokers: ours are running already.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.apache_kafka.jars import CACHE, made

# Access rules are not served by us, and not set up in the brokers of these tests.
LEFT_OUT = "not acls"
# A consumer of kafka-python 3.0.12 that subscribes while its first Metadata request is under way
# takes the answer, which has no topic, for one to its subscription, and asks for nothing more: 3
# of a hundred times on a busy machine. So the outcome of this one says nothing of a broker.
_RACE = "test_kafka_consumer"
CONFIG = {
    "num.partitions": 4,
    "group.min.session.timeout.ms": 1000,
    "group.initial.rebalance.delay.ms": 0,
}
_FILES = ("admin", "consumer", "producer")
_SERVICE = """
class SpawnedService:
    pass


class ExternalService:
    def __init__(self, host, port):
        self.host, self.port = host, port

    def open(self): ...

    def close(self): ...
"""
_OUTCOME = re.compile(
    r"^(PASSED|FAILED|ERROR) test/integration/\S*?::(.*?)(?: - .*)?$", re.MULTILINE
)


def suite() -> Path:
    """The folder with the tests, fetched once."""
    version = importlib.metadata.version("kafka-python")
    return made(CACHE / f"kafka-python-{version}", lambda folder: _fetch(folder, version))


def _fetch(folder: Path, version: str) -> None:
    wanted = f"kafka-python=={version}"
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
    command += ["--disable-pip-version-check", "-d", str(folder), wanted]
    subprocess.run(command, check=True, timeout=300)
    archive = next(folder.glob("*.tar.gz"))
    with tarfile.open(archive) as packed:
        tests = [m for m in packed.getmembers() if m.name.split("/")[1:2] == ["test"]]
        packed.extractall(folder, members=tests, filter="data")
    (folder / archive.name.removesuffix(".tar.gz")).joinpath("test").rename(folder / "test")
    (folder / "test/__init__.py").write_text("")
    (folder / "test/service.py").write_text(_SERVICE)
    (folder / "pytest.ini").write_text("[pytest]\n")  # or our settings would be found


def run(bootstrap_servers: str, select: str = LEFT_OUT) -> dict[str, str]:
    """The outcome (PASSED, FAILED, ERROR) of each test; skipped ones are not in it."""
    folder = suite()
    environment = {
        **os.environ,
        "KAFKA_URI": f"kafka://{bootstrap_servers}",
        "KAFKA_VERSION": "4.3",
        "KAFKA_ROOT": str(folder),
    }
    files = [f"test/integration/test_{name}_integration.py" for name in _FILES]
    options = ["-q", "-rA", "--tb=short", "-p", "no:cacheprovider", "--timeout=60", "-k", select]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "pytest.ini", *options, *files],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    print(done.stdout, done.stderr)
    return {name: outcome for outcome, name in _OUTCOME.findall(done.stdout) if name != _RACE}
