"""kafka-consumer-groups: list, describe and delete consumer groups, reset and delete offsets.

Apache Kafka: org.apache.kafka.tools.consumer.group.ConsumerGroupCommand, 4.3.1. It ends with
exit code 0 after nearly every failure at run time, and so does this.
"""

from __future__ import annotations

import sys
from typing import NoReturn

from moldau.client.admin import Admin
from moldau.client.errors import KafkaError, Refused
from moldau.client.groups import (
    Group,
    GroupDescription,
    delete_groups,
    describe_group,
    list_consumer_groups,
)
from moldau.client.near_names import nearest
from moldau.client.offsets import (
    LATEST,
    commit_offsets,
    committed_offsets,
    delete_offsets,
    list_offsets,
)
from moldau.client.topics import describe_topics
from moldau.protocol.errors import ErrorCode
from moldau.tools import group_tables as tables
from moldau.tools.frame import Stop, Tool, admin_properties, notice_of, run
from moldau.tools.java_maps import copied_order, hash_order, string_hash
from moldau.tools.options import BadOption, Option, Parsed, Parser
from moldau.tools.reset_csv import export_csv
from moldau.tools.reset_offsets import (
    SCENARIOS,
    BadArgument,
    Plan,
    Reset,
    advice_on,
    parse_topic_partitions,
    wrapped,
)

TopicPartition = tuple[str, int]
_ACTIONS = ("list", "describe", "delete", "reset-offsets", "delete-offsets", "validate-regex")
_GROUP_LEVEL = ("list", "describe", "delete", "reset-offsets")
_STATES = (
    "PreparingRebalance",
    "CompletingRebalance",
    "Stable",
    "Dead",
    "Empty",
    "Assigning",
    "Reconciling",
)
_TYPES = ("Classic", "Consumer")
_NO_EXECUTE = (
    "WARN: No action will be performed as the --execute option is missing. In version 5.0, this "
    "command will require either --dry-run or --execute to be specified. You should add the "
    "--dry-run option explicitly if you are scripting this command and want to keep the current "
    "default behavior without prompting."
)

TOOL = Tool(
    "kafka-consumer-groups",
    "This tool helps to list all consumer groups, describe a consumer group, delete consumer "
    "group info, or reset consumer group offsets.",
    Parser(
        Option("bootstrap-server", "REQUIRED: Brokers to ask.", "String", "server to connect to"),
        Option(
            "command-config",
            "Properties of the client, from a file.",
            "String",
            "command config property file",
        ),
        Option("group", "The group, more than one by repetition.", "String", "consumer group"),
        Option("all-groups", "All groups."),
        Option(
            "topic",
            "The topic whose offsets are reset or deleted, more than one by repetition; "
            "`topic:0,1,2` for some of its partitions.",
            "String",
            "topic",
        ),
        Option("all-topics", "Reset the offsets of all topics that the group has committed."),
        Option("list", "List the groups."),
        Option("describe", "Show a group: offsets and lag, members, or state."),
        Option("delete", "Delete groups and all that they have committed."),
        Option("reset-offsets", "Set a group's offsets; it must have no active members."),
        Option("delete-offsets", "Delete a group's offsets of some topics."),
        Option("dry-run", "With reset-offsets: only show what would be done (the default)."),
        Option("execute", "With reset-offsets: do it."),
        Option("export", "With reset-offsets: write the result as CSV."),
        Option("to-offset", "Reset to this offset.", "Long", "offset"),
        Option("from-file", "Reset to what a CSV file says.", "String", "path to CSV file"),
        Option(
            "to-datetime",
            "Reset to the first record of a time: 'YYYY-MM-DDThh:mm:ss.sss'.",
            "String",
            "datetime",
        ),
        Option(
            "by-duration",
            "Reset to the first record of a time so long ago: 'PnDTnHnMnS'.",
            "String",
            "duration",
        ),
        Option("to-earliest", "Reset to the beginning."),
        Option("to-latest", "Reset to the end."),
        Option("to-current", "Reset to what is committed, or to the end."),
        Option("shift-by", "Reset by so many, forward or back.", "Long", "number-of-offsets"),
        Option("members", "Describe the members.", only_with=("describe",)),
        Option("offsets", "Describe offsets and lag (the default).", only_with=("describe",)),
        Option("verbose", "Describe more.", only_with=("describe",)),
        Option(
            "state",
            "Describe the state; with list: show it, or only groups in some states.",
            "String",
            optional=True,
            only_with=("describe", "list"),
        ),
        Option(
            "type",
            "With list: show the type, or only groups of some types.",
            "String",
            optional=True,
            only_with=("list",),
        ),
        Option("timeout", "How long one question may take.", "Long", "timeout (ms)", "30000"),
        Option("validate-regex", "Is this a pattern that brokers take (RE2)?", "String", "regex"),
    ),
)


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    try:
        options = TOOL.parse(argv)
    except BadOption as error:
        TOOL.refuse(str(error), TOOL.bad_option(error))
    _check(options)
    if options.has("validate-regex"):
        return _validate_regex(options.values("validate-regex"))
    try:
        _run(options)
    except BadArgument as error:
        TOOL.usage(str(error))
    except BadOption as error:
        _failed(str(error), TOOL.bad_option(error))
    except KafkaError as error:
        _failed(error.message, advice_on(error))
    return 0


def _failed(message: str, advice: str) -> NoReturn:
    print(f"\nError: Executing consumer group command failed due to {message}")
    raise Stop(f"{TOOL.name}: {advice}", code=0)


def _run(options: Parsed) -> None:
    try:
        properties = admin_properties(options)
    except KafkaError as error:
        raise KafkaError(error.in_java, error.advice) from None
    servers = options.value("bootstrap-server") or ""
    admin = Admin(servers, properties, notice_of(TOOL.name))
    options.numbers("to-offset")
    for name in ("by-duration", "shift-by", "timeout"):
        options.value(name)
    for name in ("shift-by", "timeout"):
        options.number(name)
    with admin:
        command = Command(admin, options)
        action = next(name for name in _ACTIONS if options.has(name))
        {
            "list": command.list_groups,
            "describe": command.describe,
            "delete": command.delete,
            "reset-offsets": command.reset,
            "delete-offsets": command.delete_offsets,
        }[action]()


def _validate_regex(patterns: list[str]) -> int:
    from moldau.tools.re2_syntax import re2_error

    if len(patterns) > 1:
        TOOL.usage("Found multiple arguments for option validate-regex, but you asked for only one")
    error = re2_error(patterns[0])
    verdict = "valid." if error is None else f"invalid: {error}."
    print(f"The regular expression `{patterns[0]}` is {verdict}")
    return 0


# --- the command line


def _check(options: Parsed) -> None:
    if not options.has("validate-regex"):
        TOOL.require(options, "bootstrap-server")
    if options.has("describe"):
        _check_describe(options)
    if options.has("delete"):
        _need_groups(options, "delete")
        if options.has("topic"):
            TOOL.usage(
                "The consumer does not support topic-specific offset deletion from a consumer "
                "group.",
                "Use --delete-offsets --group GROUP --topic TOPIC.",
            )
    if options.has("delete-offsets") and not (options.has("group") and options.has("topic")):
        TOOL.usage(
            "Option [delete-offsets] takes the following options: [group], [topic]",
            "Add --group GROUP --topic TOPIC.",
        )
    if options.has("reset-offsets"):
        _check_reset(options)
    TOOL.exclude(options, "group", ("all-groups", "list"))
    TOOL.exclude(options, "topic", ("list", "describe"))
    if sum(options.has(action) for action in _ACTIONS) != 1:
        listed = ", ".join(f"--{action}" for action in _ACTIONS)
        TOOL.usage(
            f"Command must include exactly one action: {listed}",
            "Give one of them; for instance --list, or --describe --group GROUP.",
        )


def _need_groups(options: Parsed, action: str) -> None:
    if not options.has("group") and not options.has("all-groups"):
        TOOL.usage(
            f"Option [{action}] takes one of these options: [all-groups], [group]",
            "Add --group GROUP, or --all-groups.",
        )


def _check_describe(options: Parsed) -> None:
    _need_groups(options, "describe")
    if sum(options.has(name) for name in ("members", "offsets", "state")) > 1:
        TOOL.usage(
            "Option [describe] takes at most one of these options: [members], [offsets], [state]",
            "Describe one after the other.",
        )
    if options.has("state") and options.values("state"):
        TOOL.usage(
            "Option [describe] does not take a value for [state]",
            "States can be chosen with --list.",
        )


def _check_reset(options: Parsed) -> None:
    if options.has("dry-run") and options.has("execute"):
        TOOL.usage(
            "Option [reset-offsets] only accepts one of [execute] and [dry-run]",
            "Leave out --dry-run to do it, --execute to only see it.",
        )
    if not options.has("dry-run") and not options.has("execute"):
        print(_NO_EXECUTE, file=sys.stderr)
    _need_groups(options, "reset-offsets")
    for scenario in SCENARIOS:
        TOOL.exclude(options, scenario, (other for other in SCENARIOS if other != scenario))


# --- the actions


class Command:
    """One run against a cluster."""

    def __init__(self, admin: Admin, options: Parsed) -> None:
        self._admin = admin
        self._options = options
        self._timeout_ms = options.number("timeout") or 0

    def list_groups(self) -> None:
        options = self._options
        if not options.has("type") and not options.has("state"):
            for group in self._all_groups():
                print(group)
            return
        states = _chosen(options.value("state"), _STATES, "state list", "states")
        types = _chosen(options.value("type"), _TYPES, "types list", "types")
        groups = hash_order(self._listed(states, types), lambda group: string_hash(group.id))
        tables.print_listing(groups, options.has("type"), options.has("state"))

    def _listed(self, states: list[str], types: list[str]) -> list[Group]:
        try:
            return list_consumer_groups(self._admin, states, types, self._timeout_ms)
        except KafkaError as error:
            raise KafkaError(error.in_java, error.advice or str(error)) from None

    def _all_groups(self) -> list[str]:
        try:
            groups = list_consumer_groups(self._admin, timeout_ms=self._timeout_ms)
        except KafkaError as error:
            raise wrapped(error) from None
        return hash_order([group.id for group in groups], string_hash)

    def _chosen_groups(self) -> list[str]:
        """In the order in which Java's client gives them: what is wrong with the first is told."""
        everyone = self._options.has("all-groups")
        groups = self._all_groups() if everyone else self._options.values("group")
        return copied_order(dict.fromkeys(groups), string_hash)

    def describe(self) -> None:
        options, verbose = self._options, self._options.has("verbose")
        groups = sorted(self._described(group) for group in self._chosen_groups())
        if options.has("members"):
            for group in groups:
                # Kafka's tool shows the head of this table for an empty group, too.
                _is_shown(group, len(group.members))
                tables.print_members(group, verbose)
        elif options.has("state"):
            for group in groups:
                if _is_shown(group, 1):
                    tables.print_state(group, verbose)
        else:
            for group, rows in [(group, self._offset_rows(group)) for group in groups]:
                if _is_shown(group, len(rows)):
                    tables.print_offsets(rows, verbose)

    def _described(self, group: str) -> GroupDescription:
        try:
            return describe_group(self._admin, group, self._timeout_ms)
        except KafkaError as error:
            raise KafkaError(error.in_java, error.advice or self._missing(error, group)) from None

    def _missing(self, error: KafkaError, group: str) -> str:
        if not (isinstance(error, Refused) and error.code is ErrorCode.GROUP_ID_NOT_FOUND):
            return str(error)
        near = nearest(group, self._all_groups())
        if near:
            return f"There is no group {group!r}; did you mean {near!r}?"
        return f"There is no group {group!r}; --list shows the groups that there are."

    def _offset_rows(self, group: GroupDescription) -> list[tables.OffsetRow]:
        """Members with most partitions first, then what is committed but assigned to nobody."""
        try:
            committed = committed_offsets(self._admin, group.id, self._timeout_ms)
            owners: list[tuple[list[TopicPartition], str, str, str]] = [
                (sorted(m.partitions), m.id, m.host, m.client_id)
                for m in sorted(group.members, key=lambda m: -len(m.partitions))
                if m.partitions
            ]
            owned = {partition for partitions, *_ in owners for partition in partitions}
            free = [partition for partition in committed if partition not in owned]
            owners.append((free, tables.MISSING, tables.MISSING, tables.MISSING))
            ends = self._log_ends(sorted(owned | set(free)))
        except KafkaError as error:
            raise wrapped(error) from None
        rows = []
        for partitions, member, host, client in owners:
            for topic, index in partitions:
                known = committed.get((topic, index))
                rows.append(
                    tables.OffsetRow(
                        group.id,
                        topic,
                        index,
                        known.leader_epoch if known else None,
                        known.offset if known else None,
                        ends.get((topic, index)),
                        member,
                        host,
                        client,
                    )
                )
        return rows

    def _log_ends(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """The ends of those that have a leader."""
        topics = sorted({topic for topic, _ in partitions})
        described = describe_topics(self._admin, topics, timeout_ms=self._timeout_ms)
        leaderless = {(t.name, p.id) for t in described for p in t.partitions if p.leader < 0}
        led = [partition for partition in partitions if partition not in leaderless]
        return list_offsets(self._admin, led, LATEST, self._timeout_ms)

    def delete(self) -> None:
        found = delete_groups(self._admin, self._chosen_groups(), self._timeout_ms)
        results = {group: found[group] for group in hash_order(found, string_hash)}
        done = ", ".join(f"'{group}'" for group, error in results.items() if error is None)
        failed = {group: error for group, error in results.items() if error is not None}
        if not failed:
            print(f"Deletion of requested consumer groups ({done}) was successful.")
            return
        print("\nError: Deletion of some consumer groups failed:")
        for group, error in failed.items():
            print(f"* Group '{group}' could not be deleted due to: {error.in_java}")
        if done:
            print(f"\nThese consumer groups were deleted successfully: {done}")
        raise Stop(f"{TOOL.name}: {self._why_not_deleted(failed)}", code=0)

    def _why_not_deleted(self, failed: dict[str, KafkaError]) -> str:
        for error in failed.values():
            if isinstance(error, Refused) and error.code is ErrorCode.NON_EMPTY_GROUP:
                return "Stop the group's consumers, or wait until their sessions have ended."
        group, error = next(iter(failed.items()))
        return self._missing(error, group)

    def reset(self) -> None:
        plans: dict[str, Plan] = {}
        live: list[str] = []
        for group in self._chosen_groups():
            state = self._state(group)
            if state in ("Empty", "Dead"):
                plans[group] = self._reset_group(group)
            else:
                print(
                    f"\nError: Assignments can only be reset if the group '{group}' is inactive, "
                    f"but the current state is {state}."
                )
                plans[group] = {}
                live.append(group)
        plans = {group: plans[group] for group in hash_order(plans, string_hash)}
        if self._options.has("export"):
            print(export_csv(plans, len(self._options.values("group")) == 1))
        else:
            tables.print_new_offsets(plans)
        if live:
            names = ", ".join(live)
            raise Stop(f"{TOOL.name}: stop the consumers of {names} first.", code=0)

    def _state(self, group: str) -> str:
        """A group that is not there yet counts as Dead: its offsets can be set."""
        try:
            return describe_group(self._admin, group, self._timeout_ms).state
        except KafkaError as error:
            if isinstance(error, Refused) and error.code is ErrorCode.GROUP_ID_NOT_FOUND:
                return "Dead"
            raise wrapped(error) from None

    def _reset_group(self, group: str) -> Plan:
        plan = Reset(self._admin, self._options, self._timeout_ms).plan(group)
        if self._options.has("execute") and plan:
            commit_offsets(self._admin, group, plan, self._timeout_ms)
        return plan

    def delete_offsets(self) -> None:
        group = self._options.value("group") or ""
        results: dict[TopicPartition, str | None] = {}
        partitions = self._partitions_of_topics(results)
        whole: KafkaError | None = None
        try:
            codes = delete_offsets(self._admin, group, partitions, self._timeout_ms)
        except KafkaError as error:
            whole = error
            results.update(dict.fromkeys(partitions, error.in_java))
        else:
            failed = {tp: Refused(codes[tp]) for tp in partitions if codes.get(tp)}
            results.update({tp: failed[tp].in_java if tp in failed else None for tp in partitions})
            whole = next(iter(failed.values()), None)
        _say_deleted(group, whole)
        tables.print_deletions(results)
        bad = next((error for error in results.values() if error), None)
        if bad:
            raise Stop(f"{TOOL.name}: {bad.partition(': ')[2]}", code=0)

    def _partitions_of_topics(
        self, results: dict[TopicPartition, str | None]
    ) -> list[TopicPartition]:
        """What --topic names; topics that are not there are noted in the results."""
        partitions: set[TopicPartition] = set()
        for argument in self._options.values("topic"):
            if ":" in argument:
                partitions.update(parse_topic_partitions(argument))
                continue
            try:
                topics = describe_topics(self._admin, [argument], timeout_ms=self._timeout_ms)
            except KafkaError as error:
                results[argument, -1] = error.in_java
            else:
                partitions.update((topic.name, p.id) for topic in topics for p in topic.partitions)
        return sorted(partitions)


def _say_deleted(group: str, error: KafkaError | None) -> None:
    if error is None:
        print(f"Request succeeded for deleting offsets from group {group}.")
        return
    code = error.code if isinstance(error, Refused) else ErrorCode.REQUEST_TIMED_OUT
    if code in (
        ErrorCode.INVALID_GROUP_ID,
        ErrorCode.GROUP_ID_NOT_FOUND,
        ErrorCode.GROUP_AUTHORIZATION_FAILED,
        ErrorCode.NON_EMPTY_GROUP,
    ):
        print(f"\nError: {error.message}")
    elif code in (
        ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC,
        ErrorCode.TOPIC_AUTHORIZATION_FAILED,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ):
        print("\nError: Encountered some partition-level error, see the follow-up details.")
    else:
        print(f"\nError: Encountered some unknown error: {code.name}")


def _chosen(text: str | None, known: tuple[str, ...], what: str, plural: str) -> list[str]:
    """`stable,empty` as the broker names them. Raises BadArgument."""
    if not text:
        return []
    by_name = {name.lower(): name for name in known}
    words = [word.strip().lower() for word in text.split(",")]
    if not all(word in by_name for word in words):
        shown = text.lower() if plural == "types" else text
        raise BadArgument(f"Invalid {what} '{shown}'. Valid {plural} are: {', '.join(known)}")
    return [by_name[word] for word in words]


def _is_shown(group: GroupDescription, rows: int) -> bool:
    """Says on stderr what the state means; whether there is a table to show."""
    if group.state == "Dead":
        print(f"\nError: Consumer group '{group.id}' does not exist.")
        return False
    if group.state == "Empty":
        print(f"\nConsumer group '{group.id}' has no active members.", file=sys.stderr)
    elif group.state in ("PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling"):
        print(f"\nWarning: Consumer group '{group.id}' is rebalancing.", file=sys.stderr)
    elif group.state != "Stable":
        raise KafkaError(
            f"Expected a valid consumer group state, but found '{group.state or 'Unknown'}'."
        )
    return rows > 0
