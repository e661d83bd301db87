"""`make kafka`: an Apache Kafka that stays until it is stopped, and its tools.

make kafka                                   one broker
make kafka ARGS="start --brokers 3"          three
make kafka ARGS="start -o num.partitions=6"  with a config
make kafka ARGS=status | ARGS=stop
make kafka ARGS="tool kafka-topics --help"   any of Kafka's command-line tools
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.apache_kafka import jvm
from tests.apache_kafka.cluster import STOP_LIMIT_S, ApacheKafka, prepared, wait_until_ready
from tests.apache_kafka.jars import VERSION, home, java_missing
from tests.apache_kafka.tools import TOOLS, main_class


def main(argv: list[str]) -> int:
    if argv[:1] == ["tool"]:
        return _tool(argv[1:])
    parser = argparse.ArgumentParser(prog="make kafka", description=__doc__.splitlines()[0])
    parser.add_argument("action", nargs="?", default="start", choices=["start", "stop", "status"])
    parser.add_argument("--brokers", type=int, default=1, choices=[1, 3])
    parser.add_argument("-o", dest="config", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args(argv)
    for pair in options.config:
        if "=" not in pair:
            parser.error(f"-o {pair}: write it as -o num.partitions=6")
    if reason := java_missing():
        print(f"make kafka: {reason}", file=sys.stderr)
        return 1
    if options.action == "stop":
        return _stop()
    if options.action == "status":
        return _status()
    return _start(options.brokers, dict(pair.split("=", 1) for pair in options.config))


def _state() -> Path:
    return home() / "running.json"


def _running() -> dict[str, object] | None:
    """What `start` noted, if one of those processes still is our Kafka."""
    if not _state().exists():
        return None
    noted: dict[str, object] = json.loads(_state().read_text())
    return noted if any(_is_ours(pid) for pid in _pids(noted)) else None


def _pids(noted: dict[str, object]) -> list[int]:
    pids = noted["pids"]
    assert isinstance(pids, list)
    return pids


def _is_ours(pid: int) -> bool:
    run = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True
    )
    return "kafka.Kafka" in run.stdout and str(home()) in run.stdout


def _start(brokers: int, config: dict[str, str]) -> int:
    if noted := _running():
        print(f"Apache Kafka already runs at {noted['bootstrap_servers']}: make kafka ARGS=stop")
        return 1
    folder = home() / "by-hand"
    shutil.rmtree(folder, ignore_errors=True)
    kafka = ApacheKafka(brokers, config, folder)
    try:
        with prepared(kafka) as properties:
            processes = [
                _start_detached(path, log) for path, log in zip(properties, kafka.logs, strict=True)
            ]
            noted = {
                "pids": [process.pid for process in processes],
                "bootstrap_servers": kafka.bootstrap_servers,
                "folder": str(folder),
            }
            _state().write_text(json.dumps(noted))
            wait_until_ready(kafka, processes)
    except BaseException:
        _stop()
        raise
    _describe(noted)
    return 0


def _start_detached(properties: Path, log: Path) -> subprocess.Popen[bytes]:
    command = jvm.java_command(
        "kafka.Kafka", jvm.broker_flags(), log_level="INFO", log_to="SYSTEM_OUT"
    )
    with log.open("wb") as output:
        return subprocess.Popen(
            [*command, str(properties)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _describe(noted: dict[str, object]) -> None:
    servers = str(noted["bootstrap_servers"])
    print(f"Apache Kafka {VERSION} listens on {servers}")
    print(f"  data and logs: {noted['folder']} (removed by the next start)")
    print("  stop it:       make kafka ARGS=stop")
    print("Try:")
    for line in (
        "kafka-topics --create --topic hello --partitions 3",
        "kafka-producer-perf-test --topic hello --num-records 100000 --record-size 100"
        " --throughput -1",
        "kafka-get-offsets --topic hello",
    ):
        print(f'  make kafka ARGS="tool {line} --bootstrap-server {servers}"')


def _status() -> int:
    noted = _running()
    if noted is None:
        print("Apache Kafka is not running: make kafka")
        return 1
    _describe(noted)
    return 0


def _stop() -> int:
    noted = _running()
    if noted is None:
        print("Apache Kafka is not running")
        return 0
    pids = [pid for pid in _pids(noted) if _is_ours(pid)]
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_LIMIT_S
    while any(map(_is_ours, pids)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in filter(_is_ours, pids):
        os.kill(pid, signal.SIGKILL)
    _state().unlink()
    print("Apache Kafka is stopped")
    return 0


def _tool(argv: list[str]) -> int:
    if not argv or argv[0].removesuffix(".sh") not in TOOLS:
        print(
            f"make kafka: {argv[0] if argv else ''!r} is no tool of Apache Kafka; these are:\n"
            f"  {', '.join(TOOLS)}",
            file=sys.stderr,
        )
        return 1
    if reason := java_missing():
        print(f"make kafka: {reason}", file=sys.stderr)
        return 1
    command = jvm.java_command(
        main_class(argv[0]), jvm.TOOL_FLAGS, log_level="WARN", log_to="SYSTEM_ERR"
    )
    return subprocess.run([*command, *argv[1:]], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
