"""The features of a cluster: what its nodes support, what is finalized, and changing that."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from functools import partial
from typing import NamedTuple

from moldau.client.admin import Admin
from moldau.client.connection import Connection
from moldau.client.errors import KafkaError, Refused


class Direction(IntEnum):
    UPGRADE = 1
    SAFE_DOWNGRADE = 2
    UNSAFE_DOWNGRADE = 3


class Update(NamedTuple):
    level: int
    direction: Direction


class Features(NamedTuple):
    """Supported levels (lowest, highest), finalized ones, and the version of the latter."""

    supported: dict[str, tuple[int, int]]
    finalized: dict[str, int]
    epoch: int | None


def describe_features(admin: Admin, node: int | None = None) -> Features:
    """As one node sees them (None: any)."""
    from moldau.protocol.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse

    request = ApiVersionsRequest(client_software_name="moldau", client_software_version="0.1.0")

    def attempt(connection: Connection) -> Features:
        answer = admin.ask(connection, request, ApiVersionsResponse)
        if answer.error_code:
            raise Refused(answer.error_code)
        epoch = answer.finalized_features_epoch
        return Features(
            {f.name: (f.min_version, f.max_version) for f in answer.supported_features},
            {f.name: f.max_version_level for f in answer.finalized_features},
            epoch if epoch >= 0 else None,
        )

    find = partial(admin.anyone) if node is None else partial(admin.broker, node)
    return admin.call("describeFeatures", find, attempt)


def update_features(
    admin: Admin, updates: Mapping[str, Update], *, dry_run: bool = False
) -> dict[str, KafkaError | None]:
    """What became of each: None is success. With `dry_run` nothing is changed."""
    from moldau.protocol.messages.update_features import (
        FeatureUpdateKey,
        UpdateFeaturesRequest,
        UpdateFeaturesResponse,
    )

    request = UpdateFeaturesRequest(
        feature_updates=[
            FeatureUpdateKey(
                feature=name,
                max_version_level=update.level,
                allow_downgrade=update.direction is not Direction.UPGRADE,
                upgrade_type=update.direction,
            )
            for name, update in updates.items()
        ],
        timeout_ms=admin.settings.request_timeout_ms,
        validate_only=dry_run,
    )

    def attempt(connection: Connection) -> dict[str, KafkaError | None]:
        # What may only be tried needs a version that knows of it.
        oldest = 1 if dry_run else 0
        answer = admin.ask(connection, request, UpdateFeaturesResponse, oldest=oldest)
        if answer.error_code:
            raise Refused(answer.error_code, answer.error_message)
        results: dict[str, KafkaError | None] = dict.fromkeys(updates)
        for r in answer.results:
            results[r.feature] = Refused(r.error_code, r.error_message) if r.error_code else None
        return results

    try:
        return admin.call("updateFeatures", admin.controller, attempt)
    except KafkaError as error:
        return dict.fromkeys(updates, error)
