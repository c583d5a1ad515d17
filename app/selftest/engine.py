"""The engine as a child process: it starts, and answers only requests with the token."""

from app import __version__
from app.selftest.check import Place, Wrong, form


def look(here: Place) -> str:
    """Which version answers, and where."""
    engine = here.engine()
    health, _ = engine.ask("GET", "/health")
    if health["engine_version"] != __version__ or engine.ready["version"] != __version__:
        raise Wrong(
            f"the engine is {health['engine_version']}, and this program is {__version__}",
            "another program of the same name is started instead of this one; look at its path",
        )
    for token in ("", "0" * 64):
        try:
            engine.ask("GET", "/health", status=401, token=token)
        except OSError as error:
            raise Wrong(
                f"the engine does not refuse {'a wrong' if token else 'a missing'} token: {error}", form().remedy
            ) from error
    return f"{__version__} at 127.0.0.1:{engine.port}; 401 without the token"
