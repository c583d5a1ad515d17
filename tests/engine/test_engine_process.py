"""The engine as an app starts it, with the embedded voice: killed, restarted, asked to stop."""

import os
import signal
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest

from app import __version__
from tests.support.client import Client, audio_of, http_client, next_event
from tests.support.sidecar import TOKEN, Sidecar, sidecar, told
from tests.support.variants import in_test_long

pytestmark = pytest.mark.anyio

#: About six minutes of speech.
DOCUMENT = "\n\n".join(
    f"Paragraph {number} says that the sea was calm, that the lamp was lit, and that Dr. Marlow read on. "
    "Nobody had come up the stairs since Monday; the log was empty, and so was the pot." * 2
    for number in range(1, 21)
)


@asynccontextmanager
async def client_of(engine: Sidecar) -> AsyncGenerator[Client]:
    port = engine.ready()["port"]
    async with http_client(port, token=TOKEN) as http:
        yield Client(port, http, token=TOKEN)


async def english(client: Client) -> str:
    voices = (await client.get("/voices", params={"language": "en-US"}))["voices"]
    return voices[0]["voice_id"]


async def submitted(client: Client, text: str = DOCUMENT) -> dict[str, Any]:
    return await client.post("/jobs", {"voice_id": await english(client), "text": text, "seed": 1}, 201)


async def in_the_middle(client: Client, job_id: str) -> None:
    """Wait until some chunks are done, and some are not."""
    async with client.socket(f"/stream/{job_id}") as socket:
        while (event := await next_event(socket))["type"] != "JOB_PROGRESS":
            assert event["type"] in ("JOB_STARTED", "AUDIO_CHUNK")
    assert event["progress"]["chunks_done"] < event["progress"]["chunks_total"]


class Life(NamedTuple):
    """What an engine has done from its start to the end of its standard input."""

    #: The file of its job.
    wav: bytes
    #: The exit code of a second engine on its folder, and what that one said.
    refused: tuple[int, dict[str, Any]]
    #: The processes of the engine and its worker, and where those leave a file that come to the interpreter's end.
    pids: set[int]
    seen: Path
    exit_code: int
    lines: list[dict[str, Any]]
    #: What came on standard output after the last of them that was waited for.
    rest: list[bytes]


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """One that nothing disturbs."""
    folder = tmp_path_factory.mktemp("calm")
    data_dir, seen = folder / "data", folder / "seen"
    seen.mkdir()
    noted = f"pathlib.Path({str(seen)!r}, str(os.getpid())).touch"
    (folder / "sitecustomize.py").write_text(f"import atexit, os, pathlib\natexit.register({noted})\n")

    async def render(engine: Sidecar) -> bytes:
        async with client_of(engine) as client:
            job = await submitted(client)
            await client.ended(job["job_id"])
            return await client.wav(job["job_id"])

    with sidecar(data_dir, environment={"PYTHONPATH": str(folder)}) as engine:
        wav = anyio.run(render, engine)
        with sidecar(data_dir) as second:
            while (line := second.line())["event"] == "phase":
                pass
            refused = second.process.wait(10), line
        pids = {engine.process.pid, *engine.children()}
        exit_code = engine.end()
        assert engine.process.stdout is not None
        return Life(wav, refused, pids, seen, exit_code, engine.lines, [*engine.process.stdout])


@pytest.fixture(scope="module")
def expected(life: Life) -> bytes:
    return life.wav


async def test_a_killed_worker_leaves_no_trace_in_the_file(tmp_path: Path, expected: bytes) -> None:
    with sidecar(tmp_path / "data") as engine:
        async with client_of(engine) as client:
            job = await submitted(client)
            await in_the_middle(client, job["job_id"])
            (worker,) = engine.children()

            os.kill(worker, signal.SIGKILL)

            assert (await client.ended(job["job_id"]))["status"] == "completed"
            assert engine.children() != [worker]
            assert await client.wav(job["job_id"]) == expected


async def test_a_killed_engine_goes_on_after_its_restart(tmp_path: Path, expected: bytes) -> None:
    with sidecar(tmp_path / "data") as engine:
        async with client_of(engine) as client:
            job = await submitted(client)
            await in_the_middle(client, job["job_id"])
            heard = await client.get(f"/jobs/{job['job_id']}")
            (worker,) = engine.children()

            engine.process.kill()
            engine.process.wait()

    await gone(worker)
    with sidecar(tmp_path / "data") as engine:
        async with client_of(engine) as client:
            again = await client.get(f"/jobs/{job['job_id']}")
            assert again["progress"]["chunks_done"] >= heard["progress"]["chunks_done"]
            assert (await client.ended(job["job_id"]))["status"] == "completed"
            assert await client.wav(job["job_id"]) == expected
            assert expected[44:] == audio_of(await client.events(job["job_id"]))


async def gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").exists() and ") Z" in Path(f"/proc/{pid}/stat").read_text():
            return
    raise AssertionError(f"process {pid} is still there")


async def test_a_listener_of_a_killed_engine_finds_its_job_failed(tmp_path: Path) -> None:
    with sidecar(tmp_path / "data") as engine:
        async with client_of(engine) as client:
            body = {"voice_id": await english(client), "text": DOCUMENT * 4}
            job_id = (await client.post("/speak", body))["job_id"]
            async with client.socket(f"/stream/{job_id}") as socket:
                events = [await next_event(socket) for _ in range(4)]
            engine.process.kill()
            engine.process.wait()

    with sidecar(tmp_path / "data") as engine:
        async with client_of(engine) as client:
            replayed = await client.events(job_id)

            assert replayed[-1]["error"]["code"] == "ENGINE_RESTARTED"
            heard = [event for event in events if event["type"] == "AUDIO_CHUNK"]
            assert [event for event in replayed if event["type"] == "AUDIO_CHUNK"][: len(heard)] == heard


async def test_the_end_of_standard_input_ends_the_engine_and_its_worker(life: Life) -> None:
    assert life.exit_code == 0
    assert len(life.pids) == 2
    for pid in life.pids:
        await gone(pid)


async def test_an_engine_and_its_worker_end_without_the_interpreters_own_end(life: Life) -> None:
    """That takes longer than all that the engine does, and may hang."""
    for pid in life.pids:
        await gone(pid)
    assert not {str(pid) for pid in life.pids} & set(os.listdir(life.seen))


async def test_an_order_on_standard_input_ends_the_engine(tmp_path: Path) -> None:
    with sidecar(tmp_path) as engine:
        engine.ready()

        engine.tell({"op": "shutdown"})

        assert engine.process.wait(10) == 0


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.long), signal.SIGTERM])
async def test_a_signal_in_the_middle_of_work_ends_the_engine_in_five_seconds(tmp_path: Path, number: int) -> None:
    with sidecar(tmp_path) as engine:
        async with client_of(engine) as client:
            job = await submitted(client, DOCUMENT * 4)
            body = {"voice_id": await english(client), "text": DOCUMENT[:2_000]}
            listener = (await client.post("/speak", body))["job_id"]
            await in_the_middle(client, job["job_id"])

            engine.process.send_signal(number)

            assert engine.process.wait(5) == 0
    with sidecar(tmp_path) as engine:
        async with client_of(engine) as client:
            assert (await client.get(f"/jobs/{job['job_id']}"))["status"] in ("queued", "running", "completed")
            assert (await client.get(f"/jobs/{listener}"))["status"] in ("failed", "completed")


def test_standard_output_has_json_lines_only_and_ready_comes_after_the_phases(life: Life) -> None:
    assert [line["event"] for line in life.lines] == ["phase", "ready"]
    ready = life.lines[-1]
    assert ready["pid"] in life.pids
    assert ready == {"event": "ready", "port": ready["port"], "pid": ready["pid"], "version": __version__}
    assert life.rest == []


@pytest.mark.parametrize(
    ("payload", "code", "said"),
    [
        ("no json", 64, "not the JSON payload"),
        ('{"v":1,"token":"short"}', 64, "16 or more"),
        ('{"v":1,"token":"0123456789abcdef","model":"nobody","data_dir":"DATA"}', 64, "nobody"),
        *in_test_long(
            ('{"v":2,"token":"0123456789abcdef"}', 64, "version 2"),
            ('{"v":1}', 64, "token"),
            ('{"v":1,"token":"0123456789abcdef","prot":1}', 64, "prot"),
            ('{"v":1,"token":"0123456789abcdef","data_dir":"/dev/null/x"}', 74, "data folder"),
            ("x" * 70_000, 64, "longer than"),
        ),
    ],
)
def test_an_invalid_payload_is_reported_in_one_json_line(
    tmp_path: Path, payload: str, code: int, said: str
) -> None:
    with told(payload.replace("DATA", str(tmp_path))) as engine:
        while (line := engine.line())["event"] == "phase":
            pass

        assert line["event"] == "error"
        assert said in line["message"]
        assert line["exit_code"] == code == engine.process.wait(10)


def test_a_second_engine_on_the_same_folder_is_refused(life: Life) -> None:
    exit_code, line = life.refused

    assert line["exit_code"] == 75 == exit_code
    assert "another q3tts" in line["message"]


def test_a_taken_port_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        sidecar(tmp_path / "data", port=taken.getsockname()[1]) as engine,
    ):
        line = engine.line()

        assert line["exit_code"] == 69 == engine.process.wait(10)
        assert not (tmp_path / "data").exists()
