"""Which quota counts for a client, and what it has used of it.

Of the eight kinds of entities the nearest to a client counts: user and client id, user and default
client id, user; default user and client id, default user and default client id, default user;
client id, default client id. A client without an id has the quotas of its user. Clients to which
the same quota of a user alone applies share it; else each pair of user and client id, or each
client id, has its own use (ClientQuotaManager.DefaultQuotaCallback).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeAlias, TypeVar

from moldau.broker.quotas.rates import Rate, TokenBucket, Window
from moldau.cluster.client_quotas import CLIENT_ID, USER, Quotas

S = TypeVar("S", Rate, TokenBucket)

# User and client id; None: none, "": the default for all that have no own one.
_Whom: TypeAlias = tuple[str | None, str | None]
_DEFAULT: Final = ""
# Clients that are remembered apart; a rate that is silent is nothing to remember.
MAX_USES: Final = 10_000


class Use(Generic[S]):
    """What those that share a quota have used of it."""

    __slots__ = ("limit", "stat")

    def __init__(self, limit: float, stat: S) -> None:
        self.limit = limit
        self.stat: S = stat


class Limits(Generic[S]):
    """One kind of quota, `key` in requests."""

    def __init__(self, key: str, window: Window, stat: Callable[[Window], S]) -> None:
        self.key = key
        self.window = window
        self._stat: Callable[[Window], S] = stat
        self._limits: dict[_Whom, float] = {}
        self._uses: dict[_Whom, Use[S]] = {}
        self._found: dict[tuple[str, str], Use[S] | None] = {}

    def __bool__(self) -> bool:
        """Is anybody limited?"""
        return bool(self._limits)

    def set(self, quotas: Quotas) -> None:
        """From now on; what was used stays."""
        self._limits = {
            _whom(dict(entity)): limits[self.key]
            for entity, limits in quotas.items()
            if self.key in limits
        }
        self._found.clear()
        if not self._limits:
            self._uses.clear()

    def find(self, user: str, client_id: str, now_ms: int) -> Use[S] | None:
        """None: there is no quota for that client."""
        known = (user, client_id)
        if known not in self._found:
            if len(self._found) >= MAX_USES:
                self._forget_silent(now_ms)
            self._found[known] = self._use(user, client_id)
        return self._found[known]

    def clock_moved(self, by_ms: int) -> None:
        for use in self._uses.values():
            use.stat.clock_moved(by_ms)

    def _use(self, user: str, client_id: str) -> Use[S] | None:
        for quota, shared in _nearest_first(user, client_id):
            limit = self._limits.get(quota)
            if limit is not None:
                use = self._uses.get(shared)
                if use is None:
                    use = self._uses[shared] = Use(limit, self._stat(self.window))
                use.limit = limit
                return use
        return None

    def _forget_silent(self, now_ms: int) -> None:
        self._found.clear()
        self._uses = {
            whom: use for whom, use in self._uses.items() if not use.stat.is_silent(now_ms)
        }


def _whom(names: Mapping[str, str | None]) -> _Whom:
    return (
        (names[USER] or _DEFAULT) if USER in names else None,
        (names[CLIENT_ID] or _DEFAULT) if CLIENT_ID in names else None,
    )


def _nearest_first(user: str, client_id: str) -> tuple[tuple[_Whom, _Whom], ...]:
    """Quotas that may count, each with who shares its use."""
    both, alone = (user, client_id), (user, None)
    if not client_id:
        return ((alone, alone), ((_DEFAULT, None), alone))
    return (
        (both, both),
        ((user, _DEFAULT), both),
        (alone, alone),
        ((_DEFAULT, client_id), both),
        ((_DEFAULT, _DEFAULT), both),
        ((_DEFAULT, None), alone),
        ((None, client_id), (None, client_id)),
        ((None, _DEFAULT), (None, client_id)),
    )
