"""Who may connect, how many at a time and how soon after each other."""

from __future__ import annotations

from moldau.broker.quotas.connections import Admission, ConnectionQuotas
from moldau.broker.quotas.rates import Window
from moldau.cluster.client_quotas import Quotas
from moldau.protocol.config.layers import BrokerConfigs

NOW = 1_700_000_000_000
TAKEN = Admission()


def quotas(**configs: object) -> ConnectionQuotas:
    made = ConnectionQuotas(Window(11, 1000))
    static = {name.replace("_", "."): str(value) for name, value in configs.items()}
    made.configure(BrokerConfigs(static=static))
    return made


def limited(*rates: Quotas, **configs: object) -> ConnectionQuotas:
    made = quotas(**configs)
    made.limit({entity: limits for one in rates for entity, limits in one.items()})
    return made


def rate(name: str | None, limit: float) -> Quotas:
    return {(("ip", name),): {"connection_creation_rate": limit}}


def test_without_limits_everybody_is_taken() -> None:
    open_door = quotas()
    assert {open_door.arrived("PLAINTEXT", "127.0.0.1", NOW) for _ in range(1000)} == {TAKEN}
    assert len(open_door) == 1000


def test_no_more_than_the_broker_may_have() -> None:
    door = quotas(max_connections=2)
    assert door.arrived("PLAINTEXT", "127.0.0.1", NOW) == TAKEN
    assert door.arrived("OTHER", "127.0.0.2", NOW) == TAKEN
    assert "2 are open" in door.arrived("PLAINTEXT", "127.0.0.3", NOW).refused
    door.left("OTHER", "127.0.0.2")
    assert door.arrived("PLAINTEXT", "127.0.0.3", NOW) == TAKEN
    assert door.excess == 0
    door.configure(BrokerConfigs(static={"max.connections": "1"}))
    assert door.excess == 1


def test_no_more_than_the_process_can_hold() -> None:
    door = quotas()
    door.possible = 1
    assert door.arrived("PLAINTEXT", "127.0.0.1", NOW) == TAKEN
    assert "ulimit" in door.arrived("PLAINTEXT", "127.0.0.1", NOW).refused
    assert door.excess == 0


def test_listener_may_have_fewer() -> None:
    door = quotas(**{"listener.name.inside.max.connections": 1})
    assert door.arrived("INSIDE", "127.0.0.1", NOW) == TAKEN
    assert "listener INSIDE" in door.arrived("INSIDE", "127.0.0.1", NOW).refused
    assert door.arrived("OUTSIDE", "127.0.0.1", NOW) == TAKEN


def test_address_may_have_fewer_or_more() -> None:
    door = quotas(
        max_connections_per_ip=1, max_connections_per_ip_overrides="127.0.0.2:2,localhost:0"
    )
    assert door.arrived("PLAINTEXT", "127.0.0.3", NOW) == TAKEN
    assert "of its address" in door.arrived("PLAINTEXT", "127.0.0.3", NOW).refused
    assert [door.arrived("PLAINTEXT", "127.0.0.2", NOW) for _ in range(2)] == [TAKEN] * 2
    assert door.arrived("PLAINTEXT", "127.0.0.2", NOW).refused
    assert door.arrived("PLAINTEXT", "::1", NOW).refused
    door.left("PLAINTEXT", "127.0.0.3")
    assert door.arrived("PLAINTEXT", "127.0.0.3", NOW) == TAKEN


def test_connections_of_a_broker_come_no_faster_than_allowed() -> None:
    door = quotas(max_connection_creation_rate=1)
    # What was not used in the ten seconds before may come at once.
    assert [door.arrived("PLAINTEXT", "127.0.0.1", NOW) for _ in range(10)] == [TAKEN] * 10
    late = door.arrived("PLAINTEXT", "127.0.0.1", NOW)
    assert late == Admission(wait_ms=1000)
    assert len(door) == 11  # it is taken, only later


def test_listener_s_rate_is_its_own() -> None:
    door = quotas(**{"listener.name.inside.max.connection.creation.rate": 1})
    for _ in range(10):
        door.arrived("INSIDE", "127.0.0.1", NOW)
    assert door.arrived("INSIDE", "127.0.0.1", NOW).wait_ms
    assert door.arrived("OUTSIDE", "127.0.0.1", NOW) == TAKEN


def test_address_that_comes_too_often_is_held_and_sent_away() -> None:
    door = limited(rate("127.0.0.1", 1))
    assert [door.arrived("PLAINTEXT", "127.0.0.1", NOW) for _ in range(10)] == [TAKEN] * 10
    for _ in range(3):  # those that are refused do not count
        held = door.arrived("PLAINTEXT", "127.0.0.1", NOW)
        assert held.wait_ms == 1000
        assert "connection_creation_rate" in held.refused
    assert len(door) == 10
    assert door.arrived("PLAINTEXT", "127.0.0.2", NOW) == TAKEN
    assert door.arrived("PLAINTEXT", "127.0.0.1", NOW + 11_000) == TAKEN


def test_default_is_for_each_address_that_has_no_own_rate() -> None:
    door = limited(rate(None, 1), rate("127.0.0.9", 1000))
    for address in ("127.0.0.1", "127.0.0.2"):
        for _ in range(10):
            assert door.arrived("PLAINTEXT", address, NOW) == TAKEN
        assert door.arrived("PLAINTEXT", address, NOW).refused
    assert [door.arrived("PLAINTEXT", "127.0.0.9", NOW) for _ in range(99)] == [TAKEN] * 99


def test_name_of_this_machine_means_its_addresses() -> None:
    door = limited(rate("localhost", 1))
    for _ in range(10):
        door.arrived("PLAINTEXT", "::1", NOW)
    assert door.arrived("PLAINTEXT", "::1", NOW).refused


def test_refused_address_takes_nothing_from_the_others() -> None:
    door = limited(rate("127.0.0.1", 0.1), max_connection_creation_rate=1)
    door.arrived("PLAINTEXT", "127.0.0.1", NOW)
    for _ in range(50):
        assert door.arrived("PLAINTEXT", "127.0.0.1", NOW).refused
    assert [door.arrived("PLAINTEXT", "127.0.0.2", NOW) for _ in range(9)] == [TAKEN] * 9
