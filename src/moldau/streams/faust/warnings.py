"""What is said of a table once, and not with every record."""

from __future__ import annotations

import logging
from typing import Any

_LOG = logging.getLogger("moldau.faust")


class Warnings:
    def __init__(self, table: str) -> None:
        self._table = table
        self._of_key = self._of_window = False

    def other_key(self, key: Any, records: Any) -> None:
        """Promise 19: under another key than the record's, each partition has its own value."""
        if self._of_key or key == records:
            return
        if isinstance(records, bytes) and key == records.decode(errors="replace"):
            return
        self._of_key = True
        _LOG.warning(
            "table %s: it is used under %r, the record's key is %r, so each partition has a value "
            "of its own for it; take the records with stream.group_by(...) by what the table's "
            "key is",
            self._table,
            key,
            records,
        )

    def gone(self) -> None:
        if not self._of_window:
            self._of_window = True
            _LOG.warning(
                "table %s: a record came for a window that is gone: passed over", self._table
            )
