"""Command lines: who mistypes an action or an option is told the nearest that exists."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from moldau.client.near_names import nearest


class Parser(argparse.ArgumentParser):
    """Takes options by their whole names, and so do the parsers of its actions: a script that
    shortens one would break with the next option that begins so."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.allow_abbrev = False

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        return self._known(*self.parse_known_args(args, namespace))

    def parse_intermixed_args(self, args: Any = None, namespace: Any = None) -> Any:
        return self._known(*self.parse_known_intermixed_args(args, namespace))

    def _known(self, arguments: Any, unknown: Sequence[str]) -> Any:
        """Of an action too it is this parser that is left with what is unknown."""
        if not unknown:
            return arguments
        option = next((word for word in unknown if word.startswith("-")), None)
        if option is None:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        option = option.partition("=")[0]
        asked = self._asked(arguments)
        near = nearest(option.lstrip("-"), asked._names())
        hint = f"did you mean --{near}?" if near else f"`{asked.prog} --help` lists what there is."
        return self.error(f"there is no option {option}; {hint}")

    def _asked(self, arguments: Any) -> Parser:
        """The parser of the action that was typed, where there are some."""
        for one in self._actions:
            if isinstance(one, argparse._SubParsersAction):
                made = one.choices.get(getattr(arguments, one.dest))
                return made if isinstance(made, Parser) else self
        return self

    def _names(self) -> list[str]:
        """Of its options, but for those that only other parts of Moldau give."""
        shown = (one for one in self._actions if one.help != argparse.SUPPRESS)
        return [text[2:] for one in shown for text in one.option_strings if text[:2] == "--"]

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Raises ArgumentError."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            near = nearest(str(value), map(str, action.choices or ()))
            if near:
                error.message = f"invalid choice: {value!r}; did you mean {near!r}?"
            raise
