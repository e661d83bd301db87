"""What `moldau folder check` found, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from moldau.broker.takeover.contents import Contents
from moldau.broker.takeover.verdict import Reason
from moldau.cluster.image import ResourceType
from moldau.server.folder.as_json import contents_as_json
from moldau.server.folder.check import Findings


def as_text(findings: Findings) -> str:
    lines = [*_head(findings), *_verdict("Moldau", findings.moldau)]
    lines += _verdict("Apache Kafka 4.3", findings.apache)
    if findings.contents is not None:
        lines += _contents(findings.contents)
    return "\n".join(lines)


def _head(findings: Findings) -> Iterator[str]:
    contents = findings.contents
    if contents is None or contents.meta is None:
        yield findings.folder
        return
    stop = "stopped cleanly" if contents.is_clean else "not stopped cleanly"
    if findings.holder is not None:
        stop = "a broker runs on it"
    meta = contents.meta
    yield f"{findings.folder}: node {meta.node_id} of cluster {meta.cluster_id}, {stop}"


def _verdict(who: str, reasons: list[Reason]) -> Iterator[str]:
    if not reasons:
        yield f"{who} can go on with it."
        return
    yield f"{who} cannot go on with it:"
    for reason in reasons:
        yield f"  - {reason}"


def _contents(contents: Contents) -> Iterator[str]:
    stored = contents.metadata
    yield ""
    features = ", ".join(f"{name} {level}" for name, level in sorted(stored.image.features.items()))
    yield f"Features: {features or 'none yet'}"
    quorum = "static" if stored.quorum.kraft_version == 0 else "dynamic"
    voters = ", ".join(map(str, stored.quorum.voter_ids))
    yield f"Quorum: {quorum}, voters {voters or 'not yet known'}"
    snapshots = f"{len(stored.snapshots)} snapshots" if stored.snapshots else "no snapshot"
    yield f"Metadata: up to offset {stored.end_offset}, {size(stored.size)} of log, {snapshots}"
    report = contents_as_json(contents)
    yield from _settings(report)
    kept = report["metadata"]["not_interpreted"]
    if kept:
        named = ", ".join(f"{name} ({count})" for name, count in sorted(kept.items()))
        yield f"Kept as it is: {named}"
    producers = sum(one.producers for one in contents.partitions)
    yield f"Producers: {producers} remembered, next id {stored.image.next_producer_id}"
    yield from _topics(contents)
    yield from _groups(contents)
    yield from _transactional(contents)
    if contents.others:
        yield f"\nDirectories that no topic has: {', '.join(contents.others)}"


def _settings(report: dict[str, Any]) -> Iterator[str]:
    for quota in report["client_quotas"]:
        whom = ", ".join(f"{kind} {name or '(all)'}" for kind, name in quota["entity"].items())
        limits = ", ".join(f"{key}={limit:g}" for key, limit in quota["limits"].items())
        yield f"Quota of {whom}: {limits}"
    for one in report["other_configs"]:
        kind = one["resource_type"].lower().replace("_", " ")
        values = ", ".join(
            f"{key}={'(hidden)' if value is None else value}"
            for key, value in one["configs"].items()
        )
        yield f"Configs of {kind} {one['resource'] or '(all)'}: {values}"


def _topics(contents: Contents) -> Iterator[str]:
    topics = contents.metadata.image.topics
    rows = []
    for name in sorted(topics):
        partitions = [one for one in contents.partitions if one.topic == name]
        configs = contents.metadata.image.config(ResourceType.TOPIC, name)
        rows.append(
            (
                name,
                str(len(partitions)),
                str(sum(one.log_end_offset - one.log_start_offset for one in partitions)),
                size(sum(one.size for one in partitions)),
                ", ".join(f"{key}={value}" for key, value in configs.items()),
            )
        )
    yield f"\nTopics: {len(topics)}"
    yield from _table(("TOPIC", "PARTITIONS", "OFFSETS", "SIZE", "CONFIGS"), rows)


def _groups(contents: Contents) -> Iterator[str]:
    yield f"\nGroups: {len(contents.groups)}"
    rows = [
        (one.id, one.kind, str(one.members), str(one.offsets))
        for one in sorted(contents.groups, key=lambda one: one.id)
    ]
    yield from _table(("GROUP", "PROTOCOL", "MEMBERS", "COMMITTED OFFSETS"), rows)


def _transactional(contents: Contents) -> Iterator[str]:
    states = Counter(one.state for one in contents.transactional)
    named = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    aborted = sum(one.aborted for one in contents.partitions)
    if states or aborted:
        yield f"\nTransactional ids: {named or 'none'}; {aborted} aborted transactions in the logs"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    lines = [head, *rows]
    if len(lines) == 1:
        return
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield ("  " + "  ".join(cells)).rstrip()


def size(count: int) -> str:
    """Bytes, in the largest unit of which there is one."""
    amount, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"
