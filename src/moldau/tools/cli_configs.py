"""`moldau configs`: what is set for topics, brokers, groups, clients and users; set, unset."""

from __future__ import annotations

import argparse

from moldau.client.admin import Admin
from moldau.client.cluster import describe_cluster
from moldau.client.configs import Kind, Source, alter_configs, describe_configs
from moldau.client.errors import KafkaError, Refused
from moldau.client.quotas import CLIENT_ID, IP, USER, Entity, Wanted, alter_quotas, describe_quotas
from moldau.client.topics import list_topics
from moldau.tools import config_names
from moldau.tools.cli_client import note
from moldau.tools.cli_frame import (
    Failure,
    add_common,
    admin,
    did_you_mean,
    guarded,
    parser,
    print_json,
    show,
)
from moldau.tools.cli_values import named_values
from moldau.tools.java_text import parse_double

_KINDS = {
    "topic": Kind.TOPIC,
    "broker": Kind.BROKER,
    "logger": Kind.BROKER_LOGGER,
    "group": Kind.GROUP,
    "client-metrics": Kind.CLIENT_METRICS,
}
_QUOTAS = {"user": USER, "client": CLIENT_ID, "ip": IP}
WHAT = (*_KINDS, *_QUOTAS)
_DEFAULT = "default"
_SHOWN_SOURCES = (Source.DEFAULT_CONFIG, Source.STATIC_BROKER_CONFIG)


def main(argv: list[str]) -> int:
    arguments = options().parse_args(argv)
    return guarded("configs", lambda: _run(arguments))


def options() -> argparse.ArgumentParser:
    top = parser("configs", "Configs of topics, brokers, groups and loggers; quotas.")
    actions = top.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("show", help="what is set; with --all what counts")
    listing.add_argument("--all", action="store_true", help="defaults, too")
    change = actions.add_parser("set", help="set configs, all or none")
    unset = actions.add_parser("unset", help="give configs their defaults back")
    for action in (listing, change, unset):
        action.add_argument("what", choices=WHAT, help=", ".join(WHAT))
        action.add_argument(
            "name", help="its name; `default` for all brokers, users, clients or addresses"
        )
        add_common(action)
    change.add_argument(
        "config",
        nargs="+",
        metavar="NAME=VALUE",
        help="7d and 1GB are understood (retention.ms=7d)",
    )
    unset.add_argument("config", nargs="+", metavar="NAME")
    return top


def _run(arguments: argparse.Namespace) -> int:
    actions = {"show": _show, "set": _set, "unset": _unset}
    with admin(arguments.bootstrap_server) as connection:
        _check_name(connection, arguments.what, arguments.name)
        try:
            return actions[arguments.action](connection, arguments)
        except Refused as error:
            told = config_names.refused(error.message)
            raise (Failure(told) if told else error) from None


def _check_name(connection: Admin, what: str, name: str) -> None:
    if what == "topic":
        known = [topic.name for topic in list_topics(connection)]
        if name not in known:
            raise Failure(did_you_mean(name, known, "topic"))
    if what in ("broker", "logger") and not (what == "broker" and name == _DEFAULT):
        ids = [str(node.id) for node in describe_cluster(connection).nodes]
        if name not in ids:
            raise Failure(f"There is no broker {name!r}; there are {', '.join(ids)}.")


def _resource(arguments: argparse.Namespace) -> str:
    is_default = arguments.what == "broker" and arguments.name == _DEFAULT
    return "" if is_default else str(arguments.name)


def _entity(arguments: argparse.Namespace) -> Entity:
    name = None if arguments.name == _DEFAULT else str(arguments.name)
    return {_QUOTAS[arguments.what]: name}


def _show(connection: Admin, arguments: argparse.Namespace) -> int:
    rows: list[dict[str, object]]
    if arguments.what in _QUOTAS:
        ((kind, name),) = _entity(arguments).items()
        quotas = describe_quotas(connection, [Wanted(kind, name)])
        rows = [
            {"name": key, "value": value, "source": "QUOTA"}
            for quota in quotas
            for key, value in sorted(quota.values.items())
        ]
    else:
        resource = _resource(arguments)
        found = describe_configs(connection, _KINDS[arguments.what], [resource])[resource]
        if isinstance(found, KafkaError):
            raise found
        rows = [
            {"name": e.name, "value": e.value, "source": e.source.name}
            for e in sorted(found)
            if arguments.all or e.source not in _SHOWN_SOURCES
        ]
    show(rows, ("name", "value", "source"), arguments.json)
    return 0


def _set(connection: Admin, arguments: argparse.Namespace) -> int:
    values = named_values(arguments.config)
    if arguments.what in _QUOTAS:
        alter_quotas(
            connection,
            _entity(arguments),
            {name: _number(name, value) for name, value in values.items()},
        )
    else:
        alter_configs(connection, _KINDS[arguments.what], _resource(arguments), values)
    return _done(arguments)


def _number(name: str, text: str) -> float:
    number = parse_double(text)
    if number is None:
        raise Failure(f"{name}={text}: a quota is a number.")
    return number


def _unset(connection: Admin, arguments: argparse.Namespace) -> int:
    if arguments.what in _QUOTAS:
        alter_quotas(connection, _entity(arguments), {}, arguments.config)
    else:
        alter_configs(
            connection, _KINDS[arguments.what], _resource(arguments), {}, arguments.config
        )
    return _done(arguments)


def _done(arguments: argparse.Namespace) -> int:
    names = [word.partition("=")[0] for word in arguments.config]
    for text in config_names.doubtful(arguments.what, names):
        note("configs")(text)
    if arguments.json:
        print_json(
            {
                "done": arguments.action,
                arguments.what: arguments.name,
                "configs": arguments.config,
            }
        )
    else:
        print(f"{arguments.what} {arguments.name}: {arguments.action} {' '.join(arguments.config)}")
    return 0
