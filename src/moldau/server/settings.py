"""How everything that `moldau up` is told becomes one checked object.

Strong to weak: options (--host, --port, --data, --temporary), -o name=value, environment,
--config FILE, defaults. Pure: files and variables come in as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from moldau.protocol import properties
from moldau.protocol.config.broker import BROKER, KAFKA
from moldau.protocol.config.definition import InvalidConfig, Value, default_value, parse
from moldau.protocol.config.effects import EFFECTIVE, REFUSED
from moldau.protocol.config.history import HISTORIC, plug_in
from moldau.protocol.config.layers import LISTENER_PREFIX, BrokerConfigs, base_name, synonyms
from moldau.protocol.config.reconfiguration import unmet_by_addresses, unmet_by_logs
from moldau.protocol.config.topic import check_compaction_lag, topic_defaults
from moldau.server import environment, listeners
from moldau.server.environment import NewTopic
from moldau.server.given import Given, SettingsError, checked
from moldau.server.listeners import Listener

_BROKERS: Final = 1
# At most the number of brokers: Kafka's 3, 3 and 2 would let no group and no producer work.
_AT_MOST_BROKERS: Final = (
    "default.replication.factor",
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "transaction.state.log.min.isr",
    "share.coordinator.state.topic.replication.factor",
    "share.coordinator.state.topic.min.isr",
)
# Spellings of one setting: a stronger source's spelling hides a weaker source's others.
_FAMILIES: Final = (
    ("node.id", "broker.id"),
    ("log.dirs", "log.dir"),
    ("log.retention.ms", "log.retention.minutes", "log.retention.hours"),
    ("log.roll.ms", "log.roll.hours"),
    ("log.roll.jitter.ms", "log.roll.jitter.hours"),
    ("advertised.listeners", "advertised.host.name", "advertised.port"),
    ("listeners", "host.name", "port"),
)
_SECURITY: Final = ("ssl.", "sasl.", "principal.builder.class", "connections.max.reauth.ms")
# Variables with which images find key stores; the broker itself never sees these names.
_KEY_STORES: Final = ("ssl.keystore.", "ssl.truststore.", "ssl.key.")
_TRANSLATED: Final = ("host.name", "port", "advertised.host.name", "advertised.port")


# What listeners are made from when they are not given.
_LISTENERS_FROM: Final = frozenset(("advertised.listeners", *_TRANSLATED))


class ConfigFile(NamedTuple):
    path: str
    text: str


@dataclass(frozen=True)
class Settings:
    """What a broker starts with.

    `data_dir` is None with `temporary`. `configs` has the static layer and our defaults;
    `explicit` are the names that the user gave (STATIC_BROKER_CONFIG in DescribeConfigs).
    `notes` are lines for a person's eyes.
    """

    listeners: tuple[Listener, ...]
    data_dir: str | None
    temporary: bool
    cluster_id: str | None
    create_topics: tuple[NewTopic, ...]
    configs: BrokerConfigs
    notes: tuple[str, ...]

    @property
    def broker(self) -> Mapping[str, Value]:
        """The typed values of all broker configs."""
        return self.configs.values

    @property
    def explicit(self) -> frozenset[str]:
        return frozenset(self.configs.static)

    @property
    def node_id(self) -> int:
        node_id = self.broker["node.id"]
        assert isinstance(node_id, int)
        return node_id

    def placed(self, data_dir: str) -> Settings:
        """The same with the folder that a temporary broker was given."""
        configs = replace(self.configs, defaults={"log.dir": data_dir})
        return replace(self, data_dir=data_dir, configs=configs)


def resolve(
    *,
    user_data: str,
    host: str | None = None,
    port: int | None = None,
    data: str | None = None,
    temporary: bool = False,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    config: ConfigFile | None = None,
) -> Settings:
    """The settings of one broker. Raises SettingsError with one sentence.

    `user_data` is the folder for data when nobody names one; `environ` None reads none.
    """
    _check_options(host, port, data)
    surroundings = environment.read(environ or {})
    given = _merged(_from_file(config), surroundings.configs, _from_overrides(overrides))
    kept, notes = _sorted_out(given)
    where = listeners.resolve(kept, host and host.removeprefix("[").removesuffix("]"), port)
    static = {name: one.text for name, one in kept.items() if name not in HISTORIC}
    folder = None if temporary else data or _data_dir(kept)
    _set_data_dir(static, None if temporary else folder)
    if (
        host is not None
        or port is not None
        or ("listeners" not in static and _LISTENERS_FROM & kept.keys())
    ):
        static["listeners"] = listeners.to_text(where)
    _set_node_id(static, kept)
    notes += _clamp(static, surroundings.create_topics)
    data_dir = None if temporary else folder or user_data
    configs = BrokerConfigs(static, {"log.dir": data_dir} if data_dir else {})
    _check_together(configs.values, kept)
    return Settings(
        where,
        data_dir,
        temporary,
        surroundings.cluster_id,
        tuple(topic._replace(replication_factor=_BROKERS) for topic in surroundings.create_topics),
        configs,
        (*notes, *listeners.notes(where)),
    )


def read_config(path: str) -> ConfigFile:
    """Raises SettingsError when the file cannot be read."""
    if not path.strip():
        raise SettingsError("--config is empty: name a server.properties")
    try:
        with open(path, encoding="utf-8") as file:
            return ConfigFile(path, file.read())
    except OSError as error:
        raise SettingsError(f"--config {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"--config {path}: not UTF-8 at byte {error.start}") from None


def _from_file(config: ConfigFile | None) -> dict[str, Given]:
    if config is None:
        return {}
    try:
        entries = properties.parse(config.text)
    except ValueError as error:
        raise SettingsError(f"--config {config.path}, {error}") from None
    return {
        entry.key: Given(entry.value, f"--config {config.path}, line {entry.line}")
        for entry in entries
    }


def _from_overrides(overrides: Sequence[str]) -> dict[str, Given]:
    given = {}
    for override in overrides:
        name, found, text = override.partition("=")
        if not found or not name.strip():
            raise SettingsError(f"-o {override}: write name=value, as in -o num.partitions=3")
        given[name.strip()] = Given(text, f"-o {name.strip()}")
    return given


def _merged(*sources: Mapping[str, Given]) -> dict[str, Given]:
    """Later sources win, and with them their spelling of a setting."""
    merged: dict[str, Given] = {}
    for source in sources:
        for name in source:
            for family in _FAMILIES:
                if name in family:
                    for other in family:
                        merged.pop(other, None)
        merged.update(source)
    return merged


def _sorted_out(given: Mapping[str, Given]) -> tuple[dict[str, Given], list[str]]:
    """What to keep, and notes on what has no effect. Raises SettingsError on the rest."""
    kept, notes = {}, []
    for name, one in given.items():
        if name in BROKER:
            note = _judge_known(name, one)
        elif name in HISTORIC:
            note = _judge_historic(name, one)
        else:
            note = _judge_unknown(name, one)
        if note is None or name in _TRANSLATED:
            kept[name] = one
        if note:
            notes.append(note)
    return kept, notes


def _judge_known(name: str, given: Given) -> str | None:
    """None: keep it. A text, perhaps empty: leave it out. Raises SettingsError."""
    kind, _, why = BROKER[name].effect.partition(": ")
    if kind == EFFECTIVE:
        checked(name, given)
        return None
    try:
        value = parse(BROKER[name], given.text)
    except InvalidConfig as error:
        if kind == "refused" and given.text.strip():
            raise _refusal(name, given, why) from None
        return f"{given.origin}: {error}; it would have no effect anyway"
    if kind == "refused" and name != "metadata.log.dir" and not _asks_for_nothing(name, value):
        raise _refusal(name, given, why)
    if name == "process.roles" and isinstance(value, tuple) and "broker" not in value:
        raise given.error("process.roles names no broker, and a broker is what this starts")
    return None


def _refusal(name: str, given: Given, why: str) -> SettingsError:
    return given.error(f"{name} is refused: {REFUSED[why]}; take it out to start without")


def _asks_for_nothing(name: str, value: Value) -> bool:
    return value in ("", ()) or value == default_value(KAFKA[name])


def _judge_historic(name: str, given: Given) -> str:
    last, meaning = HISTORIC[name]
    if name == "delegation.token.master.key":
        raise _refusal(name, given, "security")
    return f"{given.origin}: {name} is of Kafka up to {last}: {meaning}"


def _judge_unknown(name: str, given: Given) -> str | None:
    base = base_name(name)
    from_environment = given.origin.startswith("environment ")
    if name.startswith(LISTENER_PREFIX):
        # listener.name.NAME.MECHANISM.sasl.jaas.config has the mechanism in between.
        if any(f".{part}" in f".{base}" for part in _SECURITY):
            raise _refusal(name, given, "security")
        if base in BROKER:
            checked(base, given)
        return None
    if plug_in(name):
        return None
    if name.startswith(_KEY_STORES if from_environment else _SECURITY):
        raise _refusal(name, given, "security")
    near = _nearest(name)
    hint = f"; the nearest name is {near}" if near else ""
    if from_environment:
        return f"{given.origin}: no version of Kafka knows {name}, so it has no effect{hint}"
    raise given.error(f"no version of Kafka knows the broker config {name}{hint}")


def _nearest(name: str) -> str | None:
    # Imported here: the path without mistakes does not need it.
    from difflib import get_close_matches

    plain = name.lower().removeprefix("kafka_").replace("_", ".")
    return next(iter(get_close_matches(plain, [*BROKER, *HISTORIC], 1, 0.75)), None)


def _check_options(host: str | None, port: int | None, data: str | None) -> None:
    """An option without a value is a shell variable without one: it must not pass for a wish."""
    if host is not None and not host.strip():
        raise SettingsError("--host is empty: name an address, or 0.0.0.0 for all of this machine")
    if data is not None and not data.strip():
        raise SettingsError("--data is empty: name a folder, or use --temporary")
    if port is not None and not 0 <= port <= 65535:
        raise SettingsError(f"--port {port}: ports are 0 (any free one) to 65535")


def _data_dir(kept: Mapping[str, Given]) -> str | None:
    """The one folder that log.dirs or log.dir names."""
    name = "log.dirs" if "log.dirs" in kept else "log.dir"
    folder = None
    if name in kept:
        folders = checked(name, kept[name])
        assert isinstance(folders, tuple)
        if len(folders) > 1:
            raise kept[name].error(
                f"{name} names {len(folders)} folders, and Moldau keeps its data in one; "
                "name one, or use --data"
            )
        folder = folders[0]
    elsewhere = kept.get("metadata.log.dir")
    if elsewhere and elsewhere.text.strip() not in ("", folder):
        raise _refusal("metadata.log.dir", elsewhere, "folders")
    return folder


def _set_data_dir(static: dict[str, str], folder: str | None) -> None:
    """DescribeConfigs shows the folder that is used, not one that an option replaced."""
    asked = "log.dir" if "log.dir" in static and "log.dirs" not in static else "log.dirs"
    for name in ("log.dirs", "log.dir", "metadata.log.dir"):
        static.pop(name, None)
    if folder:
        static[asked] = folder


def _set_node_id(static: dict[str, str], kept: Mapping[str, Given]) -> None:
    """node.id and broker.id are one; -1 in broker.id asked old Kafkas to draw a number."""
    if static.get("broker.id", "").strip() == "-1":
        del static["broker.id"]
    node, broker = static.get("node.id"), static.get("broker.id")
    if node is not None and broker is not None and node.strip() != broker.strip():
        raise kept["node.id"].error("You must set `node.id` to the same value as `broker.id`.")
    text = node if node is not None else broker
    if text is not None:
        given = kept["node.id" if node is not None else "broker.id"]
        checked("node.id", given)
        static["node.id"] = static["broker.id"] = text


def _clamp(static: dict[str, str], topics: Sequence[NewTopic]) -> list[str]:
    """Lowers what asks for more brokers than there are; one note for all of it."""
    lowered = []
    for name in _AT_MOST_BROKERS:
        if name in static and int(static[name]) > _BROKERS:
            lowered.append(f"{name}={static[name].strip()}")
            static[name] = str(_BROKERS)
    if any(topic.replication_factor > _BROKERS for topic in topics):
        lowered.append("KAFKA_CREATE_TOPICS with more replicas")
    if not lowered:
        return []
    return [f"There is one broker, so 1 is used instead of {', '.join(lowered)}"]


def _check_together(values: Mapping[str, Value], kept: Mapping[str, Given]) -> None:
    """What Kafka's KafkaConfig.validateValues asks beyond single values."""
    for name, why in (*unmet_by_logs(values), *unmet_by_addresses(values)):
        raise _culprit(name, kept).error(why)
    try:
        check_compaction_lag(topic_defaults(values))
    except InvalidConfig as error:
        raise _culprit("log.cleaner.min.compaction.lag.ms", kept).error(str(error)) from None


def _culprit(name: str, kept: Mapping[str, Given]) -> Given:
    given = (kept[other] for other in synonyms(name) if other in kept)
    return next(given, Given("", "configuration"))
