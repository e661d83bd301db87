"""`moldau log` on files that Apache Kafka wrote, and on damaged ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from moldau.tools import cli_log
from tests.tools.dump_log import SEGMENT, write_segment
from tests.transcripts.story import FIXTURES


def verify(capsys: pytest.CaptureFixture[str], *paths: Path) -> tuple[int, list[str | None]]:
    """Exit code, and the problem of each segment."""
    code = cli_log.main(["verify", "--json", *map(str, paths)])
    return code, [row["problem"] for row in json.loads(capsys.readouterr().out)]


def test_sound_segments(capsys: pytest.CaptureFixture[str]) -> None:
    sound = [FIXTURES / name for name in ("plain-0", "indexed-0", "txn-0", "codecs-0")]
    assert verify(capsys, *sound) == (0, [None] * 5)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("corrupt-0", "the checksum of the batch at offset 0 does not hold"),
        ("truncated-0", "59 bytes behind the last whole batch"),
        (f"wrong-index-0/{SEGMENT}", "Index offset: 9, log offset: 0"),
    ],
)
def test_what_is_wrong(capsys: pytest.CaptureFixture[str], name: str, says: str) -> None:
    code, (problem,) = verify(capsys, FIXTURES / name)
    assert code == 1
    assert says in (problem or "")


def test_records(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write_segment(tmp_path / SEGMENT, [(b"k", b"v"), (None, "ä".encode()), (b"t", None)])
    assert cli_log.main(["dump", "--json", str(tmp_path)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["offset"], row["key"], row["value"]) for row in rows] == [
        (0, "k", "v"),
        (1, None, "ä"),
        (2, "t", None),
    ]
    assert {row["file"] for row in rows} == {str(path)}


def test_what_is_no_segment(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli_log.main(["verify", str(tmp_path)]) == 1
    assert "holds no segments" in capsys.readouterr().err
    assert cli_log.main(["dump", str(tmp_path / "none.log")]) == 1
    assert "is no segment that is there" in capsys.readouterr().err
