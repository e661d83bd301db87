"""The journal kept short, whether the target compacts topics or not: all that counts is written
anew, and the target is asked to delete what is before it.

A mirror that is killed here leaves lines that say what others say already. Several mirrors share
the topic, and each can only say what it needs itself: one that was stopped for good holds up what
is behind its last snapshot.
"""

from __future__ import annotations

from moldau.client.admin import Admin
from moldau.client.errors import KafkaError, Refused
from moldau.client.records import delete_records
from moldau.client.topics import alter_topic_configs
from moldau.protocol.errors import ErrorCode
from moldau.tools.mirror.notebook import CONFIGS, PLACE, Notebook

# So much may be written before all is written anew, and at least twice what that takes.
WEIGHT = 4 << 20


class Trimmer:
    """Of one notebook, after it has taken over."""

    def __init__(self, admin: Admin, notebook: Notebook) -> None:
        self._admin = admin
        self._notebook = notebook
        self._limit = WEIGHT

    @property
    def is_due(self) -> bool:
        return self._notebook.journal.weight > self._limit

    def trim(self) -> None:
        """To be called when the journal has been told all that we know. Raises Fenced."""
        journal, notebook = self._notebook.journal, self._notebook
        first = notebook.still_ours()
        if first < 0:
            return  # it was repeated, and the target does not say where it is: the next time
        lines = [*journal.snapshot(), journal.kept(first)]
        notebook.write(lines)
        # What others need is known up to where we began, and whoever is new writes behind that.
        notebook.catch_up()
        journal.weight = 0
        self._limit = max(WEIGHT, 2 * sum(line.size for line in lines))
        self._delete(journal.needed_from)

    def _delete(self, before: int) -> None:
        if before <= 0:  # -1 would be all
            return
        refused = self._asked(before)
        if isinstance(refused, Refused) and refused.code is ErrorCode.POLICY_VIOLATION:
            alter_topic_configs(self._admin, PLACE[0], dict(CONFIGS))
            self._asked(before)

    def _asked(self, before: int) -> KafkaError | None:
        """What is not deleted now is with the next time."""
        answer = delete_records(self._admin, {PLACE: before})[PLACE]
        return answer if isinstance(answer, KafkaError) else None
