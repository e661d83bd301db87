"""Deciding what IncrementalAlterConfigs asks of the loggers of a broker (RuntimeLoggerManager)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from moldau.cluster.decided import Refused
from moldau.protocol.errors import ErrorCode

ROOT: Final = "root"
# From the most to the least said (LogLevelConfig.VALID_LOG_LEVELS).
LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_SET, _DELETE, _APPEND, _SUBTRACT = range(4)


def check_levels(asked: Any, node_id: int, loggers: Collection[str]) -> None:
    """`asked` is the resource with its alterations, `loggers` the names that there are. Raises
    Refused."""
    _check_node_id(asked.resource_name, node_id)
    for config in asked.configs:
        if config.config_operation in (_SET, _DELETE) and config.name not in loggers:
            raise Refused(ErrorCode.INVALID_CONFIG, f"Logger {config.name} does not exist!")
        if config.config_operation == _SET:
            _check_level(config.name, config.value)
        elif config.config_operation != _DELETE:
            how = _operation(config.config_operation)
            raise _bad(f"{how} is not allowed for the BROKER_LOGGER resource")
        elif config.name == ROOT:
            raise _bad(f"Removing the log level of the {ROOT} logger is not allowed")


def _check_level(logger: str, level: str) -> None:
    if level not in LEVELS:
        raise Refused(
            ErrorCode.INVALID_CONFIG,
            f"Cannot set the log level of {logger} to {level} as it is not a supported log level. "
            f"Valid log levels are {', '.join(sorted(LEVELS))}",
        )


def _operation(operation: int) -> str:
    if operation == _APPEND:
        return "APPEND operation"
    if operation == _SUBTRACT:
        return "SUBTRACT operation"
    return f"Unknown operation type {operation}"


def _bad(message: str) -> Refused:
    return Refused(ErrorCode.INVALID_REQUEST, message)


def _check_node_id(name: str, node_id: int) -> None:
    try:
        number = int(name)
    except ValueError:
        raise _bad(f"Node id must be an integer, but it is: {name}") from None
    if number != node_id:
        raise _bad(f"Unexpected node id. Expected {node_id}, but received {number}")
