"""InitProducerId, versions 0-5: an id for an idempotent producer.

- v3: the producer may tell the id and epoch that it had (KIP-360). One without transactions gets
  a new id all the same, as in Apache Kafka.
- A transactional id is refused with an error that makes `init_transactions` of librdkafka and
  Java fail at once: transactions are not served yet.

The answer waits until the block that its id is from is on disk, or the id could be handed out
again after a crash.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from moldau.cluster.decided import Decided
from moldau.cluster.producer_ids import next_block
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.init_producer_id import InitProducerIdResponse

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request


def handle(node: Node, request: Request) -> InitProducerIdResponse | None:
    body = request.body
    if (body.producer_id == -1) != (body.producer_epoch == -1):
        return _error(ErrorCode.INVALID_REQUEST)
    if body.transactional_id == "":
        return _error(ErrorCode.INVALID_REQUEST)
    if body.transactional_id is not None:
        node.log(
            f"refused the transactional id {body.transactional_id!r}: this release serves no "
            "transactions; leave transactional.id out"
        )
        return _error(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    _hand_out(node, request)
    return None


def _error(code: ErrorCode) -> InitProducerIdResponse:
    return InitProducerIdResponse(error_code=code, producer_epoch=-1)


def _hand_out(node: Node, request: Request) -> None:
    records = []
    if not node.producer_ids:
        node.producer_ids, record = next_block(node.image, node.settings.node_id)
        records.append(record)
    response = InitProducerIdResponse(producer_id=node.producer_ids[0])
    node.producer_ids = node.producer_ids[1:]
    node.controller.submit(Decided(records, response, partial(_refuse, node)), request)


def _refuse(node: Node, code: ErrorCode, message: str) -> InitProducerIdResponse:
    """The block was not written, so its ids are not ours. Clients ask again by themselves."""
    node.producer_ids = range(0)
    node.log(f"no producer ids could be reserved: {message}")
    return _error(ErrorCode.COORDINATOR_NOT_AVAILABLE)
