"""Of a config that Kafka does not know, the nearest that it knows."""

from __future__ import annotations

from collections.abc import Iterable

from moldau.client.near_names import nearest


def refused(message: str) -> str | None:
    """A sentence for the broker's, where that is about a name, and another is near."""
    from moldau.protocol.config.group import GROUP
    from moldau.protocol.config.topic import TOPIC

    for kind, names in (("topic", TOPIC), ("group", GROUP)):
        unknown = message.removeprefix(f"Unknown {kind} config name: ")
        near = nearest(unknown, names) if unknown != message else None
        if near:
            return f"There is no {kind} config {unknown!r}; did you mean {near!r}?"
    return None


def doubtful(kind: str, names: Iterable[str]) -> Iterable[str]:
    """A sentence for each that a broker takes though no version of Kafka has it, and another is
    near: for all that it knows, a plug-in reads it."""
    from moldau.protocol.config.broker import BROKER
    from moldau.protocol.config.group import GROUP
    from moldau.protocol.config.history import HISTORIC
    from moldau.protocol.config.topic import TOPIC

    known = {"topic": [*TOPIC], "broker": [*BROKER, *HISTORIC], "group": [*GROUP]}.get(kind, [])
    for name in names:
        near = None if name in known else nearest(name, known)
        if near:
            yield f"Kafka has no {kind} config {name!r}; did you mean {near!r}?"
