"""A JSON body, read as what the route takes and as nothing else.

Litestar reads it loosely, like a query, in which everything is text: "1" and true would pass for the number 1, and
"nan" for a factor between 0.5 and 2.0.
"""

from typing import Any

import msgspec
from litestar import Request

from app.errors import InvalidRequest
from app.usecases.fields import refusal


class StrictRequest(Request[Any, Any, Any]):
    """A request whose body is decoded straight into the type of the handler's `data`."""

    async def json(self) -> Any:
        """The body. Raises `InvalidRequest`."""
        expected = self.route_handler.parsed_data_field
        assert expected is not None, "only a route that takes a body asks for one"
        try:
            return msgspec.json.decode(await self.body(), type=expected.annotation)
        except msgspec.ValidationError as error:
            raise refusal(error, expected.annotation) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidRequest(f"the body is no JSON that can be read: {error}") from error
