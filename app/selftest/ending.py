"""The end: standard input is closed, and the engine and all that it started are gone."""

import socket
import time

from app.selftest.check import Place, Wrong, form

#: What the engine started dies with it, a moment later.
GONE_S, LOOK_S = 2.0, 0.02


def look(here: Place) -> str:
    """How fast it was gone."""
    engine = here.engine()
    began = time.monotonic()
    code = engine.stop()
    took = time.monotonic() - began
    if code:
        raise Wrong(f"the engine ends with {code} instead of 0{engine.last_words()}", form().remedy)
    deadline = time.monotonic() + GONE_S
    while engine.left_behind():
        if time.monotonic() > deadline:
            raise Wrong(
                "a process that the engine started still runs", "this is a mistake in the engine; report it"
            )
        time.sleep(LOOK_S)
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", engine.port)) == 0:
            raise Wrong(
                f"somebody still listens at port {engine.port}", "this is a mistake in the engine; report it"
            )
    if here.socket_path.exists():
        raise Wrong(f"{here.socket_path} is left behind", "this is a mistake in the engine; report it")
    return f"gone after {took:.1f} s; no process, no socket left"
