"""What the tables call effective is read by the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from moldau.protocol.config.broker import BROKER
from moldau.protocol.config.effects import EFFECTIVE
from moldau.protocol.config.layers import synonyms
from moldau.protocol.config.topic import BROKER_SYNONYMS

SOURCE = Path(__file__).parents[2] / "src" / "moldau"
# These reach the log by way of the topic's configs (`LogConfig.of_topic`).
OF_TOPICS = {other for name in BROKER_SYNONYMS.values() for other in synonyms(name)}
EFFECTIVE_NAMES = sorted(
    name
    for name, definition in BROKER.items()
    if definition.effect == EFFECTIVE and name not in OF_TOPICS
)


@pytest.fixture(scope="module")
def code() -> str:
    """All but the tables and what carries every config alike."""
    files = [p for p in SOURCE.rglob("*.py") if "config" not in p.parts and p.name != "settings.py"]
    return "\n".join(path.read_text() for path in files)


@pytest.mark.parametrize("name", EFFECTIVE_NAMES)
def test_an_effective_config_is_read_somewhere(name: str, code: str) -> None:
    assert f'"{name}"' in code
