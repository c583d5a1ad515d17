"""Ids of models with a slash in a path, `org/name`: as one segment, which is what Litestar's routes have for an id.

A client sends `/v1/models/org%2Fname` or `/v1/models/org/name`; the server decodes the path before Litestar sees
it, so both look alike there.
"""

from typing import Annotated

from litestar.params import PathParameter

from app.api.guard import App, Receive, Scope, Send

#: ORG/NAME of the hub has 193 characters at most, a folder's name 255 bytes.
MAX_ID_CHARS = 512

_PREFIX = "/v1/models/"
#: Stands for a slash on the way from here to `model_id_of`; no name can have it.
_SLASH = "\0"


class ModelPaths:
    """An ASGI application around Litestar's. Holds no state; used from the event loop."""

    def __init__(self, app: App, *, verbs: frozenset[str]) -> None:
        self._app, self._verbs = app, verbs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with the model's id in one segment."""
        path: str = scope["path"]
        if scope["type"] == "http" and path.startswith(_PREFIX):
            model_id, slash, verb = path.removeprefix(_PREFIX).strip("/"), "", ""
            if scope["method"] != "GET" and model_id.rpartition("/")[2] in self._verbs:
                model_id, slash, verb = model_id.rpartition("/")
            if "/" in model_id:
                scope["path"] = f"{_PREFIX}{model_id.replace('/', _SLASH)}{slash}{verb}"
        await self._app(scope, receive, send)


def model_id_of(model_id: Annotated[str, PathParameter(max_length=MAX_ID_CHARS)]) -> str:
    """What a client calls the model, from the segment of the path."""
    return model_id.replace(_SLASH, "/")
