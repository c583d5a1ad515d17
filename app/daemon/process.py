"""The daemon as a process of its own: started, waited for, and left alone. It does not know what a daemon does."""

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from app.errors import StartFailed
from app.process.executable import independent, program


def detach(arguments: Sequence[str]) -> dict[str, Any]:
    """Start `serve` with these arguments, in a session of its own; what it says when it is ready.

    Raises `StartFailed` with what kept it from that. Paths among the arguments must be absolute.
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
            for line in daemon.stdout:
                said = json.loads(line)
                match said["event"]:
                    case "ready":
                        daemon.returncode = 0  # it lives on, and nobody waits for it
                        return said
                    case "error":
                        raise StartFailed(said["message"], exit_code=said["exit_code"])
                    case _:
                        pass
        except KeyboardInterrupt:
            daemon.terminate()
            raise
        code = daemon.wait()
    raise StartFailed(f"the daemon ended with {code} before it was ready", exit_code=70)
