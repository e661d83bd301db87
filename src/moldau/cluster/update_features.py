"""Deciding UpdateFeatures (Apache Kafka: FeatureControlManager, ConfigurationControlManager).

Levels go up and down within what is served (boot.FEATURES). What another Kafka finalised in this
folder and we do not serve is kept as it is, and clients are not told of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from moldau.cluster.boot import FEATURES
from moldau.cluster.decided import Decided, Refused
from moldau.cluster.image import ClusterImage, ResourceType
from moldau.cluster.records import METADATA_VERSION_FEATURE, Record
from moldau.protocol.config.layers import BrokerConfigs
from moldau.protocol.errors import ErrorCode
from moldau.protocol.java_maps import hash_order, string_hash
from moldau.protocol.messages.metadata_log import ConfigRecord, FeatureLevelRecord
from moldau.protocol.messages.update_features import (
    FeatureUpdateKey,
    UpdatableFeatureResult,
    UpdateFeaturesRequest,
    UpdateFeaturesResponse,
)

ELR: Final = "eligible.leader.replicas.version"
MIN_ISR: Final = "min.insync.replicas"
# Features of Apache Kafka 4.3 that it serves and we do not: their level stays.
_OTHERS: Final = frozenset(
    ("group.version", "kraft.version", "share.version", "streams.version", "transaction.version")
)
# What a level above 0 needs of metadata.version.
_NEEDS: Final[Mapping[str, int]] = {ELR: 23}
# The levels of metadata.version at which records changed (MetadataVersion.didMetadataChange): below
# them something would be lost.
_CHANGED: Final = (7, 8, 11, 13, 14, 15, 17, 23, 30)
_WITH_RESULTS: Final = 1  # the last version whose answer names each feature


class Upgrade(IntEnum):
    """FeatureUpdate.UpgradeType."""

    UPGRADE = 1
    SAFE_DOWNGRADE = 2
    UNSAFE_DOWNGRADE = 3


class _Wish(NamedTuple):
    name: str
    level: int
    upgrade: int


def update_features(
    image: ClusterImage,
    configs: BrokerConfigs,
    node_id: int,
    version: int,
    request: UpdateFeaturesRequest,
) -> Decided:
    """All updates or none. `version` is the request's."""
    wishes = _in_order(request.feature_updates)
    levels = dict(image.features) | {wish.name: wish.level for wish in wishes}
    records: list[Record] = []
    try:
        for wish in wishes:
            _check(image, node_id, wish)
            records += _records(image, wish, levels)
    except Refused as refused:
        message = (
            "The update failed for all features since the following feature had an error: "
            f"{refused.message}"
        )
        return Decided([], _failed(refused.code, message), _failed)
    if any(wish.name == ELR and wish.level > 0 for wish in wishes):
        records = [*_minimum_for_all(image, configs), *records]
    response = UpdateFeaturesResponse(error_message=None)
    if version <= _WITH_RESULTS:
        response.results = [
            UpdatableFeatureResult(feature=update.feature, error_message="NONE")
            for update in request.feature_updates
        ]
    return Decided([] if request.validate_only else records, response, _failed)


def _failed(code: ErrorCode, message: str) -> UpdateFeaturesResponse:
    return UpdateFeaturesResponse(error_code=code, error_message=message)


def _in_order(updates: list[FeatureUpdateKey]) -> list[_Wish]:
    """As Kafka's controller looks at them: the first that is wrong is named. Of a feature that
    comes twice the later counts."""
    wishes = {u.feature: _Wish(u.feature, u.max_version_level, u.upgrade_type) for u in updates}
    return [wishes[name] for name in hash_order(wishes, string_hash)]


def _check(image: ClusterImage, node_id: int, wish: _Wish) -> None:
    if wish.upgrade not in tuple(Upgrade):
        raise _invalid(wish, "The controller does not support the given upgrade type.")
    if wish.level < 0:
        raise _invalid(wish, "A feature version cannot be less than 0.")
    low, high = FEATURES.get(wish.name, (0, 0))
    if not low <= wish.level <= high:
        what = "only supports versions " + (f"{low}-{high}" if low < high else f"{low}")
        what = what if high else "does not support this feature."
        raise _invalid(wish, f"Local controller {node_id} {what}")
    current = image.features.get(wish.name, 0)
    if wish.level < current and wish.upgrade == Upgrade.UPGRADE:
        raise _invalid(
            wish,
            "Can't downgrade the version of this feature without setting the upgrade type to "
            "either safe or unsafe downgrade.",
        )
    if wish.level > current and wish.upgrade != Upgrade.UPGRADE:
        raise _invalid(wish, "Can't downgrade to a newer version.")


def _invalid(wish: _Wish, why: str) -> Refused:
    return Refused(
        ErrorCode.INVALID_UPDATE_VERSION,
        f"Invalid update version {wish.level} for feature {wish.name}. {why}",
    )


def _records(
    image: ClusterImage, wish: _Wish, levels: Mapping[str, int]
) -> Iterator[FeatureLevelRecord]:
    if wish.name == METADATA_VERSION_FEATURE:
        _check_metadata_version(image.features[METADATA_VERSION_FEATURE], wish)
    elif wish.name in FEATURES:
        needed = _NEEDS[wish.name]
        if wish.level and levels[METADATA_VERSION_FEATURE] < needed:
            raise _invalid(
                wish,
                f"{wish.name} could not be set to {wish.level} because it depends on "
                f"{METADATA_VERSION_FEATURE} level {needed}",
            )
    elif wish.name not in _OTHERS:
        raise _invalid(wish, f"Feature {wish.name} not found.")
    elif image.features.get(wish.name):
        raise _invalid(
            wish,
            "Moldau does not serve this feature, and keeps its level for the Kafka that wrote it.",
        )
    else:
        return  # it is 0 and stays so
    yield FeatureLevelRecord(name=wish.name, feature_level=wish.level)


def _check_metadata_version(current: int, wish: _Wish) -> None:
    if not any(wish.level < changed <= current for changed in _CHANGED):
        return
    if wish.upgrade == Upgrade.UNSAFE_DOWNGRADE:
        why = "Unsafe metadata downgrade is not supported in this version."
    else:
        why = (
            "Refusing to perform the requested downgrade because it might delete metadata "
            "information."
        )
    raise Refused(
        ErrorCode.INVALID_UPDATE_VERSION,
        f"Unsupported metadata.version downgrade from {current} to {wish.level}. {why}",
    )


def _minimum_for_all(image: ClusterImage, configs: BrokerConfigs) -> Iterator[ConfigRecord]:
    """With eligible leader replicas one minimum counts for the whole cluster (KIP-966)."""
    broker = ResourceType.BROKER
    if MIN_ISR not in image.config(broker, ""):
        static = configs.with_dynamic({}, {}).values[MIN_ISR]
        yield ConfigRecord(resource_type=broker, name=MIN_ISR, value=str(static))
    for (kind, name), values in image.configs.items():
        if kind == broker and name and MIN_ISR in values:
            yield ConfigRecord(resource_type=kind, resource_name=name, name=MIN_ISR, value=None)
