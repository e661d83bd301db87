"""What clients use, and how long those that use too much are left alone.

The wire asks a meter only where there is something to measure: a quota of clients, or a logger that
wants to tell of every request. Since KIP-219 an answer that is over quota leaves at once and says
how long nothing more will be read from its connection. Sources: KafkaApis, RequestHandlerHelper,
ClientQuotaManager, ClientRequestQuotaManager, ControllerMutationQuotaManager of Apache Kafka.

- Bytes: the whole Produce request; the whole answer to a Fetch. A Fetch that would be too much is
  answered without records, and not counted.
- Time: from the first byte of the request that is looked at to the last of the answer, but for what
  it waits; in percent of one thread, of which this broker has one. A wait is at most a window.
- Mutations: partitions that are created and deleted. What is newer than KIP-599 is refused while
  there is debt; what is older is carried out and waits afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from moldau.broker.loggers import QUOTA, REQUEST, Loggers
from moldau.broker.quotas.limits import Limits, Use
from moldau.broker.quotas.rates import Rate, TokenBucket, Window
from moldau.cluster.client_quotas import (
    CONSUMER_BYTE_RATE,
    CONTROLLER_MUTATION_RATE,
    PRODUCER_BYTE_RATE,
    REQUEST_PERCENTAGE,
)
from moldau.cluster.decided import Refused
from moldau.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from moldau.broker.request import Request
    from moldau.broker.wire import Wire
    from moldau.cluster.client_quotas import Quotas
    from moldau.protocol.schema import Message

PRODUCE, FETCH = 0, 1
_PERCENT_OF_NS: Final = 100 / 1_000_000_000


class Cost:
    """What is known of a request under way: its bytes, when it began, and what of its time has
    been counted."""

    __slots__ = ("began_ns", "counted_ns", "size", "spent_ns")

    def __init__(self, size: int, began_ns: int) -> None:
        self.size = size
        self.began_ns = began_ns
        self.counted_ns = 0
        self.spent_ns = -1  # until it was parked; -1: it was not


class Meter:
    def __init__(
        self,
        wire: Wire,
        loggers: Loggers,
        configs: Mapping[str, Any],
        stopwatch: Callable[[], int],
    ) -> None:
        of_clients = client_window(configs)
        of_mutations = Window(
            configs["controller.quota.window.num"],
            configs["controller.quota.window.size.seconds"] * 1000,
        )
        self._wire = wire
        self._quota_log, self._request_log = loggers[QUOTA], loggers[REQUEST]
        self.stopwatch = stopwatch
        self._produce = Limits(PRODUCER_BYTE_RATE, of_clients, Rate)
        self._fetch = Limits(CONSUMER_BYTE_RATE, of_clients, Rate)
        self._request = Limits(REQUEST_PERCENTAGE, of_clients, Rate)
        self._mutation = Limits(CONTROLLER_MUTATION_RATE, of_mutations, TokenBucket)

        self._all: tuple[Limits[Any], ...] = (
            self._produce,
            self._fetch,
            self._request,
            self._mutation,
        )

    def limit(self, quotas: Quotas) -> None:
        for limits in self._all:
            limits.set(quotas)

    def clock_moved(self, by_ms: int) -> None:
        for limits in self._all:
            limits.clock_moved(by_ms)

    @property
    def is_wanted(self) -> bool:
        return self._request_log.is_debugging or any(self._all)

    # --- on the way of a request --------------------------------------------------------------

    def handled(self, request: Request) -> None:
        """Its handler is done, and it is answered or parked."""
        cost = request.cost
        assert cost is not None
        spent = self.stopwatch() - cost.began_ns
        if not request.answered:
            cost.spent_ns = spent
        elif use := self._use(self._request, request):
            use.stat.record((spent - cost.counted_ns) * _PERCENT_OF_NS, self._wire.now_ms)

    def answered(self, request: Request, response: Message | None) -> None:
        """It is about to leave. None: no answer is wanted."""
        if request.cost is None:  # it came before there was something to measure
            return
        if request.api_key != FETCH:
            throttle = self._bytes_throttle(request) if request.api_key == PRODUCE else 0
            if response is not None:
                told: Any = response
                throttle = max(throttle, self._time_throttle(request), told.throttle_time_ms)
                told.throttle_time_ms = throttle
            self._mute(request, throttle)
        if self._request_log.is_debugging:
            self._tell(request)

    def fetch_room(self, request: Request, room: int) -> int:
        """Bytes that a Fetch may be answered with at most: more than a window's worth would never
        be within the quota."""
        use = self._use(self._fetch, request)
        if use is None:
            return room
        samples, ms = self._fetch.window
        most = use.limit * (samples - 1) * ms / 1000
        return int(most) if most < room else room  # a limit that is no number is none

    def fetch_throttle(self, request: Request, size: int) -> int:
        """How long a Fetch with an answer of so many bytes has to wait instead; 0: not at all."""
        if request.cost is None:
            return 0
        throttle = self._time_throttle(request)
        use = self._use(self._fetch, request)
        if use is not None:
            now_ms = self._wire.now_ms
            use.stat.record(size, now_ms)
            throttle = max(throttle, use.stat.throttle_ms(use.limit, now_ms))
            if throttle:
                use.stat.record(-size, now_ms)
        self._mute(request, throttle)
        return throttle

    def permits(self, request: Request, strict_since: int) -> Permits:
        """For changes of partitions; `strict_since` is the first version that can be refused."""
        use = self._use(self._mutation, request)
        return Permits(use, request.version >= strict_since, self._wire.now_ms)

    # --- measuring ----------------------------------------------------------------------------

    def _use(self, limits: Limits[Any], request: Request) -> Use[Any] | None:
        if not limits:
            return None
        user = request.connection.principal
        return limits.find(user, request.client_id or "", self._wire.now_ms)

    def _bytes_throttle(self, request: Request) -> int:
        use = self._use(self._produce, request)
        if use is None:
            return 0
        assert request.cost is not None
        use.stat.record(request.cost.size, self._wire.now_ms)
        return int(use.stat.throttle_ms(use.limit, self._wire.now_ms))

    def _time_throttle(self, request: Request) -> int:
        use = self._use(self._request, request)
        if use is None:
            return 0
        cost = request.cost
        assert cost is not None
        cost.counted_ns = cost.spent_ns
        if cost.spent_ns < 0:
            cost.counted_ns = self.stopwatch() - cost.began_ns
        now_ms = self._wire.now_ms
        use.stat.record(cost.counted_ns * _PERCENT_OF_NS, now_ms)
        throttle: int = use.stat.throttle_ms(use.limit, now_ms)
        return min(throttle, self._request.window.ms)

    def _mute(self, request: Request, throttle_ms: int) -> None:
        if throttle_ms > 0:
            self._wire.mute(request.connection, throttle_ms)
            self._quota_log.debug(
                f"{request.client_id!r} of {request.connection.peer_host} is over quota and waits "
                f"{throttle_ms} ms."
            )

    def _tell(self, request: Request) -> None:
        cost = request.cost
        assert cost is not None
        spent = (self.stopwatch() - cost.began_ns) / 1_000_000
        self._request_log.debug(
            f"{self._wire.name_of(request.api_key)} version {request.version} of "
            f"{request.client_id!r} from {request.connection.peer_host}, {cost.size} bytes, "
            f"answered after {spent:.3f} ms."
        )


class Permits:
    """What one request may change of partitions: all that it wants where there is no quota."""

    def __init__(
        self, use: Use[TokenBucket] | None = None, is_strict: bool = False, now_ms: int = 0
    ) -> None:
        self._use = use
        self._is_strict = is_strict
        self._now_ms = now_ms
        self.throttle_ms = 0

    def take(self, partitions: int) -> None:
        """Raises Refused when there is debt; older requests only have to wait for it."""
        if self._use is None:
            return
        stat, limit = self._use.stat, self._use.limit
        if self._is_strict:
            throttle = stat.throttle_ms(limit, self._now_ms)
            if throttle:
                self.throttle_ms = throttle
                raise Refused(ErrorCode.THROTTLING_QUOTA_EXCEEDED)
        stat.record(partitions, limit, self._now_ms)
        if not self._is_strict:
            self.throttle_ms = stat.throttle_ms(limit, self._now_ms)


def client_window(configs: Mapping[str, Any]) -> Window:
    """In which everything is measured but mutations, and new connections too."""
    return Window(configs["quota.window.num"], configs["quota.window.size.seconds"] * 1000)
