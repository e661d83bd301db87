"""When the logs of partitions are opened: the first few of a topic with its creation, the others
when somebody asks for them, and what nobody asks for soon after.

A log that is not open yet has lost nothing: its partition is in the metadata log, and a start opens
all logs before it serves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from moldau.broker.loggers import CONTROLLER
from moldau.broker.partition import Partition
from moldau.storage.disk import DiskError

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.cluster.image import TopicImage

REOPEN_MS = 1000  # how soon a log is tried again that the disk had no room for
# Whoever makes a topic asks about it next, and should not wait for logs that nobody uses yet.
LATER_MS = 100
# Logs that a change opens at once, and how many a round are opened of those that are left, and of
# those that are asked for. Each takes half a millisecond, on a busy disk ten, and nobody is served
# meanwhile; a sync of the metadata log takes the new directories with it.
OPENED_AT_ONCE = 25
OPENED_LATER = 25
OPENED_WHEN_ASKED = 25


class Opening:
    """Opens the logs of what this node leads. Once it `serves`, nobody may be kept waiting by a
    topic of thousands of partitions."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._log = node.loggers[CONTROLLER]
        self.serves = False
        # The indexes of partitions that were not open when their topic was last looked at, by
        # topic, the lowest last.
        self._unopened: dict[str, list[int]] = {}
        self._asked = 0  # how many of them were opened in this round because somebody asked
        self._is_refused = False  # by the disk, the last time

    def lead(self, topics: Iterable[TopicImage]) -> None:
        """Takes the leader epochs of these topics, and opens what is new of them, perhaps later."""
        left = OPENED_AT_ONCE
        for topic in topics:
            missing = []
            for index, state in enumerate(topic.partitions):
                partition = self._node.partitions.get((topic.name, index))
                if partition is None and (left or not self.serves):
                    left -= 1
                    partition = self._open(topic, index)
                    if partition is None:
                        left = 0
                if partition is None:
                    missing.append(index)
                else:
                    partition.lead(state.leader_epoch)
            if missing:
                self._open_later(topic.name, missing[::-1])

    def forget(self, topic: str) -> None:
        """It is deleted."""
        self._unopened.pop(topic, None)

    def round_begins(self) -> None:
        self._asked = 0

    def asked(self, topic: str, index: int) -> Partition | None:
        """Somebody asks for a partition that is not open. None: there is none, or its log can't be
        opened now; whoever asks is told to ask again."""
        if topic not in self._unopened or self._asked >= OPENED_WHEN_ASKED:
            return None
        found = self._node.image.topics[topic]
        if not 0 <= index < len(found.partitions):
            return None
        self._asked += 1
        return self._open(found, index)

    def _open(self, topic: TopicImage, index: int) -> Partition | None:
        """None: the disk refuses it, perhaps it is full. The topic is there all the same, for its
        records are written. At the start nobody waits, and an error stops it."""
        node = self._node
        config = node.controller.log_config(topic.name)
        try:
            log = node.logs.open_or_create(topic.name, index, topic.id, config, node.now_ms)
        except DiskError as error:
            if not self.serves:
                raise
            if not self._is_refused:
                self._log.error(f"Topic {topic.name} can't be opened, it is tried again: {error}")
            self._is_refused = True
            return None
        self._is_refused = False
        epoch = topic.partitions[index].leader_epoch
        partition = Partition(topic.name, index, topic.id, log, epoch)
        partition.created_at = node.controller.end_offset
        partition.lead(epoch)
        node.lead(partition)
        return partition

    def _open_later(self, topic: str, missing: list[int]) -> None:
        if not self._unopened:
            pause_ms = REOPEN_MS if self._is_refused else LATER_MS
            self._node.timers.at(self._node.now_ms + pause_ms, self._open_some)
        self._unopened[topic] = missing

    def _open_some(self, now_ms: int) -> None:
        """Of those that nobody has asked for."""
        left = OPENED_LATER
        while self._unopened and left:
            name, missing = next(iter(self._unopened.items()))
            index = missing[-1]
            if (name, index) not in self._node.partitions:
                left -= 1
                if self._open(self._node.image.topics[name], index) is None:
                    self._node.timers.at(now_ms + REOPEN_MS, self._open_some)
                    return
            missing.pop()
            if not missing:
                del self._unopened[name]
        if self._unopened:
            self._node.timers.at(now_ms, self._open_some)
