"""Asks the process that has a task, in the place of this one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from moldau.streams.topology import Stage
from moldau.streams.watching.asking import TO_ANSWER_S, Unanswered, asked, handed_on
from moldau.streams.watching.http import SAFE, Request, Response, error_of
from moldau.streams.watching.members import Member, why_not_asked

_AGAIN = {"retry-after": "1"}


class Routing:
    """`counts`: how many partitions each topic has; `me`: this process. `is_here`: has it that
    stage's partition at this moment? Asked in its own thread only."""

    def __init__(
        self,
        counts: Mapping[str, int],
        members: Callable[[], Sequence[Member]],
        me: Callable[[], Member],
        is_here: Callable[[str, int], bool],
    ) -> None:
        self.is_here = is_here
        self._counts = counts
        self._members = members
        self._me = me

    def count(self, stage: Stage) -> int:
        return stage.count(self._counts)

    async def elsewhere(
        self, stage: str, partition: int, request: Request, headers: Mapping[str, str]
    ) -> Response | None:
        """What the process with that task answers; None: it is this one. `headers`: what it is
        told besides."""
        me = self._me()
        if partition in me.tasks.get(stage, ()):
            return None
        for member in self._members():
            if partition in member.tasks.get(stage, ()) and member.process != me.process:
                return await self._ask(member, request, headers)
        return self.moving(stage, partition)

    def moving(self, stage: str, partition: int) -> Response:
        said = f"partition {partition} of {stage} is on the way from one process to another"
        return error_of(503, f"{said}, or being restored: try again in a moment", _AGAIN)

    async def _ask(self, member: Member, request: Request, headers: Mapping[str, str]) -> Response:
        why, host, port = why_not_asked(member, self._me()), member.host, member.port
        if why is not None or host is None or port is None:
            return error_of(503, why or "", _AGAIN)
        try:
            return await asked(
                host,
                port,
                request.target,
                method=request.method,
                headers={**handed_on(request.headers), **headers},
                body=request.body,
                timeout_s=10 * TO_ANSWER_S,
            )
        except Unanswered as error:
            said = f"{member.process}, which has that: {error}"
            if error.was_asked and request.method not in SAFE:
                return error_of(502, f"{said}; it may have done what was asked")
            return error_of(503, said, _AGAIN)
