"""Which addresses to listen on, and what to tell clients about them.

Kafka's rules (SocketServerConfigs, AbstractKafkaConfig.validate) with two of our own: without
`listeners` each entry of `advertised.listeners` is listened for on this machine, and without
`advertised.listeners` a client is told the address that it dialled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from moldau.server.given import Given, checked

_DEFAULT_HOST: Final = "localhost"
_DEFAULT_PORT: Final = 9092
_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_HOST_CHARACTERS: Final = frozenset(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-%._:"
)


class Listener(NamedTuple):
    """`host` "" is every interface, `port` 0 a free one.

    `advertised` is what clients are told: None is the address that the client dialled, and
    port 0 the port that was bound.
    """

    name: str
    host: str
    port: int
    advertised: tuple[str, int] | None


class _Endpoint(NamedTuple):
    name: str
    host: str
    port: int


def resolve(
    configs: Mapping[str, Given], host: str | None = None, port: int | None = None
) -> tuple[Listener, ...]:
    """The listeners that configs (current and historic names) and options ask for.

    `host` replaces the host of every listener, `port` the port of the first; an advertised
    port that was the same follows. Raises SettingsError.
    """
    protocols = _protocols(configs)
    controllers = _controllers(configs)
    advertised = _of_brokers("advertised.listeners", _advertised(configs), controllers, protocols)
    wanted = _of_brokers("listeners", configs.get("listeners"), controllers, protocols)
    where = configs.get("listeners", configs.get("advertised.listeners", Given("", "listeners")))
    if "listeners" in configs and not wanted:
        raise where.error("every listener is a controller's; add one for clients")
    if not wanted:
        wanted = _without_listeners(configs, advertised)
    bound = _with_options(wanted, host, port)
    _check_distinct(bound, where)
    _check_advertised(bound, advertised, configs)
    return tuple(
        Listener(*new, _promise(advertised, old, new))
        for old, new in zip(wanted, bound, strict=True)
    )


def to_text(listeners: Sequence[Listener]) -> str:
    """As the config `listeners` would say it."""
    return ",".join(f"{one.name}://{_bracketed(one.host)}:{one.port}" for one in listeners)


def notes(listeners: Sequence[Listener]) -> list[str]:
    """What a person should hear about these listeners, a line each."""
    return [*_unreachable(listeners), *_open(listeners)]


def _unreachable(listeners: Sequence[Listener]) -> list[str]:
    promised = [
        f"{_bracketed(one.advertised[0])}:{one.advertised[1]}"
        for one in listeners
        if one.advertised and is_loopback(one.host) and not is_loopback(one.advertised[0])
    ]
    if not promised:
        return []
    return [
        f"advertised.listeners promises {', '.join(promised)}, but only this machine is "
        "listened to; --host 0.0.0.0 or listeners opens it to others"
    ]


def _open(listeners: Sequence[Listener]) -> list[str]:
    """Listeners that other machines can reach: nobody is asked who he is yet."""
    reachable = [
        f"{_bracketed(one.host) or '0.0.0.0'}" + (f":{one.port}" if one.port else "")
        for one in listeners
        if not is_loopback(one.host)
    ]
    if not reachable:
        return []
    return [
        f"Other machines can reach {', '.join(reachable)}, and there is no authentication: "
        "whoever gets there may read, write and delete everything"
    ]


def is_loopback(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _protocols(configs: Mapping[str, Given]) -> dict[str, str]:
    """Listener name to security protocol; Kafka's four names stand for themselves."""
    given = configs.get("listener.security.protocol.map")
    if given is None:
        return {name: name for name in _PROTOCOLS}
    protocols = {}
    for pair in given.text.split(","):
        name, colon, protocol = pair.strip().rpartition(":")
        if not colon:
            raise given.error(f"{pair.strip()!r} is not NAME:PROTOCOL, as in INTERNAL:PLAINTEXT")
        if protocol.strip().upper() not in _PROTOCOLS:
            raise given.error(
                f"Invalid security protocol `{protocol.strip()}` defined in "
                "listener.security.protocol.map"
            )
        protocols[name.strip().upper()] = protocol.strip().upper()
    return protocols


def _controllers(configs: Mapping[str, Given]) -> frozenset[str]:
    """Names of listeners that only controllers use. Moldau's controller needs none."""
    given = configs.get("controller.listener.names")
    names = given.text.split(",") if given else []
    return frozenset({"CONTROLLER", *(name.strip().upper() for name in names)})


def _of_brokers(
    config: str, given: Given | None, controllers: frozenset[str], protocols: Mapping[str, str]
) -> list[_Endpoint]:
    if given is None:
        return []
    entries = checked(config, given)
    assert isinstance(entries, tuple)
    endpoints = [_endpoint(entry, given) for entry in entries]
    kept = [endpoint for endpoint in endpoints if endpoint.name not in controllers]
    for endpoint in kept:
        protocol = protocols.get(endpoint.name)
        if protocol is None:
            raise given.error(f"No security protocol defined for listener {endpoint.name}")
        if protocol != "PLAINTEXT":
            raise given.error(
                f"listener {endpoint.name} asks for {protocol}, and Moldau speaks only PLAINTEXT "
                "yet; it will not leave unprotected what you want protected"
            )
    return kept


def _endpoint(entry: str, given: Given) -> _Endpoint:
    name, found, address = entry.partition("://")
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (found and colon and port.isdecimal() and _HOST_CHARACTERS.issuperset(host)):
        raise given.error(f"Unable to parse {entry} to a broker endpoint (NAME://host:port)")
    if int(port) > 65535:
        raise given.error(f"{entry}: ports end at 65535")
    return _Endpoint(name.upper(), host, int(port))


def _advertised(configs: Mapping[str, Given]) -> Given | None:
    """advertised.listeners, or what Kafka 2.8 and older made of advertised.host.name."""
    given = configs.get("advertised.listeners")
    host = configs.get("advertised.host.name")
    if given or not host:
        return given
    fallback = configs.get("port", Given(str(_DEFAULT_PORT), ""))
    port = configs.get("advertised.port", fallback)
    return Given(f"PLAINTEXT://{_bracketed(host.text.strip())}:{port.text.strip()}", host.origin)


def _without_listeners(
    configs: Mapping[str, Given], advertised: list[_Endpoint]
) -> list[_Endpoint]:
    host, port = configs.get("host.name"), configs.get("port")
    if host or port:
        place = _bracketed(host.text.strip()) if host else _DEFAULT_HOST
        number = port.text.strip() if port else str(_DEFAULT_PORT)
        return [_endpoint(f"PLAINTEXT://{place}:{number}", port or host or Given("", ""))]
    if advertised:
        return [_Endpoint(one.name, _DEFAULT_HOST, one.port) for one in advertised]
    return [_Endpoint("PLAINTEXT", _DEFAULT_HOST, _DEFAULT_PORT)]


def _with_options(wanted: list[_Endpoint], host: str | None, port: int | None) -> list[_Endpoint]:
    bound = [one._replace(host=one.host if host is None else host) for one in wanted]
    if port is not None:
        bound[0] = bound[0]._replace(port=port)
    return bound


def _check_distinct(bound: list[_Endpoint], where: Given) -> None:
    names = [one.name for one in bound]
    if len(set(names)) < len(names):
        raise where.error(f"Each listener must have a different name, listeners: {names}")
    for at, one in enumerate(bound):
        same = [other for other in bound[:at] if one.port and other.port == one.port]
        if len(same) > 1 or (same and not _are_two_families(one.host, same[0].host)):
            raise where.error(
                f"Each listener must have a different port, but {same[0].name} and {one.name} "
                f"both have {one.port}"
            )


def _are_two_families(one: str, other: str) -> bool:
    """Kafka lets an IPv4 and an IPv6 address share a port."""
    return (":" in one) != (":" in other) and all(
        ":" in host or host.replace(".", "").isdecimal() for host in (one, other)
    )


def _check_advertised(
    bound: list[_Endpoint], advertised: list[_Endpoint], configs: Mapping[str, Given]
) -> None:
    given = _advertised(configs) or Given("", "")
    names = [one.name for one in bound]
    for one in advertised:
        if one.name not in names:
            raise given.error(
                "advertised.listeners listener names must be equal to or a subset of the ones "
                f"defined in listeners. Found {one.name}; listeners has {', '.join(names)}"
            )
        if one.host == "0.0.0.0":
            raise given.error(
                "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. "
                "Use a routable IP address."
            )


def _promise(advertised: list[_Endpoint], old: _Endpoint, new: _Endpoint) -> tuple[str, int] | None:
    """What clients of a listener are told; its port follows when an option moved it."""
    entry = next((one for one in advertised if one.name == new.name), None)
    if entry is None or not entry.host:
        return None
    return entry.host, new.port if entry.port == old.port else entry.port


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
