"""`moldau completion SHELL`: words to complete, with the names of topics and groups.

The scripts for the three shells are thin: they ask `moldau completion words` for what may follow.
"""

from __future__ import annotations

import os
import sys
from argparse import SUPPRESS, Action, ArgumentParser, _SubParsersAction
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

from moldau.client.errors import KafkaError
from moldau.tools import (
    cli_configs,
    cli_consume,
    cli_dlq,
    cli_groups,
    cli_log,
    cli_offsets,
    cli_perf,
    cli_produce,
    cli_streams,
    cli_topics,
    instances,
)
from moldau.tools.cli_frame import DEFAULT_SERVERS, SERVERS_VARIABLE, admin
from moldau.tools.mirror import options as mirror_options

_SHELLS = {
    "bash": """\
_moldau() {
    local IFS=$'\\n'
    COMPREPLY=($(compgen -W "$(moldau completion words "${COMP_WORDS[@]:1:COMP_CWORD}" \
2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _moldau moldau
""",
    "zsh": """\
#compdef moldau
_moldau() {
    local -a found
    found=("${(@f)$(moldau completion words "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    compadd -a found
}
compdef _moldau moldau
""",
    "fish": """\
function __moldau_words
    set -l typed (commandline -opc) (commandline -ct)
    moldau completion words $typed[2..-1] 2>/dev/null
end
complete -c moldau -f -a '(__moldau_words)'
""",
}
_WHERE = {
    "bash": 'eval "$(moldau completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(moldau completion zsh)"   # in ~/.zshrc, behind compinit',
    "fish": "moldau completion fish | source   # in ~/.config/fish/config.fish",
}
Parsers = Mapping[str, Callable[[], ArgumentParser]]


def _worker_options() -> ArgumentParser:
    from moldau.tools import worker  # with all of streams: only where it is asked for

    return worker.parser()


def _faust_options() -> ArgumentParser:
    from moldau.tools import faust

    return faust.parser()


PARSERS: Parsers = {
    "status": instances.status_options,
    "down": instances.down_options,
    "topics": cli_topics.options,
    "groups": cli_groups.options,
    "configs": cli_configs.options,
    "offsets": cli_offsets.options,
    "log": cli_log.options,
    "produce": cli_produce.options,
    "consume": cli_consume.options,
    "perf": cli_perf.options,
    "mirror": mirror_options.options,
    "worker": _worker_options,
    "faust": _faust_options,
    "dlq": cli_dlq.options,
    "streams": cli_streams.options,
}
# What is no name but is understood where one of these stands before it.
_ENDS = ("earliest", "latest")
_WORDS = {"--to": (*_ENDS, "current"), "--offset": _ENDS, "--until": _ENDS}


def main(argv: list[str], others: Parsers) -> int:
    """`others` are the options of the commands that are not this wing's."""
    if argv[:1] == ["words"]:
        print("\n".join(words(argv[1:], others)))
        return 0
    if len(argv) == 1 and argv[0] in _SHELLS:
        print(_SHELLS[argv[0]], end="")
        return 0
    if argv[:1] in (["-h"], ["--help"]):
        print("usage: moldau completion {bash,zsh,fish}\n")
        print("\n".join(_WHERE.values()))
        return 0
    print(
        f"moldau completion: name your shell: {', '.join(_SHELLS)}; for instance {_WHERE['bash']}",
        file=sys.stderr,
    )
    return 2


def words(typed: list[str], others: Parsers) -> list[str]:
    """What may stand at the place of the last word, which is under way."""
    *before, last = typed or [""]
    found = _candidates(before, last, {**PARSERS, **others})
    return sorted(word for word in found if word.startswith(last))


def _candidates(before: list[str], last: str, parsers: Parsers) -> Iterable[str]:
    if not before:
        return [*parsers, "completion"]
    command, rest = before[0], before[1:]
    if command == "completion":
        return [] if rest else _SHELLS
    if command not in parsers:
        return []
    parser = parsers[command]()
    actions = _actions(parser)
    if actions and not rest and not last.startswith("-"):
        return actions
    # Without an action the listing is meant.
    parser = actions.get(rest[0] if rest else "list", actions.get("list", parser))
    if last.startswith("-"):
        return _options(parser)
    option = next((a for a in parser._actions if before[-1] in a.option_strings), None)
    if option is not None and option.nargs != 0:
        return _values(option, before)
    action = rest[0] if actions and rest else ""
    return _names(command, action, before)


def _actions(parser: ArgumentParser) -> dict[str, ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            return dict(action.choices)
    return {}


def _options(parser: ArgumentParser) -> list[str]:
    shown = (action for action in parser._actions if action.help != SUPPRESS)
    return [text for action in shown for text in action.option_strings if text.startswith("--")]


def _values(option: Action, before: list[str]) -> Iterable[str]:
    """What the option that was just typed may be."""
    name = option.option_strings[-1]
    if name == "--topic":
        return _asked(_topics, before)
    if name == "--group":
        return _asked(_groups, before)
    return map(str, option.choices) if option.choices else _WORDS.get(name, ())


def _names(command: str, action: str, before: list[str]) -> list[str]:
    if command in ("produce", "consume", "offsets", "perf"):
        return _asked(_topics, before)
    if command == "topics" and action != "create":
        return _asked(_topics, before)
    if command == "configs":
        return _config_names(before)
    if command == "groups":
        return _asked(_groups, before)
    return []


def _config_names(before: list[str]) -> list[str]:
    """Behind the action what it is about, then its name."""
    if before[-1] in ("show", "set", "unset"):
        return list(cli_configs.WHAT)
    if before[-1] == "topic":
        return _asked(_topics, before)
    return _asked(_groups, before) if before[-1] == "group" else []


def _asked(ask: Callable[[str], list[str]], before: list[str]) -> list[str]:
    try:
        return ask(_servers(before))
    except (KafkaError, OSError):
        return []


def _servers(before: list[str]) -> str:
    for option, value in pairwise(before):
        if option in ("-b", "--bootstrap-server"):
            return value
    return os.environ.get(SERVERS_VARIABLE, DEFAULT_SERVERS)


def _topics(servers: str) -> list[str]:
    from moldau.client.topics import list_topics

    with admin(servers) as connection:
        return [topic.name for topic in list_topics(connection) if not topic.internal]


def _groups(servers: str) -> list[str]:
    from moldau.client.groups import list_consumer_groups

    with admin(servers) as connection:
        return [group.id for group in list_consumer_groups(connection)]
