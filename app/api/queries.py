"""Query strings, held to what their routes take.

Litestar ignores a parameter that a route does not have: a list that is filtered by a misspelled name would be the
list of everything.
"""

from typing import Any

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.exceptions import WebSocketException
from litestar.handlers import BaseRouteHandler
from litestar.routes import HTTPRoute, WebSocketRoute

from app.api.schemas import SpeakRequest
from app.api.texts import options_of
from app.errors import InvalidRequest
from app.usecases.fields import NOT_VALID


class KnownParameters:
    """A guard of Litestar's, for all routes: raises `InvalidRequest` for a parameter that the route does not have,
    and before the handshake of a WebSocket `WebSocketException`, whose words `api/guard.py` makes an answer of.

    Used on the event loop. Litestar knows a route's parameters once the application is made: `learn` them then.
    """

    def __init__(self) -> None:
        self._known: dict[str, list[str]] = {}

    def learn(self, app: Litestar) -> None:
        """Take note of what each handler takes."""
        for route in app.routes:
            if isinstance(route, HTTPRoute):
                for handler, kwargs in route.route_handler_map.values():
                    body = handler.parsed_data_field
                    asked: Any = None if body is None else body.annotation
                    options = (
                        options_of(asked) if isinstance(asked, type) and issubclass(asked, SpeakRequest) else ()
                    )
                    names = {each.field_alias for each in kwargs.expected_query_params}
                    self._known[str(handler)] = sorted(names.union(options))
            elif isinstance(route, WebSocketRoute):
                kwargs = route.handler_parameter_model
                assert kwargs is not None, "it is set when a route is registered"
                self._known[str(route.route_handler)] = sorted(
                    each.field_alias for each in kwargs.expected_query_params
                )

    def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Let the request in, unless it asks for what cannot be asked."""
        known = self._known[str(handler)]
        unknown = sorted(set(connection.query_params) - set(known))
        if not unknown:
            return
        takes = f"it takes {', '.join(known)}" if known else "it takes none"
        message = f"this route has no such parameter; {takes}"
        said = f"{NOT_VALID}{unknown[0]}: {message}"
        if connection.scope["type"] == ScopeType.WEBSOCKET:
            raise WebSocketException(detail=said)
        raise InvalidRequest(said, fields=[{"field": name, "message": message} for name in unknown])
