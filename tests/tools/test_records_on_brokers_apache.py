"""Records on three brokers of one Apache Kafka: what Apache's tools and ours write and read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apache_kafka import ApacheKafka, ToolServer, until_in_sync
from tests.tools.beside_apache import differences_in_story
from tests.transcripts.actions import until

pytestmark = [pytest.mark.apache, pytest.mark.slow, pytest.mark.timeout(300)]
# {1} to {3} are the brokers, {all} stands for all of them; a topic of each tool's own is {who}'s.
WRITTEN = r"""
$ kafka-topics --bootstrap-server {1} --create --topic keyed-{who} --replica-assignment 1:2:3,2:3:1,3:1:2
$ kafka-topics --bootstrap-server {1} --create --topic tight-{who} --replica-assignment 2:3 --config max.message.bytes=200
$ kafka-topics --bootstrap-server {1} --create --topic compacted-{who} --replica-assignment 3:2 --config cleanup.policy=compact
$ kafka-console-producer --bootstrap-server {3} --topic keyed-{who} --reader-property parse.key=true --reader-property key.separator=:
< a:1
< b:2
< c:3
< d:4
< e:5
< f:6
< g:7
< h:8
< a:9
$ kafka-console-producer --bootstrap-server 127.0.0.1:1,{2} --topic keyed-{who} --sync --compression-codec zstd --reader-property parse.key=true --reader-property parse.headers=true --reader-property null.marker=NULL --reader-property key.separator=; --reader-property headers.delimiter=;
< h:1,i:2;a;eins
< h:;b;zwei
< NULL;c;NULL
< h:NULL;d;vier
# Together they are larger than the topic takes: they are sent by themselves.
$ kafka-console-producer --bootstrap-server {1} --topic tight-{who}
< 1-------------------------------------------------
< 2-------------------------------------------------
< 3-------------------------------------------------
< 4-------------------------------------------------
@sort
$ kafka-console-consumer --bootstrap-server {1} --topic tight-{who} --from-beginning --max-messages 4
$ kafka-console-producer --bootstrap-server {1} --topic tight-{who} --sync
< 5-------------------------------------------------------------------------------------------------------------------------------------------------------
$ kafka-console-producer --bootstrap-server {1} --topic compacted-{who}
< without a key
$ kafka-console-producer --bootstrap-server {1} --topic compacted-{who} --sync
< without a key
$ kafka-console-producer --bootstrap-server {1} --topic __consumer_offsets --sync
< nobody may
$ kafka-console-producer --bootstrap-server {1} --topic bad/name --sync
< nowhere
$ kafka-console-producer --bootstrap-server {1} --topic bad/name
< nowhere
$ kafka-get-offsets --bootstrap-server {2} --topic '(keyed|tight|compacted)-{who}'
"""  # noqa: E501
READ = r"""
@sort
@sub CreateTime:\d+ => <T>
$ kafka-console-consumer --bootstrap-server {1} --topic keyed-{who} --from-beginning --max-messages 13 --formatter-property print.partition=true --formatter-property print.offset=true --formatter-property print.key=true --formatter-property print.headers=true --formatter-property print.timestamp=true --formatter-property print.epoch=true --formatter-property null.literal=NULL
@sort
$ kafka-console-consumer --bootstrap-server {3} --include '(keyed|tight)-{who}' --from-beginning --max-messages 17
$ kafka-console-consumer --bootstrap-server {3} --topic keyed-{who} --partition 0 --offset 1 --max-messages 1 --formatter-property print.offset=true
$ kafka-console-consumer --bootstrap-server {1} --topic keyed-{who} --partition 1 --offset earliest --max-messages 2
$ kafka-console-consumer --bootstrap-server {1} --topic keyed-{who} --partition 2 --from-beginning --max-messages 2
$ kafka-console-consumer --bootstrap-server {1} --topic keyed-{who} --partition 2 --timeout-ms 3000
$ kafka-console-consumer --bootstrap-server {1} --topic keyed-{who} --partition 2 --offset latest --timeout-ms 3000
$ kafka-console-consumer --bootstrap-server {1} --topic keyed-{who} --partition 9 --offset earliest --timeout-ms 3000
$ kafka-console-consumer --bootstrap-server {1} --topic keyed-{who} --partition 9 --offset 3 --timeout-ms 3000
$ kafka-console-consumer --bootstrap-server {1} --topic keyed-{who} --partition 0 --offset 100 --command-property auto.offset.reset=earliest --max-messages 2
$ kafka-console-consumer --bootstrap-server {1} --topic keyed-{who} --partition 0 --offset 100 --command-property auto.offset.reset=none
@sort
$ kafka-console-consumer --bootstrap-server {all} --topic keyed-{who} --group classic-{who} --from-beginning --max-messages 13
$ kafka-consumer-groups --bootstrap-server {2} --describe --group classic-{who}
$ kafka-console-consumer --bootstrap-server {all} --topic keyed-{who} --group classic-{who} --from-beginning --timeout-ms 5000
@sort
$ kafka-console-consumer --bootstrap-server {2} --topic keyed-{who} --group new-{who} --from-beginning --max-messages 13 --command-property group.protocol=consumer
$ kafka-consumer-groups --bootstrap-server {2} --describe --group new-{who}
$ kafka-console-consumer --bootstrap-server {2} --topic tight-{who} --group late-{who} --timeout-ms 5000
$ kafka-consumer-groups --bootstrap-server {2} --describe --group late-{who}
$ kafka-console-consumer --bootstrap-server {2} --topic keyed-{who} --group strict-{who} --command-property auto.offset.reset=none
$ kafka-console-consumer --bootstrap-server {2} --topic keyed-{who} --group short-{who} --command-property session.timeout.ms=100 --command-property heartbeat.interval.ms=30
$ kafka-console-consumer --bootstrap-server {2} --topic keyed-{who} --group odd-{who} --command-property group.protocol=consumer --command-property group.remote.assignor=nonsense
$ kafka-console-consumer --bootstrap-server {2} --topic keyed-{who} --max-messages 0 --enable-systest-events
$ kafka-console-consumer --bootstrap-server {2} --topic missing-{who} --timeout-ms 3000 --command-property allow.auto.create.topics=false
# Nobody has to wait for a topic that cannot be.
$ kafka-console-consumer --bootstrap-server {2} --topic bad/name --from-beginning
$ kafka-console-consumer --bootstrap-server {2} --topic bad/name --partition 0 --offset 3
$ kafka-console-consumer --bootstrap-server {2} --topic bad/name --command-property group.protocol=consumer
$ kafka-topics --bootstrap-server {2} --list --topic '(missing|bad).*'
"""  # noqa: E501
TIMED = r"""
$ kafka-topics --bootstrap-server {1} --create --topic timed-{who} --replica-assignment 1:2:3,2:3:1,3:1:2
@sub [\d.]+ => <N>
$ kafka-producer-perf-test --bootstrap-server {all} --topic timed-{who} --num-records 500 --record-size 100 --throughput -1 --command-property acks=all
@sub [\d.]+ => <N>
$ kafka-producer-perf-test --bootstrap-server {all} --topic timed-{who} --num-records 200 --record-size 10 --throughput -1 --transactional-id timed-{who} --transaction-duration-ms 60000
@numbers
$ kafka-get-offsets --bootstrap-server {2} --topic timed-{who}
@sub [\d.:-]+ => <N>
$ kafka-consumer-perf-test --bootstrap-server {2} --topic timed-{who} --num-records 700 --group timed-{who}
@sub [\d.:-]+ => <N>
$ kafka-consumer-perf-test --bootstrap-server {2} --topic timed-{who} --num-records 7 --timeout 2000 --group timed-{who}
@sub [\d.:-]+ => <N>
$ kafka-consumer-perf-test --bootstrap-server {2} --include 'timed-{who}' --num-records 700 --show-detailed-stats --reporting-interval 60000
@sub [\d.:-]+ => <N>
$ kafka-consumer-perf-test --bootstrap-server {2} --topic wanted-{who} --num-records 7 --timeout 2000
$ kafka-consumer-perf-test --bootstrap-server {2} --topic bad/name --num-records 7
$ kafka-consumer-perf-test --bootstrap-server {2} --topic timed-{who} --num-records 7 --group short-{who} --command-property session.timeout.ms=100 --command-property heartbeat.interval.ms=30
$ kafka-producer-perf-test --bootstrap-server {1} --topic bad/name --num-records 2 --record-size 10 --throughput -1
$ kafka-producer-perf-test --bootstrap-server {1} --topic __consumer_offsets --num-records 2 --record-size 10 --throughput -1
$ kafka-topics --bootstrap-server {2} --list --topic '(wanted|bad).*{who}'
"""  # noqa: E501
VERIFIED = r"""
$ kafka-topics --bootstrap-server {1} --create --topic one-{who} --replica-assignment 3:2 --config retention.ms=-1
$ kafka-topics --bootstrap-server {1} --create --topic each-{who} --replica-assignment 1:2:3,2:3:1,3:1:2
@sub "avg_throughput":[\d.E-]+ => "avg_throughput":<N>
$ kafka-verifiable-producer --bootstrap-server {1} --topic one-{who} --max-messages 3 --message-create-time 1700000000000 --value-prefix 4
@sub "avg_throughput":[\d.E-]+ => "avg_throughput":<N>
$ kafka-verifiable-producer --bootstrap-server {1} --topic one-{who} --max-messages 2 --acks 0
@sort
@sub "avg_throughput":[\d.E-]+ => "avg_throughput":<N>
$ kafka-verifiable-producer --bootstrap-server {all} --topic each-{who} --max-messages 9 --repeating-keys 5
@sub "avg_throughput":[\d.E-]+ => "avg_throughput":<N>
$ kafka-verifiable-producer --bootstrap-server {1} --topic bad/name --max-messages 3
@sub "avg_throughput":[\d.E-]+ => "avg_throughput":<N>
$ kafka-verifiable-producer --bootstrap-server {1} --topic __consumer_offsets --max-messages 2 --repeating-keys 1
$ kafka-verifiable-consumer --bootstrap-server {2} --topic one-{who} --group-id one-{who} --max-messages 3 --verbose
$ kafka-consumer-groups --bootstrap-server {2} --describe --group one-{who}
$ kafka-verifiable-consumer --bootstrap-server {2} --topic each-{who} --group-id strict-{who} --reset-policy none
$ kafka-verifiable-consumer --bootstrap-server {2} --topic each-{who} --group-id odd-{who} --group-protocol CONSUMER --group-remote-assignor nonsense
$ kafka-verifiable-consumer --bootstrap-server {2} --topic bad/name --group-id bad-{who}
"""  # noqa: E501


@pytest.mark.parametrize(
    "story", [WRITTEN + READ, TIMED, VERIFIED], ids=["console", "perf", "verifiable"]
)
def test_on_three_brokers(
    apache_cluster: ApacheKafka, story: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    servers = apache_cluster.bootstrap_servers
    with ToolServer() as java:
        found = differences_in_story(java, story, lambda line: filled(line, servers), servers)
    assert not found, "\n".join(found)


def filled(line: str, servers: str) -> str:
    for number, server in enumerate(servers.split(","), 1):
        line = line.replace(f"{{{number}}}", server)
    return line.replace("{all}", servers)


BEFORE = r"""
$ kafka-topics --bootstrap-server {1} --create --topic led-{who} --replica-assignment 3,1
$ kafka-console-producer --bootstrap-server {1} --topic led-{who} --reader-property parse.key=true --reader-property key.separator=:
< a:1
< b:2
< c:3
< d:4
< e:5
@sort
$ kafka-console-consumer --bootstrap-server {1} --topic led-{who} --from-beginning --group led-{who} --max-messages 5
"""  # noqa: E501
WITHOUT = r"""
$ kafka-topics --bootstrap-server {1} --describe --unavailable-partitions --topic led-{who}
@sort
$ kafka-console-consumer --bootstrap-server {1} --topic led-{who} --from-beginning --timeout-ms 6000
$ kafka-console-consumer --bootstrap-server {1} --topic led-{who} --partition 0 --from-beginning --timeout-ms 4000
$ kafka-console-consumer --bootstrap-server {1} --topic led-{who} --partition 0 --offset 1 --timeout-ms 4000
$ kafka-console-consumer --bootstrap-server {3},{1} --topic led-{who} --partition 1 --from-beginning --max-messages 1
$ kafka-console-consumer --bootstrap-server {1} --topic led-{who} --group led-{who} --timeout-ms 6000
$ kafka-consumer-groups --bootstrap-server {1} --describe --group led-{who}
$ kafka-get-offsets --bootstrap-server {1} --topic led-{who} --command-config short.properties
# Without a key they go where somebody takes them; with one they wait for nobody.
$ kafka-console-producer --bootstrap-server {1} --topic led-{who} --sync
< x
< y
< z
< x
< y
< z
$ kafka-get-offsets --bootstrap-server {1} --topic-partitions led-{who}:1
$ kafka-console-producer --bootstrap-server {1} --topic led-{who} --sync --reader-property parse.key=true --reader-property key.separator=: --command-property delivery.timeout.ms=5000 --request-timeout-ms 3000
< a:1
$ kafka-log-dirs --bootstrap-server {1} --describe --broker-list 3 --command-config short.properties
$ kafka-cluster list-endpoints --bootstrap-server {1} --include-fenced-brokers
$ kafka-configs --bootstrap-server {1} --describe --broker 3 --command-config short.properties
$ kafka-configs --bootstrap-server {1} --describe --entity-type brokers
$ kafka-features --bootstrap-server {1} --command-config short.properties describe --node-id 3
$ kafka-topics --bootstrap-server {1} --delete --topic led-{who}
"""  # noqa: E501


def test_without_one_of_the_brokers(
    apache_cluster: ApacheKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("short.properties").write_text("default.api.timeout.ms=4000\nrequest.timeout.ms=4000\n")
    servers = apache_cluster.bootstrap_servers
    with ToolServer() as java:
        found = differences_in_story(java, BEFORE, lambda line: filled(line, servers), servers)
        apache_cluster.kill(2)
        try:
            until("broker 3 to be fenced", lambda: is_fenced(java, servers))
            found += differences_in_story(
                java, WITHOUT, lambda line: filled(line, servers), servers
            )
        finally:
            apache_cluster.start_again(2)
            until_in_sync(servers)
    assert not found, "\n".join(found)


def is_fenced(java: ToolServer, servers: str) -> bool:
    words = ("--bootstrap-server", servers, "--include-fenced-brokers")
    return " fenced " in java.run("kafka-cluster", "list-endpoints", *words)[1].decode()
