"""What the OpenAPI document says of the routes that take text as it is: Litestar knows of their JSON only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, Parameter, RequestBody, Schema

from app.api.schemas import Chunking, FormatOptions, SpeakRequest, SpeechSettings, SubmitRequest
from app.api.texts import options_of

#: The parts of a JSON schema that options have, and what Litestar calls them.
_PARTS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "exclusive_minimum",
    "minLength": "min_length",
    "maxLength": "max_length",
    "pattern": "pattern",
    "enum": "enum",
    "description": "description",
}


@dataclass
class SpeakOperation(Operation):
    """Of a route that takes a `SpeakRequest`."""

    kind: ClassVar[type[SpeakRequest]] = SpeakRequest

    def __post_init__(self) -> None:
        """Add the other types of the body, and the options in the query."""
        options = _options(self.kind)
        self.parameters = [
            *(self.parameters or []),
            *(Parameter(name, "query", schema=schema, description=_BESIDE) for name, schema in options.items()),
        ]
        assert isinstance(self.request_body, RequestBody)
        text = Schema(type=OpenAPIType.STRING, description="The text, in UTF-8 or the charset that is named")
        form = Schema(type=OpenAPIType.OBJECT, properties={"text": text, **options}, required=["text"])
        self.request_body.content |= {
            "text/plain": OpenAPIMediaType(schema=text, example="The tide is out. Take good shoes."),
            "multipart/form-data": OpenAPIMediaType(schema=form),
            "application/x-www-form-urlencoded": OpenAPIMediaType(schema=form),
        }


@dataclass
class SubmitOperation(SpeakOperation):
    """Of a route that takes a `SubmitRequest`."""

    kind: ClassVar[type[SpeakRequest]] = SubmitRequest


_BESIDE = "For a body that is text or a form; a JSON body has it itself"


def _options(kind: type[SpeakRequest]) -> dict[str, Schema]:
    parts = (FormatOptions, Chunking, SpeechSettings, kind)
    _, found = msgspec.json.schema_components(parts)
    properties = {name: part for each in parts for name, part in _of(found, each).items()}
    return {name: _schema(properties[place[-1]]) for name, place in options_of(kind).items()}


def _of(found: Mapping[str, Any], kind: type[Any]) -> dict[str, Any]:
    return found[kind.__name__]["properties"]


def _schema(part: Mapping[str, Any]) -> Schema:
    """An option is left out rather than null."""
    one: Mapping[str, Any] = next((each for each in part.get("anyOf", ()) if each.get("type") != "null"), part)
    known = {ours: one[theirs] for theirs, ours in _PARTS.items() if theirs in one}
    items = _schema(one["items"]) if "items" in one else None
    return Schema(type=OpenAPIType(one.get("type", "string")), items=items, **known)
