"""The Unix socket, which the command line uses."""

from app.daemon.client import ask
from app.errors import SpeechError
from app.selftest.check import Place, Wrong, form, private

PATIENCE_S = 30.0


def look(here: Place) -> str:
    """What answers there."""
    engine = here.engine()
    try:
        said = ask(here.socket_path, {"action": "status"}, timeout_s=PATIENCE_S)
    except SpeechError as error:
        raise Wrong(f"the Unix socket is not served: {error}", form().remedy) from error
    if said.get("status") != "ok" or said.get("pid") != engine.ready["pid"]:
        raise Wrong(f"the Unix socket answers as somebody else: {said}", form().remedy)
    if not private(here.socket_path):
        raise Wrong(f"other users can open {here.socket_path}", "use a disk that knows permissions")
    return f"pid {said['pid']} answers there"
