"""`moldau produce` and `consume`, further than their first steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tools.conftest import Moldau

pytestmark = pytest.mark.slow  # each starts a tool, or several


@pytest.fixture
def moldau(moldau_here: Moldau) -> Moldau:
    return moldau_here


T0 = 1_700_000_000_000


def produced(moldau: Moldau, topic: str, *values: object, more: tuple[str, ...] = ()) -> None:
    lines = (
        json.dumps({"key": f"k{i}", "value": value, "timestamp": T0 + 1000 * i, "partition": 0})
        for i, value in enumerate(values)
    )
    words = ("produce", topic, "-i", "json", "--keep-partitions", *more)
    ran = moldau(*words, stdin="\n".join(lines))
    assert ran.returncode == 0, ran.stderr


def test_what_is_consumed_as_json_can_be_produced(moldau: Moldau, topic: str) -> None:
    raw = {"base64": "/wA="}
    produced(moldau, topic, "ä", None, raw, {"a": 1}, more=("-H", "h=1"))
    first = moldau("consume", topic, "--json").stdout
    rows = [json.loads(line) for line in first.splitlines()]
    assert [row["value"] for row in rows] == ["ä", None, raw, '{"a":1}']
    assert [row["timestamp"] for row in rows] == [T0 + 1000 * i for i in range(4)]
    assert rows[0]["headers"] == [["h", "1"]]
    copy = f"{topic}-copy"
    assert moldau("topics", "create", copy).returncode == 0
    assert moldau("produce", copy, "-i", "json", stdin=first).stdout == f"4 records to {copy}.\n"
    assert moldau("consume", copy, "--json").stdout == first.replace(topic, copy)


def test_a_line_may_hold_headers_a_key_and_nothing(moldau: Moldau, topic: str) -> None:
    words = ("--headers-separator", "|", "-k", ":", "-Z", "NULL", "-p", "1", "-z", "zstd")
    ran = moldau("produce", topic, *words, "--acks", "1", stdin="a=1,b=2|k:v\n|k:NULL\n")
    assert ran.returncode == 0, ran.stderr
    shown = moldau("consume", topic, "--format", "%t[%p]@%o %k=%v %h %V\\n").stdout
    assert shown == f"{topic}[1]@0 k=v a=1,b=2 1\n{topic}[1]@1 k=  -1\n"


def test_files_are_records_or_lines(moldau: Moldau, topic: str, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a\nb\n")
    two.write_text("c")
    assert moldau("produce", topic, str(one), str(two), "--key", "x").returncode == 0
    whole = moldau("produce", topic, "-i", "whole", str(one), str(two), "--key", "x")
    assert whole.stdout == f"2 records to {topic}.\n"
    rows = [json.loads(line) for line in moldau("consume", topic, "--json").stdout.splitlines()]
    assert [row["value"] for row in rows] == ["a", "b", "c", "a\nb\n", "c"]
    assert {row["key"] for row in rows} == {"x"}


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("-o 2", "2 3 4"),
        ("-o -2", "3 4"),
        ("-o +1 -n 2", "1 2"),
        ("-o @1700000003000", "3 4"),
        ("-u 2", "0 1"),
        ("-u @1700000001000", "0"),
        ("-o 1 -u -1", "1 2 3"),
        ("-o latest", ""),
        ("-n 0", ""),
        ("--grep [14]", "1 4"),
        ("--grep k0", "0"),
        ("-p 1", ""),
        ("-f -o 3 --idle 100ms", "3 4"),
    ],
)
def test_a_part_is_consumed(moldau: Moldau, topic: str, words: str, values: str) -> None:
    produced(moldau, topic, *"01234")
    ran = moldau("consume", topic, *words.split())
    assert (ran.returncode, ran.stdout.split()) == (0, values.split()), ran.stderr


def test_a_group_goes_on_where_it_was(moldau: Moldau, topic: str) -> None:
    produced(moldau, topic, *"01234")
    group = ("-g", f"g-{topic}")
    assert moldau("consume", topic, *group, "-n", "2").stdout.split() == ["0", "1"]
    assert moldau("consume", topic, *group).stdout.split() == ["2", "3", "4"]
    assert moldau("consume", topic, *group).stdout == ""


def test_columns_and_types(moldau: Moldau, topic: str) -> None:
    produced(moldau, topic, {"base64": "AAAAAAAAAAU="})
    shown = moldau("consume", topic, "-s", "timestamp,offset,key", "--value-type", "long").stdout
    assert shown == "2023-11-14T22:13:20.000Z\t0\tk0\t5\n"
    ran = moldau("consume", topic, "--value-type", "int")
    assert ran.returncode == 1
    assert f"{topic}-0 at offset 0 is not of the type" in ran.stderr


def test_several_topics_are_consumed(moldau: Moldau, topic: str) -> None:
    other = f"{topic}-other"
    assert moldau("topics", "create", other).returncode == 0
    produced(moldau, topic, "a")
    produced(moldau, other, "b")
    assert sorted(moldau("consume", f"{topic}*").stdout.split()) == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("consume {} -F %q", "%q means nothing"),
        ("consume {} -F %v --json", "Choose one of"),
        ("consume {} -s nonsense", "there are timestamp"),
        ("consume {} --grep (", "no regular expression"),
        ("consume {} -u soon", "no place in a log"),
        ("consume {} -g g -o 5", "moldau groups reset"),
        ("consume {} -X fetch.min.bytes=x", "fetch.min.bytes"),
        ("produce {} -H nonsense", "NAME=VALUE"),
        ("produce {} --timestamp soon", "no time"),
        ("produce {} --rate 0", "above 0"),
        ("produce {} -p 7", "it has 0 to 1"),
        ("produce {} -i json", "Line 1 is no record"),
    ],
)
def test_bad_wishes_are_told(moldau: Moldau, topic: str, words: str, advice: str) -> None:
    ran = moldau(*words.format(topic).split(), stdin="x\n")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert advice in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
