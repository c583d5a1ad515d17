"""A body, read as what the route takes and as nothing else: JSON, or for a route that speaks the text itself or a
form.

Litestar reads JSON loosely, like a query, in which everything is text: "1" and true would pass for the number 1,
and "nan" for a factor between 0.5 and 2.0.
"""

from typing import Any

import msgspec
from litestar import Request
from litestar.datastructures import UploadFile
from litestar.exceptions import HTTPException

from app.api.schemas import SpeakRequest
from app.api.texts import decoded, options_of, request_of
from app.errors import InvalidRequest
from app.usecases.fields import wrong
from app.usecases.json_input import read_json

TEXT, URL_ENCODED, MULTIPART = "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"


class StrictRequest(Request[Any, Any, Any]):
    """A request whose body is decoded straight into the type of the handler's `data`."""

    async def json(self) -> Any:
        """The body. Raises `InvalidRequest`, and `HTTPException` with 415 for a type that is not taken."""
        expected = self.route_handler.parsed_data_field
        assert expected is not None, "only a route that takes a body asks for one"
        kind: Any = expected.annotation
        said, parameters = self.content_type
        if issubclass(kind, SpeakRequest):
            return await self._speech(kind, said, parameters)
        # The last two are what curl and fetch say of a body when nobody tells them what it is.
        if not (_is_json(said) or said in (URL_ENCODED, TEXT)):
            raise HTTPException(
                detail=f"a body of {said!r:.80} is not taken; send application/json", status_code=415
            )
        return read_json(await self.body(), kind, what="the body")

    async def _speech(self, kind: type[SpeakRequest], said: str, parameters: dict[str, str]) -> SpeakRequest:
        body = await self.body()
        options = [(name, value) for name, value in self.query_params.multi_items() if name in options_of(kind)]
        # fetch calls a string "text/plain", curl calls it a form: what is a request all the same is taken as one.
        if (
            _is_json(said)
            or (said == URL_ENCODED and body.lstrip()[:1] == b"{")
            or (said == TEXT and _is_request(body, kind))
        ):
            if options:
                name = options[0][0]
                raise wrong(name, "the body is JSON, where it belongs into the body")
            return read_json(body, kind, what="the body")
        if said == TEXT:
            return request_of(kind, decoded(body, parameters.get("charset", "utf-8")), options)
        if said in (MULTIPART, URL_ENCODED):
            fields = await self._fields()
            texts = [value for name, value in fields if name == "text"]
            if len(texts) != 1:
                message = "it is given more than once" if texts else "it is missing"
                raise wrong("text", message)
            return request_of(
                kind, texts[0], [*options, *((name, value) for name, value in fields if name != "text")]
            )
        taken = f"application/json, {TEXT}, {MULTIPART}, {URL_ENCODED}"
        raise HTTPException(detail=f"a body of {said!r:.80} is not taken; send one of {taken}", status_code=415)

    async def _fields(self) -> list[tuple[str, str]]:
        """The fields of a form, also those that are files."""
        try:
            items = list((await self.form()).multi_items())
        except (UnicodeDecodeError, LookupError) as error:
            raise InvalidRequest(f"a field of the form is not text: {error}; send it in UTF-8") from error
        fields: list[tuple[str, str]] = []
        for name, value in items:
            if isinstance(value, UploadFile):
                fields.append((name, decoded(await value.read(), "utf-8")))
            else:
                fields.append((name, str(value)))
        return fields


def _is_json(content_type: str) -> bool:
    return content_type in ("", "application/json") or content_type.endswith("+json")


def _is_request(body: bytes, kind: type[SpeakRequest]) -> bool:
    """Whether it is JSON with all that a request needs, and nothing else."""
    try:
        msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True
