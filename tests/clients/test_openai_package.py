"""OpenAI's own package for Python, as it is installed, with the engine's address and token and nothing else."""

import base64
import io
import json
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

import anyio
import av
import pytest

from app.config import DEFAULT_PORT
from app.models.spec import espeak
from tests.api.conftest import opened
from tests.support.client import PATIENCE_S, TOKEN, Engine
from tests.support.fakes import VOICE_ID
from tests.support.lazily import lazily
from tests.support.pages import text_of

if TYPE_CHECKING:
    import openai
else:
    openai = lazily("openai")

pytestmark = pytest.mark.anyio

TEXT = "The tide is out. Take good shoes."
FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever proxy this machine has, it is not asked for 127.0.0.1."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
async def speaking(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Engine]:
    """An engine with the voice that is built in."""
    async with opened(tmp_path_factory.mktemp("speaking"), lambda _: [espeak()]) as engine:
        yield engine


def client_of(engine: Engine, **options: Any) -> "openai.AsyncOpenAI":
    return openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{engine.port}/v1", api_key=TOKEN, **options)


async def jobs_saying(engine: Engine, text: str) -> list[dict[str, Any]]:
    return (await engine.get("/jobs", params={"text": text}))["jobs"]


def seconds_of(content: bytes) -> float:
    with av.open(io.BytesIO(content), "r") as file:
        return sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))


@pytest.mark.parametrize("format", FORMATS)
async def test_every_format(speaking: Engine, format: Format) -> None:
    async with client_of(speaking) as client:
        speech = await client.audio.speech.create(model="tts-1", voice="alloy", input=TEXT, response_format=format)
        job = await speaking.get(f"/jobs/{speech.response.headers['x-request-id']}")

    seconds = len(speech.content) / 48_000 if format == "pcm" else seconds_of(speech.content)
    assert seconds == pytest.approx(job["progress"]["audio_seconds"], abs=0.15)


async def test_the_client_without_an_event_loop(speaking: Engine) -> None:
    def speak() -> bytes:
        with openai.OpenAI(base_url=f"http://127.0.0.1:{speaking.port}/v1", api_key=TOKEN) as client:
            return client.audio.speech.create(model="gpt-4o-mini-tts", voice="nova", input=TEXT).content

    assert seconds_of(await anyio.to_thread.run_sync(speak)) > 1


async def test_the_example_of_the_documentation_runs_as_it_stands(
    speaking: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = re.search(r"^```python\n(.*?)^```$", text_of("docs/openai.md"), re.MULTILINE | re.DOTALL)
    assert found is not None
    code = found[1].replace(f":{DEFAULT_PORT}/", f":{speaking.port}/")
    token = tmp_path / ".local/share/q3tts/token"
    token.parent.mkdir(parents=True)
    token.write_text(TOKEN)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    await anyio.to_thread.run_sync(lambda: exec(compile(code, "docs/openai.md", "exec"), {"__name__": "__main__"}))

    assert seconds_of((tmp_path / "tide.mp3").read_bytes()) > 1


async def test_the_first_bytes_come_while_the_rest_is_being_spoken(shared: Engine) -> None:
    async with (
        client_of(shared) as client,
        client.audio.speech.with_streaming_response.create(
            model="tts-1",
            voice="alloy",
            input="[hold:rest] The first words are heard, and then at some time the others.",
            response_format="mp3",
        ) as speech,
    ):
        pieces = speech.iter_bytes()
        first = await anext(pieces)
        assert (await shared.get(f"/jobs/{speech.headers['x-request-id']}"))["status"] == "running"
        shared.release("rest")
        rest = b"".join([piece async for piece in pieces])

    assert first.startswith(b"ID3")
    assert rest


async def test_events(shared: Engine) -> None:
    async with client_of(shared) as client:
        speech = await client.audio.speech.create(
            model="tts-1", voice="alloy", input=TEXT, response_format="pcm", stream_format="sse"
        )

    *deltas, done = [json.loads(line[6:]) for line in speech.text.splitlines() if line]
    job = await shared.get(f"/jobs/{speech.response.headers['x-request-id']}")
    pcm = b"".join(base64.b64decode(delta["audio"]) for delta in deltas)
    assert (done["type"], done["usage"]["input_tokens"]) == ("speech.audio.done", len(TEXT))
    assert len(pcm) / 48_000 == pytest.approx(job["progress"]["audio_seconds"], abs=0.001)


async def test_a_voice_by_its_id_and_a_model_by_its_name(shared: Engine) -> None:
    async with client_of(shared) as client:
        speech = await client.audio.speech.create(
            model="fake", voice={"id": VOICE_ID}, input=TEXT, speed=1.25, extra_body={"language": "en"}
        )
        models = [model.id async for model in client.models.list()]

    job = await shared.get(f"/jobs/{speech.response.headers['x-request-id']}")
    assert (job["voice_id"], job["language"], job["settings"]["rate"]) == (VOICE_ID, "en", 1.25)
    assert models == ["fake"]


async def test_failures_are_the_exceptions_that_they_should_be(shared: Engine) -> None:
    async with client_of(shared) as client:
        speech = client.audio.speech
        with pytest.raises(openai.NotFoundError) as unknown:
            await speech.create(model="gpt-5", voice="alloy", input=TEXT)
        with pytest.raises(openai.BadRequestError) as fast:
            await speech.create(model="tts-1", voice="alloy", input=TEXT, speed=4)
        with pytest.raises(openai.AuthenticationError) as stranger:
            await client.with_options(api_key="sk-of-somebody-else").audio.speech.create(
                model="tts-1", voice="alloy", input=TEXT
            )

    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    assert (fast.value.param, "0.5 to 2.0" in fast.value.message) == ("speed", True)
    assert stranger.value.code == "invalid_api_key"


async def test_what_would_fail_again_is_not_tried_again(shared: Engine) -> None:
    text = "[error] It fails, and would fail again."
    async with client_of(shared) as client:
        with pytest.raises(openai.InternalServerError) as failed:
            await client.audio.speech.create(model="tts-1", voice="alloy", input=text)

    assert failed.value.code == "inference_failed"
    assert len(await jobs_saying(shared, "would fail again")) == 1


async def test_a_request_that_is_sent_again_leaves_no_job_that_nobody_hears(shared: Engine) -> None:
    text = "[hold:impatient] It takes longer than the client will wait for it."
    heard: list[bytes] = []
    async with client_of(shared, timeout=1.0, max_retries=20) as client, anyio.create_task_group() as tasks:

        async def speak() -> None:
            speech = await client.audio.speech.create(
                model="tts-1", voice="alloy", input=text, response_format="pcm"
            )
            heard.append(speech.content)

        tasks.start_soon(speak)
        with anyio.fail_after(PATIENCE_S):
            while len(jobs := await jobs_saying(shared, "will wait for it")) < 2:
                await anyio.sleep(0.05)
        assert (await shared.ended(jobs[-1]["job_id"]))["status"] == "canceled"
        shared.release("impatient")

    last, *others = await jobs_saying(shared, "will wait for it")
    assert {job["status"] for job in others} == {"canceled"}
    assert last["status"] == "completed"
    assert len(heard[0]) / 48_000 == pytest.approx(last["progress"]["audio_seconds"], abs=0.001)


async def test_with_a_key_a_request_is_spoken_once_however_often_it_is_sent(shared: Engine) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    async with client_of(shared) as client:
        first, second = [
            await client.audio.speech.create(
                model="tts-1", voice="alloy", input="Said once.", response_format="pcm", extra_headers=key
            )
            for _ in range(2)
        ]

    assert first.content == second.content
    assert len(await jobs_saying(shared, "Said once.")) == 1


async def test_closing_the_response_cancels(shared: Engine) -> None:
    async with (
        client_of(shared) as client,
        client.audio.speech.with_streaming_response.create(
            model="tts-1", voice="alloy", input="[hold:never] Enough of this, after the first words of it."
        ) as speech,
    ):
        async for _ in speech.iter_bytes():
            break

    assert (await shared.ended(speech.headers["x-request-id"]))["status"] == "canceled"


async def test_audio_that_breaks_off_is_not_taken_for_all_of_it(shared: Engine) -> None:
    async with client_of(shared, max_retries=0) as client:
        with pytest.raises(openai.APIConnectionError):
            await client.audio.speech.create(
                model="tts-1", voice="alloy", input="[length] It does not come to its end, whoever listens to it."
            )
