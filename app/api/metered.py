"""Counts requests, outside everything else: those that the guard refuses, too."""

import time

from app.api.guard import App, Message, Receive, Scope, Send
from app.metering import Meters

#: Of a request that no route has, or that was not let in.
NO_ROUTE = "none"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metered:
    """An ASGI application around all others. Used from the event loop."""

    def __init__(self, app: App, meters: Meters) -> None:
        self._app, self._meters = app, meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count it when it has been answered."""
        if scope["type"] == "websocket":
            self._meters.websockets += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._meters.websockets -= 1
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = "499", time.monotonic()  # the client was gone before there was an answer

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            # Whatever a client sends must not make a label of its own.
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._meters.http_requests.add(method, str(scope.get("path_template", NO_ROUTE)), status)
            self._meters.http_s.note(time.monotonic() - began, method)
