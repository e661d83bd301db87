from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.durability.process import Up
from tests.streams.killed.fates import OneOfOurs


@pytest.fixture
def one_of_ours(tmp_path: Path) -> Iterator[OneOfOurs]:
    """A `moldau up` on a folder, that may be killed."""

    def start(port: int) -> Up:
        options = ("-o", "group.min.session.timeout.ms=1000")
        return Up(tmp_path / "data", port=port, options=options).serves()

    with start(0) as up:
        brokers = OneOfOurs(up, start)
        yield brokers
        with brokers.up:
            pass
