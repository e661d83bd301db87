"""What is asked of tables: which, and which of its keys; and how that is put in a path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote, unquote_to_bytes, urlencode

from moldau.streams.watching.http import error_of

LIMIT = 100
MOST_ROWS = 1000
TABLES, PEER = "/tables/", "/peer/tables/"
_AGAIN = {"retry-after": "1"}


class Refused(Exception):
    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.response = error_of(status, sentence, _AGAIN if status == 503 else {})


class Question(NamedTuple):
    """`name`: of a table. `key`, or those `after` one: as bytes, as Kafka has it."""

    name: str
    key: bytes | None
    after: bytes | None
    limit: int
    partitions: list[int] | None

    @classmethod
    def read(cls, path: str, query: Mapping[str, str]) -> Question:
        """Of what stands behind /tables/. Raises Refused."""
        name, slash, key = path.partition("/")
        after = query.get("after")
        return cls(
            unquote(name),
            unquote_to_bytes(key) if slash and key else _bytes(query.get("key")),
            _bytes(after),
            _number(query, "limit", LIMIT, MOST_ROWS),
            _numbers(query.get("partition")),
        )

    @property
    def target(self) -> str:
        """Under which a process is asked for what it has itself."""
        told: dict[str, str | bytes] = {"limit": str(self.limit)}
        told |= {} if self.key is None else {"key": self.key}
        told |= {} if self.after is None else {"after": self.after}
        told |= {"partition": ",".join(map(str, self.partitions or ()))}
        return f"{PEER}{quote(self.name, safe='')}?{urlencode(told)}"

    def behind(self, after: bytes) -> str:
        """Where it goes on behind that key, for who has asked."""
        told = {"limit": str(self.limit), "after": after}
        return f"{TABLES}{quote(self.name, safe='')}?{urlencode(told)}"


def _bytes(text: str | None) -> bytes | None:
    """Of a query, where what is no UTF-8 has been kept."""
    return None if text is None else text.encode(errors="surrogateescape")


def _number(query: Mapping[str, str], name: str, otherwise: int, most: int) -> int:
    text = query.get(name)
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:9]) <= most:
        raise Refused(400, f"{name}={text}: write a number from 1 to {most}")
    return int(text)


def _numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(one[:9]) for one in text.split(",")]
    except ValueError:
        raise Refused(400, f"partition={text}: write numbers, as in partition=0,2") from None
