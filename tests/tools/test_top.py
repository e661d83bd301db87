"""The live view of workers: what it shows, on a terminal and in a pipe."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

import moldau
from moldau.streams.watching.document import (
    Document,
    Process,
    Read,
    Restoring,
    StateTold,
    Step,
    TaskTold,
)
from moldau.streams.watching.rate import Rate
from moldau.tools import cli_streams
from moldau.tools.figures import bar, size, span
from moldau.tools.top.picture import picture
from moldau.tools.top.view import PlainView
from tests.streams.shop_worker import worker
from tests.streams.watching.test_several import SHOP, is_whole, port_of, told
from tests.tools.test_worker import fill, wait_for


def process(slot: int) -> Process:
    return Process(
        f"here-{slot}",
        "here",
        slot,
        1000 + slot,
        "running",
        0,
        0,
        records=500,
        dead_letters=slot,
        topics=[Read("sums", "sales", 500, 1)],
        steps=[Step("sums", "sums", "aggregated", 499, 0, 7)],
        tasks=[TaskTold("sums", slot, 1_767_225_600_000 + slot, 21)],
        state=[StateTold("sums", "sums", 20, 1234)],
    )


def test_a_line_says_what_all_processes_come_to(capsys: pytest.CaptureFixture[str]) -> None:
    document = Document("shop", [process(0), process(1)], ["process 2 is starting"])
    document.processes[0].restoring = [Restoring("sums", 3, 25, 100)]
    PlainView().show(document)
    line, silent = capsys.readouterr().out.splitlines()
    assert line.startswith("shop: 2 processes, 2 tasks  0 records/s, 42 behind  14 late, 2 errors")
    assert "state 40 keys  watermark 2026-01-01 00:00:00 (" in line
    assert line.endswith("restoring 1: 25 of 100")
    assert silent == "  process 2 is starting"


@pytest.mark.parametrize("width", [80, 140])
def test_the_picture_fits_its_terminal(width: int) -> None:
    out = io.StringIO()
    console = Console(file=out, width=width, height=24, force_terminal=True, color_system=None)
    document = Document("shop", [process(0), process(1)], ["process 2 is starting"])
    document.processes[0].restoring = [Restoring("sums", 3, 25, 100)]
    with picture(console) as view:
        view.show(document)
        view.tell("[red]a line of the program")
    text = out.getvalue()
    assert "[red]a line of the program" in text  # as it was said, above the picture
    for shown in (
        "sums",
        "998",
        "2 tasks  42 behind  40 keys, 2.5 KB  watermark",
        "restoring 1",
        "━" * 8 + "╌",
        "process 2 is starting",
    ):
        assert shown in text
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).replace("\r", "\n")
    assert max(map(len, plain.splitlines())) <= width


def test_figures_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [span(one) for one in (0.123, 5, 300, 9000, 400_000)] == [
        "0.12 s", "5.0 s", "5 min", "2 h", "5 d",
    ]  # fmt: skip
    assert [size(one) for one in (7, 1234, 45_678, 3_400_000, 10**13)] == [
        "7 B", "1.2 KB", "46 KB", "3.4 MB", "10000 GB",
    ]  # fmt: skip
    assert (bar(0.5, 4), bar(7, 2), bar(-1, 2)) == ("━━╌╌", "━━", "╌╌")
    now = [100.0]
    monkeypatch.setattr("moldau.streams.watching.rate.time.monotonic", lambda: now[0])
    rate = Rate()
    assert rate.per_second(5) == 0
    now[0] += 0.5
    assert rate.per_second(15) == 20


@pytest.mark.slow
def test_workers_are_seen_from_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with moldau.Broker(config={"group.min.session.timeout.ms": "1000"}) as broker:
        fill(broker.bootstrap_servers)
        (tmp_path / "shop.py").write_text(SHOP.format(address=broker.bootstrap_servers))
        with worker(tmp_path, "-w", "2", "--http", "localhost:0", "--live") as running:
            port = port_of(running)
            wait_for(lambda: is_whole(told(port)))
            assert running.stdout is not None
            assert any("2 processes, 8 tasks" in line for line in running.stdout)
            assert cli_streams.main(["top", "--http", str(port), "--json"]) == 0
            assert is_whole(seen(capsys))
            (tmp_path / "watched_shop.py").write_text((tmp_path / "shop.py").read_text())
            monkeypatch.chdir(tmp_path)
            monkeypatch.setattr(sys, "path", ["", *sys.path])
            assert cli_streams.main(["top", "-A", "watched_shop:app", "--json"]) == 0
            assert is_whole(seen(capsys))
    assert cli_streams.main(["top"]) == 1
    assert "say -A MODULE:APP, or --http HOST:PORT" in capsys.readouterr().err


def seen(capsys: pytest.CaptureFixture[str]) -> Any:
    return msgspec.json.decode(capsys.readouterr().out)
