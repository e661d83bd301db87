"""How many records a worker takes at once.

Exactly once, what is made of them has to get out while a transaction may be open. Where brokers are
slow (a quota, a machine that is full), what one poll brings may be too much for that, and would be
again and again. So behind a transaction that was aborted less is taken, and committed at once; and
more from time to time while that goes well.
"""

from __future__ import annotations

BATCH = 5000
LESS, MORE = 4, 4  # a quarter of it; a quarter more


class Taking:
    def __init__(self) -> None:
        self.most = BATCH

    @property
    def is_careful(self) -> bool:
        return self.most < BATCH

    def was_too_much(self) -> None:
        self.most = max(1, self.most // LESS)

    def was_done(self) -> None:
        self.most = min(BATCH, self.most + self.most // MORE + 1)
