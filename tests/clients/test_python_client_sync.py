"""`q3tts-client` for Python: the client that waits, made from the async one; and how it finds an engine."""

import inspect
import re
import tempfile
from collections.abc import Generator
from pathlib import Path

import anyio
import pytest

from q3tts_client import (
    AsyncClient,
    AsyncSpeech,
    AudioChunk,
    Client,
    EngineError,
    JobDone,
    NetworkError,
    Speech,
    find_engine,
)
from q3tts_client.aio.jobs import AsyncJobs
from q3tts_client.aio.models import AsyncModels
from q3tts_client.aio.voices import AsyncVoices
from q3tts_client.sync.jobs import Jobs
from q3tts_client.sync.models import Models
from q3tts_client.sync.voices import Voices
from tests.cli.commands import saying
from tests.clients.conftest import line_to
from tests.support.client import TOKEN, Engine
from tests.support.fakes import VOICE_ID
from tests.support.pages import text_of

PAIRS = [
    (Client, AsyncClient),
    (Jobs, AsyncJobs),
    (Voices, AsyncVoices),
    (Models, AsyncModels),
    (Speech, AsyncSpeech),
]
#: What one of the two clients alone has a use for: files here, offsets of UTF-16 and sockets there.
ONLY_HERE = {"aclose", "save", "wait", "render", "events", "audio"}
ONLY_THERE = {"audio_bytes"}


@pytest.mark.anyio
async def test_a_stream_is_read_with_a_plain_loop(found: Engine, tmp_path: Path) -> None:
    def program() -> None:
        with Client() as client:
            speech = client.speak("One.\n\nTwo.", voice="Voice One")
            events = list(speech)
            client.jobs.save(speech.job_id, tmp_path / "said.wav")
            samples = b"".join(event.pcm for event in events if isinstance(event, AudioChunk))

            assert events[-1] == JobDone(job_id=speech.job_id)
            assert (tmp_path / "said.wav").read_bytes().endswith(samples)
            assert next(client.follow(speech.job_id, after_seq=1).audio()).seq == 2
            assert client.health().active_model_id == "fake"
            assert client.render("Three.", tmp_path / "three.wav", voice="Voice One").status == "completed"
            assert [job.job_id for job in client.jobs.all(limit=1)][-1] == speech.job_id
            with pytest.raises(EngineError, match="VOICE_NOT_FOUND"):
                client.speak("Four.", voice="nobody at all")

    await anyio.to_thread.run_sync(program)


@pytest.mark.anyio
async def test_a_stream_that_breaks_goes_on_in_a_plain_loop_too(shared: Engine) -> None:
    async with line_to(shared.port) as line:

        def program() -> tuple[int, bytes, bytes]:
            with Client(f"http://127.0.0.1:{line.port}/v1", TOKEN) as client:
                speech = client.speak("Before. " * 20 + "\n\n[hold:plain] After.", voice_id=VOICE_ID)
                heard = b""
                for chunk in speech.audio():
                    if not heard:
                        anyio.from_thread.run_sync(line.cut)
                        shared.release("plain")
                    heard += chunk.pcm
                return speech.reconnects, heard, client.jobs.audio(speech.job_id)

        reconnects, heard, file = await anyio.to_thread.run_sync(program)

    assert reconnects > 0
    assert file.endswith(heard)
    assert len(file) - len(heard) < 100


@pytest.fixture
def socket_path(monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """In a folder with a short name: a socket's path has little room."""
    with tempfile.TemporaryDirectory(prefix="q3") as folder:
        monkeypatch.setenv("Q3TTS_SOCKET", f"{folder}/sock")
        yield Path(folder) / "sock"


def test_the_daemon_says_where_it_is_and_where_its_token_is(socket_path: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of-the-file\n")
    status = {"status": "ok", "url": "http://127.0.0.1:5199/v1", "token_file": str(tmp_path / "token")}

    with saying(socket_path, status):
        assert find_engine() == ("http://127.0.0.1:5199/v1", "of-the-file")


def test_a_daemon_that_keeps_its_token_leaves_it_to_the_environment(
    socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with saying(socket_path, {"status": "ok", "url": "http://127.0.0.1:5199/v1", "token_file": None}):
        with pytest.raises(NetworkError, match="Q3TTS_TOKEN"):
            find_engine()
        monkeypatch.setenv("Q3TTS_TOKEN", "of-the-environment")
        assert find_engine().token == "of-the-environment"


def test_without_an_engine_the_error_says_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("Q3TTS_SOCKET", str(tmp_path / "none.sock"))
    monkeypatch.setenv("Q3TTS_DATA_DIR", str(tmp_path))

    with pytest.raises(NetworkError, match=r"q3tts serve --daemon") as failure:
        Client()

    assert failure.value.code == "NOT_RUNNING"


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0].__name__)
def test_both_clients_have_the_same_methods(pair: tuple[type, type]) -> None:
    waits, does_not = (
        {name: inspect.signature(method) for name, method in inspect.getmembers(kind, callable) if name[0] != "_"}
        for kind in pair
    )

    assert set(waits) - {"close"} == set(does_not) - {"aclose"}
    for name in set(waits) & set(does_not):
        assert list(waits[name].parameters) == list(does_not[name].parameters)


@pytest.mark.parametrize("kind", [Client, Jobs, Voices, Models])
def test_the_typescript_client_has_the_same_names(kind: type) -> None:
    source = (
        text_of(f"tauri/client/src/{kind.__name__.lower()}.ts").partition("export class")[2].partition("\n}")[0]
    )
    there = {
        re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
        for name in re.findall(r"^  (?:async )?\*?(\w+)(?:<\w+>)?\(", source, re.MULTILINE)
    }

    here = {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if name[0] != "_"} - {"close"}

    assert there - ONLY_THERE - {"constructor"} == here - (ONLY_HERE - there)
