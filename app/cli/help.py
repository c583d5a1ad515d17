"""`q3tts help`: the same as `--help`, which `main.py` makes of it."""

import click

from app.cli.command import Command


@click.command("help", cls=Command)
@click.argument("command", nargs=-1)
def help_(command: tuple[str, ...]) -> None:
    """Show what there is, or what a COMMAND does: the same as --help.

    \b
    Examples:
      q3tts help
      q3tts help jobs list
    """
    raise AssertionError(f"{command} is read as --help")
