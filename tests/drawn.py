"""How much a run takes of what is drawn by chance: `make check` a part, every other run all of it.

So many examples of a test by hypothesis, and so many seeds of one that counts them itself."""

from __future__ import annotations

from hypothesis import settings


def share(full: int) -> int:
    part, whole = settings().max_examples, settings.get_profile("default").max_examples
    return full * part // whole
