"""`python -m tests.cli`."""

from tests.cli.commands import cli

if __name__ == "__main__":
    cli(prog_name="q3tts")
