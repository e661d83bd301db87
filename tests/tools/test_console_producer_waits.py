"""kafka-console-producer where nothing answers: it says so while it waits, and can be stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(sys.executable).with_name("kafka-console-producer")


@pytest.mark.slow
def test_where_nothing_answers_it_says_so_once_and_hears_ctrl_c(unused_port: int) -> None:
    servers = f"127.0.0.1:{unused_port}"
    process = subprocess.Popen(
        [TOOL, "--bootstrap-server", servers, "--topic", "t"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write("a record\n")
    process.stdin.flush()
    assert f"Nothing answers on {servers}; trying for 60 s." in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    # With one long question for the topic, five more such lines would have come, after a minute.
    _, said = process.communicate(timeout=100)
    assert (process.returncode, said) == (130, "")
