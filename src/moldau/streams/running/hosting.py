"""What a worker does for a program's own code: gives it turns, and does not read on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from moldau.streams.app import App
from moldau.streams.chores import RunningChores
from moldau.streams.engine.global_store import GlobalStore
from moldau.streams.engine.pace import PacedTask
from moldau.streams.engine.task import Task
from moldau.streams.running.hooks import Hooks
from moldau.streams.running.host import TO_END_S, AsyncHost
from moldau.streams.running.patience import Patience
from moldau.streams.running.polled import Place
from moldau.streams.running.wall_clock import now_ms

BESIDE_S = 0.01  # between two polls

AnyTask = Task | PacedTask


def task_of(task: Task, host: AsyncHost) -> AnyTask:
    """At the pace of its agents, where it has some."""
    return PacedTask(task, host) if task.agents else task


class Hosting:
    def __init__(
        self,
        app: App,
        say: Callable[[str], None],
        leads: Callable[[], bool] = lambda: True,
        tables: Mapping[str, GlobalStore] | None = None,
        patience: Patience | None = None,
    ) -> None:
        """`leads`: is this the one worker of its group that does what one should? `tables`: what
        each global table holds, by its topic."""
        self.host = AsyncHost()
        hooks = Hooks(self.host, patience or Patience(), say)
        self.chores = RunningChores(app.chores, self.host, now_ms, say, leads, tables, hooks.wait)
        self._is_busy = False

    def poll_s(self, otherwise: float) -> float:
        """How long the consumer may wait for records."""
        return 0.0 if self._is_busy or self.chores.run else otherwise

    def work(self, tasks: Mapping[Place, AnyTask]) -> set[Place]:
        """A turn for all handlers. The partitions whose handlers are behind."""
        if self.chores.run:
            self.host.turn(BESIDE_S)
        paced = {place: task for place, task in tasks.items() if isinstance(task, PacedTask)}
        if not paced:
            return set()
        self.host.work(set(paced.values()))
        busy = {place for place, task in paced.items() if task.is_busy}
        self._is_busy = bool(busy)
        return busy

    def finish(self, tasks: Iterable[AnyTask]) -> None:
        """The worker stops: handlers may end what they have begun, within a few seconds."""
        paced = [task for task in tasks if isinstance(task, PacedTask)]
        for task in paced:
            task.take_no_more()
        if not self.host.is_cut:  # else they are not all done any more
            self.host.work(paced, TO_END_S)
        self.chores.stop()

    def drop(self, task: AnyTask) -> None:
        """Its partitions were given to others: what is under way is theirs to do."""
        if isinstance(task, PacedTask):
            task.close()

    def close(self) -> None:
        self.host.close()
