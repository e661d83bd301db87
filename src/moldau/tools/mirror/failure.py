"""What ends a mirror, as a sentence that says what to do."""

from __future__ import annotations


class MirrorError(Exception):
    """It cannot begin, or cannot go on. Exit code 1."""
