"""Programs of Faust's documentation as people run them: `moldau faust -A hello worker -l info`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import moldau
from moldau.streams.watching.asking import ask

PROGRAMS = Path(__file__).parent / "programs"
ROOT = Path(__file__).parents[2]


class Running:
    """`lines`: what it has printed."""

    def __init__(self, servers: str, folder: Path) -> None:
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "KAFKA": f"kafka://{servers}",
            "PYTHONFAULTHANDLER": "1",
        }
        self._folder = folder
        self._workers: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(self, name: str, *words: str) -> None:
        with self._said(name).open("wb") as said:
            process = subprocess.Popen(
                self._command(name, "worker", "-l", "info", *words),
                cwd=PROGRAMS,
                env=self._environment,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        self._workers.append((name, process))

    def run(self, name: str, *words: str) -> str:
        command, environment = self._command(name, *words), self._environment
        made = subprocess.run(
            command, cwd=PROGRAMS, env=environment, capture_output=True, text=True, timeout=60
        )
        assert made.returncode == 0, made.stderr
        return made.stdout

    def lines(self, name: str) -> list[str]:
        return self._said(name).read_text().splitlines()

    def wait(self, name: str, is_there: Callable[[list[str]], object]) -> list[str]:
        deadline = time.monotonic() + 60
        while not is_there(self.lines(name)):
            assert time.monotonic() < deadline, self.lines(name)
            time.sleep(0.05)
        return self.lines(name)

    def stop(self) -> None:
        """All of them end when they are told to."""
        for _, process in self._workers:
            process.send_signal(signal.SIGTERM)
        for name, process in self._workers:
            assert process.wait(30) == 0, self.lines(name)

    def kill(self) -> None:
        for _, process in self._workers:
            process.kill()
            process.wait()

    def _said(self, name: str) -> Path:
        return self._folder / f"{name}.txt"

    @staticmethod
    def _command(name: str, *words: str) -> list[str]:
        return [sys.executable, "-m", "moldau", "faust", "-A", name, *words]


WORDS = ("the", "quick", "brown", "fox")


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    with moldau.Broker() as broker:
        made = Running(broker.bootstrap_servers, folder)
        try:
            yield made
            made.stop()
        finally:
            made.kill()


@pytest.mark.slow
def test_programs_with_only_the_import_changed(tmp_path: Path) -> None:
    with running(tmp_path) as programs:
        programs.start("hello")
        programs.start("word_count", "-p", "0")
        programs.start("leader", "-w", "2")
        programs.run("hello", "send", "@greet", "Hello Faust")
        programs.run("hello", "send", "greetings", "Hello Kafka topic")
        greeted = {"b'Hello Faust'", "b'Hello Kafka topic'"}  # partitions come in any order
        programs.wait("hello", greeted.issubset)
        programs.wait("word_count", {f"{word} 20" for word in WORDS}.issubset)
        (where,) = [one for one in programs.lines("word_count") if "http://" in one]
        port = int(where.rpartition(":")[2])
        assert ask("localhost", port, "/count/fox/").body == b'{"fox":20}'
        greetings = "PUBLISHING ON LEADER!"
        programs.wait("leader", lambda lines: lines.count(greetings) > 3 and _numbers(lines))
        listed = programs.run("word_count", "agents").splitlines()
        assert sorted(listed) == [
            "@count_words\tword-counts-word_count.count_words",
            "@shuffle_words\tposts",
        ]


def all_withdrawn(lines: list[str]) -> bool:
    """Ten withdrawals of ten, of each country: in one window of ten seconds, or in the two on
    whose border they were sent."""
    return all(
        any(
            set(lines) >= {f"{country} {10 * n}" for n in (first, 10 - first) if n}
            and len([one for one in lines if one.startswith(country)]) >= 10
            for first in range(5, 11)
        )
        for country in ("country_0", "country_1")
    )


def _numbers(lines: list[str]) -> list[str]:
    return [one for one in lines if one.startswith("0.")]


@pytest.mark.slow
def test_commands_and_questions(tmp_path: Path) -> None:
    with running(tmp_path) as programs:
        programs.start("rpc", "-w", "2")
        programs.start("withdrawals")
        words = ("--max-messages", "20", "--max-latency", "0")
        assert programs.run("withdrawals", "produce", *words) == "+SEND 0\n"
        programs.wait("withdrawals", all_withdrawn)
        said = programs.wait("rpc", lambda lines: any("MAPPED" in one for one in lines))
        assert "JOINED: [900.0, 1600.0, 2500.0]" in said
        assert "MAPPED: [900.0, 1600.0, 2500.0]" in said
        assert programs.run("rpc", "x100", "3") == "3 * 100 = 300.0\n"
