"""kafka-storage: random-uuid, format and info, and what goes with a release.

Apache Kafka: kafka.tools.StorageTool, 4.3.1. Formatting gives every folder its identity
(meta.properties); a broker that starts on it keeps the cluster id.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

from moldau.tools.frame import Stop, load_properties, run

# The long options of each.
COMMANDS: dict[str, tuple[str, ...]] = {
    "info": ("config",),
    "format": (
        "config",
        "cluster-id",
        "add-scram",
        "ignore-formatted",
        "release-version",
        "feature",
        "standalone",
        "no-initial-controllers",
        "initial-controllers",
    ),
    "version-mapping": ("release-version",),
    "feature-dependencies": ("feature",),
    "random-uuid": (),
}
_USAGE = f"usage: kafka-storage [-h] {{{','.join(COMMANDS)}}} ..."
_FORMAT_USAGE = (
    "usage: kafka-storage format [-h] --config CONFIG --cluster-id CLUSTER_ID "
    "[--ignore-formatted] [--standalone | --no-initial-controllers | "
    "--initial-controllers INITIAL_CONTROLLERS]"
)
_HELP = f"""{_USAGE}

  random-uuid            Print an id for a new cluster.
  format                 Give the folders of a broker (log.dirs) an identity.
    --config, -c FILE           its server.properties
    --cluster-id, -t ID         the id of the cluster
    --ignore-formatted, -g      pass over folders that have one
  info                   Show the identity of the folders.
    --config, -c FILE
  version-mapping        The features that go with a release.
    --release-version, -r RELEASE
  feature-dependencies   What a level of a feature needs.
    --feature, -f NAME=LEVEL    may be repeated"""
_VALUES = {
    "--config": "config",
    "-c": "config",
    "--cluster-id": "cluster-id",
    "-t": "cluster-id",
    "--release-version": "release-version",
    "-r": "release-version",
    "--feature": "feature",
    "-f": "feature",
    "--add-scram": "add-scram",
    "-S": "add-scram",
    "--initial-controllers": "initial-controllers",
    "-I": "initial-controllers",
}
_FLAGS = {
    "--ignore-formatted": "ignore-formatted",
    "-g": "ignore-formatted",
    "--standalone": "standalone",
    "-s": "standalone",
    "--no-initial-controllers": "no-initial-controllers",
    "-N": "no-initial-controllers",
}
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
    if not argv:
        raise Stop(_USAGE, "kafka-storage: error: too few arguments; `kafka-storage -h` says more.")
    if argv[0] in ("-h", "--help"):
        print(_HELP)
        return 0
    command, arguments = argv[0], argv[1:]
    if command not in COMMANDS:
        raise Stop(
            _USAGE,
            f"kafka-storage: error: invalid choice: {command!r} "
            f"(choose from {', '.join(map(repr, COMMANDS))})",
        )
    if "-h" in arguments or "--help" in arguments:
        print(_HELP)
        return 0
    given = _read(arguments, COMMANDS[command])
    if command in ("version-mapping", "feature-dependencies"):
        return _about_features(command, given)
    if command == "random-uuid":
        return _random_uuid()
    if "config" not in given:
        raise Stop(_USAGE, "kafka-storage: error: argument --config/-c is required")
    return _info(given) if command == "info" else _format(given)


def _about_features(command: str, given: Mapping[str, str]) -> int:
    from moldau.tools.feature_words import Refusal, print_dependencies, print_mapping

    try:
        if command == "version-mapping":
            print_mapping(given.get("release-version"))
        elif "feature" not in given:
            raise Stop(_USAGE, "kafka-storage: error: argument --feature/-f is required")
        else:
            print_dependencies(given["feature"].split(","))
    except Refusal as error:
        raise Stop(str(error), f"kafka-storage: {error.advice}") from None
    return 0


def _read(arguments: list[str], known: tuple[str, ...]) -> dict[str, str]:
    """By the long names of options; features that are named one by one stand between commas."""
    given: dict[str, str] = {}
    rest = list(reversed(arguments))
    while rest:
        word, equals, value = rest.pop().partition("=")
        name = _FLAGS.get(word) or _VALUES.get(word, "")
        if name not in known:
            raise Stop(_USAGE, f"kafka-storage: error: unrecognized arguments: '{word}'")
        if word in _FLAGS:
            given[name] = ""
        elif equals or rest:
            said = value if equals else rest.pop()
            given[name] = f"{given[name]},{said}" if name == "feature" and name in given else said
        else:
            raise Stop(_USAGE, f"kafka-storage: error: argument {word}: expected one argument")
    return given


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
    cluster_id = given.get("cluster-id")
    if cluster_id is None:
        raise Stop(
            _FORMAT_USAGE,
            "kafka-storage: error: argument --cluster-id/-t is required; "
            "`kafka-storage random-uuid` makes one.",
        )
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
    if len(chosen) > 1:
        raise Stop(
            _FORMAT_USAGE,
            f"kafka-storage: error: argument --{chosen[1]}: "
            f"not allowed with argument --{chosen[0]}",
        )
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
