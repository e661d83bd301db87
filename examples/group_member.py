"""One member of a consumer group; run it three times on a topic of six partitions.

Shows how partitions are shared out: each member prints what it is assigned and what is taken
from it, and commits what it has done before it lets a partition go. Stop one with Ctrl-C and
start another, and watch them move; nothing is lost, and nothing that was committed comes twice.

    python group_member.py --name ann
    python group_member.py --name bob --assignor cooperative-sticky   # all members the same
"""

import argparse
import json
import signal
import sys
import time
from types import FrameType

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

# Commits that come in the middle of a rebalance; whoever gets the partition repeats the work, and
# whoever keeps it commits again.
REBALANCING = {
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
}


class Member:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self._name = arguments.name
        self._topic = arguments.topic
        self._commit_every = arguments.commit_every
        # Partition -> the offset after the last message that was handled, where not committed.
        self._handled: dict[int, int] = {}
        self._stopped = False
        self._since_commit = 0
        self._consumer = Consumer(
            {
                "bootstrap.servers": arguments.bootstrap_server,
                "group.id": arguments.group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "partition.assignment.strategy": arguments.assignor,
            }
        )

    def run(self, pause: float) -> None:
        self._consumer.subscribe(
            [self._topic],
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._lost,
        )
        try:
            while not self._stopped:
                message = self._consumer.poll(0.2)
                if message is not None:
                    self._handle(message)
                    time.sleep(pause)
        finally:
            # Calls _revoked, which commits.
            self._consumer.close()
            self._say("left")

    def stop(self, _signal: int, _frame: FrameType | None) -> None:
        """Ctrl-C. As an exception it could get lost in the middle of a rebalance callback."""
        self._stopped = True

    def _handle(self, message: Message) -> None:
        if message.error():
            raise KafkaException(message.error())
        order = json.loads(message.value())["order"]
        self._say(f"handled {message.partition()}@{message.offset()} order {order}")
        self._handled[message.partition()] = message.offset() + 1
        self._since_commit += 1
        if self._since_commit >= self._commit_every:
            self._commit(list(self._handled))

    def _assigned(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._say(f"assigned {numbers(partitions)}")

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # The last moment at which these are ours: what is committed now is not repeated.
        self._commit([p.partition for p in partitions if p.partition in self._handled])
        self._forget(partitions)
        self._say(f"revoked {numbers(partitions)}")

    def _lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # Already somebody else's: too late to commit.
        self._forget(partitions)
        self._say(f"lost {numbers(partitions)}")

    def _forget(self, partitions: list[TopicPartition]) -> None:
        for gone in partitions:
            self._handled.pop(gone.partition, None)

    def _commit(self, partitions: list[int]) -> None:
        if not partitions:
            return
        offsets = [TopicPartition(self._topic, p, self._handled[p]) for p in partitions]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() not in REBALANCING:
                raise
            return  # of what stays ours it is in the next commit
        for partition in partitions:
            del self._handled[partition]
        self._since_commit = 0
        self._say("committed " + " ".join(f"{p.partition}@{p.offset}" for p in offsets))

    def _say(self, what: str) -> None:
        print(f"{self._name} {what}", flush=True)


def numbers(partitions: list[TopicPartition]) -> str:
    return " ".join(str(p.partition) for p in sorted(partitions)) or "nothing"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap-server", default="localhost:9092", metavar="HOST:PORT")
    parser.add_argument("--topic", default="orders")
    parser.add_argument("--group", default="workers")
    parser.add_argument("--name", default="member", help="printed before each line")
    parser.add_argument(
        "--assignor",
        default="range",
        choices=("range", "roundrobin", "cooperative-sticky"),
        help="range and roundrobin are eager: all stop while partitions move (default: range)",
    )
    parser.add_argument("--commit-every", type=int, default=50, help="messages (default: 50)")
    parser.add_argument("--pause-ms", type=float, default=5, help="work per message (default: 5)")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    member = Member(arguments)
    signal.signal(signal.SIGINT, member.stop)
    try:
        member.run(arguments.pause_ms / 1_000)
    except KafkaException as error:
        print(error.args[0].str(), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
