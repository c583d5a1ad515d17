"""`q3tts mcp`: tools for a language model. The server is loaded when it is called: its packages take a second."""

import click

from app.cli.command import UNAVAILABLE, Command, CommandFailed, Where, which_engine


@click.command(cls=Command)
@which_engine
def mcp(where: Where) -> None:
    """Let a language model speak and make files, over MCP.

    The model's program starts this command by itself. It uses the daemon, or an engine of its own.

    \b
    Examples:
      q3tts mcp
    """
    try:
        from app.cli.tools.server import serve
    except ModuleNotFoundError as error:
        why = "this program was built without MCP; use the q3tts of a Python installation"
        raise CommandFailed(why, UNAVAILABLE) from error
    serve(where)
