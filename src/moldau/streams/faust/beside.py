"""What a program does beside its records: timers, tasks, commands and pages."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from moldau.streams.faust.options import Parameter
from moldau.streams.faust.refusals import nothing, refuse
from moldau.streams.faust.windows import ms

if TYPE_CHECKING:
    from moldau.streams.app import App as Core
    from moldau.streams.faust.settings import Settings

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass
class Command:
    function: Callable[..., Any]
    parameters: tuple[Parameter, ...]


class Beside:
    """Part of App."""

    core: Core
    conf: Settings
    commands: dict[str, Command]

    def timer(
        self, interval: float | timedelta, on_leader: bool = False, **options: Any
    ) -> Callable[[Function], Function]:
        """Every worker calls it; `interval` in s. `on_leader`: one worker of the group does."""
        nothing("app.timer", options, ("traced", "name", "max_drift_correction"))
        every = timedelta(milliseconds=ms(interval, "interval"))
        return self._declare(self.core.timer(every), on_leader)

    def crontab(
        self,
        cron_format: str,
        *,
        timezone: Any = None,
        tz: Any = None,
        on_leader: bool = False,
        **options: Any,
    ) -> Callable[[Function], Function]:
        """`timezone` or `tz`: its name, or what has it as its text (zoneinfo, pytz)."""
        nothing("app.crontab", options, ("traced",))
        zone = str(timezone or tz or self.conf.timezone)
        return self._declare(self.core.cron(cron_format, zone), on_leader)

    def task(self, function: Any = None, *, on_leader: bool = False, **options: Any) -> Any:
        """Runs in each worker from its start, or with `on_leader` in one of the group. Unlike
        Faust's, the worker lives on when it ends."""
        nothing("app.task", options, ("traced",))
        declare = self._declare(self.core.task, on_leader)
        return declare if function is None else declare(function)

    def is_leader(self) -> bool:
        """Is this the worker that does what is `on_leader`?"""
        return self.core.chores.leads()

    def _declare(
        self, declare: Callable[[Any], Any], on_leader: bool
    ) -> Callable[[Function], Function]:
        def declared(function: Function) -> Function:
            called = self._given_app(function)
            declare(called)
            if on_leader:
                self.core.chores.on_leader.append(called)
            return function

        return declared

    def _given_app(self, function: Any) -> Any:
        """Faust gives the app to a function that has a parameter."""
        if not inspect.signature(function).parameters:
            return function

        @wraps(function)
        def called() -> Any:
            return function(self)

        return called

    def command(self, *parameters: Any, **more: Any) -> Callable[[Function], Function]:
        """`moldau faust -A MODULE NAME` runs it. `parameters`: of `moldau.faust.cli`."""
        if more or not all(isinstance(one, Parameter) for one in parameters):
            what = ", ".join(more) or "what is not of moldau.faust.cli"
            raise refuse(
                f"app.command with {what}", "from moldau.faust.cli import argument, option"
            )

        def declare(function: Function) -> Function:
            name = function.__name__.replace("_", "-")
            self.commands[name] = Command(function, parameters)
            return function

        return declare
