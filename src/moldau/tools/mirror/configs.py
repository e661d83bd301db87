"""Configs that somebody changes at the source while its topics are copied: they go along."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from moldau.client.admin import Admin
from moldau.client.errors import Refused
from moldau.client.topics import (
    ConfigEntry,
    alter_topic_configs,
    describe_topic_configs,
    describe_topics,
)
from moldau.tools.mirror.journal import Configs
from moldau.tools.mirror.notebook import Notebook
from moldau.tools.mirror.plan import LARGEST, hold, largest, own_configs, within_replicas


class ConfigKeeper:
    """Knows what each topic said itself when it was last looked at. A topic that has gone since is
    for others to notice."""

    def __init__(
        self, source: Admin, target: Admin, notebook: Notebook, tell: Callable[[str], None]
    ) -> None:
        self._source = source
        self._target = target
        self._notebook = notebook
        self._tell = tell
        self._seen: dict[str, dict[str, str]] = {}

    def saw(self, name: str, entries: Iterable[ConfigEntry]) -> None:
        """The topic was made ready with these."""
        self._seen[name] = own_configs(entries)

    def look(self, names: Iterable[str], known: Mapping[str, str | None]) -> None:
        """`known`: the configs that the target knows."""
        try:
            found = describe_topic_configs(self._source, list(names))
        except Refused:
            return
        for name, entries in found.items():
            now, before = own_configs(entries), self._seen.get(name)
            self._seen[name] = now
            if before is not None and now != before:
                self._take_along(name, _changes(before, now), entries, known)

    def _take_along(
        self,
        name: str,
        changed: Configs,
        entries: list[ConfigEntry],
        known: Mapping[str, str | None],
    ) -> None:
        left_out = sorted(changed.keys() - known.keys())
        if left_out:
            self._tell(f"{name}: the target does not know {', '.join(left_out)}")
        changed = {config: value for config, value in changed.items() if config in known}
        state = self._notebook.journal.topics[name]
        held = changed.keys() & state.waiting.keys()
        if held:
            waiting = state.waiting | {config: changed[config] for config in held}
            line = self._notebook.journal.topic(name, state._replace(waiting=waiting))
            self._notebook.write([line])
        at_once = {config: value for config, value in changed.items() if config not in held}
        if LARGEST in held:  # what is larger now must be let in
            at_once[LARGEST] = hold(known, largest(entries))[LARGEST]
        self._alter(name, at_once, told=changed, held=held)

    def _alter(self, name: str, configs: Configs, *, told: Configs, held: Iterable[str]) -> None:
        lowered = {config: value for config, value in configs.items() if value is not None}
        for note in within_replicas(lowered, self._replicas(name)):
            self._tell(f"{name}: {note}")
        try:
            alter_topic_configs(self._target, name, {**configs, **lowered})
        except Refused as error:
            self._tell(f"{name}: the target does not take a change of {', '.join(told)}: {error}")
            return
        for config, value in sorted(told.items()):
            said = "no longer set" if value is None else f"now {value}"
            when = ", at the target when all is copied" if config in held else ""
            self._tell(f"{name}: {config} is {said}{when}")

    def _replicas(self, name: str) -> int:
        (topic,) = describe_topics(self._target, [name])
        return min(len(partition.replicas) for partition in topic.partitions)


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> Configs:
    """What is another value now; None: no longer said."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return {name: now.get(name) for name in names}
