"""kafka-storage: random-uuid, format and info, and what goes with a release.

Apache Kafka: kafka.tools.StorageTool, 4.3.1. Formatting gives every folder its identity
(meta.properties); a broker that starts on it keeps the cluster id.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from moldau.client.feature_levels import LATEST, MINIMUM
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
from moldau.tools.frame import Stop, load_properties, run

NAME = "kafka-storage"
_CONFIG = Argument(("--config", "-c"), "The Kafka configuration file to use.", required=True)
_RELEASE = f"The minimum is {MINIMUM}; the default is {LATEST}"
PARSER = Parser(
    NAME,
    "The Kafka storage tool.",
    commands=(
        Command(
            "info", "Get information about the Kafka log directories on this node.", (_CONFIG,)
        ),
        Command(
            "format",
            "Format the Kafka log directories on this node.",
            (
                _CONFIG,
                Argument(("--cluster-id", "-t"), "The cluster ID to use.", required=True),
                Argument(
                    ("--add-scram", "-S"),
                    "A SCRAM_CREDENTIAL to add to the __cluster_metadata log e.g.\n"
                    "'SCRAM-SHA-256=[name=alice,password=alice-secret]'\n"
                    '\'SCRAM-SHA-512=[name=alice,iterations=8192,salt="N3E=",'
                    'saltedpassword="YCE="]\'',
                    APPEND,
                ),
                Argument(
                    ("--ignore-formatted", "-g"),
                    "When this option is passed, the format command will skip over already "
                    "formatted directories rather than failing.",
                    STORE_TRUE,
                ),
                Argument(
                    ("--release-version", "-r"),
                    f"The release version to use for the initial feature settings. {_RELEASE}",
                ),
                Argument(
                    ("--feature", "-f"),
                    "The setting to use for a specific feature, in feature=level format. For "
                    "example: `kraft.version=1`.",
                    APPEND,
                ),
                OneOf(
                    (
                        Argument(
                            ("--standalone", "-s"),
                            "Used to initialize a controller as a single-node dynamic quorum. When "
                            "setting this flag, the controller.quorum.voters config must not be "
                            "set, and controller.quorum.bootstrap.servers is set instead.",
                            STORE_TRUE,
                        ),
                        Argument(
                            ("--no-initial-controllers", "-N"),
                            "Used to initialize a server without specifying a dynamic quorum. When "
                            "setting this flag, the controller.quorum.voters config should not be "
                            "set, and controller.quorum.bootstrap.servers is set instead.",
                            STORE_TRUE,
                        ),
                        Argument(
                            ("--initial-controllers", "-I"),
                            "Used to initialize a server with the specified dynamic quorum. The "
                            "argument is a comma-separated list of id@hostname:port:directory. The "
                            "same values must be used to format all nodes. For example:\n"
                            "0@example.com:8082:JEXY6aqzQY-32P5TStzaFg,"
                            "1@example.com:8083:MvDxzVmcRsaTz33bUuRU6A,"
                            "2@example.com:8084:07R5amHmR32VDA6jHkGbTA\n"
                            ". When setting this flag, the controller.quorum.voters config must "
                            "not be set, and controller.quorum.bootstrap.servers is set instead.",
                        ),
                    )
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
                    ("--release-version", "-r"),
                    f"The release version to use for the corresponding feature mapping. {_RELEASE}",
                ),
            ),
        ),
        Command(
            "feature-dependencies",
            "Look up dependencies for a given feature version. If the feature is not known or the "
            "version not yet defined, an error is thrown. Multiple features can be specified.",
            (
                Argument(
                    ("--feature", "-f"),
                    "The features and their versions to look up dependencies for, in "
                    "feature=version format. For example: `metadata.version=5`.",
                    APPEND,
                    required=True,
                ),
            ),
        ),
        Command("random-uuid", "Print a random UUID."),
    ),
)
_QUORUM = ("standalone", "no-initial-controllers", "initial-controllers")
_RELEASES = ("4.3", "4.3-IV0")
_META = "meta.properties"
# What Apache's tool prints here, for the release that it and we speak.
_BOOTSTRAP = (
    "Bootstrap metadata: BootstrapMetadata(records=["
    + ", ".join(
        f"ApiMessageAndVersion(FeatureLevelRecord(name='{name}', featureLevel={level}) "
        "at version 0)"
        for name, level in (
            ("metadata.version", 30),
            ("eligible.leader.replicas.version", 1),
            ("group.version", 1),
            ("share.version", 1),
            ("streams.version", 1),
            ("transaction.version", 2),
        )
    )
    + "], metadataVersionLevel=30, source=format command)"
)


class _Broker(NamedTuple):
    """What the tool needs of a server.properties."""

    node_id: int
    folders: list[Path]
    metadata_folder: Path
    has_voters: bool


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    try:
        values = PARSER.parse(argv)
    except HelpWanted as wanted:
        print(wanted.text, end="")
        return 0
    except BadArguments as error:
        near = [f"Did you mean {' or '.join(error.near)}?"] if error.near else []
        raise Stop(error.usage, " ".join([f"{NAME}: error: {error}.", *near])) from None
    given = {name.replace("_", "-"): _text(value) for name, value in values.items() if value}
    command = given["command"]
    if command in ("version-mapping", "feature-dependencies"):
        return _about_features(values)
    if command == "random-uuid":
        return _random_uuid()
    return _info(given) if command == "info" else _format(given)


def _text(value: object) -> str:
    """What was said more than once stands between commas."""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _about_features(values: Mapping[str, Any]) -> int:
    from moldau.tools.feature_words import Refusal, print_dependencies, print_mapping

    try:
        if values["command"] == "version-mapping":
            print_mapping(values["release_version"])
        else:
            print_dependencies(values["feature"])
    except Refusal as error:
        raise Stop(str(error), f"kafka-storage: {error.advice}") from None
    return 0


def _random_uuid() -> int:
    from moldau.protocol.uuids import draw, to_text

    print(to_text(draw(os.urandom)))
    return 0


def _broker(path: str) -> _Broker:
    """Raises Stop for a file that cannot be used."""
    try:
        properties = load_properties(path)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise Stop(f"kafka-storage: {path}: {why}. Check the path given with -c.") from None
    folders = _folders(properties)
    if not folders:
        raise Stop(
            f"kafka-storage: {path} does not set log.dirs: add log.dirs=/path/to/data to it."
        )
    node_id = properties.get("node.id", properties.get("broker.id", "1"))
    if not node_id.isdigit():
        raise Stop(f"kafka-storage: {path}: node.id={node_id} is not a number.")
    metadata = Path(properties.get("metadata.log.dir", "") or folders[0])
    return _Broker(
        int(node_id),
        sorted({*folders, metadata}),
        metadata,
        bool(properties.get("controller.quorum.voters")),
    )


def _folders(properties: Mapping[str, str]) -> list[Path]:
    listed = properties.get("log.dirs") or properties.get("log.dir") or ""
    return [Path(folder.strip()) for folder in listed.split(",") if folder.strip()]


# --- format


def _format(given: dict[str, str]) -> int:
    cluster_id = given["cluster-id"]
    broker = _broker(given["config"])
    _check_quorum(given, broker)
    _check_supported(given)
    formatted = {folder: meta for folder in broker.folders if (meta := _meta(folder))}
    for folder, meta in formatted.items():
        _check_same(folder, meta, cluster_id, broker.node_id)
    if formatted and "ignore-formatted" not in given:
        raise Stop(
            f"Log directory {next(iter(formatted))} is already formatted. Use --ignore-formatted "
            "to ignore this directory and format the others.",
            "kafka-storage: nothing was changed; add -g to pass over it.",
        )
    empty = [folder for folder in broker.folders if folder not in formatted]
    if not empty:
        print("All of the log directories are already formatted.")
        return 0
    print(_BOOTSTRAP)
    for folder in empty:
        kind = _kind(given) if folder == broker.metadata_folder else "data directory"
        print(f"Formatting {kind} {folder} with metadata.version 4.3-IV0.")
        _write(folder, cluster_id, broker.node_id)
    return 0


def _kind(given: Mapping[str, str]) -> str:
    if "standalone" in given or "initial-controllers" in given:
        return "dynamic metadata voter directory"
    if "no-initial-controllers" in given:
        return "dynamic metadata directory"
    return "metadata directory"


def _check_quorum(given: Mapping[str, str], broker: _Broker) -> None:
    chosen = [name for name in _QUORUM if name in given]
    if broker.has_voters and ("standalone" in given or "initial-controllers" in given):
        raise Stop(
            "You cannot specify controller.quorum.voters and format the node with "
            "--initial-controllers or --standalone. If you want to use dynamic quorum, please "
            "remove controller.quorum.voters and specify controller.quorum.bootstrap.servers "
            "instead.",
            "kafka-storage: leave out --standalone, or take controller.quorum.voters out of "
            f"{given['config']}.",
        )
    roles = load_properties(given["config"]).get("process.roles", "")
    if "controller" in roles and not broker.has_voters and not chosen:
        raise Stop(
            "Because controller.quorum.voters is not set on this controller, you must specify one "
            "of the following: --standalone, --initial-controllers, or --no-initial-controllers.",
            "kafka-storage: add --standalone: this is the only node.",
        )


def _check_supported(given: Mapping[str, str]) -> None:
    release = given.get("release-version")
    if release is not None and release not in _RELEASES:
        raise Stop(f"kafka-storage: release {release} is not supported, only 4.3: leave out -r.")
    if "feature" in given:
        raise Stop("kafka-storage: feature levels cannot be chosen yet: leave out --feature.")
    if "add-scram" in given:
        raise Stop(
            "kafka-storage: SCRAM credentials are not supported yet, and a broker without them "
            "would be open: leave out --add-scram if that is what you want."
        )


def _check_same(folder: Path, meta: dict[str, str], cluster_id: str, node_id: int) -> None:
    for name, wanted in (("cluster.id", cluster_id), ("node.id", str(node_id))):
        read = meta.get(name, "")
        if read != wanted:
            raise Stop(
                f"Invalid {name} in: {folder / _META}. Expected {wanted}, but read {read}",
                f"kafka-storage: {folder} belongs to another cluster or node: use its ids, "
                "or another folder.",
            )


def _meta(folder: Path) -> dict[str, str] | None:
    """The identity that the folder has; None when it has none yet."""
    try:
        return load_properties(str(folder / _META))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise Stop(f"kafka-storage: {folder / _META} cannot be read: {error}") from None


def _write(folder: Path, cluster_id: str, node_id: int) -> None:
    from moldau.protocol.files import MetaProperties, write_meta
    from moldau.protocol.uuids import draw, to_text

    meta = MetaProperties(cluster_id, node_id, to_text(draw(os.urandom)))
    draft = folder / f"{_META}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(draft, "wb") as file:
            file.write(write_meta(meta))
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, folder / _META)
    except OSError as error:
        raise Stop(f"kafka-storage: {folder} cannot be written: {error.strerror}.") from None


# --- info


def _info(given: dict[str, str]) -> int:
    found: list[Path] = []
    problems: list[str] = []
    metas: list[dict[str, str]] = []
    for folder in _broker(given["config"]).folders:
        if not folder.is_dir():
            missing = "is not a directory" if folder.exists() else "does not exist"
            problems.append(f"{folder} {missing}")
            continue
        found.append(folder)
        meta = _meta(folder)
        if meta is None:
            problems.append(f"{folder} is not formatted.")
        else:
            metas.append(meta)
    problems += _mismatches(metas)
    _print_info(found, metas, problems)
    return 1 if problems else 0


def _mismatches(metas: list[dict[str, str]]) -> list[str]:
    problems = []
    for meta in metas[1:]:
        if meta.get("cluster.id") != metas[0].get("cluster.id"):
            problems.append("Mismatched cluster IDs between storage directories.")
        elif meta.get("node.id") != metas[0].get("node.id"):
            problems.append("Mismatched node IDs between storage directories.")
    return problems


def _print_info(found: list[Path], metas: list[dict[str, str]], problems: list[str]) -> None:
    if found:
        print("Found log directory:" if len(found) == 1 else "Found log directories:")
        for folder in found:
            print(f"  {folder}")
        print()
    if metas:
        shown = ", ".join(f"{name}={value}" for name, value in sorted(metas[0].items()))
        print(f"Found metadata: {{{shown}}}\n")
    if problems:
        print("Found problem:" if len(problems) == 1 else "Found problems:")
        for problem in problems:
            print(f"  {problem}")
        print()
        print("kafka-storage: `kafka-storage format` gives folders an identity.", file=sys.stderr)
