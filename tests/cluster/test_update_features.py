"""Decisions on features; beside Apache Kafka's in tests/conformance/test_features.py."""

from __future__ import annotations

import pytest

from moldau.cluster.decided import Decided
from moldau.cluster.image import ClusterImage, ResourceType
from moldau.cluster.update_features import ELR, MIN_ISR, Upgrade, update_features
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages import metadata_log as m
from moldau.protocol.messages.update_features import FeatureUpdateKey, UpdateFeaturesRequest
from tests.cluster.situations import CONFIGS, cluster

METADATA = "metadata.version"
UP, SAFE, UNSAFE = Upgrade
FAILED = "The update failed for all features since the following feature had an error: "


def finalised(**levels: int) -> ClusterImage:
    """Underscores stand for dots."""
    return cluster(1).apply(
        m.FeatureLevelRecord(name=name.replace("_", "."), feature_level=level)
        for name, level in ({"metadata_version": 30} | levels).items()
    )


def update(
    image: ClusterImage, *updates: tuple[str, int, Upgrade], validate_only: bool = False
) -> Decided:
    request = UpdateFeaturesRequest(
        feature_updates=[
            FeatureUpdateKey(feature=name, max_version_level=level, upgrade_type=how)
            for name, level, how in updates
        ],
        validate_only=validate_only,
    )
    return update_features(image, CONFIGS, 1, 2, request)


def levels(image: ClusterImage, decided: Decided) -> dict[str, int]:
    assert decided.response.error_code == 0, decided.response
    return dict(image.apply(decided.records).features)


def why(decided: Decided) -> str:
    assert decided.response.error_code == ErrorCode.INVALID_UPDATE_VERSION
    assert not decided.records
    message: str = decided.response.error_message
    return message.removeprefix(FAILED)


def test_level_goes_up_and_down() -> None:
    off = finalised()
    on = update(off, (ELR, 1, UP))
    assert levels(off, on) == {METADATA: 30, ELR: 1}
    image = off.apply(on.records)
    assert levels(image, update(image, (ELR, 0, SAFE))) == {METADATA: 30}


def test_validate_only_writes_nothing() -> None:
    assert not update(finalised(), (ELR, 1, UP), validate_only=True).records


def test_metadata_version_of_an_older_folder_is_raised_and_lowered_within_what_did_not_change() -> (
    None
):
    old = finalised(metadata_version=26)
    assert levels(old, update(old, (METADATA, 30, UP)))[METADATA] == 30
    assert levels(old, update(old, (METADATA, 24, SAFE)))[METADATA] == 24
    assert why(update(old, (METADATA, 22, SAFE))) == (
        "Unsupported metadata.version downgrade from 26 to 22. Refusing to perform the requested "
        "downgrade because it might delete metadata information."
    )
    assert why(update(old, (METADATA, 22, UNSAFE))) == (
        "Unsupported metadata.version downgrade from 26 to 22. Unsafe metadata downgrade is not "
        "supported in this version."
    )


def test_eligible_leaders_need_records_that_can_say_them() -> None:
    old = finalised(metadata_version=20)
    assert why(update(old, (ELR, 1, UP))) == (
        f"Invalid update version 1 for feature {ELR}. {ELR} could not be set to 1 because it "
        "depends on metadata.version level 23"
    )
    both = update(old, (ELR, 1, UP), (METADATA, 30, UP))
    assert levels(old, both) == {METADATA: 30, ELR: 1}


def test_with_eligible_leaders_one_minimum_counts_for_all() -> None:
    image = finalised().apply(
        [
            m.ConfigRecord(
                resource_type=ResourceType.BROKER, resource_name="1", name=MIN_ISR, value="2"
            )
        ]
    )
    after = image.apply(update(image, (ELR, 1, UP)).records)
    assert after.config(ResourceType.BROKER, "") == {MIN_ISR: "1"}
    assert after.config(ResourceType.BROKER, "1") == {}
    # One that somebody chose stays.
    again = after.apply(update(after, (ELR, 0, SAFE)).records).apply(
        [m.ConfigRecord(resource_type=ResourceType.BROKER, name=MIN_ISR, value="3")]
    )
    kept = again.apply(update(again, (ELR, 1, UP)).records)
    assert kept.config(ResourceType.BROKER, "") == {MIN_ISR: "3"}


@pytest.mark.parametrize(
    "name",
    ["transaction.version", "group.version", "share.version", "streams.version", "kraft.version"],
)
def test_what_is_not_served_is_not_finalised_and_what_was_stays(name: str) -> None:
    """Clients that find it finalised would use it."""
    image = finalised()
    assert why(update(image, (name, 1, UP))) == (
        f"Invalid update version 1 for feature {name}. Local controller 1 does not support this "
        "feature."
    )
    assert levels(image, update(image, (name, 0, UP))) == {METADATA: 30}
    foreign = image.apply([m.FeatureLevelRecord(name=name, feature_level=1)])
    assert "keeps its level for the Kafka that wrote it" in why(update(foreign, (name, 0, SAFE)))


def test_one_that_is_wrong_spoils_all() -> None:
    decided = update(finalised(), (ELR, 1, UP), ("bogus", 0, UP))
    assert why(decided) == "Invalid update version 0 for feature bogus. Feature bogus not found."
