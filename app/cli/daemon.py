"""`q3tts status` and `q3tts stop`. They are to be over at once: they import nothing but the socket."""

import json
import os
import time
from pathlib import Path
from typing import Any

import click

from app.cli.command import Command, as_json, at_socket
from app.daemon.client import ask
from app.daemon.protocol import default_socket
from app.errors import SpeechError

#: A daemon that does not answer by then hangs.
PATIENCE_S = 5.0

#: From the order to stop until it must be gone, and how often that is looked at.
GONE_S, POLL_S = 10.0, 0.02


@click.command(cls=Command)
@at_socket
@as_json
def status(socket_path: Path | None, as_json: bool) -> None:
    """Show whether the daemon is running and what it is doing.

    \b
    Examples:
      q3tts status
      q3tts status --json | jq .queued
    """
    path = socket_path or default_socket()
    answer = ask(path, {"action": "status"}, timeout_s=PATIENCE_S)
    if answer["status"] != "ok":
        raise SpeechError(f"the daemon at {path} reported an error: {answer['message']}")
    if as_json:
        click.echo(json.dumps(answer))
        return
    for line in _lines(path, answer):
        click.echo(line)


def _lines(path: Path, answer: dict[str, Any]) -> list[str]:
    uptime_s = int(answer["uptime_s"])
    hours, minutes = uptime_s // 3600, uptime_s // 60 % 60
    return [
        f"q3tts {answer['version']} runs, pid {answer['pid']}, for {hours} h {minutes:02} min",
        f"  model    {answer['model']}",
        f"  jobs     {answer['speaking']} speaking, {answer['rendering']} rendering, {answer['queued']} queued",
        f"  socket   {path}",
        f"  HTTP     {answer['url']}",
        f"  data     {answer['data_dir']}",
        *(f"  warning  {warning}" for warning in answer.get("warnings", [])),  # an older daemon has none
    ]


@click.command(cls=Command)
@at_socket
def stop(socket_path: Path | None) -> None:
    """Stop the daemon. Jobs that make files go on when it is started again.

    \b
    Examples:
      q3tts stop
    """
    path = socket_path or default_socket()
    pid: int | None = ask(path, {"action": "status"}, timeout_s=PATIENCE_S).get(
        "pid"
    )  # none while it reports an error
    answer = ask(path, {"action": "stop"}, timeout_s=PATIENCE_S)
    if answer["status"] != "ok":
        raise SpeechError(answer["message"])
    deadline = time.monotonic() + GONE_S
    while (pid is not None and _lives(pid)) or _is_there(path, pid):
        if time.monotonic() > deadline:
            raise SpeechError(f"the daemon at {path} was asked to stop and is still running")
        time.sleep(POLL_S)
    click.echo("stopped")


def _lives(pid: int) -> bool:
    """Not when only its exit code is left, which nobody may ever ask for."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except OSError:  # it has just gone, or this system has no such folder
        return not Path("/proc").is_dir()


def _is_there(path: Path, pid: int | None) -> bool:
    """Its socket, or another daemon's that was started meanwhile."""
    try:
        return ask(path, {"action": "status"}, timeout_s=PATIENCE_S).get("pid") == pid
    except SpeechError:
        return False
