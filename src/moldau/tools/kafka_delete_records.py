"""kafka-delete-records: delete the records of partitions below an offset.

Apache Kafka: org.apache.kafka.tools.DeleteRecordsCommand, 4.3.1. What is wrong with one partition
is told on stdout, and the exit code is 0.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import NoReturn

from moldau.client.admin import Admin
from moldau.client.errors import KafkaError, Refused
from moldau.client.records import delete_records
from moldau.protocol.errors import ErrorCode
from moldau.tools.frame import Tool, admin_properties, notice_of, run
from moldau.tools.options import BadOption, Option, Parsed, Parser

TopicPartition = tuple[str, int]
_FORMAT = '{"partitions": [{"topic": "foo", "partition": 1, "offset": 1}], "version": 1}'

TOOL = Tool(
    "kafka-delete-records",
    "This tool deletes the records of partitions that lie below an offset.",
    Parser(
        Option(
            "bootstrap-server",
            "REQUIRED: Brokers to ask.",
            "String",
            "server(s) to use for bootstrapping",
        ),
        Option(
            "offset-json-file",
            f"REQUIRED: A JSON file with the offsets, of this form:\n{_FORMAT}",
            "String",
            "Offset json file path",
        ),
        Option(
            "command-config",
            "Properties of the client, from a file.",
            "String",
            "command config property file path",
        ),
    ),
)


class _BadFile(Exception):
    """The file of offsets is not as it must be; the text is Apache's tool's."""


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    try:
        options = TOOL.parse(argv)
        TOOL.require(options, "bootstrap-server", "offset-json-file")
        _delete(options)
    except BadOption as error:
        TOOL.refuse(str(error), TOOL.bad_option(error))
    except _BadFile as error:
        TOOL.refuse(str(error), f"The file must look like {_FORMAT}")
    except KafkaError as error:
        TOOL.refuse(error.message, error.advice or error.message)
    return 0


def _delete(options: Parsed) -> None:
    servers = options.value("bootstrap-server") or ""
    with Admin(servers, admin_properties(options), notice_of(TOOL.name)) as admin:
        before = _read_offsets(options.value("offset-json-file") or "")
        print("Executing records delete operation")
        results = delete_records(admin, before)
        print("Records delete operation completed:")
    advice = ""
    for (topic, partition), result in sorted(results.items()):
        if isinstance(result, KafkaError):
            print(f"partition: {topic}-{partition}\terror: {result.in_java}")
            advice = _advice(result)
        else:
            print(f"partition: {topic}-{partition}\tlow_watermark: {result}")
    if advice:
        print(f"{TOOL.name}: {advice}", file=sys.stderr)


def _advice(error: KafkaError) -> str:
    if isinstance(error, Refused):
        return {
            ErrorCode.OFFSET_OUT_OF_RANGE: "An offset lies behind the end of the log: "
            "kafka-get-offsets shows the ends; -1 deletes all.",
            ErrorCode.POLICY_VIOLATION: "Records can only be deleted where cleanup.policy "
            "has delete; a compacted topic keeps them.",
        }.get(error.code, error.message)
    return error.advice or error.message


# --- the file


def read_offsets(text: str) -> dict[TopicPartition, int]:
    """The offsets of a file's text. Raises ValueError with the sentence of Apache's tool."""
    try:
        # What stands behind the object is not read.
        given, _ = json.JSONDecoder().raw_decode(text.lstrip())
    except ValueError:
        raise ValueError("The input string is not a valid JSON") from None
    version = _object(given).get("version", 1)
    if _integer(version, "Integer", 31) != 1:
        raise ValueError(f"Not supported version field value {version}")
    if "partitions" not in given:
        raise ValueError("Missing partitions field")
    if not isinstance(given["partitions"], list):
        raise ValueError(f"Expected JSON array, received {_shown(given['partitions'])}")
    offsets: dict[TopicPartition, int] = {}
    twice = []
    for entry in map(_object, given["partitions"]):
        topic, index = _text(_field(entry, "topic")), _field(entry, "partition")
        place = (topic, _integer(index, "Integer", 31))
        if place in offsets:
            twice.append("{}-{}".format(*place))
        offsets[place] = _integer(_field(entry, "offset"), "Long", 63)
    if twice:
        names = ",".join(dict.fromkeys(twice))
        raise ValueError(f"Offset json file contains duplicate topic partitions: {names}")
    return offsets


def _read_offsets(path: str) -> dict[TopicPartition, int]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError as error:
        raise KafkaError(
            f"Unable to read file {path}", f"{path}: {error.strerror}. Check the path."
        ) from None
    try:
        return read_offsets(text)
    except ValueError as error:
        raise _BadFile(str(error)) from None


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"Expected JSON object, received {_shown(value)}")
    return value


def _field(entry: Mapping[str, object], name: str) -> object:
    if name not in entry:
        raise ValueError(f"No such field exists: `{name}`")
    return entry[name]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"Expected `String` value, received {_shown(value)}")
    return value


def _integer(value: object, kind: str, bits: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value >> bits not in (0, -1):
        raise ValueError(f"Expected `{kind}` value, received {_shown(value)}")
    return value


def _shown(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
