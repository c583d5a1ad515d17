"""`q3tts serve --daemon`: the same command in a process of its own, without a terminal."""

import os
from pathlib import Path
from typing import Any

import click

from app.daemon.protocol import default_socket
from app.engine.launch import detach


def serve_detached(context: click.Context, token: str | None) -> None:
    """Run `q3tts serve` with the same options in the background, and say where it is."""
    if token is not None:
        os.environ["Q3TTS_TOKEN"] = token  # where nobody else can read it
    said = detach(_arguments(context))
    host = context.params["host"]
    click.echo(f"q3tts {said['version']} runs in the background, pid {said['pid']}")
    click.echo(f"  socket   {context.params['socket_path'] or default_socket()}")
    click.echo(f"  HTTP     http://{f'[{host}]' if ':' in host else host}:{said['port']}/v1")
    click.echo("  it ends with: q3tts stop")


def _arguments(context: click.Context) -> list[str]:
    """The options of this command, for another process."""
    arguments: list[str] = []
    for option in context.command.params:
        assert isinstance(option, click.Option)
        value: Any = context.params[option.name or ""]
        if option.name in ("token", "daemon", "sidecar", "announce", "for_command") or value is None:
            continue
        if option.is_flag:
            arguments += option.opts[:1] if value else []
            continue
        values: tuple[Any, ...] = value if option.multiple else (value,)
        for one in values:
            arguments += [option.opts[0], str(one.absolute() if isinstance(one, Path) else one)]
    return arguments
