"""JSON that a client sent, read as what is expected of it."""

import re
from typing import TypeVar

import msgspec

from app.errors import InvalidRequest
from app.usecases.fields import refusal

Expected = TypeVar("Expected")

#: Half of a pair, escaped, without its other half. At the end of the JSON msgspec says that the data is truncated.
_LONE_SURROGATE = re.compile(r"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]")


def read_json(data: bytes | str, kind: type[Expected], *, what: str) -> Expected:
    """The JSON as this type. Raises `InvalidRequest`, which names `what` when it is no JSON that can be read."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise refusal(error, kind) from error
    except RecursionError as error:
        raise InvalidRequest.about("", f"{what} is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest.about("", f"{what} is no JSON that can be read: {_reason(data, error)}") from error


def _reason(data: bytes | str, error: Exception) -> str:
    text = data if isinstance(data, str) else data.decode(errors="replace")
    if not isinstance(error, UnicodeDecodeError) and _LONE_SURROGATE.search(text):
        return "a text in it has half of a surrogate pair; send whole characters"
    return str(error)
