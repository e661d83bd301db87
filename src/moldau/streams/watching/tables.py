"""`/tables`: what is committed of a program's tables, wherever in the program it is.

A question goes to the process that has the task, once: `/peer/tables/...` is answered of what is
there and never handed on, so nothing can go round. While a task is on its way to another process
the answer is 503, at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from moldau.streams.engine.global_store import GlobalStore
from moldau.streams.engine.placing import PLACES
from moldau.streams.topology import Topology
from moldau.streams.watching.asking import Unanswered, asked
from moldau.streams.watching.http import Request, Response, json
from moldau.streams.watching.members import Member, why_not_asked
from moldau.streams.watching.question import PEER, TABLES, Question, Refused
from moldau.streams.watching.readable import Readable, readables, unreadables
from moldau.streams.watching.rows import GlobalRows, Rows, names_of


class _Found(msgspec.Struct):
    """What a process has, by partition; of one that is not there it says nothing. `rows`: name,
    key and value of each."""

    partitions: dict[int, list[tuple[bytes, Any, Any]]]


_decode = msgspec.json.Decoder(_Found).decode


class Tables:
    """`members`: of the processes, which has what; `me`: the name of this one. `counts`: how many
    partitions each topic has. `globals_`: what global tables hold, by topic, while there is one."""

    def __init__(
        self,
        topology: Topology,
        counts: Mapping[str, int],
        rows: Rows,
        globals_: Mapping[str, GlobalStore],
        members: Callable[[], Sequence[Member]],
        me: Member,
    ) -> None:
        self._counts = counts
        self._rows = rows
        self._globals = {
            name: GlobalRows(topic, globals_) for name, topic in topology.global_topics.items()
        }
        self._members = members
        self._me = me
        self._readables = readables(topology)
        self._why_not = unreadables(topology)
        self._reader = ThreadPoolExecutor(1, "moldau-tables")

    def close(self) -> None:
        self._reader.shutdown(wait=False, cancel_futures=True)

    async def answer(self, request: Request) -> Response | None:
        """None: this is not about tables."""
        try:
            if request.path in ("/tables", "/tables/"):
                return json(self._listed())
            for begin, answer in ((TABLES, self._asked), (PEER, self._here)):
                if request.path.startswith(begin):
                    question = Question.read(request.path.removeprefix(begin), request.query)
                    return await answer(question)
        except Refused as refused:
            return refused.response
        return None

    def _listed(self) -> Any:
        tables: list[Any] = [
            {"name": name, "kind": one.kind, "step": one.stage.name, "tasks": self._count(one)}
            for name, one in self._readables.items()
        ]
        tables += [{"name": name, "kind": "global table"} for name in self._globals]
        return {"tables": tables, "not_readable": self._why_not}

    # --- of the whole program ---------------------------------------------------------------

    async def _asked(self, question: Question) -> Response:
        table = self._globals.get(question.name)
        if table is not None and question.name not in self._readables:
            return await self._of_global(table, question)
        readable = self._readable(question.name)
        count = self._count(readable)
        for one in question.partitions or ():
            if not 0 <= one < count:
                raise Refused(404, f"table {question.name!r} has partitions 0 to {count - 1}")
        if question.key is None:
            return await self._range(readable, question)
        row = await self._row(readable, question)
        if row is None:
            raise Refused(404, f"table {question.name!r} has no key {_text(question.key)!r}")
        return json(row)

    async def _of_global(self, table: GlobalRows, question: Question) -> Response:
        run = asyncio.get_running_loop().run_in_executor
        if question.key is None:
            found = await run(self._reader, table.behind, question.after, question.limit)
            return _page(question, found)
        row = await run(self._reader, table.get, names_of(question.key))
        if row is None:
            raise Refused(404, f"table {question.name!r} has no key {_text(question.key)!r}")
        return json(row.value)

    def _readable(self, name: str) -> Readable:
        readable = self._readables.get(name)
        if readable is not None:
            return readable
        why = self._why_not.get(name)
        if why is not None:
            raise Refused(404, f"step {name!r}: {why}")
        names = [*self._readables, *self._globals]
        there = f"there are {', '.join(names)}" if names else "this program has none"
        raise Refused(404, f"there is no table {name!r}; {there}")

    async def _row(self, readable: Readable, question: Question) -> Any:
        """Where the key belongs, and then, when nothing says that it must lie there, elsewhere."""
        assert question.key is not None
        count = self._count(readable)
        everywhere = question.partitions or list(range(count))
        place = PLACES[readable.stage.partitioner]
        likely = sorted({place(name, count) for name in names_of(question.key)})
        if not readable.is_anywhere and not question.partitions:
            found = await self._ask(readable, question, likely)
            if found or not readable.stage.sources:
                return next(iter(found.values()))[0][2] if found else None
            everywhere = [one for one in everywhere if one not in likely]
        found = await self._ask(readable, question, everywhere)
        if len(found) > 1:
            raise Refused(
                409,
                f"partitions {', '.join(map(str, sorted(found)))} of {question.name!r} have a "
                f"value each of {_text(question.key)!r}: say which, as in ?partition={min(found)}",
            )
        return next(iter(found.values()))[0][2] if found else None

    async def _range(self, readable: Readable, question: Question) -> Response:
        partitions = question.partitions or list(range(self._count(readable)))
        found = await self._ask(readable, question, partitions)
        rows = sorted((row for some in found.values() for row in some), key=lambda row: row[0])
        return _page(question, rows[: question.limit])

    def _count(self, readable: Readable) -> int:
        return readable.stage.count(self._counts)

    async def _ask(
        self, readable: Readable, question: Question, partitions: Sequence[int]
    ) -> dict[int, list[tuple[bytes, Any, Any]]]:
        """What there is, of these partitions. Raises Refused when one of them has nobody now."""
        by_member = self._holders(readable, partitions)
        asked = (
            self._ask_one(member, question._replace(partitions=some)) for member, some in by_member
        )
        found: dict[int, list[tuple[bytes, Any, Any]]] = {}
        for one in await asyncio.gather(*asked):
            found |= one.partitions
        missing = [one for one in partitions if one not in found]
        if missing:
            raise Refused(503, _moving(question.name, missing))
        return {partition: rows for partition, rows in found.items() if rows}

    def _holders(
        self, readable: Readable, partitions: Sequence[int]
    ) -> list[tuple[Member | None, list[int]]]:
        """Who has which of them; None: this process. What it has, it need not be told."""
        stage = readable.stage.name
        here = [one for one in partitions if self._rows.has(readable, one)]
        left = set(partitions) - set(here)
        made: list[tuple[Member | None, list[int]]] = [(None, here)] if here else []
        for member in self._members() if left else ():
            some = sorted(left & set(member.tasks.get(stage, ())))
            if some and member.process != self._me.process:
                made.append((member, some))
                left -= set(some)
        if left:
            raise Refused(503, _moving(readable.name, sorted(left)))
        return made

    async def _ask_one(self, member: Member | None, question: Question) -> _Found:
        if member is None:
            run = asyncio.get_running_loop().run_in_executor
            return await run(self._reader, self._found, question)
        why = why_not_asked(member, self._me)
        if why is not None:
            raise Refused(503, why)
        assert member.host is not None
        assert member.port is not None
        try:
            answer = await asked(member.host, member.port, question.target)
        except Unanswered as error:
            raise Refused(
                503,
                f"{member.process}, which has that, cannot be reached ({error}); when it is gone, "
                f"its tasks go to another within the session's timeout: try again",
            ) from None
        if answer.status != 200:
            raise Refused(503, f"{member.process}: {answer.body.decode(errors='replace').strip()}")
        return _decode(answer.body)

    # --- of this process --------------------------------------------------------------------

    async def _here(self, question: Question) -> Response:
        self._readable(question.name)
        run = asyncio.get_running_loop().run_in_executor
        return json(await run(self._reader, self._found, question))

    def _found(self, question: Question) -> _Found:
        readable = self._readables[question.name]
        partitions = question.partitions or ()
        if question.key is not None:
            names = names_of(question.key)
            some = self._rows.get(readable, partitions, names)
            found = {place: [] if row is None else [row] for place, row in some.items()}
        else:
            found = self._rows.behind(readable, partitions, question.after, question.limit)
        return _Found({place: [tuple(row) for row in rows] for place, rows in found.items()})


def _page(question: Question, rows: Sequence[Any]) -> Response:
    """`next` is where it goes on; null: nowhere."""
    more = question.behind(rows[-1][0]) if len(rows) == question.limit else None
    shown = [{"key": key, "value": value} for _, key, value in rows]
    return json({"table": question.name, "rows": shown, "next": more})


def _moving(name: str, partitions: Sequence[int]) -> str:
    one = len(partitions) == 1
    return (
        f"partition{'' if one else 's'} {', '.join(map(str, partitions))} of {name!r} "
        f"{'is' if one else 'are'} on the way from one process to another, or being restored: try "
        f"again in a moment"
    )


def _text(key: bytes) -> str:
    return key.decode(errors="backslashreplace")
