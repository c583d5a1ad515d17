"""`q3tts serve`: the engine itself, in this process or in the background."""

import os
from pathlib import Path

import click

from app.cli.command import OneLine
from app.cli.completion import models
from app.cli.folders import folder_or_name
from app.cli.sizes import Size
from app.config import (
    DEFAULT_HOST,
    DEFAULT_IDLE_UNLOAD_S,
    DEFAULT_PORT,
    TAURI_ORIGINS,
    EngineKind,
    KeepLimits,
    WebhookReach,
)
from app.daemon.protocol import default_socket
from app.process.ending import end_now


@click.command(cls=OneLine)
@click.option("--for-command", is_flag=True, hidden=True, help="Started by a command, as a sidecar.")
@click.option("--host", default=DEFAULT_HOST, show_default=True, help="Loopback address to listen on.")
@click.option(
    "--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where everything is kept.  [default: the user's data folder]",
)
@click.option(
    "--model",
    metavar="MODEL",
    shell_complete=models,
    callback=folder_or_name,
    help="The active model: an id, a repository, or a folder.  "
    "[default: the one last chosen with models use, at first espeak-ng]",
)
@click.option(
    "--models-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the models are.  [default: models in the data folder]",
)
@click.option(
    "--token",
    envvar="Q3TTS_TOKEN",
    hidden=True,  # for the environment; a command line can be read by everybody on the machine
    help="What clients must send.  [default: a new one at each start]",
)
@click.option(
    "--allow-origin",
    multiple=True,
    metavar="ORIGIN",
    help="A web page's origin that may use the engine; repeatable.  [default: Tauri's]",
)
@click.option(
    "--idle-unload",
    default=DEFAULT_IDLE_UNLOAD_S,
    show_default=True,
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="End the model's process after this long without work.",
)
@click.option(
    "--keep-days",
    type=click.FloatRange(min=0, min_open=True),
    metavar="DAYS",
    help="Delete jobs that ended this long ago.  [default: never]",
)
@click.option(
    "--keep-jobs",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help="Delete the oldest ended jobs beyond this many.  [default: all are kept]",
)
@click.option(
    "--keep-size",
    type=Size(),
    metavar="SIZE",
    help="Delete the oldest ended jobs whose audio does not fit in this, as in 20G.  [default: all are kept]",
)
@click.option("--audio-links", is_flag=True, help="Allow links to a job's audio that need no token.")
@click.option(
    "--webhooks",
    default=WebhookReach.OFF.value,
    show_default=True,
    type=click.Choice([reach.value for reach in WebhookReach]),
    help="Where the webhooks may go that come with jobs: local is this machine and private networks.",
)
@click.option("--webhook", metavar="URL", help="An address that is told of the end of every job.")
@click.option(
    "--socket",
    "socket_path",
    type=click.Path(path_type=Path),
    envvar="Q3TTS_SOCKET",
    help="Where the command line finds it.  [default: ~/.q3tts.sock]",
)
@click.option("--daemon", is_flag=True, help="Run in the background; return when the engine is ready.")
@click.option("--sidecar", is_flag=True, help="Started by an app: JSON on standard input and output.")
@click.option("--announce", is_flag=True, hidden=True, help="Started by `--daemon`: JSON on standard output.")
def serve(
    host: str,
    port: int,
    data_dir: Path | None,
    model: str | None,
    models_dir: Path | None,
    token: str | None,
    allow_origin: tuple[str, ...],
    idle_unload: float,
    keep_days: float | None,
    keep_jobs: int | None,
    keep_size: int | None,
    audio_links: bool,
    webhooks: str,
    webhook: str | None,
    socket_path: Path | None,
    daemon: bool,
    sidecar: bool,
    announce: bool,
    for_command: bool,
) -> None:
    """Start the engine, and serve until Ctrl-C.

    \b
    Examples:
      q3tts serve
      q3tts serve --daemon
      q3tts serve --port 0 --data-dir /tmp/speech --socket /tmp/speech.sock
    """
    if daemon and sidecar:
        raise click.UsageError("--daemon and --sidecar exclude each other: a sidecar ends with its app")
    if daemon and not announce:
        from app.cli.detaching import serve_detached

        serve_detached(click.get_current_context(), token)
        return
    _hide_token()
    from app.engine.start import Options, start

    kind = EngineKind.COMMAND if for_command else EngineKind.SIDECAR if sidecar else EngineKind.DAEMON
    options = Options(
        kind=kind,
        host=host,
        port=port,
        data_dir=data_dir,
        model_id=model,
        models_dir=models_dir,
        token=token,
        allowed_origins=allow_origin or TAURI_ORIGINS,
        idle_unload_s=idle_unload,
        audio_links=audio_links,
        webhooks=WebhookReach(webhooks),
        webhook_url=webhook,
        keep=KeepLimits(days=keep_days, jobs=keep_jobs, bytes=keep_size),
        socket_path=None if sidecar else socket_path or default_socket(),
    )
    end_now(start(options, sidecar=sidecar, announce=announce))


def _hide_token() -> None:
    """Out of the environment at once: what the engine starts must not inherit the token."""
    for name in ("Q3TTS_TOKEN", "Q3TTS_SERVE_TOKEN"):
        os.environ.pop(name, None)
