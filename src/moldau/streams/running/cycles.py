"""How often Python looks for objects that only keep each other, while a worker runs.

It does so whenever there are 700 more than before, as they may be such ones. A batch on its way is
tens of thousands, all in use and none of them such: they were looked at again and again.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MORE = 100_000  # objects; a batch is fewer


@contextmanager
def looked_for_seldom() -> Iterator[None]:
    """In the whole process; unless the program has it done as seldom itself, or not at all."""
    first, *others = gc.get_threshold()
    if not 0 < first < MORE:
        yield
        return
    gc.set_threshold(MORE, *others)
    try:
        yield
    finally:
        gc.set_threshold(first, *others)
