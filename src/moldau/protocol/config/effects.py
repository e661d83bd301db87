"""What Moldau makes of the broker configs, in words: the reasons behind the tables' effects."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

EFFECTIVE: Final = "effective"

# Why a config is refused unless it asks for what it asks for by default.
REFUSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "security": "Moldau has no TLS, SASL or authorisation yet and will not pretend to protect",
        "plug-in": "it names a Java class that would decide or limit, and Moldau cannot run it",
        "folders": "Moldau keeps all data, metadata included, in one folder",
        "providers": "Moldau does not fetch values from elsewhere; write the values themselves",
    }
)
# Why a config is accepted without effect.
NO_EFFECT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "transactions": "transactions come later",
        "groups-later": "consumer (KIP-848), share and streams groups come later",
        "cleaner": "compacted topics are kept whole; cleaning comes later",
        "replication": "one broker has no other to replicate to",
        "quorum": "one process is broker and controller; there is no quorum to tune",
        "metadata-log": "the metadata log is kept as Moldau sees fit",
        "threads": "Moldau is not built from Kafka's thread pools, queues and schedules",
        "offsets-log": "__consumer_offsets is written uncompressed and read when needed",
        "operating-system": "left to the operating system",
        "metrics": "Kafka's metrics reporters are Java classes",
        "remote-storage": "there is no remote storage",
        "security": "without effect where nothing is protected",
        "internal": "for Kafka's own tests",
    }
)


def reason(effect: str) -> str:
    """The sentence behind an effect of the table, `none: threads` or `refused: folders`."""
    kind, _, why = effect.partition(": ")
    if kind == EFFECTIVE:
        return ""
    return (REFUSED if kind == "refused" else NO_EFFECT)[why]
