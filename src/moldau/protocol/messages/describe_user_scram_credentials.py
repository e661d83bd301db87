"""DescribeUserScramCredentials (API key 50)."""

from __future__ import annotations

from moldau.protocol import schema as s


class UserName(s.Struct):
    name: str = s.string()


class DescribeUserScramCredentialsRequest(s.Message, versions="0", flexible="0+", key=50):
    users: list[UserName] | None = s.array(UserName, nullable="0+")


class CredentialInfo(s.Struct):
    mechanism: int = s.int8()
    iterations: int = s.int32()


class DescribeUserScramCredentialsResult(s.Struct):
    user: str = s.string()
    error_code: int = s.int16()
    error_message: str | None = s.string(nullable="0+")
    credential_infos: list[CredentialInfo] = s.array(CredentialInfo)


class DescribeUserScramCredentialsResponse(s.Message, versions="0", flexible="0+", key=50):
    throttle_time_ms: int = s.int32()
    error_code: int = s.int16()
    error_message: str | None = s.string(nullable="0+")
    results: list[DescribeUserScramCredentialsResult] = s.array(DescribeUserScramCredentialsResult)
