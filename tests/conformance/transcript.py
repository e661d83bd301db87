"""Stories of groups as transcripts: who asks what, and what Apache Kafka answers.

    a join
      error_code=MEMBER_ID_REQUIRED member_id=a
    a join
      generation_id=1 protocol_name=range leader=a member_id=a members=[{member_id=a ...}]

Lines that are indented are answers, written by `make conformance ARGS=--rewrite`: fields that have
their default are left out, and ids are the names of whom they were given to. Where ours answers
otherwise on purpose, `theirs` and `ours` stand on lines of their own. So transcripts are read by
people, told to both brokers where there is Java, and to ours alone everywhere.

A command is a name, a verb and its options. `&` at its end does not wait for the answer, which is
then `NAME answer`; `pause SECONDS` lets time pass, and `pause until STATE` what it takes the group
to be in it; `a gone` closes its connection. A name that nobody has joined under stands for itself;
g is the group and t and u are topics with two partitions.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from moldau.protocol.schema import Field, Message, Struct
from tests.conformance.both import ANSWER_S, Both, Pair, Waiting
from tests.conformance.compare import UNORDERED, UUID, Difference, shown
from tests.conformance.requests import UNKNOWN_ID, name_of, request

FOLDER = Path(__file__).with_name("groups")
# A subscription to one topic, as consumers put it into their metadata (ConsumerProtocol).
_BEFORE_TOPIC, _AFTER_TOPIC = b"\0\0\0\0\0\1", bytes(4)
PARKED_S = 0.3  # who has not answered by then waits


def commands(text: str) -> list[str]:
    """The lines that are told."""
    return [line for line in text.splitlines() if line.strip() and line[0] not in " #"]


def told(both: Both, text: str) -> str:
    """The transcript with the answers of today."""
    stage = Stage(both)
    lines: list[str] = []
    known = text.splitlines()
    for line, next_line in zip(known, [*known[1:], ""], strict=True):
        if line.startswith(" "):
            continue
        lines.append(line)
        if line.strip() and not line.startswith("#"):
            # What is known to be answered is waited for, on a busy machine too.
            parked_s = ANSWER_S if next_line.strip() == "answers" else PARKED_S
            lines += [f"  {answer}" for answer in stage.tell(line, parked_s)]
    return "\n".join(lines) + "\n"


def of_ours(text: str) -> str:
    """A transcript as ours tells it."""
    kept = [line for line in text.splitlines() if not line.startswith("  theirs: ")]
    return "\n".join(line.replace("  ours: ", "  ", 1) for line in kept) + "\n"


class Member:
    """One who takes part: a client, and what it was told when it joined."""

    def __init__(self, name: str, client: Both) -> None:
        self.name = name
        self.client = client
        self.id: Pair | str = ""
        self.generation = -1
        self.waiting: Waiting | None = None


class Stage:
    """The group, its topics, and who is there."""

    def __init__(self, both: Both) -> None:
        self.both = both
        self.names = {both.group(): "g", both.topic(2): "t", both.topic(2): "u"}
        self.real = {alias: name for name, alias in self.names.items()}
        self.topic_ids = {alias: both.topic_id(self.real[alias]) for alias in "tu"}
        for alias, ids in self.topic_ids.items():
            self.names |= {topic_id.hex(): f"id-of-{alias}" for topic_id in (ids.theirs, ids.ours)}
        self.subscriptions = {self.subscription(alias): f"to-{alias}" for alias in "tu"}
        self.members: dict[str, Member] = {}

    def tell(self, line: str, parked_s: float) -> list[str]:
        words = shlex.split(line)
        if words[0] == "pause":
            self.pause(*words[1:])
            return []
        member = self.members.get(words[0])
        if member is None:
            member = Member(words[0], self.both.connect(words[0]))
            self.members[words[0]] = member
        if words[1] == "gone":
            member.client.close()
            return []
        options = dict(word.split("=", 1) for word in words[2:] if word != "&")
        if words[1] == "answer":
            return self.answer(member, **options)
        version = options.pop("version", None)
        api, fields = getattr(self, words[1].replace("-", "_"))(member, **options)
        member.waiting = member.client.send(
            api, None if version is None else int(version), **fields
        )
        return self.parked(member, parked_s) if words[-1] == "&" else self.answer(member)

    def pause(self, how_long: str, state: str = "") -> None:
        if not state:
            time.sleep(float(how_long))
            return
        asked = request("DescribeGroups", groups=[self.real["g"]])
        self.both.until(asked, lambda answer: bool(answer.groups[0].group_state == state))

    def parked(self, member: Member, wait_s: float) -> list[str]:
        assert member.waiting is not None
        parked = member.waiting.is_parked(wait_s)
        says = parked.map(lambda waits: "waits" if waits else "answers")
        if says.theirs != says.ours:
            name = name_of(member.waiting.asked)
            self.both.judge.note(Difference(name, "", says.theirs, says.ours))
        return _lines(says)

    def answer(self, member: Member, within: str = "") -> list[str]:
        assert member.waiting is not None, f"{member.name} has asked nothing"
        waiting, member.waiting = member.waiting, None
        answers = waiting.answer(within_s=float(within) if within else None)
        answer = answers.ours if isinstance(answers.ours, Struct) else answers.theirs
        if name_of(waiting.asked) == "JoinGroup" and isinstance(answer, Struct):
            self.joined(member, answers)
        return _lines(answers.map(lambda one: self.said(one, waiting.version)))

    def joined(self, member: Member, answers: Pair) -> None:
        if isinstance(answers.theirs, str) or isinstance(answers.ours, str):
            return
        if answers.ours.member_id:
            member.id = answers.member_id
            for given in (answers.theirs.member_id, answers.ours.member_id):
                self.names.setdefault(given, member.name)
        if not answers.ours.error_code:
            member.generation = answers.ours.generation_id

    # --- what is asked ------------------------------------------------------------------------

    Asked = tuple[str, dict[str, Any]]

    def name(self, alias: str) -> str:
        return self.real.get(alias, alias)

    def group(self, alias: str) -> str:
        """Every group is this story's own, but the nameless one."""
        if alias and alias not in self.real:
            self.real[alias] = f"{self.real['g']}-{alias}"
            self.names[self.real[alias]] = alias
        return self.real.get(alias, "")

    def id(self, name: str) -> Pair | str:
        return self.members[name].id if name in self.members else name

    def subscription(self, alias: str) -> bytes:
        return _BEFORE_TOPIC + _sized(self.name(alias)) + _AFTER_TOPIC

    def topic(self, alias: str) -> dict[str, Any]:
        """By name and by id, for all versions."""
        return {"name": self.name(alias), "topic_id": self.topic_ids.get(alias, UNKNOWN_ID)}

    def join(
        self,
        who: Member,
        *,
        group: str = "g",
        member: str | None = None,
        instance: str | None = None,
        type: str = "consumer",
        protocols: str = "range",
        session: str = "30000",
        rebalance: str = "5000",
        topic: str = "t",
        reason: str | None = None,
    ) -> Asked:
        metadata = self.subscription(topic)
        return "JoinGroup", {
            "group_id": self.group(group),
            "session_timeout_ms": int(session),
            "rebalance_timeout_ms": int(rebalance),
            "member_id": who.id if member is None else self.id(member),
            "group_instance_id": instance,
            "protocol_type": type,
            "protocols": [
                {"name": name, "metadata": metadata} for name in protocols.split(",") if name
            ],
            "reason": reason,
        }

    def member(
        self, who: Member, group: str, member: str | None, instance: str | None, generation: str
    ) -> dict[str, Any]:
        return {
            "group_id": self.group(group),
            "generation_id": int(generation)
            if generation
            else self.members.get(member or who.name, who).generation,
            "member_id": who.id if member is None else self.id(member),
            "group_instance_id": instance,
        }

    def sync(
        self,
        who: Member,
        *,
        group: str = "g",
        member: str | None = None,
        instance: str | None = None,
        generation: str = "",
        type: str | None = "consumer",
        protocol: str | None = "range",
        gives: str = "",
    ) -> Asked:
        """`gives=a:x,b:y`: the leader's assignment."""
        pairs = [one.split(":") for one in gives.split(",") if one]
        assignments = [
            {"member_id": self.id(to), "assignment": part.encode()} for to, part in pairs
        ]
        return "SyncGroup", {
            **self.member(who, group, member, instance, generation),
            "protocol_type": type or None,
            "protocol_name": protocol or None,
            "assignments": assignments,
        }

    def heartbeat(
        self,
        who: Member,
        *,
        group: str = "g",
        member: str | None = None,
        instance: str | None = None,
        generation: str = "",
    ) -> Asked:
        return "Heartbeat", self.member(who, group, member, instance, generation)

    def leave(self, who: Member, *, group: str = "g", who_leaves: str | None = None) -> Asked:
        """`who_leaves=a,:i,b:j`: members, instances, or both."""
        wanted = [one.partition(":") for one in (who_leaves or who.name).split(",")]
        ids = [(self.id(name) if name else "", instance or None) for name, _, instance in wanted]
        return "LeaveGroup", {
            "group_id": self.group(group),
            "member_id": ids[0][0],
            "members": [{"member_id": m, "group_instance_id": i} for m, i in ids],
        }

    def commit(
        self,
        who: Member,
        *,
        group: str = "g",
        member: str | None = None,
        instance: str | None = None,
        generation: str = "",
        at: str = "t-0:7",
        metadata: str = "",
        retention: str = "-1",
    ) -> Asked:
        """`at=t-0:7,u-1:5`: the offsets."""
        identity = self.member(who, group, member, instance, generation)
        identity["generation_id_or_member_epoch"] = identity.pop("generation_id")
        topics: dict[str, list[dict[str, Any]]] = {}
        for topic, partition, offset in map(_place, at.split(",")):
            wanted = {
                "partition_index": int(partition),
                "committed_offset": int(offset),
                "committed_leader_epoch": 0,
                "committed_metadata": metadata * 1025 if metadata == "long" else metadata,
            }
            topics.setdefault(topic, []).append(wanted)
        named = [{**self.topic(name), "partitions": parts} for name, parts in topics.items()]
        return "OffsetCommit", {**identity, "topics": named, "retention_time_ms": int(retention)}

    def committed(self, who: Member, *, groups: str = "g", at: str = "t-0,t-1") -> Asked:
        """`at=` is all that there is."""
        places = [one.rpartition("-") for one in at.split(",") if one]
        topics: dict[str, list[int]] = {}
        for topic, _, index in places:
            topics.setdefault(topic, []).append(int(index))
        named = [{**self.topic(name), "partition_indexes": one} for name, one in topics.items()]
        old = [
            {"name": one["name"], "partition_indexes": one["partition_indexes"]} for one in named
        ]
        ids = [self.group(group) for group in groups.split(",")]
        return "OffsetFetch", {
            "group_id": ids[0],
            "topics": old if at else None,
            "groups": [{"group_id": one, "topics": named if at else None} for one in ids],
        }

    def forget(self, who: Member, *, group: str = "g", at: str = "t-0") -> Asked:
        """OffsetDelete."""
        places = [one.rpartition("-") for one in at.split(",")]
        topics = [
            {"name": self.name(topic), "partitions": [{"partition_index": int(index)}]}
            for topic, _, index in places
        ]
        return "OffsetDelete", {"group_id": self.group(group), "topics": topics}

    def describe(self, who: Member, *, groups: str = "g") -> Asked:
        return "DescribeGroups", {
            "groups": [self.group(group) for group in groups.split(",")],
            "include_authorized_operations": True,
        }

    def delete(self, who: Member, *, groups: str = "g") -> Asked:
        return "DeleteGroups", {"groups_names": [self.group(group) for group in groups.split(",")]}

    # --- how answers are written --------------------------------------------------------------

    def said(self, answer: Any, version: int) -> str:
        if not isinstance(answer, Message):
            return str(answer)
        return " ".join(self.fields(answer, version, name_of(answer))) or "ok"

    def fields(self, value: Struct, version: int, path: str) -> Iterator[str]:
        """What differs from the default, and is not about throttling."""
        for field in type(value).fields:
            item = getattr(value, field.name)
            if field.carried_in(version) and field.name != "throttle_time_ms":
                if item == field.default or (item == [] and field.default is None):
                    continue
                yield f"{field.name}={self.value(field, item, version, f'{path}.{field.name}')}"

    def value(self, field: Field, value: Any, version: int, path: str) -> str:
        if isinstance(value, Struct):
            return f"{{{' '.join(self.fields(value, version, path))}}}"
        if isinstance(value, list):
            items = [self.value(field, item, version, path) for item in value]
            return f"[{', '.join(sorted(items) if path in UNORDERED else items)}]"
        if isinstance(value, bytes | memoryview) and field.kind != "uuid":
            text = "".join(chr(c) if 32 < c < 127 else "." for c in bytes(value))
            return self.subscriptions.get(bytes(value), text)
        return self.named(shown(field.name, value))

    def named(self, text: str) -> str:
        """With the names of the story. An id that nobody was told yet is its client's and `*`."""
        for real in sorted(self.names, key=len, reverse=True):
            text = text.replace(real, self.names[real])
        return UUID.sub("*", text)


def _lines(says: Pair) -> list[str]:
    if says.theirs == says.ours:
        return [str(says.ours)]
    return [f"theirs: {says.theirs}", f"ours: {says.ours}"]


def _sized(text: str) -> bytes:
    return len(text.encode()).to_bytes(2, "big") + text.encode()


def _place(text: str) -> tuple[str, str, str]:
    """`t-0:7`"""
    where, _, offset = text.partition(":")
    topic, _, partition = where.rpartition("-")
    return topic, partition, offset


def stories() -> Mapping[str, Path]:
    return {path.stem: path for path in sorted(FOLDER.glob("*.txt"))}
