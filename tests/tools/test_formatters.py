"""Records as the console consumer shows them."""

from __future__ import annotations

import io
import json
import struct

import pytest

from moldau.protocol.codec import encode
from moldau.protocol.messages.consumer_offsets import OffsetCommitKey, OffsetCommitValue
from moldau.tools.deserializers import CannotDeserialize, find
from moldau.tools.formatters import DEFAULT, Record, formatter

PACKAGE = "org.apache.kafka.common.serialization."
RECORD = Record(1, 42, 1, 1_700_000_000_000, [("h", b"1"), ("n", None)], b"k", b"v")


def shown(properties: dict[str, str], record: Record = RECORD, name: str = DEFAULT) -> str:
    made = formatter(name, properties, pytest.fail)
    assert made is not None
    out = io.BytesIO()
    made.write(record, out)
    return out.getvalue().decode()


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ("", "v\n"),
        ("print.key", "k\tv\n"),
        ("print.key print.value=false", "k\n"),
        ("print.headers", "h:1,n:null\tv\n"),
        ("print.timestamp print.value=false", "CreateTime:1700000000000\n"),
        (
            "print.epoch print.delivery print.offset print.partition print.timestamp",
            "CreateTime:1700000000000\tPartition:1\tOffset:42\tDelivery:NOT_PRESENT\t"
            "Epoch:NOT_PRESENT\tv\n",
        ),
        ("print.key key.separator=| line.separator=; ", "k|v;"),
        ("print.headers headers.separator=; null.literal=NULL", "h:1;n:NULL\tv\n"),
        ("print.value=false", ""),
    ],
)
def test_columns(properties: str, text: str) -> None:
    pairs = (word.partition("=") for word in properties.split())
    assert shown({name: value or "true" for name, _, value in pairs}) == text


def test_a_record_without_anything() -> None:
    bare = Record(0, 0, 0, -1, [], None, None)
    flags = dict.fromkeys(("print.timestamp", "print.headers", "print.key"), "true")
    assert shown(flags, bare) == "NO_TIMESTAMP\tNO_HEADERS\tnull\tnull\n"


def test_no_op_and_unknown_formatters() -> None:
    assert shown({}, name="org.apache.kafka.tools.consumer.NoOpMessageFormatter") == ""
    assert formatter("no.such.Class", {}, pytest.fail) is None


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("String", "ä".encode(), "ä"),
        ("Long", struct.pack(">q", -5), "-5"),
        ("Integer", struct.pack(">i", 7), "7"),
        ("Short", struct.pack(">h", 7), "7"),
        ("Double", struct.pack(">d", 1e10), "1.0E10"),
        ("Double", struct.pack(">d", 1234567.5), "1234567.5"),
        ("Double", struct.pack(">d", 1e7), "1.0E7"),
        ("Double", struct.pack(">d", 0.001), "0.001"),
        ("Double", struct.pack(">d", 0.00099), "9.9E-4"),
        ("Double", struct.pack(">d", -0.0), "-0.0"),
        ("Double", struct.pack(">d", float("nan")), "NaN"),
        ("Float", struct.pack(">f", 0.1), "0.1"),
        ("Float", struct.pack(">f", 3.4028235e38), "3.4028235E38"),
        ("Boolean", b"\x01", "true"),
        ("UUID", b"5BC4ODOT-0000-4000-8000-000000000000".replace(b"5BC4ODOT", b"5bc40d07"),
         "5bc40d07-0000-4000-8000-000000000000"),
        ("Bytes", b"a\x00\\", "a\\x00\\x5C"),
    ],
)  # fmt: skip
def test_deserializers_print_as_java(name: str, data: bytes, text: str) -> None:
    read = find(f"{PACKAGE}{name}Deserializer", {}, is_key=False)
    assert read is not None
    assert read(data) == text


def test_a_deserializer_names_a_wrong_size_and_what_stood_before_stays() -> None:
    made = formatter(
        DEFAULT,
        {"print.key": "true", "value.deserializer": f"{PACKAGE}LongDeserializer"},
        pytest.fail,
    )
    assert made is not None
    out = io.BytesIO()
    with pytest.raises(
        CannotDeserialize, match="Size of data received by LongDeserializer is not 8"
    ):
        made.write(RECORD, out)
    assert out.getvalue() == b"k\t"


def test_an_encoding_may_be_chosen() -> None:
    read = find(
        f"{PACKAGE}StringDeserializer", {"key.deserializer.encoding": "latin-1"}, is_key=True
    )
    assert read is not None
    assert read(b"\xe4") == "ä"


def test_a_committed_offset_as_json() -> None:
    key = b"\x00\x01" + encode(OffsetCommitKey(group="g", topic="t", partition=0), 0)
    value = b"\x00\x03" + encode(
        OffsetCommitValue(offset=5, leader_epoch=-1, metadata="", commit_timestamp=9), 3
    )
    record = Record(0, 0, 1, 0, [], key, value)
    name = "org.apache.kafka.tools.consumer.OffsetsMessageFormatter"
    text = shown({}, record, name)
    assert json.loads(text) == {
        "key": {"type": 1, "data": {"group": "g", "topic": "t", "partition": 0}},
        "value": {
            "version": 3,
            "data": {"offset": 5, "leaderEpoch": -1, "metadata": "", "commitTimestamp": 9},
        },
    }
    assert not text.endswith("\n")
    assert shown({}, record, name.replace("Offsets", "GroupMetadata")) == ""
