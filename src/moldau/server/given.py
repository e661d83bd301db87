"""What a user gave: a text and where it stood, so that every complaint can name the place."""

from __future__ import annotations

from typing import NamedTuple

from moldau.protocol.config.broker import BROKER
from moldau.protocol.config.definition import InvalidConfig, Value, parse


class SettingsError(Exception):
    """Settings that the broker will not start with; the text is one clear sentence."""


class Given(NamedTuple):
    """`origin` is "--config FILE, line 12", "environment KAFKA_X", "-o name" or an option."""

    text: str
    origin: str

    def error(self, why: str) -> SettingsError:
        return SettingsError(f"{self.origin}: {why}")


def checked(name: str, given: Given) -> Value:
    """The value of a broker config. Raises SettingsError with Kafka's sentence and the place."""
    try:
        return parse(BROKER[name], given.text)
    except InvalidConfig as error:
        raise given.error(str(error)) from None
