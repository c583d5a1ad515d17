"""Which values a field of a request may have, where they are few: for an error that says what would be right."""

import re
from typing import Any

from msgspec import inspect

_STEP = re.compile(r"\[\.\.\.\]|[^.\[]+")


def choices_of(kind: Any, path: str) -> list[str]:
    """The values of the field of a struct at a path as msgspec tells it (`settings.text_layout`, `formats[...]`);
    none where it is not a choice.
    """
    found = [inspect.type_info(kind)]
    for name in _STEP.findall(path):
        found = [inner for each in found for inner in _inner(each, name)]
    return [f'"{value}"' for each in found for one in _alternatives(each) for value in _values(one)]


def _inner(kind: inspect.Type, name: str) -> list[inspect.Type]:
    """Of a struct the field of that name, of a list its items."""
    inner: list[inspect.Type] = []
    for one in _alternatives(kind):
        if isinstance(one, inspect.StructType):
            inner += [field.type for field in one.fields if field.encode_name == name]
        elif isinstance(one, inspect.ListType) and name == "[...]":
            inner.append(one.item_type)
    return inner


def _alternatives(kind: inspect.Type) -> list[inspect.Type]:
    if isinstance(kind, inspect.Metadata):
        return _alternatives(kind.type)
    if isinstance(kind, inspect.UnionType):
        return [inner for each in kind.types for inner in _alternatives(each)]
    return [kind]


def _values(kind: inspect.Type) -> tuple[Any, ...]:
    return tuple(kind.values) if isinstance(kind, inspect.LiteralType) else ()
