"""A JSON body, read as what the route takes and as nothing else.

Litestar reads it loosely, like a query, in which everything is text: "1" and true would pass for the number 1, and
"nan" for a factor between 0.5 and 2.0.
"""

import re
from typing import Any

import msgspec
from litestar import Request

from app.api.choices import choices_of
from app.errors import InvalidRequest

#: What msgspec says: the message, then where, unless it is the body as a whole.
_SAID = re.compile(r"(?P<message>.*?)(?: - at `\$\.?(?P<field>.*)`)?", re.DOTALL)


class StrictRequest(Request[Any, Any, Any]):
    """A request whose body is decoded straight into the type of the handler's `data`."""

    async def json(self) -> Any:
        """The body. Raises `InvalidRequest`."""
        expected = self.route_handler.parsed_data_field
        assert expected is not None, "only a route that takes a body asks for one"
        try:
            return msgspec.json.decode(await self.body(), type=expected.annotation)
        except msgspec.ValidationError as error:
            said = _SAID.fullmatch(str(error))
            assert said is not None, "the pattern takes anything"
            field, message = said["field"] or "", said["message"]
            if choices := choices_of(expected.annotation, field):
                message += f"; it can be {' or '.join(choices)}"
            where = f"{field}: " if field else ""
            raise InvalidRequest(
                f"the request is not valid: {where}{message}", fields=[{"field": field, "message": message}]
            ) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidRequest(f"the body is no JSON that can be read: {error}") from error
