"""`moldau topics`, `groups`, `produce`, `consume` and `completion`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

import pytest

from moldau.__main__ import _demo_parser, _up_parser, main
from moldau.server.folder import options as folder_options
from moldau.tools import completion
from moldau.tools.cli import SUBCOMMANDS
from tests.tools.conftest import Moldau

pytestmark = pytest.mark.slow  # each starts a tool, or several

ALL = ("up", "status", "down", "demo", "folder", "completion")
OTHERS = {"up": _up_parser, "demo": _demo_parser, "folder": folder_options.parser}


def test_topics_from_create_to_delete(moldau_here: Moldau, topic: str) -> None:
    listed = moldau_here("topics").stdout.splitlines()
    assert listed[0].split() == ["TOPIC", "PARTITIONS", "REPLICAS", "ID"]
    assert any(line.split()[:3] == [topic, "2", "1"] for line in listed)
    assert moldau_here("topics", "grow", topic, "3").returncode == 0
    described = json.loads(moldau_here("topics", "describe", topic, "--json").stdout)
    assert [p["partition"] for p in described["partitions"]] == [0, 1, 2]
    assert described["configs"]["retention.ms"] == "-1"
    assert moldau_here("topics", "delete", topic).stdout == f"Deleted {topic}.\n"
    assert topic not in moldau_here("topics", "--json").stdout


def test_records_go_in_and_come_out(moldau: Moldau, topic: str) -> None:
    sent = moldau("produce", topic, "-k", ":", "-H", "h=1", stdin="a:one\na:two\nb:three\n")
    assert sent.stdout == f"3 records to {topic}.\n"
    assert sorted(moldau("consume", topic).stdout.split()) == ["one", "three", "two"]
    records = [json.loads(line) for line in moldau("consume", topic, "--json").stdout.splitlines()]
    assert {(r["key"], r["value"]) for r in records} == {("a", "one"), ("a", "two"), ("b", "three")}
    assert all(r["headers"] == [["h", "1"]] for r in records)
    assert len(moldau("consume", topic, "-n", "2").stdout.splitlines()) == 2
    (place,) = {r["partition"] for r in records if r["key"] == "a"}
    last = moldau("consume", topic, "-p", str(place), "-o", "-1", "--json").stdout
    assert json.loads(last)["value"] in ("two", "three")


def test_an_empty_topic_ends_at_once(moldau: Moldau, topic: str) -> None:
    ran = moldau("consume", topic)
    assert (ran.returncode, ran.stdout) == (0, "")


def test_a_group_is_reset_shown_and_deleted(moldau: Moldau, topic: str) -> None:
    group = f"g-{topic}"
    moldau("produce", topic, stdin="a\nb\n")
    plan = moldau("groups", "reset", group, "-t", topic, "--to", "latest")
    assert plan.stdout.endswith("Nothing was changed: add --execute to do it.\n")
    assert moldau("groups", "describe", group).returncode == 1
    moldau("groups", "reset", group, "-t", topic, "--to", "earliest", "--execute")
    shown = json.loads(moldau("groups", "describe", group, "--json").stdout)
    assert shown["state"] == "Empty"
    assert sum(row["lag"] for row in shown["offsets"]) == 2
    assert group in moldau("groups").stdout
    assert moldau("groups", "delete", group).stdout == f"Deleted {group}.\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("topics create {}", "already exists. Choose another name"),
        ("topics create x -r 3", "There is 1 broker"),
        ("topics create x -c retention", "write it as NAME=VALUE"),
        (
            "topics create x -c retention.mss=7d",
            "config 'retention.mss'; did you mean 'retention.ms",
        ),
        ("configs set topic {} retention.mss=7d", "did you mean 'retention.ms'?"),
        ("configs set group g consumer.sesion.timeout.ms=1", "mean 'consumer.session.timeout.ms'?"),
        ("topics describe {}x", "did you mean '{}'?"),
        ("topics grow {} 1", "never removed"),
        ("topics delete nothing-like-it", "`moldau topics` shows what is there"),
        ("consume {}x", "did you mean '{}'?"),
        ("consume {} -p 9", "it has 0 to 1"),
        ("consume {} -o x", "say earliest, latest"),
        ("produce {} missing.txt", "Check the path"),
        ("groups describe nothing-like-it", "There is no group"),
        ("groups delete nothing-like-it", "was not deleted"),
        ("groups reset g -t {} --to yesterday", "say earliest, latest, an offset"),
        ("topics -b localhost:0", "say HOST:PORT"),
    ],
)
def test_failures_say_what_to_do(moldau: Moldau, topic: str, words: str, text: str) -> None:
    ran = moldau(*words.format(topic).split())
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert text.format(topic) in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["topics", "groups", "consume x", "produce x"])
def test_nothing_listens(moldau: Moldau, unused_port: int, command: str) -> None:
    ran = moldau(*command.split(), "-b", f"127.0.0.1:{unused_port}", stdin="x\n")
    assert ran.returncode == 1
    assert "Nothing listens" in ran.stderr


def test_every_subcommand_explains_itself(moldau: Moldau) -> None:
    listed = moldau("--help").stdout
    for name in (*ALL, *SUBCOMMANDS):
        ran = moldau(name, "--help")
        assert ran.returncode == 0, name
        assert f"usage: moldau {name}" in ran.stdout
        assert f"\n  {name} " in listed


def test_a_mistyped_command_or_action_is_told(moldau: Moldau) -> None:
    ran = moldau("topcis")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "moldau: there is no command 'topcis'; did you mean `moldau topics`?\n"
    ran = moldau("topics", "lst")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "invalid choice: 'lst'" in ran.stderr
    ran = moldau("offsets", "delete", "topic", "--bef", "1")
    assert (ran.returncode, ran.stdout) == (2, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("streams descibe -A shop", "'descibe'; did you mean 'describe'?"),
        ("streams describe -A shop --sgv=x", "no option --sgv; did you mean --svg?"),
        ("streams top --htp 8080", "no option --htp; did you mean --http?"),
        ("streams lag -A shop --quickly", "`moldau streams lag --help` lists what there is."),
        ("worker -A shop --htp 8080", "no option --htp; did you mean --http?"),
        ("worker -A shop shop", "unrecognized arguments: shop"),
        ("dlq lst shop-dlq", "'lst'; did you mean 'list'?"),
        ("dlq list shop-dlq --jsno", "no option --jsno; did you mean --json?"),
        ("faust -A shop --work-dir / worker", "no option --work-dir; did you mean --workdir?"),
        ("produce topic --compresion lz4", "no option --compresion; did you mean --compression?"),
        ("mirror --from a --to b --folow", "no option --folow; did you mean --follow?"),
        ("up --prt=1", "no option --prt; did you mean --port?"),
        ("demo --rte 3", "no option --rte; did you mean --rate?"),
        ("status --jsn", "no option --jsn; did you mean --json?"),
        ("down --prot 1", "no option --prot; did you mean --port?"),
        ("folder chek", "'chek'; did you mean 'check'?"),
        ("folder check --jsn .", "no option --jsn; did you mean --json?"),
    ],
)
def test_of_a_mistyped_action_or_option_the_nearest_is_told(
    capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words.split())
    assert capsys.readouterr().err.endswith(f"{said}\n")


def test_a_name_that_is_passed_over_is_told_with_the_nearest(moldau: Moldau, topic: str) -> None:
    ran = moldau("configs", "set", "broker", "default", "num.partitons=3")
    assert "no broker config 'num.partitons'; did you mean 'num.partitions'?" in ran.stderr
    assert ran.returncode == 0
    assert moldau("configs", "unset", "broker", "default", "num.partitons").returncode == 0
    ran = moldau("configs", "unset", "topic", topic, "retention.mss")
    assert "no topic config 'retention.mss'; did you mean 'retention.ms'?" in ran.stderr
    ran = moldau("produce", topic, "-X", "acs=1")
    assert (
        "acs is no config of a Kafka producer: it is passed over; did you mean acks?" in ran.stderr
    )


@pytest.mark.parametrize("name", sorted({**completion.PARSERS, **OTHERS}))
def test_no_option_may_be_shortened(name: str) -> None:
    """Tomorrow what is left may stand for another."""
    found = [{**completion.PARSERS, **OTHERS}[name]()]
    for parser in found:
        assert not parser.allow_abbrev, parser.prog
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                found += action.choices.values()


def test_a_reader_that_goes_away_is_no_error(moldau: Moldau, bootstrap_servers: str) -> None:
    command = f"{sys.executable} -m moldau topics -b {bootstrap_servers}"
    ran = subprocess.run(["sh", "-c", f"{command} | true"], capture_output=True, text=True)
    assert ran.stderr == ""


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("to", ["topics"]),
        ("topics de", ["delete", "describe"]),
        ("completion ", ["bash", "fish", "zsh"]),
        ("topics create x --p", ["--partitions"]),
        ("topics --b", ["--bootstrap-server"]),
        ("groups list --j", ["--json"]),
        ("up --re", ["--ready-file"]),
        ("up --p", ["--port"]),  # and not --parent, which is not for people
        ("demo --data ", ["grocery", "made-up"]),
        ("down --", ["--all", "--data", "--help", "--port"]),
        ("groups reset g --to ", ["current", "earliest", "latest"]),
        ("configs s", ["set", "show"]),
        ("configs show b", ["broker"]),
        ("offsets delete t --p", ["--partition"]),
        ("nonsense ", []),
    ],
)
def test_words_to_complete(typed: str, found: list[str]) -> None:
    assert completion.words(typed.split(" "), OTHERS) == found


def test_names_to_complete(bootstrap_servers: str, topic: str) -> None:
    server = ["-b", bootstrap_servers]
    assert topic in completion.words(["topics", "describe", *server, "cli-"], {})
    assert topic in completion.words(["consume", *server, ""], {})
    assert topic in completion.words(["groups", "reset", *server, "g", "--topic", ""], {})
    assert completion.words(["consume", "-b", "127.0.0.1:1", ""], {}) == []


def test_offsets_are_shown_and_records_deleted(moldau_here: Moldau, topic: str) -> None:
    assert moldau_here("produce", topic, "--partition", "0", stdin="a\nb\nc\n").returncode == 0
    first = {"topic": topic, "partition": 0, "begin": 0, "end": 3, "records": 3}
    second = {"topic": topic, "partition": 1, "begin": 0, "end": 0, "records": 0}
    assert json.loads(moldau_here("offsets", "list", topic, "--json").stdout) == [first, second]
    late = moldau_here("offsets", "list", topic, "--at", "2999-01-01T00:00:00.000", "--json")
    assert [row["at"] for row in json.loads(late.stdout)] == [3, 0]
    ago = moldau_here("offsets", "list", f"{topic}:0", "--at", "@-1h", "--json")
    assert [row["at"] for row in json.loads(ago.stdout)] == [0]
    assert moldau_here("offsets", "delete", topic, "--before", "2", "-p", "0").returncode == 0
    after = json.loads(moldau_here("offsets", "list", topic, "--json").stdout)
    assert [row["begin"] for row in after] == [2, 0]
    beyond = moldau_here("offsets", "delete", topic, "--before", "99")
    assert beyond.returncode == 1
    assert "not within the range" in beyond.stdout
    assert moldau_here("offsets", "delete", topic, "--before", "1", "-p", "7").returncode == 1


def test_configs_are_set_shown_and_unset(moldau_here: Moldau, topic: str) -> None:
    done = moldau_here(
        "configs", "set", "topic", topic, "retention.ms=5000", "segment.bytes=2000000"
    )
    assert done.returncode == 0, done.stderr
    assert moldau_here("configs", "unset", "topic", topic, "segment.bytes").returncode == 0
    own = json.loads(moldau_here("configs", "show", "topic", topic, "--json").stdout)
    entry = {"name": "retention.ms", "value": "5000", "source": "DYNAMIC_TOPIC_CONFIG"}
    assert entry in own
    assert "segment.bytes" not in [row["name"] for row in own]
    every = json.loads(moldau_here("configs", "show", "topic", topic, "--all", "--json").stdout)
    assert "segment.bytes" in [row["name"] for row in every]


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("show topic nothing-of-that-name", "There is no topic"),
        ("show broker 77", "There is no broker '77'; there are 1."),
        ("set broker default nonsense", "write it as NAME=VALUE"),
        ("set client c producer_byte_rate=fast", "a quota is a number"),
    ],
)
def test_bad_configs_are_told(moldau_here: Moldau, words: str, advice: str) -> None:
    ran = moldau_here("configs", *words.split())
    assert (ran.returncode, ran.stdout) == (1, "")
    assert advice in ran.stderr


def test_quotas_are_configs_of_clients(moldau_here: Moldau) -> None:
    assert moldau_here("configs", "set", "client", "cli", "producer_byte_rate=1024").returncode == 0
    shown = json.loads(moldau_here("configs", "show", "client", "cli", "--json").stdout)
    assert shown == [{"name": "producer_byte_rate", "value": 1024.0, "source": "QUOTA"}]
    assert moldau_here("configs", "unset", "client", "cli", "producer_byte_rate").returncode == 0
    assert json.loads(moldau_here("configs", "show", "client", "cli", "--json").stdout) == []


def test_every_command_is_completed(moldau: Moldau) -> None:
    found = moldau("completion", "words", "").stdout.split()
    assert found == sorted([*ALL, *SUBCOMMANDS])
    for name in found:
        if name != "completion":
            assert "--help" in moldau("completion", "words", name, "--").stdout.split(), name


def test_bash_completes(moldau: Moldau) -> None:
    script = moldau("completion", "bash").stdout
    typed = "COMP_WORDS=(moldau topics de); COMP_CWORD=2; _moldau; echo ${COMPREPLY[@]}"
    bin_folder = os.path.dirname(sys.executable)
    ran = subprocess.run(
        ["bash", "-c", f"{script}\n{typed}"],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"},
    )
    assert ran.stdout.split() == ["delete", "describe"]
