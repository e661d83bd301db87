"""The demo as a person meets it: a terminal, plain lines without one, Ctrl-C once and twice."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

# The demo, with a check that waits for a second Ctrl-C when it is told to.
PROGRAM = """
import sys, time
from moldau.tools import demo
def hold(address, prefix):
    print("holding", prefix, flush=True)
    time.sleep(60)
options = demo.DemoOptions(rate=500, event_speed=300, seconds=float(sys.argv[2]),
                           before_check=hold if "hold" in sys.argv else None)
sys.exit(demo.run(sys.argv[1], options))
"""


def start(bootstrap_servers: str, *arguments: str, output: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, bootstrap_servers, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output if output != subprocess.PIPE else None,
        env=os.environ | {"TERM": "xterm-256color"},
    )


def lines_until(process: subprocess.Popen[bytes], wanted: bytes) -> bytes:
    assert process.stdout is not None
    seen = b""
    for line in process.stdout:
        seen += line
        if wanted in line:
            return seen
    raise AssertionError(f"{wanted!r} did not come: {seen.decode()}")


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40)])
@pytest.mark.slow
def test_the_live_view_fits_the_terminal(bootstrap_servers: str, columns: int, rows: int) -> None:
    terminal, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = start(bootstrap_servers, "2", output=inner)
    os.close(inner)
    text = read_all(terminal)
    assert process.wait(60) == 0, text
    assert "CHECKED" in text
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    assert max(len(line) for line in re.split(r"[\r\n]+", plain)) <= columns
    # One frame, drawn over and over: the cursor never has to climb more than a screen.
    climbs = [
        len(run) // len("\x1b[1A\x1b[2K") for run in re.findall(r"(?:\x1b\[1A\x1b\[2K)+", text)
    ]
    assert 0 < max(climbs) < rows
    for shown in ("moldau demo", "consumer-1", "revenue per category", "garden", "Ctrl-C"):
        assert shown in plain
    # The cursor is back.
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def read_all(terminal: int) -> str:
    """Everything until the other side closes, which Linux reports as an error."""
    text = b""
    try:
        while chunk := os.read(terminal, 65_536):
            text += chunk
    except OSError:
        pass
    os.close(terminal)
    return text.decode()


@pytest.mark.slow
def test_ctrl_c_drains_and_checks(bootstrap_servers: str) -> None:
    with start(bootstrap_servers, "0", output=subprocess.PIPE) as process:
        lines_until(process, b"producing")
        process.send_signal(signal.SIGINT)
        assert b"\x1b" not in lines_until(process, b"CHECKED")
        assert process.wait(60) == 0


@pytest.mark.slow
def test_a_second_ctrl_c_leaves_at_once(bootstrap_servers: str) -> None:
    with start(bootstrap_servers, "0", "hold", output=subprocess.PIPE) as process:
        lines_until(process, b"producing")
        process.send_signal(signal.SIGINT)
        lines_until(process, b"holding")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


@pytest.mark.slow
def test_a_demo_whose_broker_dies_ends_with_a_sentence() -> None:
    """The one that it started: moldau demo, as from the shell."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "moldau", "demo", "--plain"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        lines_until(process, b"producing")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        (broker,) = [int(child) for child in children]
        os.kill(broker, signal.SIGKILL)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    # Behind it stands what the broker said last: nothing, or that a client went.
    assert said.startswith(b"moldau demo: its broker has ended: ")
    assert said.count(b"\n") == 1
