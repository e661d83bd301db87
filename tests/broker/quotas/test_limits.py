"""Which quota counts for whom."""

from __future__ import annotations

import pytest

from moldau.broker.quotas import limits
from moldau.broker.quotas.limits import Limits
from moldau.broker.quotas.rates import Rate, Window
from moldau.cluster.client_quotas import PRODUCER_BYTE_RATE, Entity

NOW = 1_700_000_000_000
# From the nearest to the farthest, with the limit as a sign of which one counted.
LEVELS: list[tuple[Entity, float]] = [
    ((("client-id", "c"), ("user", "u")), 1.0),
    ((("client-id", None), ("user", "u")), 2.0),
    ((("user", "u"),), 3.0),
    ((("client-id", "c"), ("user", None)), 4.0),
    ((("client-id", None), ("user", None)), 5.0),
    ((("user", None),), 6.0),
    ((("client-id", "c"),), 7.0),
    ((("client-id", None),), 8.0),
]


def produced(*levels: tuple[Entity, float]) -> Limits[Rate]:
    found = Limits(PRODUCER_BYTE_RATE, Window(11, 1000), Rate)
    found.set({entity: {PRODUCER_BYTE_RATE: limit} for entity, limit in levels})
    return found


def limit_of(found: Limits[Rate], user: str, client_id: str) -> float | None:
    use = found.find(user, client_id, NOW)
    return None if use is None else use.limit


@pytest.mark.parametrize("first", range(8))
def test_nearest_quota_counts(first: int) -> None:
    assert limit_of(produced(*LEVELS[first:]), "u", "c") == first + 1


def test_others_have_what_is_for_all() -> None:
    found = produced(*LEVELS)
    assert limit_of(found, "u", "other") == 2
    assert limit_of(found, "v", "c") == 4
    assert limit_of(found, "v", "other") == 5
    assert limit_of(produced(*LEVELS[6:]), "v", "other") == 8
    assert limit_of(produced(LEVELS[0]), "v", "c") is None
    assert not produced()


def test_client_without_an_id_has_the_quotas_of_its_user() -> None:
    assert limit_of(produced(*LEVELS), "u", "") == 3
    assert limit_of(produced(*LEVELS), "v", "") == 6
    assert limit_of(produced(LEVELS[1], LEVELS[4], LEVELS[7]), "u", "") is None


def test_other_quotas_of_an_entity_are_not_meant() -> None:
    found = Limits(PRODUCER_BYTE_RATE, Window(11, 1000), Rate)
    found.set({(("user", "u"),): {"consumer_byte_rate": 5.0}})
    assert not found
    assert limit_of(found, "u", "c") is None


def test_who_shares_a_quota() -> None:
    def uses(found: Limits[Rate]) -> list[object]:
        whom = [("u", "c"), ("u", "d"), ("v", "c")]
        return [found.find(*who, NOW) for who in whom]

    of_user = uses(produced(LEVELS[2], LEVELS[5]))
    assert of_user[0] is of_user[1] is not of_user[2]
    by_client = uses(produced(LEVELS[7]))
    assert by_client[0] is by_client[2] is not by_client[1]
    of_pairs = uses(produced(LEVELS[4]))
    assert len({id(use) for use in of_pairs}) == 3


def test_what_was_used_stays_when_the_limit_changes() -> None:
    found = produced(LEVELS[2])
    use = found.find("u", "c", NOW)
    assert use is not None
    found.set({(("user", "u"),): {PRODUCER_BYTE_RATE: 99.0}})
    again = found.find("u", "c", NOW)
    assert again is use
    assert again.limit == 99


def test_clients_that_are_silent_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_USES", 3)
    found = produced(LEVELS[7])
    busy = found.find("u", "busy", NOW)
    assert busy is not None
    busy.stat.record(1, NOW + 20_000)
    for name in "abcdefg":
        found.find("u", name, NOW + 20_000)
    assert found.find("u", "busy", NOW + 20_000) is busy
    assert len(found._uses) <= 5
