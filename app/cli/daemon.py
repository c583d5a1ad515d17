"""`q3tts status` and `q3tts stop`. They must be over at once: they import nothing but the socket."""

import json
import os
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

from app.cli.command import Command, Where, as_json, which_engine
from app.config import EngineKind, default_data_dir
from app.daemon.client import ask
from app.daemon.presence import engine_in
from app.errors import NotRunning, SpeechError

#: A daemon that does not answer by then hangs.
PATIENCE_S = 5.0

#: From the order to stop until it must be gone, and how often that is looked at.
GONE_S, POLL_S = 10.0, 0.02

KINDS = {
    EngineKind.DAEMON: "as the daemon, until q3tts stop",
    EngineKind.COMMAND: "for a command; it ends with the last one that uses it",
    EngineKind.SIDECAR: "for an app alone; it ends with the app",
}


@click.command(cls=Command)
@as_json
@which_engine
def status(as_json: bool, where: Where) -> None:
    """Show what runs, what it is doing, and where everything is kept.

    \b
    Examples:
      q3tts status
      q3tts status --json | jq .queued
    """
    answer = _status(where)
    if as_json:
        click.echo(json.dumps(answer))
        return
    for line in _lines(answer):
        click.echo(line)


def _status(where: Where) -> dict[str, Any]:
    """What the daemon says; else the engine that uses the data folder. Raises `NotRunning`, `SpeechError`."""
    data_dir = where.data_dir or default_data_dir()
    try:
        answer = _answer(where.socket)
    except NotRunning as error:
        there = engine_in(data_dir)
        if there is None:
            raise NotRunning(f"{error.message}; jobs, voices and models are kept in {data_dir}") from error
    else:
        if where.data_dir is None or Path(answer["data_dir"]) == data_dir.resolve():
            return {"socket": str(where.socket), **answer}
        there = engine_in(data_dir)
        if there is None:
            raise NotRunning(
                f"no engine runs in {data_dir}; the daemon at {where.socket} uses {answer['data_dir']}"
            )
    if there.socket is not None:
        return {"socket": there.socket, **_answer(Path(there.socket))}
    return {"status": "ok", **msgspec.structs.asdict(there), "uptime_s": round(there.uptime_s, 3)}


def _answer(path: Path) -> dict[str, Any]:
    answer = ask(path, {"action": "status"}, timeout_s=PATIENCE_S)
    if answer["status"] != "ok":
        raise SpeechError(f"the daemon at {path} reported an error: {answer['message']}")
    return answer


def _lines(answer: dict[str, Any]) -> list[str]:
    """For people. An app's engine is asked nothing, and an older daemon does not say everything."""
    uptime_s = int(answer["uptime_s"])
    since = datetime.now().astimezone() - timedelta(seconds=uptime_s)
    facts = {
        "runs": KINDS[answer.get("kind", EngineKind.DAEMON)],
        "since": f"{since:%d %b %H:%M} ({uptime_s // 3600} h {uptime_s // 60 % 60:02} min)",
        "model": answer.get("model"),
        "jobs": _at_work(answer) if "queued" in answer else None,
        "kept": _kept(answer) if "jobs_kept" in answer else None,
        "data": answer["data_dir"],
        "socket": answer["socket"],
        "HTTP": answer["url"],
    }
    return [
        f"q3tts {answer['version']} runs, pid {answer['pid']}",
        *(f"  {name:<8} {fact}" for name, fact in facts.items() if fact),
        *(f"  warning  {warning}" for warning in answer.get("warnings", [])),
    ]


def _at_work(answer: dict[str, Any]) -> str:
    return f"{answer['speaking']} speaking, {answer['rendering']} rendering, {answer['queued']} queued"


def _kept(answer: dict[str, Any]) -> str:
    speech = timedelta(seconds=round(answer["audio_seconds_kept"]))
    return f"{answer['jobs_kept']:,} jobs, {speech} of speech, until: q3tts jobs delete"


@click.command(cls=Command)
@which_engine
def stop(where: Where) -> None:
    """Stop the daemon. Jobs that make files go on when it is started again.

    \b
    Examples:
      q3tts stop
    """
    path = where.socket
    try:
        pid: int | None = ask(path, {"action": "status"}, timeout_s=PATIENCE_S).get("pid")  # none with an error
    except NotRunning as error:
        path, pid = _daemon_elsewhere(where, error)
    answer = ask(path, {"action": "stop"}, timeout_s=PATIENCE_S)
    if answer["status"] != "ok":
        raise SpeechError(answer["message"])
    deadline = time.monotonic() + GONE_S
    while (pid is not None and _lives(pid)) or _is_there(path, pid):
        if time.monotonic() > deadline:
            raise SpeechError(f"the daemon at {path} was asked to stop and is still running")
        time.sleep(POLL_S)
    click.echo("stopped")


def _daemon_elsewhere(where: Where, error: NotRunning) -> tuple[Path, int]:
    """The socket and the process of the daemon that uses the data folder. Raises `NotRunning`."""
    there = engine_in(where.data_dir or default_data_dir())
    if there is None:
        raise error
    if there.kind is not EngineKind.DAEMON or there.socket is None:
        raise NotRunning(f"no daemon runs that could be stopped; there is {there}, which ends by itself") from error
    return Path(there.socket), there.pid


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
