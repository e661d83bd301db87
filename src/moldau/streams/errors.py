"""What goes wrong with a program of streams, as people see it."""

from __future__ import annotations


class StreamsError(Exception):
    """The text says what was wrong, where, and what to do. `is_told`: people have read it."""

    is_told = False


class DefinitionError(StreamsError, ValueError):
    """The program is wrong as it is written; nothing has run."""


class NoRow(KeyError):
    """Of a table or a state, of a key. Its text says of which."""

    def __init__(self, key: object, said: str) -> None:
        super().__init__(key)
        self._said = said

    def __str__(self) -> str:
        return self._said


class Trouble(StreamsError):
    """Not a record's fault: something that the program needs does not answer. It stops, and what
    was not checkpointed is done again when it is started again."""


class BadRecord(StreamsError, ValueError):
    """A record cannot be what its topic says: its bytes or its event time cannot be read."""
