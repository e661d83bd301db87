"""Warm copies of the state of tasks that other machines have, so that whoever takes one over reads
only the tail of its changelog.

Who keeps which is computed by each worker from the same description of the group: its members say
by their client id on which machine they are. Processes of one machine share its folder, so a copy
is kept once for each machine. Which member the group gives a task to is not ours to say
(docs/decisions/0009-state-store.md).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

from moldau.streams.app import App
from moldau.streams.errors import StreamsError
from moldau.streams.running.changelogs import Changelogs
from moldau.streams.running.membership import Group, Member
from moldau.streams.running.polled import Place
from moldau.streams.running.state_folders import folder_of
from moldau.streams.running.task_state import Opening, TaskState
from moldau.streams.topology import Topology

ASK_AGAIN_S = 0.2
_MACHINE = "machine"


def client_id(app: App, slot: int) -> str:
    """Of a worker's consumer; `machine_of` reads it. Raises StreamsError."""
    return f"moldau/{machine_id(folder_of(app))}/{slot}-{uuid.uuid4().hex[:8]}"


def machine_of(client: str) -> str | None:
    """None: it is no worker that keeps copies."""
    name, _, rest = client.partition("/")
    machine, _, number = rest.partition("/")
    return machine if name == "moldau" and number else None


def machine_id(folder: Path) -> str:
    """Made when it is first asked for. Raises StreamsError."""
    path = folder / _MACHINE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"{_MACHINE}.{uuid.uuid4().hex}"
        draft.write_text(uuid.uuid4().hex[:12])
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return path.read_text()
    except OSError as error:
        raise StreamsError(f"{folder}: state cannot be kept there: {error.strerror}") from None


def placed(members: Sequence[Member], leads: Iterable[Place], count: int) -> dict[Place, set[str]]:
    """By task, the clients that keep a copy of it: one each on `count` machines, other than that
    which has it. None of what nobody has: it is being dealt out."""
    machines: dict[str, list[str]] = {}
    owners: dict[Place, str] = {}
    for member in members:
        machine = machine_of(member.client)
        if machine is not None:
            machines.setdefault(machine, []).append(member.client)
        owners.update(dict.fromkeys(member.places, machine or member.client))
    keeps: dict[Place, set[str]] = {}
    for lead in leads:
        owner = owners.get(lead)
        others = [] if owner is None else _ranked(lead, set(machines) - {owner})[:count]
        keeps[lead] = {_ranked(lead, machines[one])[0] for one in others}
    return keeps


def _ranked(lead: Place, names: Iterable[str]) -> list[str]:
    """An order that is another for each task, and changes little when one comes or goes."""

    def weight(name: str) -> bytes:
        return blake2b(f"{lead[0]}\0{lead[1]}\0{name}".encode(), digest_size=8).digest()

    return sorted(names, key=weight)


class Standbys:
    """Of one worker. Does not wait."""

    def __init__(
        self,
        app: App,
        topology: Topology,
        partitions: Mapping[str, int],
        opening: Opening,
        slot: int,
        say: Callable[[str], None],
    ) -> None:
        """`partitions`: how many each topic has. `slot`: of the processes of this machine, which
        one. Raises StreamsError."""
        self._app = app
        self._tasks = {
            (stage.topics[0], number): (stage, (topology.changelog(stage), number))
            for stage in topology.stages
            for number in range(stage.count(partitions))
        }
        self._opening = opening
        self._client = client_id(app, slot) if app.standbys else ""
        self._say = say
        self._changelogs = Changelogs(app)
        self._kept: dict[Place, TaskState] = {}  # by what is dealt out
        self._wanted: set[Place] = set()
        self._next_try = 0.0

    @property
    def client_settings(self) -> dict[str, str]:
        """Of the worker's consumer."""
        return {"client.id": self._client} if self._app.standbys else {}

    def look(self, group: Group) -> None:
        """As it is now."""
        keeps = placed(group.members, self._tasks, self._app.standbys)
        self._wanted = {lead for lead, clients in keeps.items() if self._client in clients}
        dealt = {lead for member in group.members for lead in member.places}
        self._wanted |= self._kept.keys() - dealt  # being dealt out: kept until that is done

    def follow(self, own: Iterable[Place]) -> None:
        """In each round. `own`: what it has, or is restoring, of what is dealt out. Raises
        KafkaException, StreamsError."""
        if not self._app.standbys:
            return
        now = time.monotonic()
        if now >= self._next_try:
            self._next_try = now + ASK_AGAIN_S
            self._change(set(own))
        by_changelog = {one.place: (lead, one) for lead, one in self._kept.items()}
        for place, taken in self._changelogs.read(0.0).items():
            lead, one = by_changelog[place]
            try:
                one.take(taken)
            except StreamsError as error:  # its disk: others have the task, and go on
                self._say(f"{error}: no copy is kept of {lead[0]} {lead[1]}")
                self._drop(lead)
                self._tasks = {key: task for key, task in self._tasks.items() if key != lead}

    def handed_over(self, lead: Place) -> TaskState | None:
        """The copy of a task that is this worker's now."""
        one = self._kept.pop(lead, None)
        if one is not None:
            self._changelogs.leave(one.place)
        return one

    def close(self) -> None:
        for lead in list(self._kept):
            self._drop(lead)
        self._changelogs.close()

    # --- which ------------------------------------------------------------------------------

    def _change(self, own: set[Place]) -> None:
        for lead, one in list(self._kept.items()):
            wanted_here = one.folder is not None and one.folder.is_wanted
            if lead not in self._wanted or wanted_here:
                self._drop(lead)
        for lead in self._wanted - self._kept.keys() - own:
            if lead in self._tasks:
                self._begin(lead)

    def _begin(self, lead: Place) -> None:
        stage, place = self._tasks[lead]
        one = TaskState(stage, place)
        if self._opening.try_open(one):
            self._kept[lead] = one
            self._changelogs.follow(place, one.position)

    def _drop(self, lead: Place) -> None:
        one = self._kept.pop(lead)
        self._changelogs.leave(one.place)
        one.close()
