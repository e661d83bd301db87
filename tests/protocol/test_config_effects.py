"""What the tables call effective is read by the code, and nothing else is."""

from __future__ import annotations

from functools import cache
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


SETTINGS = "settings.py"  # also carries every config alike


@cache
def code(*, without: str = "") -> str:
    """The server wing."""
    rooms = ("storage", "cluster", "broker", "server")
    files = [p for room in rooms for p in (SOURCE / room).rglob("*.py") if p.name != without]
    return "\n".join(path.read_text() for path in files)


@pytest.mark.parametrize("name", EFFECTIVE_NAMES)
def test_an_effective_config_is_read_somewhere(name: str) -> None:
    assert f'"{name}"' in code()


def test_a_config_without_effect_is_read_nowhere() -> None:
    text = code(without=SETTINGS)
    idle = [name for name, definition in BROKER.items() if definition.effect.startswith("none")]
    assert [name for name in idle if f'"{name}"' in text] == []
