"""What a checkpoint is: how outputs, changelogs and positions come to be true together.

At least once, one after the other: what was made, then the changelogs, then the positions.
Exactly once, all of it is one Kafka transaction (KIP-98), and the group's generation goes with the
positions, so that a worker whose partitions were given to another cannot commit (KIP-447).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moldau.streams.app import App
from moldau.streams.engine.counts import Counts
from moldau.streams.running.at_least_once import AtLeastOnce
from moldau.streams.running.exactly_once import ExactlyOnce
from moldau.streams.running.patience import Patience


def guarantee(
    app: App,
    slot: int,
    say: Callable[[str], None],
    patience: Patience | None = None,
    counts: Counts | None = None,
    **settings: Any,
) -> AtLeastOnce:
    """`slot`: of the processes of this machine, which one. `counts`: where refused outputs are
    counted. `settings`: of its producer, besides."""
    patience = patience or Patience()
    if app.guarantee == "exactly_once":
        return ExactlyOnce(app, slot, say, patience, counts, **settings)
    return AtLeastOnce(app, patience, counts, **settings)
