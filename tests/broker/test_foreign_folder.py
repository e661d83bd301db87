"""A folder that would no longer protect what it protected is refused."""

from __future__ import annotations

import pytest

from moldau.cluster.records import encode_record
from moldau.protocol.messages.metadata_log import AccessControlEntryRecord
from moldau.protocol.records import Record, build
from moldau.storage.log import Origin
from moldau.storage.manager import FolderError
from tests.broker.stage import Stage


def test_access_rules_in_the_metadata_are_not_ignored() -> None:
    stage = Stage()
    rule = AccessControlEntryRecord(principal="User:alice", host="*", resource_name="orders")
    log = stage.node.controller.metadata.log
    batch = build([Record(0, stage.now_ms, None, encode_record(rule))])
    log.append_as_leader(memoryview(batch), 9, stage.now_ms, Origin.CONTROLLER)
    stage.node.stop()
    stage.logs.close(stage.now_ms)
    disk = stage.disk.kill()
    with pytest.raises(FolderError, match="access rules"):
        Stage(disk=disk)
