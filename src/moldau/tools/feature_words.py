"""Releases and features as words: what goes with a release, and what a feature needs.

Apache Kafka: org.apache.kafka.tools.FeatureCommand and kafka.tools.StorageTool, 4.3.1.
"""

from __future__ import annotations

from collections.abc import Iterable

from moldau.client.feature_levels import (
    FEATURES,
    LATEST,
    METADATA_VERSION,
    NEEDS,
    UnknownLevel,
    default_level,
    metadata_level,
    release_of,
)
from moldau.tools.java_text import parse_int

_SEE_MAPPING = "`kafka-features version-mapping` shows the newest; levels begin at 7 (3.3-IV3)."


class Refusal(Exception):
    """What was wrong, and what to do."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice or message


def print_mapping(release: object) -> None:
    """The features that go with a release (None: the latest). Raises Refusal."""
    version = str(release or LATEST)
    level = level_of_release(version)
    print(f"{METADATA_VERSION}={level} ({version})")
    for feature in FEATURES:
        print(f"{feature}={default_level(feature, level)}")


def print_dependencies(features: Iterable[str]) -> None:
    """What each NAME=LEVEL needs. Raises Refusal."""
    for text in features:
        name, level = name_and_level(text)
        if name == METADATA_VERSION:
            release = release_of(level)
            if release is None:
                raise Refusal(f"Unknown metadata.version {level}", _SEE_MAPPING)
            print(f"{name}={level} ({release}) has no dependencies.")
            continue
        if name not in FEATURES:
            raise Refusal(f"Unknown feature: {name}", f"There are {', '.join(FEATURES)}.")
        if not 0 <= level < len(FEATURES[name]):
            raise Refusal(
                f"No feature:{name} with feature level {level}",
                f"It has the levels 0 to {len(FEATURES[name]) - 1}.",
            )
        _print_needs(name, level)


def _print_needs(name: str, level: int) -> None:
    needs = NEEDS.get((name, level))
    if not needs:
        print(f"{name}={level} has no dependencies.")
        return
    print(f"{name}={level} requires:")
    for other, least in needs.items():
        release = f" ({release_of(least)})" if other == METADATA_VERSION else ""
        print(f"    {other}={least}{release}")


def level_of_release(version: str) -> int:
    try:
        return metadata_level(version)
    except UnknownLevel as error:
        raise Refusal(str(error), f"Say for instance {LATEST}.") from None


def name_and_level(text: str) -> tuple[str, int]:
    name, equals, level = text.partition("=")
    if not equals:
        raise Refusal(
            f"Can't parse feature=level string {text}: equals sign not found.",
            "Write it as NAME=LEVEL, for instance group.version=1.",
        )
    number = parse_int(level.strip())
    if number is None or number >> 15 not in (0, -1):
        raise Refusal(
            f"Can't parse feature=level string {text}: unable to parse {level.strip()} as a short.",
            "A level is a small number, such as 1.",
        )
    return name.strip(), number
