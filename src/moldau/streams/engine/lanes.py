"""Lanes: the lives of an agent's handlers. Each takes its records one after the other.

A lane is one coroutine that the host runs for as long as the task lives. It suspends when it has
nothing to do, when its turn is over, or when the user's own code does; never for a record.
"""

from __future__ import annotations

import types
from collections import deque
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Mapping,
    Sequence,
)
from typing import Any, Generic, Protocol, TypeVar

from moldau.streams.engine.keyed_state import Store
from moldau.streams.engine.outputs import Output
from moldau.streams.engine.scope import SCOPE, Scope, Taken
from moldau.streams.errors import StreamsError, Trouble
from moldau.streams.policies import Policy

Item = tuple[Any, Taken, int]
"""A value, and its place: in a batch, at an index."""


class Waiter(Protocol):
    def set(self) -> None: ...

    def wait(self) -> Awaitable[None]:
        """Until it is set; it is unset then."""
        ...


class Running(Protocol):
    def cancel(self) -> object: ...

    def cancelling(self) -> int:
        """How often it was."""
        ...


class Host(Protocol):
    """Where coroutines run. `until`: when this turn is over, by `clock` (s)."""

    until: float
    clock: Callable[[], float]

    def start(self, coroutine: Coroutine[Any, Any, None]) -> Running: ...

    def waiter(self) -> Waiter: ...

    def sleep(self, ms: int) -> Awaitable[None]: ...

    def settled(self) -> None:
        """A lane has nothing more to do."""

    def exits(self, told: SystemExit, *, in_record: bool = False) -> None:
        """The program's own code ends the process (sys.exit)."""

    def judge(self, error: BaseException) -> None:
        """Of the program's own code. Raises SystemExit where what it prints goes nowhere."""


@types.coroutine
def _turn() -> Generator[None, None, None]:
    """Lets others go on."""
    yield


Fail = Callable[[Taken, int, BaseException, int], Sequence[Output]]
"""What is sent for a record that is given up after so many tries. Raises StreamsError to stop."""


class Lane:
    """The part that all forms share. `fail` says what becomes of a record that is given up."""

    def __init__(
        self, name: str, function: Callable[[Any], Any], policy: Policy, host: Host, fail: Fail
    ) -> None:
        self.pending: deque[Item] = deque()
        self.is_idle = True
        self.error: BaseException | None = None  # it has stopped
        self.released: list[tuple[Taken, int, list[Output]]] = []
        self._name = name
        self._function = function
        self._policy = policy
        self._host = host
        self._fail = fail
        self._waiter = host.waiter()
        self._scope = Scope()
        self._tries = 0
        self._running: Running | None = None

    def wake(self) -> None:
        """There are records in `pending`."""
        self.is_idle = False
        if self._running is None:
            self._running = self._host.start(self._life())
        self._waiter.set()

    def may_use(self, stores: Mapping[str, Store]) -> None:
        self._scope.stores = stores

    def close(self) -> None:
        if self._running is not None:
            self._running.cancel()

    async def _life(self) -> None:
        SCOPE.set(self._scope)
        try:
            await self._live()
        except Exception as error:
            self.error, self.is_idle = error, True
            self._host.settled()
        except SystemExit as told:  # it is never idle again, so that nothing of its records counts
            self._host.exits(told, in_record=True)

    async def _live(self) -> None:
        raise NotImplementedError

    async def _some(self) -> None:
        """Until there is something to do."""
        while not self.pending:
            self.is_idle = True
            self._host.settled()
            await self._waiter.wait()

    def _begin(self) -> Any:
        value, scope = self.pending[0][0], self._scope
        _, scope.taken, scope.index = self.pending[0]
        return value

    def _end(self) -> None:
        """The record at the head has ended."""
        _, taken, index = self.pending.popleft()
        scope = self._scope
        self._tries = 0
        if scope.held or scope.changes:
            self.released.append((taken, index, scope.end()))

    def _fault(self, error: BaseException) -> Exception:
        """What a handler has failed with: what it awaits may have been cancelled, which would end
        the lane without a word. Raises what is the end, and no fault of its own."""
        if isinstance(error, Exception):
            self._host.judge(error)
            return error
        is_told = self._running is not None and self._running.cancelling()
        if is_told or isinstance(error, (SystemExit, KeyboardInterrupt, GeneratorExit)):
            raise error
        made = StreamsError(f"{self._name}: what it awaited was cancelled")
        made.__cause__ = error
        return made

    async def _failed(self, error: Exception) -> None:
        """The record at the head stays for another try, or is given up."""
        self._scope.drop()
        if isinstance(error, Trouble):
            raise error
        self._tries += 1
        if self._tries < self._policy.tries:
            await self._host.sleep(self._policy.pause_ms(self._tries))
            return
        _, taken, index = self.pending[0]
        self._scope.held.extend(self._fail(taken, index, error, self._tries))
        self._end()


class CallLane(Lane):
    """One call a record, of a plain function, or of one whose result is to be awaited: a plain one
    may return what an async one has made."""

    async def _live(self) -> None:
        pending, function, host = self.pending, self._function, self._host
        clock = host.clock
        while True:
            await self._some()
            while pending:
                try:
                    made = function(self._begin())
                    if made is not None and hasattr(made, "__await__"):
                        await made
                except BaseException as error:
                    await self._failed(self._fault(error))
                else:
                    self._end()
                if clock() > host.until:
                    await _turn()


class StreamLane(Lane):
    """An async function that takes its records with `async for`. One that died, or returned, is
    called again; the record that it had is tried again."""

    _has_record = False

    async def _live(self) -> None:
        while True:
            await self._some()
            stream: RecordStream[Any] = RecordStream(self)
            try:
                await self._function(stream)
            except BaseException as error:
                fault = self._fault(error)
                if self._has_record:
                    self._has_record = False
                    await self._failed(fault)
                else:
                    await self._died(fault)
            else:
                if not stream.was_asked:
                    raise StreamsError(f"{self._name}: it returned without taking a record")
                self.taken()

    async def _died(self, error: Exception) -> None:
        """Not at a record: in what it does before the first."""
        self._tries += 1
        self._scope.drop()
        if self._tries >= self._policy.tries:
            raise StreamsError(f"{self._name}: it fails before its first record: {error!r}")
        await self._host.sleep(self._policy.pause_ms(self._tries))

    def taken(self) -> None:
        """The record that it had has ended."""
        if self._has_record:
            self._has_record = False
            self._end()

    async def next(self) -> Any:
        self.taken()
        if not self.pending:
            self._scope.taken = None
            await self._some()
        elif self._host.clock() > self._host.until:
            await _turn()
        self._has_record = True
        return self._begin()


Value = TypeVar("Value")


class RecordStream(Generic[Value]):
    """What an agent iterates over: values, one after the other."""

    def __init__(self, lane: StreamLane) -> None:
        self._lane = lane
        self.was_asked = False

    def __aiter__(self) -> RecordStream[Value]:
        self.was_asked = True
        return self

    def __anext__(self) -> Coroutine[Any, Any, Value]:
        self.was_asked = True
        return self._lane.next()

    async def items(self) -> AsyncIterator[tuple[Any, Value]]:
        """Pairs of key and value."""
        async for value in self:
            yield self._lane._scope.current.key, value


class BatchLane(Lane):
    """One call for as many records as there are, up to `most`. When a batch has failed as often as
    it may, its records are tried one by one, so that only those that fail are given up."""

    def __init__(self, *of_lane: Any, most: int, made: Callable[[list[Any]], Any]) -> None:
        super().__init__(*of_lane)
        self._most = most
        self._made = made

    async def _live(self) -> None:
        while True:
            await self._some()
            count = min(len(self.pending), self._most)
            while self._tries < self._policy.tries and not await self._call(count):
                self._tries += 1
                if self._tries < self._policy.tries:
                    await self._host.sleep(self._policy.pause_ms(self._tries))
            for _ in range(count if self._tries else 0):
                await self._alone()
            if self._host.clock() > self._host.until:
                await _turn()

    async def _call(self, count: int) -> bool:
        values = [self.pending[index][0] for index in range(count)]
        self._begin()
        try:
            await self._handle(values)
        except BaseException as error:
            self._fault(error)
            self._scope.drop()
            return False
        for _ in range(count - 1):
            self.pending.popleft()
        self._end()
        return True

    async def _alone(self) -> None:
        self._tries = self._policy.tries - 1
        try:
            await self._handle([self._begin()])
        except BaseException as error:
            await self._failed(self._fault(error))
        else:
            self._end()

    async def _handle(self, values: list[Any]) -> None:
        made = self._function(self._made(values))
        if made is not None and hasattr(made, "__await__"):
            await made
