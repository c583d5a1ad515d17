"""`python -m tests.commands`."""

from tests.commands.commands import cli

if __name__ == "__main__":
    cli(prog_name="q3tts")
