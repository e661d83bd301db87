"""What a command of a program takes: `@app.command(argument("x"), option("--count", type=int))`.

As click's, which Faust uses: the words that people know of it.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from moldau.streams.errors import DefinitionError

_MISSING: Any = object()


class Parameter:
    """`names`: with dashes those of an option; one without is that of the parameter."""

    def __init__(
        self,
        *names: str,
        type: Callable[[str], Any] | None = None,
        default: Any = _MISSING,
        help: str = "",
        envvar: str | None = None,
        required: bool | None = None,
        nargs: int | None = None,
        is_flag: bool = False,
        multiple: bool = False,
        **unknown: Any,
    ) -> None:
        unknown.pop("show_default", None)
        if not names or unknown:
            what = ", ".join(unknown) or "no name"
            raise DefinitionError(f"option or argument {' '.join(names)}: it cannot take {what}")
        self._on = [part for name in names if name.startswith("-") for part in name.split("/")[:1]]
        self._off = [part for name in names for part in name.split("/")[1:]]
        plain = [name for name in names if not name.startswith("-")]
        longest = max(self._on, key=len, default="")
        self.name = (plain[0] if plain else longest.lstrip("-")).replace("-", "_").lower()
        self._type, self._help, self._envvar = type, help, envvar
        self._default, self._required = default, required
        self._nargs, self._multiple = nargs, multiple
        self._is_flag = is_flag or bool(self._off) or default is True or default is False

    def add_to(self, parser: ArgumentParser) -> None:
        default = None if self._default is _MISSING else self._default
        from_environment = os.environ.get(self._envvar or "")
        if from_environment is not None:
            default = from_environment  # argparse gives texts to the type
        settings: dict[str, Any] = {"default": default, "help": self._help.replace("%", "%%")}
        if self._is_flag:
            is_on = str(default).lower() in ("1", "true", "yes", "on")
            settings["default"] = is_on
            parser.add_argument(*self._on, dest=self.name, action="store_true", **settings)
            if self._off:
                parser.add_argument(*self._off, dest=self.name, action="store_false")
                parser.set_defaults(**{self.name: is_on})
            return
        settings["type"] = self._typed(default)
        if not self._on:
            optional = self._required is False or default is not None
            many = "*" if self._nargs == -1 else self._nargs
            parser.add_argument(self.name, nargs=many or ("?" if optional else None), **settings)
            return
        if self._multiple:
            settings |= {"action": "append", "default": list(default or ())}
        elif self._nargs is not None:
            settings["nargs"] = self._nargs
        required = bool(self._required) and default is None
        parser.add_argument(*self._on, dest=self.name, required=required, **settings)

    def _typed(self, default: Any) -> Any:
        """click takes the type of the default where it is told none."""
        if self._type is not None:
            return self._type
        known = self._default not in (_MISSING, None) and isinstance(self._default, (int, float))
        return type(self._default) if known else str


def option(*names: str, **settings: Any) -> Parameter:
    """`option("--count", "-c", type=int, default=1, envvar="COUNT", help=…)`; a flag is
    `option("--shout/--whisper")` or `is_flag=True`."""
    return Parameter(*names, **settings)


def argument(name: str, **settings: Any) -> Parameter:
    """`argument("x", type=float)`; `nargs=-1`: as many as there are."""
    return Parameter(name, **settings)
