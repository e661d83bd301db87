"""CRC-32C, in hardware.

The package's own `__init__` asks for its version number and brings email and zipfile for it: a
tenth of the start of a broker. Only its extension is loaded here.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.machinery import PathFinder


def _load() -> Callable[..., int]:
    """`crc32c(buffer, before=0)`: of the buffer, behind bytes whose checksum is `before`."""
    package = PathFinder.find_spec("crc32c")
    where = package.submodule_search_locations if package is not None else None
    spec = PathFinder.find_spec("crc32c._crc32c", where)
    if spec is None or spec.loader is None:
        from crc32c import crc32c as found
    else:
        extension = spec.loader.create_module(spec)
        assert extension is not None, "an extension makes its own module"
        spec.loader.exec_module(extension)
        found = extension.crc32c
    checksum: Callable[..., int] = found
    return checksum


crc32c = _load()
