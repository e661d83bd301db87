"""Settings of a broker that has a second listener, for who logs in."""

from __future__ import annotations

LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"


def for_shop(protocol: str, port: int) -> dict[str, str]:
    """The user is called shop, and the password secret. `protocol`: SASL_PLAINTEXT or SASL_SSL."""
    return {
        "listeners": "PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},"
        f"{protocol}://localhost:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
        f"{protocol}:{protocol}",
        "sasl.enabled.mechanisms": "PLAIN",
        f"listener.name.{protocol.lower()}.plain.sasl.jaas.config": f'{LOGIN} user_shop="secret";',
    }
