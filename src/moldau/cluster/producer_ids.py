"""Deciding which producer ids a broker may hand out: blocks of 1000 (Apache Kafka:
ProducerIdControlManager, ProducerIdsBlock)."""

from __future__ import annotations

from typing import Final

from moldau.cluster.image import ClusterImage
from moldau.protocol.messages.metadata_log import ProducerIdsRecord

BLOCK: Final = 1000


def next_block(image: ClusterImage, broker_id: int) -> tuple[range, ProducerIdsRecord]:
    """The ids that are the broker's own once the record is on disk."""
    first = image.next_producer_id
    record = ProducerIdsRecord(
        broker_id=broker_id,
        broker_epoch=image.brokers[broker_id].epoch,
        next_producer_id=first + BLOCK,
    )
    return range(first, first + BLOCK), record
