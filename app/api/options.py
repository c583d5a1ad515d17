"""What may be done with a path, in the answer to OPTIONS without an Origin. With one it is a preflight, which the
guard answers.
"""

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.routes import HTTPRoute
from litestar.types import Message, Scope


class AllowedMethods:
    """A hook of Litestar's before it sends: its own answer to OPTIONS names the methods of one handler of the path.

    Used on the event loop. Litestar knows a path's methods once the application is made: `learn` them then.
    See https://github.com/litestar-org/litestar/issues/4169, which is mended in Litestar 3 only.
    """

    def __init__(self) -> None:
        self._methods: dict[str, bytes] = {}

    def learn(self, app: Litestar) -> None:
        """Take note of the methods of every path."""
        for route in app.routes:
            if isinstance(route, HTTPRoute):
                self._methods[route.path_format] = ", ".join(sorted(route.methods)).encode()

    async def __call__(self, message: Message, scope: Scope) -> None:
        """Put all of them into the header `Allow`."""
        if message["type"] != "http.response.start" or scope["type"] != ScopeType.HTTP:
            return
        if scope["method"] == "OPTIONS" and "path_template" in scope:
            others = [header for header in message["headers"] if header[0].lower() != b"allow"]
            message["headers"] = [*others, (b"allow", self._methods[scope["path_template"]])]
