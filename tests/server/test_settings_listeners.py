"""Where to listen and what to tell clients."""

import pytest

from moldau.server.given import SettingsError
from moldau.server.listeners import Listener
from moldau.server.settings import Settings, resolve


def settings(*overrides: str, host: str | None = None, port: int | None = None) -> Settings:
    return resolve(user_data="/d", overrides=overrides, host=host, port=port)


def listeners(
    *overrides: str, host: str | None = None, port: int | None = None
) -> tuple[Listener, ...]:
    return settings(*overrides, host=host, port=port).listeners


def refusal(*overrides: str, port: int | None = None) -> str:
    with pytest.raises(SettingsError) as error:
        settings(*overrides, port=port)
    return str(error.value)


TWO = (
    "listeners=PLAINTEXT://:29092,PLAINTEXT_HOST://:9092",
    "advertised.listeners=PLAINTEXT://kafka:29092,PLAINTEXT_HOST://localhost:9092",
    "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT",
)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("PLAINTEXT://:9092", "", 9092),
        ("PLAINTEXT://0.0.0.0:9092", "0.0.0.0", 9092),
        ("PLAINTEXT://localhost:0", "localhost", 0),
        ("plaintext://my-host.example:1", "my-host.example", 1),
        ("PLAINTEXT://[::1]:9092", "::1", 9092),
        ("PLAINTEXT://::1:9092", "::1", 9092),
        (" PLAINTEXT://a:65535 ", "a", 65535),
    ],
)
def test_one_listener(text: str, host: str, port: int) -> None:
    assert listeners(f"listeners={text}") == (Listener("PLAINTEXT", host, port, None),)


def test_without_an_advertised_entry_clients_are_told_what_they_dialled() -> None:
    first, second = listeners(
        "listeners=PLAINTEXT://a:1,X://b:2",
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,X:PLAINTEXT",
        "advertised.listeners=X://c:3",
    )
    assert first.advertised is None
    assert second.advertised == ("c", 3)


def test_an_advertised_entry_without_host_is_what_clients_dialled() -> None:
    (only,) = listeners("listeners=PLAINTEXT://a:1", "advertised.listeners=PLAINTEXT://:1")
    assert only.advertised is None


def test_two_listeners_each_with_its_advertised_address() -> None:
    assert listeners(*TWO) == (
        Listener("PLAINTEXT", "", 29092, ("kafka", 29092)),
        Listener("PLAINTEXT_HOST", "", 9092, ("localhost", 9092)),
    )


def test_without_listeners_each_advertised_entry_is_listened_for_on_this_machine() -> None:
    both = settings(*TWO[1:])
    assert both.listeners == (
        Listener("PLAINTEXT", "localhost", 29092, ("kafka", 29092)),
        Listener("PLAINTEXT_HOST", "localhost", 9092, ("localhost", 9092)),
    )
    assert both.notes == (
        "advertised.listeners promises kafka:29092, but only this machine is listened to; "
        "--host 0.0.0.0 or listeners opens it to others",
    )
    (warning,) = settings(*TWO[1:], host="0.0.0.0").notes
    assert warning.startswith("Other machines can reach 0.0.0.0:29092, 0.0.0.0:9092, ")


@pytest.mark.parametrize("names", ["", "CONTROLLER", "CTRL,OTHER"])
def test_listeners_of_controllers_are_skipped(names: str) -> None:
    overrides = [
        "listeners=CONTROLLER://:9093,PLAINTEXT://:9092,CTRL://:9094,other://:9095",
        "advertised.listeners=PLAINTEXT://a:9092,CONTROLLER://a:9093",
        "listener.security.protocol.map=CONTROLLER:SSL,PLAINTEXT:PLAINTEXT,CTRL:PLAINTEXT,"
        "OTHER:PLAINTEXT",
    ]
    if names:
        overrides.append(f"controller.listener.names={names}")
    kept = [listener.name for listener in listeners(*overrides)]
    assert kept == (["PLAINTEXT"] if "CTRL" in names else ["PLAINTEXT", "CTRL", "OTHER"])


def test_host_replaces_every_host_and_port_the_first_port() -> None:
    assert listeners(host="0.0.0.0", port=0) == (Listener("PLAINTEXT", "0.0.0.0", 0, None),)
    assert listeners(*TWO, host="10.0.0.1", port=9) == (
        # An advertised port that was the same follows, so the promise stays true.
        Listener("PLAINTEXT", "10.0.0.1", 9, ("kafka", 9)),
        Listener("PLAINTEXT_HOST", "10.0.0.1", 9092, ("localhost", 9092)),
    )


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_ipv6_host_with_or_without_brackets(host: str) -> None:
    assert listeners(host=host) == (Listener("PLAINTEXT", "::1", 9092, None),)


@pytest.mark.parametrize(
    ("overrides", "open_ones"),
    [
        ([], ""),
        (["listeners=PLAINTEXT://127.0.0.1:1"], ""),
        (["listeners=PLAINTEXT://[::1]:1"], ""),
        (["listeners=PLAINTEXT://:0"], "0.0.0.0"),
        (["listeners=PLAINTEXT://10.0.0.1:5"], "10.0.0.1:5"),
        (["listeners=PLAINTEXT://[::]:5"], "[::]:5"),
    ],
)
def test_who_lets_others_in_is_warned_in_one_line(overrides: list[str], open_ones: str) -> None:
    warnings = [note for note in settings(*overrides).notes if "authentication" in note]
    assert len(warnings) == (1 if open_ones else 0)
    assert all(f"Other machines can reach {open_ones}, and" in note for note in warnings)


def test_an_advertised_port_that_is_mapped_elsewhere_stays() -> None:
    (only,) = listeners(
        "listeners=PLAINTEXT://:9092", "advertised.listeners=PLAINTEXT://h:19092", port=5
    )
    assert only == Listener("PLAINTEXT", "", 5, ("h", 19092))


def test_options_are_described_as_listeners() -> None:
    moved = settings(*TWO, host="::1", port=5)
    assert moved.broker["listeners"] == ("PLAINTEXT://[::1]:5", "PLAINTEXT_HOST://[::1]:9092")
    assert "listeners" in moved.explicit
    assert settings(*TWO).broker["listeners"] == ("PLAINTEXT://:29092", "PLAINTEXT_HOST://:9092")


@pytest.mark.parametrize(
    ("overrides", "why"),
    [
        (["listeners=SASL_SSL://:9092"], "listener SASL_SSL asks for SASL_SSL"),
        (["advertised.listeners=SSL://a:9092"], "listener SSL asks for SSL"),
        (
            ["listeners=X://:1", "listener.security.protocol.map=X:SASL_PLAINTEXT"],
            "listener X asks for SASL_PLAINTEXT",
        ),
        (["listeners=X://:1"], "-o listeners: No security protocol defined for listener X"),
        (
            ["listener.security.protocol.map=PLAINTEXT:TLS"],
            "Invalid security protocol `TLS` defined in listener.security.protocol.map",
        ),
        (["listener.security.protocol.map=PLAINTEXT"], "'PLAINTEXT' is not NAME:PROTOCOL"),
        (["listeners=9092"], "Unable to parse 9092 to a broker endpoint"),
        (["listeners=PLAINTEXT://a"], "Unable to parse PLAINTEXT://a to a broker endpoint"),
        (["listeners=PLAINTEXT://a b:1"], "Unable to parse PLAINTEXT://a b:1"),
        (["listeners=PLAINTEXT://a:-1"], "Unable to parse PLAINTEXT://a:-1"),
        (["listeners=PLAINTEXT://a:65536"], "ports end at 65535"),
        (["listeners="], "Configuration 'listeners' must not be empty"),
        (["listeners=CONTROLLER://:1"], "every listener is a controller's"),
        (
            ["listeners=PLAINTEXT://:1,PLAINTEXT://:2"],
            "Each listener must have a different name",
        ),
        (
            [
                "listeners=PLAINTEXT://:1,X://:1",
                "listener.security.protocol.map=X:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            ],
            "Each listener must have a different port, but PLAINTEXT and X both have 1",
        ),
        (
            ["listeners=PLAINTEXT://:1", "advertised.listeners=PLAINTEXT://0.0.0.0:1"],
            "-o advertised.listeners: advertised.listeners cannot use the nonroutable "
            "meta-address 0.0.0.0. Use a routable IP address.",
        ),
        (
            [
                "listeners=PLAINTEXT://:1",
                "advertised.listeners=X://a:1",
                "listener.security.protocol.map=X:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            ],
            "must be equal to or a subset of the ones defined in listeners. Found X; "
            "listeners has PLAINTEXT",
        ),
        (["port=x"], "-o port: Unable to parse PLAINTEXT://localhost:x"),
    ],
)
def test_what_cannot_be_listened_to_is_refused(overrides: list[str], why: str) -> None:
    assert why in refusal(*overrides)


def test_a_port_option_that_collides_is_refused() -> None:
    assert "both have 9092" in refusal(*TWO, port=9092)


def test_one_port_may_serve_ipv4_and_ipv6_and_port_0_any_number() -> None:
    mapping = "listener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT,C:PLAINTEXT"
    assert len(listeners("listeners=A://127.0.0.1:1,B://[::1]:1", mapping)) == 2
    assert len(listeners("listeners=A://:0,B://:0", mapping)) == 2
    assert "different port" in refusal("listeners=A://1.1.1.1:1,B://[::1]:1,C://2.2.2.2:1", mapping)
    assert "different port" in refusal("listeners=A://host:1,B://[::1]:1", mapping)


def test_the_historic_names_still_set_listeners() -> None:
    old = settings("host.name=10.0.0.1", "port=9000")
    assert old.listeners == (Listener("PLAINTEXT", "10.0.0.1", 9000, None),)
    assert [note.partition(": ")[0] for note in old.notes[:2]] == ["-o host.name", "-o port"]
    assert listeners("advertised.host.name=kafka", "advertised.port=9000") == (
        Listener("PLAINTEXT", "localhost", 9000, ("kafka", 9000)),
    )
    assert listeners("advertised.host.name=kafka", "advertised.port=19092", "port=9092") == (
        Listener("PLAINTEXT", "localhost", 9092, ("kafka", 19092)),
    )
    assert listeners("advertised.port=9000") == (Listener("PLAINTEXT", "localhost", 9092, None),)
    assert listeners("port=1", "listeners=PLAINTEXT://a:2") == (
        Listener("PLAINTEXT", "a", 2, None),
    )
