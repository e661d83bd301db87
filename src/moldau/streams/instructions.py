"""What a function's code does, step by step, as far as it can be seen without running it."""

from __future__ import annotations

import dis
import re
from types import CodeType
from typing import Any, NamedTuple


class Instruction(NamedTuple):
    """An instruction, the same in every CPython: 3.13 began to load or store two names in one."""

    name: str
    value: Any

    @classmethod
    def of(cls, code: CodeType) -> list[Instruction]:
        steps = []
        for one in dis.get_instructions(code):
            if isinstance(one.argval, tuple) and one.opname.startswith(("LOAD_FAST", "STORE_FAST")):
                pair = re.findall("(?:LOAD|STORE)_FAST", one.opname)
                steps += [cls(name, value) for name, value in zip(pair, one.argval, strict=True)]
            elif one.opname == "BINARY_SUBSCR" or one.argrepr == "[]":  # BINARY_OP since 3.14
                steps.append(cls("SUBSCRIPT", None))
            else:
                steps.append(cls(one.opname, one.argval))
        return steps

    def loads(self, parameter: str | None) -> bool:
        return self.name.startswith("LOAD_") and self.value == parameter
