"""How connections are taken: thousands at once, and when there is no room for another."""

from __future__ import annotations

import resource
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from moldau.server.settings import resolve
from moldau.server.up import backlog
from tests.attacks.raw import Raw
from tests.server.test_up import address, up

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, and prlimit")
NO_ROOM = "No room for a new connection"


@contextmanager
def files_limited(pid: int, limit: int) -> Iterator[None]:
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


@pytest.mark.slow
def test_without_descriptors_a_connection_waits_and_nothing_spins() -> None:
    with up("--temporary", "--port", "0") as process:
        at = address(process)
        with Raw(at) as early:
            early.create("topic")
            early.ping()  # from here on nothing is to be opened, of the log or of the program
            with files_limited(process.pid, 8):
                host, port = at.rsplit(":", 1)
                late = socket.create_connection((host, int(port)), 30)
                time.sleep(1.2)  # it is tried again, twice
                early.ping()
            late.close()
            with Raw(at) as later:
                later.ping()
        process.terminate()
        said = process.communicate()[1]
    assert said.count(NO_ROOM) == 1
    assert "Traceback" not in said


def test_as_many_may_wait_as_the_system_allows_unless_it_is_said() -> None:
    assert backlog(resolve(user_data="/data")) == socket.SOMAXCONN
    said = resolve(user_data="/data", overrides=["socket.listen.backlog.size=50"])
    assert backlog(said) == 50
