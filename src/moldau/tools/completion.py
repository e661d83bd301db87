"""`moldau completion SHELL`: words to complete, with the names of topics and groups.

The scripts for the three shells are thin: they ask `moldau completion words` for what may follow.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from itertools import pairwise

from moldau.client.errors import KafkaError
from moldau.tools import cli_groups, cli_topics
from moldau.tools.cli_frame import DEFAULT_SERVERS, SERVERS_VARIABLE, admin

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
_COMMON = ("--bootstrap-server", "--json", "--help")
_OPTIONS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("up",): (
        "--host", "--port", "--data", "--temporary", "--config", "--detach", "--ready-file",
        "--no-environment", "--help",
    ),
    ("demo",): ("--bootstrap-server", "--seconds", "--rate", "--data", "--keep", "--help"),
    ("status",): ("--json", "--help"),
    ("down",): ("--data", "--all", "--json", "--help"),
    ("produce",): ("--key-separator", "--header", "--partition", *_COMMON),
    ("consume",): ("--follow", "--count", "--partition", "--offset", *_COMMON),
    ("topics", "list"): ("--internal", *_COMMON),
    ("topics", "create"): (
        "--partitions", "--replication-factor", "--config", "--if-not-exists", *_COMMON,
    ),
    ("topics", "describe"): _COMMON,
    ("topics", "grow"): _COMMON,
    ("topics", "delete"): _COMMON,
    ("groups", "list"): _COMMON,
    ("groups", "describe"): _COMMON,
    ("groups", "reset"): ("--topic", "--to", "--execute", *_COMMON),
    ("groups", "delete"): _COMMON,
}  # fmt: skip
_COMMANDS = ("up", "status", "down", "demo", "topics", "groups", "produce", "consume", "completion")


def main(argv: list[str]) -> int:
    if argv[:1] == ["words"]:
        print("\n".join(words(argv[1:])))
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


def words(typed: list[str]) -> list[str]:
    """What may stand at the place of the last word, which is under way."""
    *before, last = typed or [""]
    return sorted(word for word in _candidates(before, last) if word.startswith(last))


def _candidates(before: list[str], last: str) -> list[str]:
    if not before:
        return list(_COMMANDS)
    command, rest = before[0], before[1:]
    if command == "completion":
        return [] if rest else list(_SHELLS)
    actions = {"topics": cli_topics.ACTIONS, "groups": cli_groups.ACTIONS}.get(command)
    if actions is not None and not rest:
        return list(actions)
    path = (command, *rest[:1]) if actions else (command,)
    if last.startswith("-"):
        return list(_OPTIONS.get(path, ("--help",)))
    if before[-1] in ("--to",):
        return ["earliest", "latest"]
    if before[-1] in ("--offset", "-o") and command == "consume":
        return ["earliest", "latest"]
    return _names(path, before)


def _names(path: tuple[str, ...], before: list[str]) -> list[str]:
    ask: Callable[[str], list[str]]
    if path in (("groups", "reset"),) and before[-1] in ("-t", "--topic"):
        ask = _topics
    elif path[0] == "groups" and path[1:] not in (("list",), ()):
        ask = _groups
    elif path[0] in ("produce", "consume") or path[1:] in (("describe",), ("grow",), ("delete",)):
        ask = _topics
    else:
        return []
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
