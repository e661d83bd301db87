"""Records that nothing here interprets: kept by what they are about, so that the latest word on
each thing is known, and a snapshot of the metadata holds all of it.

What is of a type that this release does not know is kept in the order in which it came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from moldau.cluster.records import Record
from moldau.protocol.messages import metadata_log as m

# The type that says it, and what it says it of.
Key: TypeAlias = tuple[object, ...]
Kept: TypeAlias = Mapping[Key, Record]
NOTHING: Final[Kept] = MappingProxyType({})


_ABOUT: Final[Mapping[type, Callable[[Any], Key]]] = {
    m.AccessControlEntryRecord: lambda record: (bytes(record.id),),
    m.DelegationTokenRecord: lambda record: (record.token_id,),
    m.RegisterControllerRecord: lambda record: (record.controller_id,),
    m.UserScramCredentialRecord: lambda record: (record.name, record.mechanism),
    m.ZkMigrationStateRecord: lambda record: (),
}
_REMOVES: Final[Mapping[type, tuple[type, Callable[[Any], Key]]]] = {
    m.RemoveAccessControlEntryRecord: (
        m.AccessControlEntryRecord,
        lambda record: (bytes(record.id),),
    ),
    m.RemoveDelegationTokenRecord: (m.DelegationTokenRecord, lambda record: (record.token_id,)),
    m.RemoveUserScramCredentialRecord: (
        m.UserScramCredentialRecord,
        lambda record: (record.name, record.mechanism),
    ),
}


def keep(kept: dict[Key, Record], record: Record) -> None:
    """Puts a record to the others: it replaces or removes an earlier one about the same."""
    removal = _REMOVES.get(type(record))
    if removal is not None:
        of, about = removal
        kept.pop((of, *about(record)), None)
        return
    identity = _ABOUT.get(type(record))
    if identity is None:
        kept[_next(kept, type(record))] = record
        return
    kept[(type(record), *identity(record))] = record


def _next(kept: dict[Key, Record], of: type) -> Key:
    """A key of its own: nobody can tell what the record is about."""
    last = next((key[1] for key in reversed(kept) if key[0] is of), -1)
    assert isinstance(last, int)
    return (of, last + 1)
