"""Deciding DeleteTopics (Apache Kafka: ControllerApis.deleteTopics)."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Final

from moldau.cluster.decided import Charge, Decided, Refused, uncharged
from moldau.cluster.image import ClusterImage, TopicImage
from moldau.protocol.config.layers import BrokerConfigs
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.delete_topics import (
    DeletableTopicResult,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DeleteTopicState,
)
from moldau.protocol.messages.metadata_log import RemoveTopicRecord
from moldau.protocol.uuids import ZERO

_UNKNOWN_NAME: Final = "This server does not host this topic-partition."
_UNKNOWN_ID: Final = "This server does not host this topic ID."


def delete_topics(
    image: ClusterImage,
    configs: BrokerConfigs,
    version: int,
    request: DeleteTopicsRequest,
    charge: Charge = uncharged,
) -> Decided:
    """`version` is the request's: before 3 there was no error for "deletion is switched off"."""
    refuse = partial(_refuse_all, request)
    if not configs.values["delete.topic.enable"]:
        if version < 3:
            message = "This version does not support topic deletion."
            return Decided([], refuse(ErrorCode.INVALID_REQUEST, message), refuse)
        return Decided(
            [], refuse(ErrorCode.TOPIC_DELETION_DISABLED, "Topic deletion is disabled."), refuse
        )
    deletion = _Deletion(image, request)
    deletion.conclude(charge)
    return Decided(
        [RemoveTopicRecord(topic_id=topic.id) for topic in deletion.doomed.values()],
        DeleteTopicsResponse(responses=deletion.results),
        refuse,
    )


def _refuse_all(
    request: DeleteTopicsRequest, code: ErrorCode, message: str | None
) -> DeleteTopicsResponse:
    asked = [DeleteTopicState(name=name) for name in request.topic_names] + request.topics
    return DeleteTopicsResponse(
        responses=[
            DeletableTopicResult(
                name=topic.name, topic_id=topic.topic_id, error_code=code, error_message=message
            )
            for topic in asked
        ]
    )


class _Deletion:
    """Sorts out what a request names, by name or by id, and by both ways at once."""

    def __init__(self, image: ClusterImage, request: DeleteTopicsRequest) -> None:
        self.image = image
        self.results: list[DeletableTopicResult] = []
        self.doomed: dict[bytes, TopicImage] = {}
        names, ids = list(request.topic_names), []
        for topic in request.topics:
            if topic.name is None and topic.topic_id != ZERO:
                ids.append(bytes(topic.topic_id))
            elif topic.name is not None and topic.topic_id == ZERO:
                names.append(topic.name)
            else:
                self._refuse_unclear(topic)
        self._find_ids(Counter(ids))
        self._find_names(Counter(names), {i for i, count in Counter(ids).items() if count > 1})

    def conclude(self, charge: Charge) -> None:
        """The rest is deleted, as far as the client may."""
        for topic in tuple(self.doomed.values()):
            try:
                charge(len(topic.partitions))
                self.results.append(_result(topic.name, topic.id))
            except Refused as refused:
                del self.doomed[topic.id]
                self.results.append(_result(topic.name, topic.id, refused.code, refused.message))

    def _refuse_unclear(self, topic: DeleteTopicState) -> None:
        if topic.name is None:
            message = "Neither topic name nor id were specified."
        else:
            message = "You may not specify both topic name and topic id."
        self._refuse(topic.name, topic.topic_id, ErrorCode.INVALID_REQUEST, message)

    def _refuse(self, name: str | None, topic_id: bytes, code: ErrorCode, message: str) -> None:
        self.results.append(_result(name, topic_id, code, message))

    def _find_ids(self, ids: Counter[bytes]) -> None:
        for topic_id, count in ids.items():
            topic = self.image.topics_by_id.get(topic_id)
            if count > 1:
                self._refuse(None, topic_id, ErrorCode.INVALID_REQUEST, "Duplicate topic id.")
            elif topic is None:
                self._refuse(None, topic_id, ErrorCode.UNKNOWN_TOPIC_ID, _UNKNOWN_ID)
            else:
                self.doomed[topic_id] = topic

    def _find_names(self, names: Counter[str], repeated_ids: set[bytes]) -> None:
        for name, count in names.items():
            topic = self.image.topics.get(name)
            if count > 1:
                self._refuse(name, ZERO, ErrorCode.INVALID_REQUEST, "Duplicate topic name.")
            elif topic is None:
                self._refuse(name, ZERO, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, _UNKNOWN_NAME)
            elif topic.id in repeated_ids or self.doomed.pop(topic.id, None) is not None:
                message = "The provided topic name maps to an ID that was already supplied."
                self._refuse(name, topic.id, ErrorCode.INVALID_REQUEST, message)
            else:
                self.doomed[topic.id] = topic


def _result(
    name: str | None,
    topic_id: bytes,
    code: ErrorCode = ErrorCode.NONE,
    message: str | None = None,
) -> DeletableTopicResult:
    return DeletableTopicResult(
        name=name, topic_id=topic_id, error_code=code, error_message=message
    )
