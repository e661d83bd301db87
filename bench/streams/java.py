"""Kafka Streams: its jars come from Maven Central, the program is java/StreamsBench.java."""

from __future__ import annotations

import functools
from pathlib import Path

from tests.apache_kafka import jars

from bench.brokers import Unavailable

VERSION = jars.VERSION
_ARTIFACTS = [
    ("org.apache.kafka", "kafka-streams", VERSION),
    ("com.fasterxml.jackson.core", "jackson-databind", "2.21.2"),
    ("org.slf4j", "slf4j-nop", "1.7.36"),
]
_SOURCE = Path(__file__).parent / "java" / "StreamsBench.java"


@functools.cache
def command() -> list[str]:
    """Raises Unavailable."""
    try:
        path = jars.class_path_of("kafka-streams", _ARTIFACTS, [_SOURCE], "bench")
    except jars.Missing as error:
        raise Unavailable(str(error).replace("Apache Kafka", "Kafka Streams")) from None
    return ["java", "-cp", path, "StreamsBench"]
