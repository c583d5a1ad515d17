"""`q3tts help`, which `main.py` reads as `--help`, and `q3tts completion`: what the shell needs for the Tab key."""

import click

from app.cli.command import Command
from app.cli.terminal import say

SHELLS = ("bash", "zsh", "fish")


@click.command("help", cls=Command)
@click.argument("command", nargs=-1)
def help_(command: tuple[str, ...]) -> None:
    """Show what there is, or what a COMMAND does, like --help.

    \b
    Examples:
      q3tts help
      q3tts help jobs list
    """
    raise AssertionError(f"{command} is read as --help")


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what makes the Tab key complete words in a SHELL.

    They are commands, options and their values, voices, jobs, models and languages.

    \b
    Examples:
      eval "$(q3tts completion bash)"                  in ~/.bashrc
      eval "$(q3tts completion zsh)"                   in ~/.zshrc
      q3tts completion fish | source                   in config.fish
    """
    from app.cli.completing import program_name, script_for

    say(script_for(shell, program_name()))
