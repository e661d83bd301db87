"""`moldau produce`: what stands before a bad line is sent, and the line is named."""

from __future__ import annotations

import subprocess
import sys

import moldau


def test_the_records_before_a_bad_line_are_there() -> None:
    with moldau.Broker() as broker:
        run = [sys.executable, "-P", "-m", "moldau"]
        where = ["-b", broker.bootstrap_servers]
        produced = subprocess.run(
            [*run, "produce", "t", *where, "-k", ":"],
            input="a:1\nb:2\nnosep\nc:3\n",
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert produced.returncode == 1
        assert "Line 3" in produced.stderr
        assert "2 records" in produced.stderr
        consumed = subprocess.run(
            [*run, "consume", "t", *where], capture_output=True, text=True, timeout=60
        )
        assert "1" in consumed.stdout
        assert "2" in consumed.stdout
        assert "3" not in consumed.stdout
