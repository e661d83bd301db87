"""Features: which there are, and how their levels are changed."""

from __future__ import annotations

import pytest

from tests.conformance.both import Both, Pair

pytestmark = pytest.mark.apache

UPGRADE, SAFE, UNSAFE = 1, 2, 3
METADATA, ELR = "metadata.version", "eligible.leader.replicas.version"
Update = tuple[str, int, int]


def update(both: Both, *updates: Update, version: int = 2, validate_only: bool = True) -> Pair:
    wanted = [
        {"feature": name, "max_version_level": level}
        | ({} if version == 0 else {"upgrade_type": how})
        for name, level, how in updates
    ]
    if version == 0:
        return both.ask("UpdateFeatures", 0, feature_updates=wanted)
    return both.ask("UpdateFeatures", version, feature_updates=wanted, validate_only=validate_only)


@pytest.mark.parametrize("how", [UPGRADE, SAFE, UNSAFE, 0, 4, -1])
@pytest.mark.parametrize("level", [-1, 0, 1, 6, 7, 29, 30, 31, 32767])
def test_metadata_version(both: Both, level: int, how: int) -> None:
    update(both, (METADATA, level, how))


@pytest.mark.parametrize("how", [UPGRADE, SAFE, UNSAFE])
@pytest.mark.parametrize("level", [-1, 0, 1, 2])
def test_eligible_leader_replicas(both: Both, level: int, how: int) -> None:
    for version in (1, 2):
        update(both, (ELR, level, how), version=version)


@pytest.mark.parametrize("how", [UPGRADE, SAFE])
@pytest.mark.parametrize("level", [-1, 0, 1])
def test_feature_that_nobody_knows(both: Both, level: int, how: int) -> None:
    update(both, ("bogus", level, how))
    update(both, ("", level, how))


def test_several(both: Both) -> None:
    update(both)
    update(both, (ELR, 1, UPGRADE), (METADATA, 30, UPGRADE))
    update(both, (ELR, 2, UPGRADE), (METADATA, 31, UPGRADE))
    update(both, ("bogus", 2, UPGRADE), (ELR, 0, UPGRADE))
    update(both, (ELR, 1, UPGRADE), ("bogus", 1, UPGRADE), version=1)
    update(both, (ELR, 1, UPGRADE), ("bogus", 1, UPGRADE), version=0)


def test_level_that_stays(both: Both) -> None:
    for version in range(3):
        update(both, (METADATA, 30, UPGRADE), version=version, validate_only=False)


def test_eligible_leader_replicas_are_switched_off_and_on(both: Both) -> None:
    seen = {"client_software_name": "judge", "client_software_version": "1"}
    for level, how in ((0, SAFE), (0, SAFE), (1, UPGRADE), (1, UPGRADE)):
        update(both, (ELR, level, how), validate_only=False)
        both.quietly("ApiVersions", 4, **seen)
        both.ask(
            "DescribeConfigs",
            resources=[
                {
                    "resource_type": 4,
                    "resource_name": "",
                    "configuration_keys": ["min.insync.replicas"],
                }
            ],
        )
