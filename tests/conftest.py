"""Tests marked `apache` need Java, Maven and a registry: this is where they are skipped."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.apache_kafka import ApacheKafka, java_missing
from tests.conformance.brokers import CONFIG

_reason = pytest.StashKey[str | None]()
# The brokers that tests start would compile every module anew at each start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# A shell lets what it runs behind `&` ignore Ctrl-C, and all that is started from there.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Of `make check`: a fifth of the examples.
settings.register_profile("fast", max_examples=20)


@pytest.fixture(scope="session", autouse=True)
def _run_dir(tmp_path_factory: pytest.TempPathFactory) -> None:
    """`moldau status` of the person at this machine must not see the tests' brokers, nor may what
    tests keep lie among that person's data."""
    os.environ["MOLDAU_RUN_DIR"] = str(tmp_path_factory.mktemp("run"))
    os.environ["XDG_DATA_HOME"] = str(tmp_path_factory.mktemp("data"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite", action="store_true", help="write transcripts of groups as they are told now"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where none of them is asked for, 1400 need not be made to be left out in each process."""
    is_left_out = "not apache" in config.option.markexpr
    return True if is_left_out and collection_path.name.endswith("_apache.py") else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """So in these files is no test for everybody."""
    for item in items:
        if item.path.name.endswith("_apache.py") and item.get_closest_marker("apache") is None:
            raise pytest.UsageError(f"{item.nodeid} has to be marked `apache`, as its file says")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fetches Apache Kafka, if a test that was selected needs it, before any test's time runs."""
    if any(item.get_closest_marker("apache") for item in session.items):
        session.config.stash[_reason] = java_missing()


def pytest_runtest_setup(item: pytest.Item) -> None:
    reason = item.config.stash.get(_reason, None)
    if reason is None or item.get_closest_marker("apache") is None:
        return
    if os.environ.get("CI") == "true" and shutil.which("java"):
        pytest.fail(f"may not be skipped in CI where there is Java: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """One broker of Apache Kafka for all tests of this process: use topics of your own."""
    folder = tmp_path_factory.mktemp("apache-kafka")
    with ApacheKafka(config=CONFIG, folder=folder) as kafka:
        yield kafka


@pytest.fixture(scope="session")
def apache_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """Three brokers, where topics have three replicas of which two must be in sync, as where
    people go when one machine is not enough. Use topics of your own."""
    config = {
        "default.replication.factor": 3,
        "min.insync.replicas": 2,
        "offsets.topic.num.partitions": 6,
        "transaction.state.log.num.partitions": 6,
        "log.cleaner.backoff.ms": 200,
    }
    folder = tmp_path_factory.mktemp("apache-cluster")
    with ApacheKafka(brokers=3, config=config, folder=folder, heap="512M") as kafka:
        yield kafka
