"""Batches as tables, for handlers that want columns: Arrow and Polars, which are extras."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from moldau.streams import fields, types
from moldau.streams.errors import DefinitionError

_MODULES = {"arrow": "pyarrow", "polars": "polars"}


def maker(form: str, type_: Any) -> Callable[[list[Any]], Any]:
    """From a list of values of that type. Raises DefinitionError where the library is missing."""
    if form == "list":
        return list
    library = _imported(form)
    rows = _rows(type_)
    if form == "arrow":
        return lambda values: library.RecordBatch.from_pylist(rows(values))
    return lambda values: library.DataFrame(rows(values), infer_schema_length=None)


def _imported(form: str) -> Any:
    try:
        return import_module(_MODULES[form])
    except ImportError:
        raise DefinitionError(
            f"batch={form!r} needs {_MODULES[form]}: pip install 'moldau[{form}]'"
        ) from None


def _rows(type_: Any) -> Callable[[list[Any]], list[dict[str, Any]]]:
    several = fields.alternatives(type_)
    if len(several) > 1 and all(fields.names_of(one) or fields.is_mapping(one) for one in several):
        empty = dict.fromkeys(name for one in several for name in fields.names_of(one) or ())
        return lambda values: [empty | fields.as_dict(value) for value in values]
    names = fields.names_of(type_)
    if fields.is_mapping(type_):
        return list
    if names is None:
        raise DefinitionError(f"a table has columns: {type_!r} declares no fields")
    read = types.reader(type_, {name: name for name in names}, "batch")
    return lambda values: list(map(read, values))
