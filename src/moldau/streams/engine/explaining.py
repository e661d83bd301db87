"""What to do about an error that comes of how a program is written: looked at when a record fails,
so that it costs nothing as long as none does."""

from __future__ import annotations

import builtins
import re
from pathlib import Path

_STREAMS = f"{Path(__file__).parents[1]}/"
_NO_DICT = re.compile(r"'(\w+)' object is not subscriptable")


def explained(error: BaseException) -> str:
    """Its text, with a remedy where we know one."""
    text = str(error)
    no_dict = _NO_DICT.fullmatch(text)
    if no_dict is None or not isinstance(error, TypeError) or not _is_ours(error):
        return text
    name = no_dict[1]
    if hasattr(builtins, name) or name == "NoneType":
        return text
    return (
        f"{text}: the type of what comes to this step is not known, so its fields are looked up as "
        f"those of a dict; annotate the function that makes it (-> {name}), or give that step "
        f"type={name}"
    )


def _is_ours(error: BaseException) -> bool:
    """Was it raised where we read a field, and not in a function of the program?"""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    file = "" if trace is None else trace.tb_frame.f_code.co_filename
    return file.startswith(_STREAMS)
