"""kafka-dump-log in this process, beside Apache's, and files to try it on."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

from moldau.protocol.records import Record, build
from moldau.tools import kafka_dump_log
from moldau.tools.frame import Stop
from tests.apache_kafka import ToolServer

SEGMENT = "00000000000000000000.log"
EPOCH_MS = 1_700_000_000_000
OPTIONS = [
    (),
    ("--print-data-log",),
    ("--deep-iteration",),
    ("--print-data-log", "--skip-record-metadata"),
    ("--print-data-log", "--max-bytes", "300"),
    ("--offsets-decoder",),
    ("--transaction-log-decoder",),
    ("--cluster-metadata-decoder",),
    ("--share-group-state-decoder", "--skip-record-metadata"),
    ("--remote-log-metadata-decoder",),
    ("--value-decoder-class", "org.apache.kafka.tools.api.LongDecoder"),
    ("--verify-index-only",),
    ("--index-sanity-check",),
    ("--max-message-size", "10"),
]


def dump(*args: str) -> tuple[int, bytes, str]:
    """Exit code, stdout, stderr."""
    stdout, stderr = BytesIO(), StringIO()
    text = TextIOWrapper(stdout, encoding="utf-8")
    with redirect_stdout(text), redirect_stderr(stderr):
        try:
            code = kafka_dump_log.main(list(args))
        except Stop as stop:
            code = stop.code
            stderr.write("".join(f"{line}\n" for line in stop.lines))
        text.flush()
    return code, stdout.getvalue(), stderr.getvalue()


def difference(apache: ToolServer, *args: str) -> str:
    """What differs, or nothing. Ours runs first: Apache's cuts the indexes that it reads."""
    ours = dump(*args)
    theirs = apache.run("kafka-dump-log", *args)
    if ours[:2] != theirs[:2]:
        return f"{args}\nApache: {theirs}\nours: {ours}"
    if theirs[0] == 0 and ours[2] != theirs[2] and ".snapshot" not in args[1]:
        return f"{args}\nApache: {theirs[2]}\nours: {ours[2]}"
    return ""


def write_segment(path: Path, records: Iterable[tuple[bytes | None, bytes | None]]) -> Path:
    """Keys and values as a segment of batches of three, each with another codec."""
    left = [Record(0, EPOCH_MS + i, key, value) for i, (key, value) in enumerate(records)]
    content, offset = b"", 0
    while left:
        some, left = left[:3], left[3:]
        codec = offset // 3 % 5
        content += build(some, base_offset=offset, leader_epoch=0, codec=codec)
        offset += len(some)
    path.write_bytes(content)
    return path


def damaged(content: bytes, dice: random.Random) -> bytes:
    """A file with one or two faults."""
    data = bytearray(content)
    for _ in range(dice.choice((1, 1, 2))):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(5):
            case 0:
                del data[at:]
            case 1:
                data[at : at + 1] = dice.randbytes(1)
            case 2:
                data += dice.randbytes(dice.randrange(40))
            case 3:
                data[at : at + dice.randrange(9)] = dice.randbytes(dice.randrange(9))
            case _:
                data += bytes(dice.randrange(60))
    return bytes(data)


def files_of(folder: Path) -> Sequence[Path]:
    """What a dump can show, in a fixed order."""
    return sorted(path for path in folder.rglob("*.*") if path.is_file() and path.stat().st_size)
