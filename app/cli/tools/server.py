"""The MCP server of `q3tts mcp`: four tools for a language model, on standard input and output.

One event loop speaks MCP; every request to the engine has a thread. Heavy: it is imported by the command alone.
"""

from functools import partial

import anyio
from mcp.server import MCPServer
from mcp_types import ToolAnnotations

from app import __version__
from app.cli.command import Where
from app.cli.tools.engine import EngineOnCall
from app.cli.tools.tools import Tools

INSTRUCTIONS = (
    "Speech on this machine, without any network. `speak` plays a text on the speakers; `render` makes an audio "
    "file; `voices` lists who can speak; `status` says what the engine is doing, and how far a job is."
)
READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)


def serve(where: Where) -> None:
    """Serve until standard input ends."""
    calls = EngineOnCall(where)
    try:
        anyio.run(partial(_serve, calls))
    finally:
        calls.close()


async def _serve(calls: EngineOnCall) -> None:
    async with anyio.create_task_group() as background:
        await server_of(Tools(calls, background)).run_stdio_async()
        background.cancel_scope.cancel()


def server_of(tools: Tools) -> MCPServer:
    """The server with its tools."""
    server = MCPServer("q3tts", title="q3tts", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING")
    server.add_tool(tools.speak, title="Speak aloud", annotations=WRITES)
    server.add_tool(tools.render, title="Make an audio file", annotations=WRITES)
    server.add_tool(tools.status, title="What the engine is doing", annotations=READS)
    server.add_tool(tools.voices, title="List voices", annotations=READS)
    return server
