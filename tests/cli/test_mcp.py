"""`q3tts mcp`, with the client of the package mcp: the real command over its standard streams; its tools alone."""

import os
import sys
import wave
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import pytest

from app.cli.command import Where
from app.cli.tools.engine import EngineOnCall
from app.config import EngineKind
from app.daemon.presence import Presence, announce, engine_in
from tests.api.conftest import opened
from tests.cli.commands import environment
from tests.support.client import PATIENCE_S, TOKEN, Engine
from tests.support.lazily import lazily
from tests.support.variants import in_test_long
from tests.support.waiting import until, until_answered

mcp = lazily("mcp")
server = lazily("app.cli.tools.server")
tools = lazily("app.cli.tools.tools")

pytestmark = pytest.mark.anyio

SILENT = Path(__file__).parents[1] / "support" / "silent_device"
TEXT = "The tide is out. Take good shoes."

Opener: TypeAlias = Callable[..., AbstractAsyncContextManager[Any]]


def announce_daemon(engine: Engine) -> None:
    """As a daemon that has written its token into its data folder."""
    token_file = engine.data_dir / "token"
    token_file.write_text(TOKEN)
    announce(
        Presence(
            kind=EngineKind.DAEMON,
            pid=os.getpid(),
            version="0.1.0",
            started_at=datetime.now(UTC).isoformat(),
            url=f"http://127.0.0.1:{engine.port}/v1",
            data_dir=str(engine.data_dir),
            token_file=str(token_file),
        )
    )


@pytest.fixture(scope="module")
async def shared(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Engine]:
    """An engine that has announced itself as a daemon in its data folder."""
    async with opened(tmp_path_factory.mktemp("shared")) as engine:
        announce_daemon(engine)
        yield engine


@pytest.fixture
def session(shared: Engine, tmp_path: Path) -> Opener:
    """Open a session with the tools, in this process."""

    @asynccontextmanager
    async def open_session(*, patience_s: float = PATIENCE_S) -> AsyncGenerator[Any]:
        calls = EngineOnCall(Where(tmp_path / "none.sock", shared.data_dir))
        async with anyio.create_task_group() as background:
            offered = server.server_of(tools.Tools(calls, background, patience_s=patience_s))
            async with mcp.Client(offered) as client:
                yield client
            background.cancel_scope.cancel()
        calls.close()

    return open_session


@asynccontextmanager
async def started(home: Path, *arguments: str, **variables: str) -> AsyncGenerator[Any]:
    """A session with the command in a process of its own."""
    command = mcp.StdioServerParameters(
        command=sys.executable,
        args=["-P", "-m", "app", "mcp", *arguments],
        env={**environment(home), **variables},
        cwd=home,
    )
    with anyio.fail_after(2 * PATIENCE_S):
        async with mcp.Client(command) as client:
            yield client


def samples_of(path: Path) -> bytes:
    with wave.open(str(path)) as wav:
        return wav.readframes(wav.getnframes())


def message_of(answer: Any) -> str:
    assert answer.is_error
    return answer.content[0].text


# The command.


async def test_the_command_speaks_and_renders_with_an_engine_of_its_own_that_ends_with_it(tmp_path: Path) -> None:
    data_dir, played = tmp_path / "data", tmp_path / "played.pcm"
    options = ("--data-dir", str(data_dir), "--socket", str(tmp_path / "none.sock"))
    async with started(tmp_path, *options, PYTHONPATH=str(SILENT), PLAYED=str(played)) as client:
        spoken = await client.call_tool("speak", {"text": TEXT, "rate": 1.5})
        rendered = await client.call_tool("render", {"text": TEXT, "path": str(tmp_path / "tide.wav")})
        status = (await client.call_tool("status", {})).structured_content
        there = engine_in(data_dir)

    assert spoken.structured_content, spoken.content
    assert spoken.structured_content["audio_seconds"] > 0.5
    assert any(played.read_bytes())
    assert rendered.structured_content["is_written"]
    assert any(samples_of(tmp_path / "tide.wav"))
    assert not status["runs_as_daemon"]
    assert [job["lane"] for job in status["jobs"]] == ["render", "speak"]
    assert there is not None
    await until(lambda: _is_gone(there.pid))


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_the_command_uses_the_daemon_that_runs(shared: Engine, tmp_path: Path) -> None:
    options = ("--data-dir", str(shared.data_dir), "--socket", str(tmp_path / "none.sock"))
    async with started(tmp_path, *options) as client:
        offered = await client.list_tools()
        status = (await client.call_tool("status", {})).structured_content

    assert [tool.name for tool in offered.tools] == ["speak", "render", "status", "voices"]
    assert (status["runs_as_daemon"], status["active_model"]) == (True, "fake")


# The tools.


async def test_every_tool_and_argument_is_described(session: Opener) -> None:
    async with session() as client:
        offered = (await client.list_tools()).tools

    assert [tool.name for tool in offered] == ["speak", "render", "status", "voices"]
    for tool in offered:
        assert tool.description
        assert all(argument["description"] for argument in tool.input_schema["properties"].values())
    assert [tool.name for tool in offered if tool.annotations.read_only_hint] == ["status", "voices"]


async def test_a_text_becomes_a_file_and_its_progress_is_told(session: Opener, tmp_path: Path) -> None:
    told: list[float] = []

    async def progress(done: float, _total: float | None, _message: str | None) -> None:
        told.append(done)

    async with session() as client:
        arguments = {"text": TEXT, "path": str(tmp_path / "tide.wav"), "voice": "Voice Two", "title": "Tide"}
        answer = await client.call_tool("render", arguments, progress_callback=progress)

    made = answer.structured_content
    assert (made["path"], made["is_written"]) == (str(tmp_path / "tide.wav"), True)
    assert (made["job"]["status"], made["job"]["title"], made["job"]["done"]) == ("completed", "Tide", 1.0)
    assert samples_of(tmp_path / "tide.wav")
    assert told[-1] == 1.0


async def test_a_long_text_is_answered_before_its_file_is_there(
    session: Opener, shared: Engine, tmp_path: Path
) -> None:
    target = tmp_path / "long.wav"
    async with session(patience_s=0.2) as client:
        arguments = {"text": "Before it. [hold:long] After it.", "path": str(target)}
        made = (await client.call_tool("render", arguments)).structured_content
        meanwhile = (await client.call_tool("status", {"job_id": made["job"]["job_id"]})).structured_content
        shared.release("long")
        await until(target.exists)

    assert not made["is_written"]
    assert [job["status"] for job in meanwhile["jobs"]] == ["running"]
    assert samples_of(target)


async def test_a_call_that_is_canceled_cancels_its_job(session: Opener, shared: Engine, tmp_path: Path) -> None:
    async def canceled() -> Any:
        [job] = (await shared.get("/jobs?limit=1"))["jobs"]
        return job["title"] == "never" and job["status"] == "canceled"

    async def begun() -> Any:
        [job] = (await shared.get("/jobs?limit=1"))["jobs"]
        return job["title"] == "never" and job["status"] == "running"

    await shared.post("/jobs", {"text": "There is one job at least."}, 201)
    async with session() as client, anyio.create_task_group() as group:
        arguments = {"text": "Before. [hold:never] After.", "path": str(tmp_path / "never.wav")}
        group.start_soon(client.call_tool, "render", arguments)
        await until_answered(begun)
        group.cancel_scope.cancel()
    await until_answered(canceled)

    assert list(tmp_path.glob("*.wav")) == []


async def test_a_job_without_a_text_is_among_the_latest(session: Opener, shared: Engine) -> None:
    async with shared.socket("/speak") as socket:
        await socket.send('{"type": "OPEN", "context_id": "a"}')
        await socket.send('{"type": "END", "context_id": "a"}')
        while '"JOB_DONE"' not in str(await socket.recv()):
            pass
    async with session() as client:
        latest = (await client.call_tool("status", {})).structured_content["jobs"][0]

    assert (latest["lane"], latest["status"], latest["done"]) == ("speak", "completed", 0.0)


async def test_voices_are_listed_in_short_and_the_rest_is_counted(
    session: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with session() as client:
        every = (await client.call_tool("voices", {"kind": "preset"})).structured_content
        monkeypatch.setattr("app.cli.tools.tools.MAX_VOICES", 1)
        one = (await client.call_tool("voices", {"kind": "preset"})).structured_content

    assert [voice["name"] for voice in every["voices"]] == ["Voice One", "Voice Two"]
    assert every["voices"][0]["model"] == "fake"
    assert (len(one["voices"]), one["more"]) == (1, 1)


@pytest.mark.parametrize(
    ("tool", "arguments", "why"),
    [
        ("render", {"text": TEXT, "path": "tide.wav"}, "absolute path"),
        ("render", {"text": TEXT, "path": "{folder}/kept.wav"}, "exists"),
        ("render", {"text": TEXT, "path": "{folder}/tide.docx"}, "tide.docx"),
        ("render", {"text": TEXT, "path": "{folder}/none/tide.wav"}, "does not exist"),
        ("render", {"text": TEXT, "path": "{folder}/tide.wav", "voice": "nobody"}, "nobody"),
        ("render", {"text": " ", "path": "{folder}/tide.wav"}, "text"),
        ("render", {"text": "[error] No.", "path": "{folder}/tide.wav"}, "change the text"),
        ("render", {"text": TEXT, "path": "{folder}/tide.wav", "rate": 7}, "rate"),
        ("status", {"job_id": "00000000-0000-4000-8000-000000000000"}, "no such job"),
        *(("status", {"job_id": no_id}, "is not a job_id") for no_id in ("stats", "../voices", "?limit=1", "ä b")),
        ("voices", {"kind": "bass"}, "bass"),
        ("speak", {"text": TEXT}, "Unix socket"),
    ],
)
async def test_the_model_reads_what_was_wrong(
    session: Opener, tmp_path: Path, tool: str, arguments: dict[str, Any], why: str
) -> None:
    (tmp_path / "kept.wav").write_bytes(b"kept")
    given = {name: value.format(folder=tmp_path) if name == "path" else value for name, value in arguments.items()}
    async with session() as client:
        answer = await client.call_tool(tool, given)

    assert why in message_of(answer)
    assert [path.name for path in tmp_path.glob("*.*")] == ["kept.wav"]
    assert (tmp_path / "kept.wav").read_bytes() == b"kept"


async def test_an_engine_that_was_started_anew_is_found_again(tmp_path: Path) -> None:
    """A server lives for days; a daemon may not."""
    folder = tmp_path / "engine"
    folder.mkdir()
    calls = EngineOnCall(Where(tmp_path / "none.sock", folder / "data"))

    def ask() -> str:
        with calls.engine() as engine:
            return engine.get("/health")["active_model_id"]

    for _ in range(2):
        async with opened(folder) as engine:
            announce_daemon(engine)
            assert await anyio.to_thread.run_sync(ask) == "fake"
    calls.close()


@pytest.mark.parametrize("rests", [1, *in_test_long(2)])
async def test_an_engine_of_its_own_is_let_go_after_a_rest(tmp_path: Path, rests: int) -> None:
    data_dir = tmp_path / "data"
    calls = EngineOnCall(Where(tmp_path / "none.sock", data_dir), rest_s=0.05)

    def ask() -> bool:
        with calls.engine() as engine:
            return engine.own

    for _ in range(rests):
        assert await anyio.to_thread.run_sync(ask)
        await until(lambda: engine_in(data_dir) is None)
    calls.close()
