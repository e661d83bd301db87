"""Decisions on quotas. The texts are those of Apache Kafka 4.3.1; beside one they are compared in
tests/broker/test_admin_apache.py."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from moldau.cluster.alter_client_quotas import alter_client_quotas
from moldau.cluster.checkpoint import image_records
from moldau.cluster.decided import Decided
from moldau.cluster.image import ClusterImage
from moldau.protocol.messages.alter_client_quotas import (
    AlterClientQuotasRequest,
    EntityData,
    EntryData,
    OpData,
)

Names = Mapping[str, str | None]


def alter(
    *entries: tuple[Names, Mapping[str, float | None]],
    image: ClusterImage | None = None,
    validate_only: bool = False,
) -> Decided:
    request = AlterClientQuotasRequest(
        entries=[
            EntryData(
                entity=[EntityData(entity_type=kind, entity_name=n) for kind, n in names.items()],
                ops=[
                    OpData(key=key, value=value or 0.0, remove=value is None)
                    for key, value in limits.items()
                ],
            )
            for names, limits in entries
        ],
        validate_only=validate_only,
    )
    return alter_client_quotas(image or ClusterImage(), request)


def message(decided: Decided) -> str | None:
    (entry,) = decided.response.entries
    text: str | None = entry.error_message
    return text


def test_limits_are_set_changed_and_taken_away() -> None:
    image = ClusterImage()
    for limits, expected in (
        ({"producer_byte_rate": 5.0, "consumer_byte_rate": 6.0}, (5.0, 6.0)),
        ({"producer_byte_rate": 7.0}, (7.0, 6.0)),
        ({"producer_byte_rate": None}, (None, 6.0)),
        ({"consumer_byte_rate": None}, (None, None)),
    ):
        image = image.apply(alter(({"user": "a"}, limits), image=image).records)
        found = image.client_quotas.get((("user", "a"),), {})
        assert (found.get("producer_byte_rate"), found.get("consumer_byte_rate")) == expected
    assert image.client_quotas == {}


def test_same_limit_and_one_that_is_not_there_are_not_written() -> None:
    image = ClusterImage().apply(alter(({"user": "a"}, {"producer_byte_rate": 5})).records)
    assert not alter(({"user": "a"}, {"producer_byte_rate": 5}), image=image).records
    assert not alter(({"user": "a"}, {"request_percentage": None}), image=image).records


def test_validate_only_writes_nothing() -> None:
    decided = alter(({"user": "a"}, {"producer_byte_rate": 5}), validate_only=True)
    assert message(decided) is None
    assert not decided.records


def test_order_of_an_entity_s_names_does_not_matter() -> None:
    one = alter(({"user": "a", "client-id": None}, {"producer_byte_rate": 5}))
    other = alter(({"client-id": None, "user": "a"}, {"producer_byte_rate": 5}))
    assert one.records == other.records


def test_first_of_two_alterations_is_carried_out_and_the_second_told_of() -> None:
    decided = alter(
        ({"user": "a", "client-id": None}, {"producer_byte_rate": 5}),
        ({"user": "a", "client-id": None}, {"producer_byte_rate": 6}),
    )
    assert [record.value for record in decided.records] == [5]  # type: ignore[union-attr]
    assert message(decided) == (
        "Ignoring duplicate entity ClientQuotaEntity(entries={client-id=null, user=a})"
    )


@pytest.mark.parametrize("name", ["kafka.example", "256.1.1.1", "no such host"])
def test_names_of_other_machines_are_not_looked_up(name: str) -> None:
    decided = alter(({"ip": name}, {"connection_creation_rate": 5}))
    assert message(decided) == f"{name} is not a valid IP or resolvable host."


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_numbers_that_are_none_do_no_harm(value: float) -> None:
    """Apache Kafka refuses only what is too large for its integers."""
    whole = alter(({"user": "a"}, {"producer_byte_rate": value}))
    assert (message(whole) is None) == (value != value)
    assert message(alter(({"user": "a"}, {"request_percentage": value}))) is None


def test_snapshot_holds_all_of_them() -> None:
    image = ClusterImage()
    for names in ({"user": "a"}, {"user": None, "client-id": "c"}):
        image = image.apply(
            alter((names, {"producer_byte_rate": 5, "request_percentage": 1})).records
        )
    image = image.apply(alter(({"ip": None}, {"connection_creation_rate": 5})).records)
    assert ClusterImage().apply(image_records(image)) == image
