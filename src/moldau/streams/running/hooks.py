"""Hooks at start and stop may take their time, but for ever: told to stop, a worker gives those up
that do not end within a few seconds, and says which. An async one is cancelled; what does not
let the loop go on is cut off (`patience.py`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from moldau.streams.chores import Called
from moldau.streams.running.host import AsyncHost
from moldau.streams.running.patience import HOOK_S, LOOK_S, Patience

TO_CANCEL_S = 1.0


class Hooks:
    def __init__(self, host: AsyncHost, patience: Patience, say: Callable[[str], None]) -> None:
        self._host = host
        self._patience = patience
        self._say = say

    def wait(self, name: str, called: Called) -> bool:
        """Raises what it raises. False: it was given up."""
        with self._patience.calling(name):
            return bool(self._host.run(self._ended(name, called)))

    async def _ended(self, name: str, called: Called) -> bool:
        task = asyncio.ensure_future(called)
        while not (await asyncio.wait({task}, timeout=LOOK_S))[0]:
            if self._patience.called_s > HOOK_S:
                self._say(
                    f"{name} has not ended in {HOOK_S:.0f} s, and the worker was told to stop: it "
                    f"is cancelled"
                )
                task.cancel()
                await asyncio.wait({task}, timeout=TO_CANCEL_S)
                return False
        task.result()
        return True
