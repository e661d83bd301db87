"""Where a user's data lives when nobody names a folder."""

from __future__ import annotations

from collections.abc import Mapping


def user_data_folder(
    environ: Mapping[str, str], home: str, platform: str, name: str = "moldau"
) -> str:
    """`platform` as sys.platform."""
    if platform == "darwin":
        return f"{home}/Library/Application Support/{name}"
    base = environ.get("XDG_DATA_HOME", "")
    # The XDG specification: a relative path there is to be ignored.
    return f"{base}/{name}" if base.startswith("/") else f"{home}/.local/share/{name}"
