"""A real Apache Kafka 4.3.1: the judge of every question of behaviour.

    with ApacheKafka(brokers=1, config={"num.partitions": 6}) as kafka:
        run_tool("kafka-topics", "--bootstrap-server", kafka.bootstrap_servers, "--list")

Its jars come from Maven Central into `.cache/` when they are first needed. By hand: `make kafka`,
`make kafka ARGS=stop`, `make kafka ARGS="tool kafka-topics --help"`.
"""

from tests.apache_kafka.cluster import ApacheKafka
from tests.apache_kafka.jars import VERSION, java_missing
from tests.apache_kafka.jvm import Java
from tests.apache_kafka.settled import settle, settling, until_in_sync
from tests.apache_kafka.tools import TOOLS, ToolServer, run_tool, start_tool

__all__ = [
    "TOOLS",
    "VERSION",
    "ApacheKafka",
    "Java",
    "ToolServer",
    "java_missing",
    "run_tool",
    "settle",
    "settling",
    "start_tool",
    "until_in_sync",
]
