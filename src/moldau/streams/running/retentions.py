"""Results have the time of what they are of: a topic that keeps records for a week deletes those of
years ago at once. That is said (promise 18)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from moldau.streams.app import App
from moldau.streams.engine.outputs import Output
from moldau.streams.running.topic_configs import Configs

_A_DAY_MS = 86_400_000


class Retentions:
    """Looks at the first of the outputs that are sent together: one that is too old is seldom
    alone."""

    def __init__(
        self, app: App, configs: Mapping[str, Configs], say: Callable[[str], None]
    ) -> None:
        """`configs`: of the topics that it writes to."""
        self._id = app.id
        self._say = say
        self._kept_ms = _kept(configs)

    def look(self, outputs: Sequence[Output], now_ms: int) -> None:
        if not outputs or not self._kept_ms:
            return
        topic, timestamp = outputs[0].topic, outputs[0].timestamp
        kept = self._kept_ms.get(topic)
        if kept is None or not timestamp or timestamp >= now_ms - kept:
            return
        del self._kept_ms[topic]
        self._say(
            f"{self._id}: results for {topic} are {(now_ms - timestamp) // _A_DAY_MS} days old, "
            f"and it keeps records for {kept / _A_DAY_MS:g} days: they will be deleted; to keep "
            f"them, set its retention.ms to -1 (moldau configs set)"
        )


def _kept(configs: Mapping[str, Configs]) -> dict[str, int]:
    """How long each keeps records, in ms; without those that keep them for good."""
    kept: dict[str, int] = {}
    for topic, told in configs.items():
        retention, policy = told.get("retention.ms"), told.get("cleanup.policy")
        if retention is not None and int(retention) >= 0 and "delete" in (policy or ""):
            kept[topic] = int(retention)
    return kept
