"""What counts in a stored metadata log.

Records between BeginTransactionRecord and EndTransactionRecord count together or, after
AbortTransactionRecord or when the log ends first, not at all (KIP-868).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from moldau.cluster.image import InconsistentMetadata
from moldau.cluster.records import Record
from moldau.protocol.messages.metadata_log import (
    AbortTransactionRecord,
    BeginTransactionRecord,
    EndTransactionRecord,
)


class Stored(NamedTuple):
    """`in_transaction`: the log ends within one, which the next start has to abort."""

    records: list[Record]
    in_transaction: bool


def committed(log: Iterable[Record]) -> Stored:
    """Sorts out transactions. Raises InconsistentMetadata when they do not fit together."""
    records: list[Record] = []
    open_since: int | None = None  # how many records counted when the transaction began
    for record in log:
        if isinstance(record, BeginTransactionRecord):
            if open_since is not None:
                raise InconsistentMetadata("a metadata transaction begins within another")
            open_since = len(records)
        elif isinstance(record, EndTransactionRecord | AbortTransactionRecord):
            if open_since is None:
                raise InconsistentMetadata("a metadata transaction ends that did not begin")
            if isinstance(record, AbortTransactionRecord):
                del records[open_since:]
            open_since = None
        else:
            records.append(record)
    if open_since is not None:
        del records[open_since:]
    return Stored(records, open_since is not None)
