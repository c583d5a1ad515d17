"""Errors about the fields of a request: which one it is, and what would be right."""

import re
from typing import Any

import msgspec
from msgspec import inspect

from app.errors import InvalidRequest

#: How every message about a field begins.
NOT_VALID = "the request is not valid: "

#: What msgspec says: the message, then where, unless it is the body as a whole.
_SAID = re.compile(r"(?P<message>.*?)(?: - at `\$\.?(?P<field>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)

_STEP = re.compile(r"\[[^\]]*\]|[^.\[]+")


def refusal(error: msgspec.ValidationError, kind: Any) -> InvalidRequest:
    """What is wrong with a request that is not of this kind, by the name of the field, also of one that is missing
    or unknown.
    """
    said = _SAID.fullmatch(str(error))
    assert said is not None, "the pattern takes anything"
    field, message = said["field"] or "", said["message"]
    if missing := _MISSING.fullmatch(message):
        field, message = _inside(field, missing["name"]), "it is missing"
    elif unknown := _UNKNOWN.fullmatch(message):
        message = f"there is no such field; there are {', '.join(_names(kind, field))}"
        field = _inside(field, unknown["name"])
    elif choices := choices_of(kind, field):
        message += f"; it can be {' or '.join(choices)}"
    return wrong(field, message)


def wrong(field: str, message: str) -> InvalidRequest:
    """What is wrong with a field; an empty name stands for the request as a whole."""
    where = f"{field}: " if field else ""
    return InvalidRequest(f"{NOT_VALID}{where}{message}", fields=[{"field": field, "message": message}])


def choices_of(kind: Any, path: str) -> list[str]:
    """The values of the field of a struct at a path as msgspec tells it (`settings.text_layout`, `formats[0]`);
    none where it is not a choice.
    """
    return [f'"{value}"' for each in _at(kind, path) for one in _alternatives(each) for value in _values(one)]


def _inside(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _names(kind: Any, path: str) -> list[str]:
    """The fields of the struct at a path."""
    return [
        field.encode_name
        for each in _at(kind, path)
        for one in _alternatives(each)
        if isinstance(one, inspect.StructType)
        for field in one.fields
    ]


def _at(kind: Any, path: str) -> list[inspect.Type]:
    found = [inspect.type_info(kind)]
    for name in _STEP.findall(path):
        found = [inner for each in found for inner in _inner(each, name)]
    return found


def _inner(kind: inspect.Type, name: str) -> list[inspect.Type]:
    """Of a struct the field of that name, of a list its items."""
    inner: list[inspect.Type] = []
    for one in _alternatives(kind):
        if isinstance(one, inspect.StructType):
            inner += [field.type for field in one.fields if field.encode_name == name]
        elif isinstance(one, inspect.ListType) and name.startswith("["):
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
