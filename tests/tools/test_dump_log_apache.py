"""kafka-dump-log beside Apache Kafka's own, in one JVM: every file, option and fault.

stdout and exit code are equal; so is stderr where Apache's ends well, because it then holds only
what was found in the files.
"""

from __future__ import annotations

import random
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from confluent_kafka import Producer
from hypothesis import given, settings
from hypothesis import strategies as st

import moldau
from moldau.protocol.codec import encode
from moldau.protocol.messages.metadata_log import ClientQuotaRecord
from moldau.protocol.primitives import uvarint
from moldau.protocol.schema import Message
from moldau.tools.coordinator_records import Kinds, coordinator_kinds, group_kinds, messages_of
from tests.apache_kafka import ToolServer
from tests.protocol.generated import JUDGED, values
from tests.tools.dump_log import OPTIONS, SEGMENT, damaged, difference, files_of, write_segment
from tests.transcripts.story import FIXTURES

pytestmark = [pytest.mark.apache, pytest.mark.timeout(300)]
FAULTS = 400
# Java and we part where a batch is nonsense in a way that only its reader of compressed streams
# sees, or a tagged field lies about its length: a few in ten thousand.
TOLERATED = 3


@pytest.fixture(scope="module")
def apache() -> Iterator[ToolServer]:
    with ToolServer() as server:
        yield server


def test_every_fixture_with_every_option(apache: ToolServer, tmp_path: Path) -> None:
    shutil.copytree(FIXTURES, tmp_path / "fixtures")
    differences = [
        difference(apache, "--files", str(path), *options)
        for path in files_of(tmp_path)
        for options in OPTIONS
    ]
    assert len(differences) > 500
    assert not any(differences), "\n".join(filter(None, differences))


def test_faults(apache: ToolServer, tmp_path: Path) -> None:
    seed = secrets.randbits(32)
    dice = random.Random(seed)
    paths = files_of(FIXTURES)
    differences = []
    for number in range(FAULTS):
        path = dice.choice(paths)
        folder = tmp_path / str(number)
        shutil.copytree(path.parent, folder)
        victim = dice.choice([path, path, *sorted(path.parent.glob(f"{path.stem}.*"))])
        (folder / victim.name).write_bytes(damaged(victim.read_bytes(), dice))
        args = ("--files", str(folder / path.name), *dice.choice(OPTIONS))
        differences.append(difference(apache, *args))
    found = list(filter(None, differences))
    assert len(found) <= TOLERATED, f"seed {seed}:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("option", "kinds"),
    [
        ("--offsets-decoder", group_kinds()),
        ("--transaction-log-decoder", coordinator_kinds("transaction_log")),
        ("--share-group-state-decoder", coordinator_kinds("share_group_state")),
    ],
)
def test_records_of_coordinators(
    apache: ToolServer, tmp_path: Path, option: str, kinds: Kinds
) -> None:
    @settings(JUDGED, max_examples=6)
    @given(st.data())
    def judged(data: st.DataObject) -> None:
        records = []
        for kind, (key_class, value_class) in kinds.items():
            version = data.draw(st.integers(*value_class.versions))
            key = kind.to_bytes(2, "big") + encode(data.draw(values(key_class, 0)), 0)
            value = encode(data.draw(values(value_class, version)), version)
            records.append((key, version.to_bytes(2, "big") + value))
        path = write_segment(tmp_path / SEGMENT, [*records, (records[0][0], None)])
        assert not difference(apache, "--files", str(path), option)

    judged()


@pytest.mark.parametrize(
    ("option", "messages"),
    [
        ("--cluster-metadata-decoder", messages_of("metadata_log")),
        ("--remote-log-metadata-decoder", messages_of("remote_log_metadata")),
    ],
)
def test_records_in_frames(
    apache: ToolServer, tmp_path: Path, option: str, messages: Mapping[str, type[Message]]
) -> None:
    @settings(JUDGED, max_examples=6)
    @given(st.data())
    def judged(data: st.DataObject) -> None:
        framed = []
        for cls in messages.values():
            version = data.draw(st.integers(*cls.versions))
            head = uvarint(1) + uvarint(cls.api_key) + uvarint(version)
            message = data.draw(values(cls, version))
            if isinstance(message, ClientQuotaRecord):
                # Java 17 does not always print the shortest digits; those of quotas are few.
                message.value = data.draw(st.sampled_from([0.0, -1.5, 1024.0, 2e-5, 1e10]))
            framed.append((None, head + encode(message, version)))
        path = write_segment(tmp_path / SEGMENT, framed)
        assert not difference(apache, "--files", str(path), option)

    judged()


def test_a_folder_of_ours(apache: ToolServer, tmp_path: Path) -> None:
    config = {"log.index.interval.bytes": 0, "log.segment.bytes": 1_048_576}
    with moldau.Broker(data=tmp_path / "data", config=config) as broker:
        servers = {"bootstrap.servers": broker.bootstrap_servers}
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            producer = Producer({**servers, "compression.type": codec, "enable.idempotence": True})
            for number in range(300):
                producer.produce("made", b"v" * 2000, str(number), headers={"h": codec})
            assert producer.flush(30) == 0
    differences = [
        difference(apache, "--files", str(path), *options)
        for path in files_of(tmp_path / "data")
        for options in OPTIONS
        if path.suffix in (".log", ".index", ".timeindex", ".snapshot", ".checkpoint")
    ]
    assert len(differences) > 50
    assert not any(differences), "\n".join(filter(None, differences))[:5000]
