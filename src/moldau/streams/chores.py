"""What a program does beside its records: timers, cron, tasks, and hooks at start and stop.

They run on the wall clock, in every worker. What they send goes out with its other records.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from moldau.streams.engine.global_store import GlobalStore
from moldau.streams.engine.here import HERE, Here
from moldau.streams.engine.outputs import Output
from moldau.streams.engine.results import utc
from moldau.streams.engine.scope import SCOPE, Scope
from moldau.streams.errors import DefinitionError, StreamsError
from moldau.streams.traces import trace

if TYPE_CHECKING:
    from moldau.streams.running.host import AsyncHost

TO_LEAD_S = 1.0

Chore = Callable[..., Any]
Called = Coroutine[Any, Any, None]
After = Callable[[int], int]
"""From a time to the next one behind it at which something is due, in ms since 1970."""


@dataclass
class Chores:
    """What was declared. `timers`: with when they are due."""

    timers: list[tuple[Chore, After]] = field(default_factory=list)
    tasks: list[Chore] = field(default_factory=list)
    on_start: list[Chore] = field(default_factory=list)
    on_stop: list[Chore] = field(default_factory=list)
    # Of timers and tasks, those that one worker of the group does.
    on_leader: list[Chore] = field(default_factory=list)
    # For code that asks others while it runs: what goes out at once, and who is told of the values
    # that come to a topic. `hurry`: the outbox has something. `is_virtual`: in a test.
    outbox: list[Output] = field(default_factory=list)
    listeners: dict[str, Callable[[bytes | None], None]] = field(default_factory=dict)
    hurry: Callable[[], None] = lambda: None
    # Is this the worker that does them? None is, where the program does not run.
    leads: Callable[[], bool] = lambda: False
    is_virtual: bool = False

    def __bool__(self) -> bool:
        return bool(self.timers or self.tasks or self.on_start or self.on_stop)


def every(interval_ms: int) -> After:
    """At the whole multiples of it since 1970, so that no delay adds up."""
    if interval_ms <= 0:
        raise DefinitionError("timer: an interval must be longer than nothing")
    return lambda now: now - now % interval_ms + interval_ms


def cron(expression: str, zone: tzinfo) -> After:
    """As cron does it in that zone, also when its clocks are set. Raises DefinitionError."""
    from cronsim import CronSim, CronSimError

    def after(now: int) -> int:
        found: datetime = next(CronSim(expression, utc(now).astimezone(zone)))
        return round(found.timestamp() * 1000)

    try:
        CronSim(expression, utc(0).astimezone(zone))
    except CronSimError as error:
        raise DefinitionError(
            f"cron: {expression!r} cannot be read ({error}): write minute, hour, day, month and "
            f"day of the week, as in '0 * * * *'"
        ) from None
    return after


class RunningChores:
    """`now_ms`: the time since 1970, of the worker or the test. `say`: what people should know.
    `leads`: is this the one worker of the group that does what one should? `tables`: what
    each global table holds, by its topic. `wait`: runs a hook, of that name, to its end; False: it
    was given up, because the worker was told to stop."""

    def __init__(
        self,
        chores: Chores,
        host: AsyncHost,
        now_ms: Callable[[], int],
        say: Callable[[str], None],
        leads: Callable[[], bool] = lambda: True,
        tables: Mapping[str, GlobalStore] | None = None,
        wait: Callable[[str, Called], bool] | None = None,
    ) -> None:
        self._chores = chores
        self._wait = wait or self._to_its_end
        self._has_started = False
        self._leads = leads
        self._here = Here({} if tables is None else tables)  # filled later, in a worker
        self._host = host
        self._now_ms = now_ms
        self._say = say
        self._scopes: list[Scope] = []
        self._failed: StreamsError | None = None

    @property
    def run(self) -> bool:
        """Is there something that needs turns?"""
        return bool(self._chores.timers or self._chores.tasks)

    def start(self) -> None:
        """The hooks, then the rest. Raises StreamsError where a hook fails."""
        self._chores.hurry, self._chores.leads = self._host.settled, self._leads
        self._chores.outbox.clear()  # of a run before this one
        if not all(self._hook("on_start", hook) for hook in self._chores.on_start):
            return
        self._has_started = True
        for function, after in self._chores.timers:
            self._host.start(self._timer(function, after))
        for function in self._chores.tasks:
            self._host.start(self._task(function))

    def stop(self) -> None:
        """The hooks, where those of the start have come to their end. Raises StreamsError."""
        for hook in self._chores.on_stop if self._has_started else ():
            self._hook("on_stop", hook)

    def _hook(self, when: str, hook: Chore) -> bool:
        name = f"{when} {_name(hook)}"
        try:
            return self._wait(name, self._run_hook(hook)) and self._host.exit is None
        except Exception as error:
            told = f"{name} has failed: {type(error).__name__}: {error}\n{trace(error)}"
            raise StreamsError(told) from None

    async def _run_hook(self, hook: Chore) -> None:
        try:
            await self._called(hook, self._scope())
        except SystemExit as told:
            self._host.exits(told)

    def _to_its_end(self, _name: str, called: Called) -> bool:
        self._host.run(called)
        return True

    def drain(self) -> Iterator[Output]:
        """What they want sent. Raises StreamsError when a task has failed."""
        if self._failed is not None:
            raise self._failed
        for scope in self._scopes:
            yield from scope.end()
        outbox = self._chores.outbox
        yield from [outbox.pop(0) for _ in range(len(outbox))]

    def _scope(self) -> Scope:
        scope = Scope()
        self._scopes.append(scope)
        return scope

    async def _called(self, function: Chore, scope: Scope) -> None:
        SCOPE.set(scope)
        HERE.set(self._here)
        try:
            made = function()
            if inspect.isawaitable(made):
                await made
        except OSError as error:
            self._host.judge(error)
            raise

    async def _timer(self, function: Chore, after: After) -> None:
        """One that is not done when it is due again is not called twice."""
        scope, held = self._scope(), Scope()
        due = self._now_ms()
        while True:
            due = after(max(due, self._now_ms()))
            while (left := due - self._now_ms()) > 0:
                await asyncio.sleep(left / 1000)
            if function in self._chores.on_leader and not self._leads():
                continue
            try:
                await self._called(function, held)
            except SystemExit as told:
                held.drop()
                return self._host.exits(told)
            except (Exception, asyncio.CancelledError) as error:
                _raise_if_told(error)
                held.drop()
                self._say(f"timer {_name(function)}: {type(error).__name__}: {error}")
            else:
                scope.held += held.end()

    async def _task(self, function: Chore) -> None:
        while function in self._chores.on_leader and not self._leads():
            await asyncio.sleep(TO_LEAD_S)
        try:
            await self._called(function, self._scope())
        except SystemExit as told:
            self._host.exits(told)
        except (Exception, asyncio.CancelledError) as error:
            _raise_if_told(error)
            self._failed = StreamsError(f"task {_name(function)}: {type(error).__name__}: {error}")
            self._failed.__cause__ = error


def _raise_if_told(error: BaseException) -> None:
    """To end; else it is what was awaited that has been cancelled, and a fault like others."""
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
        raise error


def _name(function: Chore) -> str:
    return str(getattr(function, "__name__", function))
