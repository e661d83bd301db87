from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.streams.stored import close_all


@pytest.fixture(autouse=True)
def _stores_are_closed() -> Iterator[None]:
    yield
    close_all()
