"""What can go wrong between a tool and a Kafka, each with a sentence that says what to do.

Every error carries three texts: `message` is what Apache Kafka's client says (scripts read it on
stdout), `java_class` the exception that says it, and `advice` what a person can do about it.
"""

from __future__ import annotations

from moldau.client.error_texts import error_text
from moldau.protocol.errors import ErrorCode


class KafkaError(Exception):
    """Base of all errors of the client. `str` is the message and the advice."""

    java_class = "org.apache.kafka.common.KafkaException"

    def __init__(self, message: str, advice: str = "", *, java_class: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        if java_class:
            self.java_class = java_class

    def __str__(self) -> str:
        return f"{self.message} {self.advice}" if self.advice else self.message

    @property
    def in_java(self) -> str:
        """As Java prints the exception: class and message."""
        return f"{self.java_class}: {self.message}"


class Refused(KafkaError):
    """A broker answered with an error code."""

    def __init__(self, code: int, message: str | None = None) -> None:
        text = error_text(code)
        super().__init__(message or text.sentence, java_class=text.java_class)
        try:
            self.code = ErrorCode(code)
        except ValueError:
            self.code = ErrorCode.UNKNOWN_SERVER_ERROR


class TimedOut(KafkaError):
    """The deadline passed. `cause` says what was seen last, if anything."""

    java_class = "org.apache.kafka.common.errors.TimeoutException"

    def __init__(self, message: str, cause: KafkaError | None) -> None:
        super().__init__(message, f"{cause.message} {cause.advice}".strip() if cause else "")
        self.cause = cause


class Unreachable(KafkaError):
    """Nothing can be connected at an address, or the connection was lost. May pass."""


class WrongPeer(KafkaError):
    """Something answers, but it is no Kafka, or not on this listener. Does not pass."""


class BadSettings(KafkaError):
    """The bootstrap servers or the client's configs cannot be used."""

    java_class = "org.apache.kafka.common.config.ConfigException"


class Unsupported(KafkaError):
    """The broker does not serve this API, or in no version that we speak."""

    java_class = "org.apache.kafka.common.errors.UnsupportedVersionException"
