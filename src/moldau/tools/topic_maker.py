"""Topics that are not there, made as they are by a consumer of Java's that asks for them.

Kafka may read a question for a topic only when the fetch before it has been answered, after we
have gone: who deletes the topic meanwhile would find it made anew. So the consumer itself never
asks like that, and another does, once, when it is told that a topic is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_CREATES = "allow.auto.create.topics"
_ANSWER_S = 10.0


class TopicMaker:
    """`config` is librdkafka's; after this a consumer of it makes no topics."""

    def __init__(self, config: dict[str, Any]) -> None:
        # librdkafka's default is no; Java's is yes.
        makes = str(config.get(_CREATES, "true")).lower() == "true"
        self._config = {**config, _CREATES: True} if makes else None
        config[_CREATES] = False

    def make(self, topics: Sequence[str]) -> bool:
        """As the broker makes a topic that is asked for (auto.create.topics.enable); once. Whether
        it was asked."""
        config, self._config = self._config, None
        if config is None or not topics:
            return False
        from confluent_kafka import Consumer, KafkaException

        maker = Consumer(config)
        try:
            for topic in topics:
                maker.list_topics(topic, _ANSWER_S)
        except KafkaException:
            return False  # what is wrong is told by the consumer that waits for the topic
        finally:
            maker.close()
        return True
