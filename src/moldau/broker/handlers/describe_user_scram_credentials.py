"""DescribeUserScramCredentials, version 0 (KIP-554): there are none.

Nobody can log in here yet, and setting credentials is refused (AlterUserScramCredentials is not
served). Tools ask for them beside the quotas of users. Apache Kafka: ScramImage.describe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.protocol.errors import ErrorCode
from moldau.protocol.java_maps import hash_order, string_hash
from moldau.protocol.messages.describe_user_scram_credentials import (
    DescribeUserScramCredentialsResponse,
    DescribeUserScramCredentialsResult,
)

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request


def handle(_: Node, request: Request) -> DescribeUserScramCredentialsResponse:
    names = [user.name for user in request.body.users or ()]
    return DescribeUserScramCredentialsResponse(
        results=[
            _missing(name, names.count(name) > 1)
            for name in hash_order(dict.fromkeys(names), string_hash)
        ]
    )


def _missing(name: str, is_twice: bool) -> DescribeUserScramCredentialsResult:
    if is_twice:
        return DescribeUserScramCredentialsResult(
            user=name,
            error_code=ErrorCode.DUPLICATE_RESOURCE,
            error_message="Cannot describe SCRAM credentials for the same user twice in a single "
            f"request: {name}",
        )
    return DescribeUserScramCredentialsResult(
        user=name,
        error_code=ErrorCode.RESOURCE_NOT_FOUND,
        error_message=f"Attempt to describe a user credential that does not exist: {name}",
    )
