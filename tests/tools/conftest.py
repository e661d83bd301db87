"""A broker for the tests of this room, started once."""

import io
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator

import pytest

import moldau as package

Moldau = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="package")
def bootstrap_servers() -> Iterator[str]:
    with package.Broker() as broker:
        yield broker.bootstrap_servers


@pytest.fixture
def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def moldau(bootstrap_servers: str) -> Moldau:
    def run(*words: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "moldau", *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "MOLDAU_BOOTSTRAP_SERVERS": bootstrap_servers, **more},
        )

    return run


@pytest.fixture
def moldau_here(bootstrap_servers: str, monkeypatch: pytest.MonkeyPatch) -> Moldau:
    """As `moldau`, in this process: a tenth of the time, for what a process of its own adds
    nothing to."""
    from moldau.__main__ import main

    def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
        with monkeypatch.context() as patch:
            patch.setenv("MOLDAU_BOOTSTRAP_SERVERS", bootstrap_servers)
            patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8"))
            patch.setattr("sys.stdout", out)
            patch.setattr("sys.stderr", err)
            try:
                code = main(words)
            except SystemExit as end:  # argparse's
                code = int(end.code or 0)
        texts = []
        for stream in (out, err):
            stream.flush()
            stream.seek(0)
            texts.append(stream.read())
        return subprocess.CompletedProcess([*words], code, *texts)

    return run


@pytest.fixture
def topic(moldau_here: Moldau) -> str:
    """Its records may be of years ago: none goes by age."""
    name = f"cli-{uuid.uuid4().hex[:8]}"
    assert moldau_here("topics", "create", name, "-p", "2", "-c", "retention.ms=-1").returncode == 0
    return name
