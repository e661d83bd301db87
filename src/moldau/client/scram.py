"""The SCRAM credentials of users."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from moldau.client.admin import Admin
from moldau.client.connection import Connection
from moldau.client.errors import Refused
from moldau.protocol.errors import ErrorCode

MECHANISMS = {"SCRAM-SHA-256": 1, "SCRAM-SHA-512": 2}
LEAST_ITERATIONS = 4096
_HASHES = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
_SALT_BYTES = 24


class Credential(NamedTuple):
    mechanism: str
    iterations: int


class NewCredential(NamedTuple):
    iterations: int
    password: bytes


def describe_credentials(
    admin: Admin, users: Sequence[str], timeout_ms: int | None = None
) -> dict[str, list[Credential] | Refused]:
    """Of these users (none: of all); who has none is left out."""
    from moldau.protocol.messages.describe_user_scram_credentials import (
        DescribeUserScramCredentialsRequest,
        DescribeUserScramCredentialsResponse,
        UserName,
    )

    wanted = [UserName(name=user) for user in users]
    request = DescribeUserScramCredentialsRequest(users=wanted)
    names = {number: name for name, number in MECHANISMS.items()}

    def attempt(connection: Connection) -> dict[str, list[Credential] | Refused]:
        answer = admin.ask(connection, request, DescribeUserScramCredentialsResponse)
        if answer.error_code:
            raise Refused(answer.error_code, answer.error_message)
        found: dict[str, list[Credential] | Refused] = {}
        for result in answer.results:
            if result.error_code == ErrorCode.RESOURCE_NOT_FOUND:
                continue
            if result.error_code:
                found[result.user] = Refused(result.error_code, result.error_message)
            else:
                found[result.user] = [
                    Credential(names.get(info.mechanism, "UNKNOWN"), info.iterations)
                    for info in result.credential_infos
                ]
        return found

    return admin.call("describeUserScramCredentials", admin.anyone, attempt, timeout_ms)


def alter_credentials(
    admin: Admin,
    user: str,
    values: Mapping[str, NewCredential],
    deleted: Sequence[str] = (),
    timeout_ms: int | None = None,
) -> None:
    """Sets and deletes a user's credentials, by mechanism. Raises Refused."""
    from moldau.protocol.messages.alter_user_scram_credentials import (
        AlterUserScramCredentialsRequest,
        AlterUserScramCredentialsResponse,
        ScramCredentialDeletion,
        ScramCredentialUpsertion,
    )

    upsertions = []
    for mechanism, new in values.items():
        salt = os.urandom(_SALT_BYTES)
        salted = hashlib.pbkdf2_hmac(_HASHES[mechanism], new.password, salt, new.iterations)
        upsertions.append(
            ScramCredentialUpsertion(
                name=user,
                mechanism=MECHANISMS[mechanism],
                iterations=new.iterations,
                salt=salt,
                salted_password=salted,
            )
        )
    request = AlterUserScramCredentialsRequest(
        deletions=[ScramCredentialDeletion(name=user, mechanism=MECHANISMS[m]) for m in deleted],
        upsertions=upsertions,
    )

    def attempt(connection: Connection) -> None:
        for result in admin.ask(connection, request, AlterUserScramCredentialsResponse).results:
            if result.error_code:
                raise Refused(result.error_code, result.error_message)

    admin.call("alterUserScramCredentials", admin.controller, attempt, timeout_ms)
