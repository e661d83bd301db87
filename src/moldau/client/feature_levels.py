"""The levels of features that Apache Kafka 4.3.1 knows, and what they need.

Source: MetadataVersion, Feature and the enums of the features in server-common.
"""

from __future__ import annotations

METADATA_VERSION = "metadata.version"
# From the first that Kafka 4 can start from to the newest that is stable; one behind that is not.
_TABLE = """
    3.3-IV3 3.4-IV0 3.5-IV0 3.5-IV1 3.5-IV2 3.6-IV0 3.6-IV1 3.6-IV2 3.7-IV0 3.7-IV1 3.7-IV2
    3.7-IV3 3.7-IV4 3.8-IV0 3.9-IV0 4.0-IV0 4.0-IV1 4.0-IV2 4.0-IV3 4.1-IV0 4.1-IV1 4.2-IV0
    4.2-IV1 4.3-IV0 4.4-IV0
"""
_RELEASES = _TABLE.split()
_LOWEST = 7
MINIMUM, LATEST = _RELEASES[0], "4.3-IV0"
METADATA_LEVELS = {name: _LOWEST + i for i, name in enumerate(_RELEASES)}
# Of each feature, the release that a new cluster must have to begin at level 0, 1, 2 …
FEATURES = {
    "kraft.version": ("3.3-IV3", "3.9-IV0"),
    "transaction.version": ("3.3-IV3", "4.0-IV2", "4.0-IV2"),
    "group.version": ("3.3-IV3", "4.0-IV0"),
    "eligible.leader.replicas.version": ("3.3-IV3", "4.1-IV0"),
    "share.version": ("3.3-IV3", "4.2-IV0"),
    "streams.version": ("3.3-IV3", "4.2-IV1"),
}
# What a level of a feature needs of others.
NEEDS = {("eligible.leader.replicas.version", 1): {METADATA_VERSION: 23}}


class UnknownLevel(ValueError):
    """The text is Apache Kafka's."""


def metadata_level(version: str) -> int:
    """The level of `3.9`, `3.9.1` or `3.9-IV0`. Raises UnknownLevel."""
    parts = version.split(".")
    name = version if len(parts) <= 2 else ".".join(parts[:2])
    stable = _RELEASES[: _RELEASES.index(LATEST) + 1]
    of_release = [known for known in stable if known.partition("-")[0] == name]
    if name in METADATA_LEVELS:
        return METADATA_LEVELS[name]
    if of_release:
        return METADATA_LEVELS[of_release[-1]]
    raise UnknownLevel(
        f"Unknown metadata.version '{version}'. Supported metadata.version are: "
        + ", ".join(_RELEASES)
    )


def release_of(level: int) -> str | None:
    """The release of a level of metadata.version, if there is one."""
    return next((name for name, known in METADATA_LEVELS.items() if known == level), None)


def default_level(feature: str, metadata: int) -> int:
    """Where a new cluster with this level of metadata.version has the feature."""
    begins = FEATURES[feature]
    return max(i for i, release in enumerate(begins) if METADATA_LEVELS[release] <= metadata)
