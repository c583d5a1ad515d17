"""`q3tts service`: have the system start the daemon at login, and again when it fails. What is written for that is
in `units.py`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast

import click

from app.cli import completion
from app.cli.command import CANNOT_WRITE, UNAVAILABLE, Callback, CommandFailed, Group, Where, which_engine
from app.cli.engine import STATUS_S
from app.cli.folders import folder_or_name
from app.cli.sizes import Size
from app.cli.terminal import note, say
from app.cli.units import LABEL, UNIT, launch_agent, systemd_unit
from app.config import default_data_dir
from app.daemon.client import ask
from app.daemon.protocol import default_socket
from app.errors import NotRunning
from app.process.executable import is_frozen, outside, program
from app.process.files import atomic_write

Steps: TypeAlias = Sequence[Sequence[str]]


class Served(NamedTuple):
    """What the system will run."""

    command: list[str]
    socket: Path


@click.group(cls=Group)
def service() -> None:
    """Have the system start the daemon when you log in. It is started again if it fails.

    On macOS that is a launch agent, on Linux a user unit of systemd.

    \b
    Examples:
      q3tts service install
      q3tts service show
      q3tts service remove
    """


def _as_served(callback: Callback) -> Callback:
    """Add options of `q3tts serve`; the callback gets its whole command line, and where it will listen."""

    @click.option("--port", type=click.IntRange(1, 65535), help="The port to listen on.  [default: 5123]")
    @click.option(
        "--model",
        metavar="MODEL",
        shell_complete=completion.models,
        callback=folder_or_name,
        help="The active model at the start, as for q3tts serve.",
    )
    @click.option(
        "--models-dir", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER", help="Where models are."
    )
    @click.option("--idle-unload", type=click.FloatRange(min=0.1), metavar="SECONDS", help="As for q3tts serve.")
    @click.option(
        "--keep-days", type=click.FloatRange(min=0, min_open=True), metavar="DAYS", help="As for q3tts serve."
    )
    @click.option("--keep-jobs", type=click.IntRange(min=1), metavar="COUNT", help="As for q3tts serve.")
    @click.option("--keep-size", type=Size(), metavar="SIZE", help="As for q3tts serve.")
    @which_engine
    @wraps(callback)
    def wrapper(*args: Any, where: Where, models_dir: Path | None, **options: Any) -> Any:
        data_dir = where.data_dir or default_data_dir()
        given: dict[str, Any] = {
            # Told, not left to the environment, which is another one when the system starts it.
            "--data-dir": data_dir.absolute(),
            "--models-dir": models_dir and models_dir.absolute(),
            "--socket": None if where.socket == default_socket() else where.socket.absolute(),
            **{f"--{name.replace('_', '-')}": value for name, value in options.items()},
        }
        words = [str(word) for pair in given.items() if pair[1] is not None for word in pair]
        return callback(*args, served=Served([*_executable(), "serve", *words], where.socket))

    return cast("Callback", wrapper)


@service.command()
@_as_served
def install(served: Served) -> None:
    """Install the service, and start it.

    It runs while you are logged in; on Linux, loginctl enable-linger keeps it running without you.

    \b
    Examples:
      q3tts service install
      q3tts service install --port 5200 --data-dir ~/speech
    """
    path, content, steps = _plan(served.command)
    if not path.exists() and _is_answered(served.socket):
        raise CommandFailed("a daemon runs already, and there can be one only; end it with: q3tts stop")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, durable=False) as file:
            file.write(content)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror}", CANNOT_WRITE) from error
    say(f"wrote {path}")
    _take(steps["install"])


@service.command()
def remove() -> None:
    """Stop the service, and remove it. What the engine has made stays.

    \b
    Examples:
      q3tts service remove
    """
    path, _, steps = _plan([""])
    if not path.exists():
        raise CommandFailed(f"the service is not installed: there is no {path}")
    _take(steps["stop"])
    try:
        path.unlink()
    except OSError as error:
        raise CommandFailed(f"{path} cannot be removed: {error.strerror}", CANNOT_WRITE) from error
    say(f"removed {path}")
    _take(steps["forget"])


@service.command()
@_as_served
def show(served: Served) -> None:
    """Print the file that install would write.

    \b
    Examples:
      q3tts service show --port 5200
    """
    path, content, _ = _plan(served.command)
    note(str(path))
    say(content.decode().removesuffix("\n"))


def _is_answered(socket_path: Path) -> bool:
    try:
        ask(socket_path, {"action": "status"}, timeout_s=STATUS_S)
    except NotRunning:
        return False
    return True


def _executable() -> tuple[str, ...]:
    """This program as it is found again after the next login."""
    installed = Path(sys.executable).with_name("q3tts")
    return (str(installed),) if installed.is_file() and not is_frozen() else program()


def _plan(command: Sequence[str]) -> tuple[Path, bytes, dict[str, Steps]]:
    """The file, what is in it, and what has the system see that. Raises `CommandFailed`."""
    if sys.platform == "darwin":
        path = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
        domain = f"gui/{os.getuid()}"
        stop = ("launchctl", "bootout", f"{domain}/{LABEL}")
        # What was there before has to go first; most often nothing was.
        install: Steps = (("-", *stop), ("launchctl", "bootstrap", domain, str(path)))
        return path, launch_agent(command), {"install": install, "stop": (("-", *stop),), "forget": ()}
    if sys.platform.startswith("linux"):
        config = os.environ.get("XDG_CONFIG_HOME")
        path = (Path(config) if config else Path.home() / ".config") / "systemd" / "user" / UNIT
        reload = ("systemctl", "--user", "daemon-reload")
        install = (reload, ("systemctl", "--user", "enable", UNIT), ("systemctl", "--user", "restart", UNIT))
        stop_steps: Steps = (("systemctl", "--user", "disable", "--now", UNIT),)
        return path, systemd_unit(command), {"install": install, "stop": stop_steps, "forget": (reload,)}
    raise CommandFailed(
        f"there is no service for {sys.platform} yet; start the daemon with: q3tts serve --daemon", UNAVAILABLE
    )


def _take(steps: Steps) -> None:
    """Take the steps, or say which they are. How one with a hyphen ends does not matter. Raises `CommandFailed`."""
    for position, step in enumerate(steps):
        optional = step[0] == "-"
        words = step[1:] if optional else step
        if shutil.which(words[0]) is None:
            note(f"there is no {words[0]} here; where there is one, run:")
            for left in steps[position:]:
                note("  " + " ".join(word for word in left if word != "-"))
            return
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False, env=outside())
        if done.returncode and not optional:
            why = done.stderr.strip() or f"it ended with {done.returncode}"
            raise CommandFailed(f"{' '.join(words)} failed: {why}", UNAVAILABLE)
