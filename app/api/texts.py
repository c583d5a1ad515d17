"""A request for speech whose body is the text itself, or a form: the text as it was sent, and options as a query or
a form gives them, flat and as words.
"""

import codecs
import math
import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from app.api.schemas import Chunking, FormatOptions, FormatsOptions, SpeakRequest, SpeechSettings, SubmitRequest
from app.audio.export.formats import FORMATS
from app.errors import InvalidRequest
from app.usecases.fields import refusal, wrong

Asked = TypeVar("Asked", bound=SpeakRequest)

#: Encodings of text. Python knows others that are none, or take quadratic time.
_CHARSETS = re.compile(
    r"ascii|utf-(8|16|32)(-[lb]e)?|iso8859-\d+|cp\d+|koi8-[rtu]|mac-roman|gb18030|gbk|gb2312|big5(hkscs)?"
    r"|shift_jis(_2004|x0213)?|euc_(jp|kr)|johab"
)
#: What a text may begin with says more than its label, as in https://encoding.spec.whatwg.org/#decode.
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def options_of(kind: type[SpeakRequest]) -> dict[str, tuple[str, ...]]:
    """The names that a query or a form may have beside the text, and where each belongs in the request."""
    own = {
        name: (name,) for name in kind.__struct_fields__ if name not in ("text", "settings", "encoding", "notify")
    }
    settings = {name: ("settings", name) for name in SpeechSettings.__struct_fields__ if name != "chunking"}
    chunking = {name: ("settings", "chunking", name) for name in Chunking.__struct_fields__}
    return own | settings | chunking | (encoding_options() if issubclass(kind, SubmitRequest) else {})


def encoding_options() -> dict[str, tuple[str, ...]]:
    """Those about files, such as `mp3_bit_rate`."""
    return {
        f"{format}_{name}": ("encoding", format, name)
        for format in FormatsOptions.__struct_fields__
        for name in FormatOptions.__struct_fields__
        if name != "bit_rate" or FORMATS[format].bit_rate is not None
    }


def request_of(kind: type[Asked], text: str, options: Iterable[tuple[str, str]]) -> Asked:
    """The request of a text with the options that are given. Raises `InvalidRequest`."""
    places, lists = options_of(kind), {"formats", "tags"}
    nested: dict[str, Any] = {"text": text}
    for name, value in options:
        if name not in places:
            message = f"there is no such field; there are text, {', '.join(places)}"
            raise wrong(name, message)
        *inside, last = places[name]
        target = nested
        for step in inside:
            target = target.setdefault(step, {})
        if name in lists:
            target.setdefault(last, []).append(value)
        elif last in target:
            raise wrong(name, "it is given more than once")
        else:
            target[last] = _number(name, value)
    try:
        return msgspec.convert(nested, kind, strict=False)
    except msgspec.ValidationError as error:
        refused = refusal(error, kind)
        (field,) = refused.details["fields"]
        name = field["field"].removeprefix("settings.").removeprefix("chunking.")
        if name.startswith("encoding."):
            name = name.removeprefix("encoding.").replace(".", "_")
        raise wrong(name, field["message"]) from error


def decoded(body: bytes, charset: str) -> str:
    """The text in a body, without the mark that tells its encoding. Raises `InvalidRequest`."""
    mark, encoding = next(((mark, name) for mark, name in _MARKS if body.startswith(mark)), (b"", charset))
    try:
        known = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        known = ""
    if not _CHARSETS.fullmatch(known):
        raise InvalidRequest.about("text", f"the charset {encoding!r:.40} is not known; send the text in UTF-8")
    try:
        return body[len(mark) :].decode(known)
    except UnicodeDecodeError as error:
        raise InvalidRequest.about(
            "text",
            f"the text is not {known.upper()} at byte {error.start:,}; send it in UTF-8, or name its encoding: "
            "Content-Type: text/plain; charset=...",
        ) from error


def _number(name: str, value: str) -> str:
    """What msgspec takes for a number in any range."""
    try:
        if not math.isfinite(float(value)) and name in SpeechSettings.__struct_fields__ and name != "instruct":
            raise wrong(name, f"{value!r:.40} is not a number")
    except ValueError:
        pass
    return value
