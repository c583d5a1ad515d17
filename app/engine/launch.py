"""Starting `q3tts serve` as another process, and waiting until it announces that it is ready."""

import json
import subprocess
from collections.abc import Iterable, Sequence
from typing import Any

from app.errors import StartFailed
from app.process.executable import independent, program


def wait_until_ready(lines: Iterable[bytes]) -> dict[str, Any] | None:
    """Read the JSON lines of a starting engine up to its `ready` message, and return that. Blocks.

    None if they end before it. Raises `StartFailed` with the engine's own reason if it announces an error.
    """
    for line in lines:
        message = json.loads(line)
        match message["event"]:
            case "ready":
                return message
            case "error":
                raise StartFailed(message["message"], exit_code=message["exit_code"])
            case _:
                pass
    return None


def detach(arguments: Sequence[str]) -> dict[str, Any]:
    """Start `serve` with these arguments in a session of its own, as a daemon; its `ready` message. Blocks.

    Paths among the arguments must be absolute. Raises `StartFailed`.
    """
    # Neither Ctrl-C nor the end of this terminal reaches another session; in the root folder it keeps no disk busy.
    with subprocess.Popen(
        program("serve", *arguments, "--announce"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=independent(),
        cwd="/",
    ) as daemon:
        assert daemon.stdout is not None
        try:
            ready = wait_until_ready(daemon.stdout)
        except KeyboardInterrupt:
            daemon.terminate()
            raise
        if ready is not None:
            daemon.returncode = 0  # it lives on, and is not waited for
            return ready
        code = daemon.wait()
    raise StartFailed(f"the daemon ended with {code} before it was ready", exit_code=70)
