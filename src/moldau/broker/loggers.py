"""The loggers of this broker, and their levels, which can be changed while it runs (KIP-412).

As in Apache Kafka a logger without a level of its own has that of the nearest logger above it, in
the end that of `root`; levels last until the process ends. Its log holds few lines, so below INFO
there is more to see: every connection, request, throttled client and metadata record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from moldau.cluster.alter_loggers import LEVELS, ROOT

CONTROLLER: Final = "moldau.controller"
GROUPS: Final = "moldau.groups"
LOG: Final = "moldau.log"
NETWORK: Final = "moldau.network"
QUOTA: Final = "moldau.quota"
REQUEST: Final = "moldau.request"
_NAMES: Final = (ROOT, "moldau", CONTROLLER, GROUPS, LOG, NETWORK, QUOTA, REQUEST)

_DEBUG, _INFO, _WARN, _ERROR = map(LEVELS.index, ("DEBUG", "INFO", "WARN", "ERROR"))


class Logger:
    """Says a line if its level is high enough. Lines below INFO tell where they come from."""

    __slots__ = ("_threshold", "_write", "name")

    def __init__(self, name: str, write: Callable[[str], None]) -> None:
        self.name = name
        self._write = write
        self._threshold = _INFO

    @property
    def level(self) -> str:
        return LEVELS[self._threshold]

    @level.setter
    def level(self, level: str) -> None:
        self._threshold = LEVELS.index(level)

    @property
    def is_debugging(self) -> bool:
        return self._threshold <= _DEBUG

    def error(self, line: str) -> None:
        if self._threshold <= _ERROR:
            self._write(line)

    def warn(self, line: str) -> None:
        if self._threshold <= _WARN:
            self._write(line)

    def info(self, line: str) -> None:
        if self._threshold <= _INFO:
            self._write(line)

    def debug(self, line: str) -> None:
        if self._threshold <= _DEBUG:
            self._write(f"DEBUG {self.name}: {line}")


class Loggers(Mapping[str, Logger]):
    """All loggers by name."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._loggers = {name: Logger(name, write) for name in _NAMES}
        self._own = {ROOT: "INFO"}

    def __getitem__(self, name: str) -> Logger:
        return self._loggers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loggers)

    def __len__(self) -> int:
        return len(self._loggers)

    def levels(self) -> dict[str, str]:
        """The level that counts for each."""
        return {name: logger.level for name, logger in self._loggers.items()}

    def set(self, name: str, level: str | None) -> None:
        """None takes the logger's own level away; the root's stays."""
        if level is not None:
            self._own[name] = level
        elif name != ROOT:
            self._own.pop(name, None)
        for logger in self._loggers.values():
            logger.level = self._effective(logger.name)
        said = "unset" if level is None else f"set to {level}"
        self._loggers[ROOT].warn(f"The log level of {name} is {said}.")

    def _effective(self, name: str) -> str:
        while name not in self._own:
            name = name.rpartition(".")[0] or ROOT
        return self._own[name]
