"""kafka-features: show, upgrade, downgrade and disable the features of a cluster.

Apache Kafka: org.apache.kafka.tools.FeatureCommand, 4.3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn

from moldau.client.admin import Admin
from moldau.client.errors import KafkaError
from moldau.client.feature_levels import (
    FEATURES,
    LATEST,
    METADATA_VERSION,
    MINIMUM,
    default_level,
    release_of,
)
from moldau.client.features import Direction, Update, describe_features, update_features
from moldau.tools.argparse4j import (
    APPEND,
    STORE_TRUE,
    Argument,
    BadArguments,
    Command,
    HelpWanted,
    OneOf,
    Parser,
)
from moldau.tools.feature_words import (
    Refusal,
    level_of_release,
    name_and_level,
    print_dependencies,
    print_mapping,
)
from moldau.tools.frame import Stop, notice_of, properties_of, run
from moldau.tools.java_maps import hash_order, string_hash

Values = Mapping[str, object]
NAME = "kafka-features"
_RELEASE = (
    "The release version to {} all features to. For example, 3.9-IV0 will set "
    "metadata.version=21 and kraft.version=1. Use the version-mapping command to learn which "
    "features will be set for any given version."
)
_METADATA = "DEPRECATED -- The level to which we should {} the metadata. For example, {}."
_FEATURE = (
    "A feature {} we should perform, in feature=level format. For example: `metadata.version=5`."
)


def _changes(verb: str, example: str) -> tuple[Argument, ...]:
    return (
        Argument(("--metadata",), _METADATA.format(verb, example)),
        Argument(
            ("--release-version",), _RELEASE.format(verb if verb == "downgrade" else "update")
        ),
        Argument(("--feature",), _FEATURE.format(verb), APPEND),
    )


PARSER = Parser(
    NAME,
    "This tool manages feature flags in Kafka.",
    (
        OneOf(
            (
                Argument(
                    ("--bootstrap-server",),
                    "A comma-separated list of host:port pairs to use for establishing the "
                    "connection to the Kafka cluster.",
                ),
                Argument(
                    ("--bootstrap-controller",),
                    "A comma-separated list of host:port pairs to use for establishing the "
                    "connection to the KRaft quorum.",
                ),
            )
        ),
        Argument(
            ("--command-config",), "Property file containing configs to be passed to Admin Client."
        ),
    ),
    (
        Command(
            "describe",
            "Describes the current active feature flags.",
            (
                Argument(
                    ("--node-id",),
                    "The node id to which the requests should be sent. If not specified, the "
                    "requests will be sent to an arbitrary controller/broker.",
                    kind="Integer",
                ),
            ),
        ),
        Command(
            "upgrade",
            "Upgrade one or more feature flags.",
            (
                *_changes("upgrade", "3.3-IV3"),
                Argument(
                    ("--dry-run",), "Validate this upgrade, but do not perform it.", STORE_TRUE
                ),
            ),
        ),
        Command(
            "downgrade",
            "Downgrade one or more feature flags.",
            (
                *_changes("downgrade", "3.3-IV0"),
                Argument(
                    ("--unsafe",),
                    "Perform this downgrade even if it may irreversibly destroy metadata.",
                    STORE_TRUE,
                ),
                Argument(
                    ("--dry-run",), "Validate this downgrade, but do not perform it.", STORE_TRUE
                ),
            ),
        ),
        Command(
            "disable",
            "Disable one or more feature flags. This is the same as downgrading the version to "
            "zero.",
            (
                Argument(("--feature",), "A feature flag to disable.", APPEND),
                Argument(
                    ("--unsafe",),
                    "Disable this feature flag even if it may irreversibly destroy metadata.",
                    STORE_TRUE,
                ),
                Argument(
                    ("--dry-run",), "Perform a dry-run of this disable operation.", STORE_TRUE
                ),
            ),
        ),
        Command(
            "version-mapping",
            "Look up the corresponding features for a given metadata version. Using the command "
            "with no --release-version  argument will return the mapping for the latest stable "
            "metadata version",
            (
                Argument(
                    ("--release-version",),
                    "The release version to use for the corresponding feature mapping. The "
                    f"minimum is {MINIMUM}; the default is {LATEST}",
                ),
            ),
        ),
        Command(
            "feature-dependencies",
            "Look up dependencies for a given feature version. If the feature is not known or "
            "the version not yet defined, an error is thrown. Multiple features can be specified.",
            (
                Argument(
                    ("--feature",),
                    "The feature and version to look up dependencies for, in feature=version "
                    "format. For example: `metadata.version=5`.",
                    APPEND,
                    required=True,
                ),
            ),
        ),
    ),
    shows_defaults=True,
)


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    try:
        values = PARSER.parse(argv)
        _run(values)
    except HelpWanted as wanted:
        print(wanted.text, end="")
    except BadArguments as error:
        near = f" Did you mean {' or '.join(error.near)}?" if error.near else ""
        raise Stop(
            f"Command line error: {error}.", f"{NAME}:{near} `{NAME} --help` says more."
        ) from None
    except Refusal as error:
        raise Stop(str(error), f"{NAME}: {error.advice}") from None
    except KafkaError as error:
        raise Stop(error.message, f"{NAME}: {error.advice or error.message}") from None
    return 0


def _run(values: Values) -> None:
    command = str(values["command"])
    if command in _WITHOUT_CLUSTER:
        _WITHOUT_CLUSTER[command](values)
        return
    path = values["command_config"]
    properties = {} if path is None else properties_of(str(path))
    servers = values["bootstrap_server"] or values["bootstrap_controller"]
    if servers is None:
        raise BadArguments("You must specify either --bootstrap-controller or --bootstrap-server.")
    of_controllers = values["bootstrap_server"] is None
    with Admin(str(servers), properties, notice_of(NAME), controllers=of_controllers) as admin:
        _WITH_CLUSTER[command](admin, values)


# --- what asks a cluster


def _describe(admin: Admin, values: Values) -> None:
    node = values["node_id"]
    assert node is None or isinstance(node, int)
    if node is not None and node < 0:
        raise Refusal(f"Invalid node id {node}: must be non-negative.")
    features = describe_features(admin, node)
    epoch = "-" if features.epoch is None else str(features.epoch)
    for name, (low, high) in sorted(features.supported.items()):
        levels = (low, high, features.finalized.get(name, 0))
        lowest, highest, finalized = (_level(name, level) for level in levels)
        print(
            f"Feature: {name:<40}  SupportedMinVersion: {lowest:<15}  "
            f"SupportedMaxVersion: {highest:<15}  FinalizedVersionLevel: {finalized:<15}  "
            f"Epoch: {epoch}"
        )


def _level(feature: str, level: int) -> str:
    if feature != METADATA_VERSION:
        return str(level)
    return release_of(level) or f"UNKNOWN {level}"


def _upgrade(admin: Admin, values: Values) -> None:
    _update(admin, "upgrade", _updates(values, Direction.UPGRADE), values)


def _downgrade(admin: Admin, values: Values) -> None:
    _update(admin, "downgrade", _updates(values, _downward(values)), values)


def _disable(admin: Admin, values: Values) -> None:
    updates: dict[str, Update] = {}
    for name in _words(values["feature"]):
        _add(updates, name, 0, _downward(values))
    _update(admin, "disable", updates, values)


def _downward(values: Values) -> Direction:
    return Direction.UNSAFE_DOWNGRADE if values["unsafe"] else Direction.SAFE_DOWNGRADE


def _updates(values: Values, direction: Direction) -> dict[str, Update]:
    """What --release-version, or --metadata and --feature say."""
    release, metadata = values["release_version"], values["metadata"]
    updates: dict[str, Update] = {}
    if release is not None:
        if metadata is not None or values["feature"] is not None:
            raise Refusal(
                "Can not specify `release-version` with other feature flags.",
                "Leave out --metadata and --feature: a release sets all features.",
            )
        level = level_of_release(str(release))
        updates[METADATA_VERSION] = Update(level, direction)
        for feature in FEATURES:
            at = default_level(feature, level)
            if direction is not Direction.UPGRADE or at > 0:
                updates[feature] = Update(at, direction)
        return updates
    if metadata is not None:
        print(" `metadata` flag is deprecated and may be removed in a future release.")
        updates[METADATA_VERSION] = Update(level_of_release(str(metadata)), direction)
    for text in _words(values["feature"]):
        _add(updates, *name_and_level(text), direction)
    return updates


def _add(updates: dict[str, Update], name: str, level: int, direction: Direction) -> None:
    if level == 0 and direction is Direction.UPGRADE:
        raise Refusal(
            "The upgradeType flag should be set to SAFE_DOWNGRADE or UNSAFE_DOWNGRADE when the "
            "provided maxVersionLevel:0 is < 1.",
            f"Level 0 is off: `{NAME} disable --feature {name}`.",
        )
    if level < 0:
        raise Refusal("Cannot specify a negative version level.")
    if name in updates:
        raise Refusal(f"Feature {name} was specified more than once.", "Name each once.")
    updates[name] = Update(level, direction)


def _update(admin: Admin, verb: str, updates: dict[str, Update], values: Values) -> None:
    if not updates:
        raise Refusal(
            f"You must specify at least one feature to {verb}",
            "Add --feature NAME" + ("." if verb == "disable" else "=LEVEL, or --release-version."),
        )
    if any(not name.strip() for name in updates):
        raise Refusal("Provided feature can not be empty.", "Write it as NAME=LEVEL.")
    dry_run = values["dry_run"] is True
    asked = {name: updates[name] for name in hash_order(updates, string_hash)}
    failed = 0
    for name, error in sorted(update_features(admin, asked, dry_run=dry_run).items()):
        level = updates[name].level
        if error is None:
            done = "disabled." if verb == "disable" else f"{verb}d to {level}."
            print(f"{name} {'can be' if dry_run else 'was'} {done}")
        else:
            what = f"disable {name}" if verb == "disable" else f"{verb} {name} to {level}"
            print(f"{'Can' if dry_run else 'Could'} not {what}. {error.message}")
            failed += 1
    if failed:
        raise Refusal(
            f"{failed} out of {len(updates)} operation(s) failed.",
            f"`{NAME} describe` shows the levels that are supported and finalized.",
        )


# --- what was typed


def _words(value: object) -> list[str]:
    return [str(word) for word in value] if isinstance(value, list) else []


_WITHOUT_CLUSTER: Mapping[str, Callable[[Values], None]] = {
    "version-mapping": lambda values: print_mapping(values["release_version"]),
    "feature-dependencies": lambda values: print_dependencies(_words(values["feature"])),
}
_WITH_CLUSTER = {
    "describe": _describe,
    "upgrade": _upgrade,
    "downgrade": _downgrade,
    "disable": _disable,
}
