"""AlterUserScramCredentials (API key 51)."""

from __future__ import annotations

from moldau.protocol import schema as s


class ScramCredentialDeletion(s.Struct):
    name: str = s.string()
    mechanism: int = s.int8()


class ScramCredentialUpsertion(s.Struct):
    name: str = s.string()
    mechanism: int = s.int8()
    iterations: int = s.int32()
    salt: bytes = s.raw()
    salted_password: bytes = s.raw()


class AlterUserScramCredentialsRequest(s.Message, versions="0", flexible="0+", key=51):
    deletions: list[ScramCredentialDeletion] = s.array(ScramCredentialDeletion)
    upsertions: list[ScramCredentialUpsertion] = s.array(ScramCredentialUpsertion)


class AlterUserScramCredentialsResult(s.Struct):
    user: str = s.string()
    error_code: int = s.int16()
    error_message: str | None = s.string(nullable="0+")


class AlterUserScramCredentialsResponse(s.Message, versions="0", flexible="0+", key=51):
    throttle_time_ms: int = s.int32()
    results: list[AlterUserScramCredentialsResult] = s.array(AlterUserScramCredentialsResult)
