"""The command `q3tts`. Light: what a command does not need, it does not import."""

import os
import sys
from pathlib import Path

import click

from app import __version__
from app.config import DEFAULT_HOST, DEFAULT_IDLE_UNLOAD_S, DEFAULT_PORT, TAURI_ORIGINS
from app.errors import StartFailed


@click.group(context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "Q3TTS"})
@click.version_option(__version__, prog_name="q3tts")
def cli() -> None:
    """Text in, speech out, on this machine."""


@cli.command()
@click.option("--host", default=DEFAULT_HOST, show_default=True, help="Loopback address to listen on.")
@click.option(
    "--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where everything is kept.  [default: the user's data folder]",
)
@click.option("--model", help="The active model.  [default: the one that was active before, at first espeak-ng]")
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
    help="End the model's process after so long without work.",
)
@click.option("--sidecar", is_flag=True, help="Started by an app: JSON on standard input and output.")
def serve(
    host: str,
    port: int,
    data_dir: Path | None,
    model: str | None,
    models_dir: Path | None,
    token: str | None,
    allow_origin: tuple[str, ...],
    idle_unload: float,
    sidecar: bool,
) -> None:
    """Start the engine, and serve until Ctrl-C.

    \b
    Examples:
      q3tts serve
      q3tts serve --port 0 --data-dir /tmp/speech
    """
    # Out of the environment at once: what the engine starts must not inherit the token.
    os.environ.pop("Q3TTS_TOKEN", None)
    from app.start import Options, start

    options = Options(
        host=host,
        port=port,
        data_dir=data_dir,
        model_id=model,
        models_dir=models_dir,
        token=token,
        allowed_origins=allow_origin or TAURI_ORIGINS,
        idle_unload_s=idle_unload,
    )
    sys.exit(start(options, sidecar=sidecar))


@cli.command(hidden=True)
@click.argument("family")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
def worker(family: str, folder: Path | None) -> None:
    """Be the process that owns the model. The engine starts it; nobody else does."""
    from app.inference.catalogue import load
    from app.inference.worker import main as work

    sys.exit(work(lambda: load(family, folder)))


@cli.command(hidden=True)
@click.argument("repository")
@click.argument("revision")
@click.argument("folder", type=click.Path(path_type=Path))
def fetch(repository: str, revision: str, folder: Path) -> None:
    """Be the process that downloads a model. The engine starts it."""
    from app.inference.fetch import main as download

    sys.exit(download(repository, revision, folder))


@cli.command(hidden=True)
def decode() -> None:
    """Be the process that reads a stranger's recording. The engine starts it."""
    from app.audio.decoding import main as read

    sys.exit(read())


@cli.command(hidden=True)
@click.argument("folder", type=click.Path(path_type=Path))
def transcribe(folder: Path) -> None:
    """Be the process that turns a recording into text. The engine starts it."""
    from app.inference.mlx_runtime import prepare
    from app.inference.transcribe import main as listen

    prepare()
    sys.exit(listen(folder))


def main() -> None:
    """Run the command line; a start that fails says why in one line."""
    try:
        cli()
    except StartFailed as error:
        click.echo(f"q3tts: {error}", err=True)
        sys.exit(error.exit_code)
