"""Control records as kafka-dump-log shows them.

Apache Kafka: DumpLogSegments.printControlRecord; clients/…/record/internal/ControlRecordType.java,
ControlRecordUtils.java, EndTransactionMarker.java.
"""

from __future__ import annotations

from struct import Struct

from moldau.protocol.codec import decode
from moldau.protocol.messages import control_records as c
from moldau.protocol.schema import Message
from moldau.tools.message_json import as_json, dumps

_KEY = Struct(">hh")  # version, type
_MARKER = Struct(">hi")  # version, coordinator epoch
_MARKERS = {0: "ABORT", 1: "COMMIT"}
_MESSAGES: dict[int, tuple[str, type[Message]]] = {
    2: ("LeaderChange:", c.LeaderChangeMessage),
    3: ("SnapshotHeader", c.SnapshotHeaderRecord),
    4: ("SnapshotFooter", c.SnapshotFooterRecord),
    5: ("KRaftVersion", c.KRaftVersionRecord),
    6: ("KRaftVoters", c.VotersRecord),
}


def control_text(key: bytes | None, value: bytes | None) -> str:
    """What follows the metadata of the record. Raises ValueError for what is none."""
    if key is None or len(key) < _KEY.size:
        raise ValueError(
            f"Invalid value size found for end control record key. Must have at least "
            f"{_KEY.size} bytes, but found only {len(key or b'')}"
        )
    version, kind = _KEY.unpack_from(key)
    if version < 0:
        raise ValueError(f"Invalid version found for control record: {version}")
    if kind in _MARKERS:
        return f" endTxnMarker: {_MARKERS[kind]} coordinatorEpoch: {_coordinator_epoch(value)}"
    if kind not in _MESSAGES:
        return f" controlType: UNKNOWN({kind})"
    name, cls = _MESSAGES[kind]
    # Kafka reads version 0 whatever is there, and shows the version that the message says.
    message = decode(cls, 0, value or b"")
    return f" {name} {dumps(as_json(message, message.version))}"  # type: ignore[attr-defined]


def _coordinator_epoch(value: bytes | None) -> int:
    if value is None or len(value) < _MARKER.size:
        raise ValueError("Invalid value size found for end transaction marker.")
    version, epoch = _MARKER.unpack_from(value)
    if version < 0:
        raise ValueError(f"Invalid version found for end transaction marker: {version}")
    return int(epoch)
