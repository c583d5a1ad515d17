"""`q3tts-client` for Python, against an engine: the async client, and through it what both are made of."""

import socket
import wave
from pathlib import Path

import pytest

from q3tts_client import (
    AsyncClient,
    AudioChunk,
    Connected,
    Connection,
    EngineError,
    JobDone,
    JobStarted,
    NetworkError,
    Patience,
    ProtocolError,
    StreamEvent,
)
from q3tts_client.answers import Job
from q3tts_client.wire import JobCanceled, audio_chunk, text_event
from tests.api.wavs import tone
from tests.clients.conftest import line_to
from tests.support.client import TOKEN, Engine
from tests.support.fakes import VOICE_ID

pytestmark = pytest.mark.anyio

TEXT = "One paragraph, of which there are two.\n\nThe second and last one."
#: What was said before it is heard; the rest only when the test lets go of it.
HELD = "Before the gate. " * 8 + "\n\n[hold:{}] After it. " + "And on. " * 8


def samples_of(events: list[StreamEvent]) -> bytes:
    return b"".join(event.pcm for event in events if isinstance(event, AudioChunk))


def samples_in(path: Path) -> bytes:
    with wave.open(str(path)) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (1, 2, 24_000)
        return wav.readframes(wav.getnframes())


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


# Streams.


async def test_a_stream_has_all_events_and_the_samples_of_the_file(client: AsyncClient, tmp_path: Path) -> None:
    speech = await client.speak(TEXT, voice_id=VOICE_ID)
    events = [event async for event in speech]
    await client.jobs.save(speech.job_id, tmp_path / "said.wav")

    chunks = [event for event in events if isinstance(event, AudioChunk)]
    assert isinstance(events[0], JobStarted)
    assert events[-1] == JobDone(job_id=speech.job_id)
    assert [chunk.seq for chunk in chunks] == list(range(1, len(chunks) + 1))
    assert {TEXT[chunk.start_char : chunk.end_char].strip() for chunk in chunks} == set(TEXT.split("\n\n"))
    assert samples_of(events) == samples_in(tmp_path / "said.wav")


async def test_a_stream_that_breaks_goes_on_after_the_last_number(shared: Engine) -> None:
    async with (
        line_to(shared.port) as line,
        AsyncClient(f"http://127.0.0.1:{line.port}/v1", TOKEN) as client,
        await client.speak(HELD.format("cut"), voice_id=VOICE_ID) as speech,
    ):
        events: list[StreamEvent] = []
        async for event in speech:
            if isinstance(event, AudioChunk) and not samples_of(events):
                line.cut()
                shared.release("cut")
            events.append(event)
        whole = [event async for event in client.follow(speech.job_id)]

    assert speech.reconnects > 0
    assert samples_of(events) == samples_of(whole)
    assert sum(isinstance(event, JobStarted) for event in events) == 1


async def test_a_stream_that_is_read_again_goes_on(client: AsyncClient) -> None:
    whole = [event async for event in await client.speak(TEXT * 4, voice_id=VOICE_ID)]
    speech = client.follow(whole[0].job_id)

    first = await anext(speech.audio())
    rest = [event async for event in speech]

    assert first.seq == 1
    assert first.pcm + samples_of(rest) == samples_of(whole)


async def test_a_job_that_fails_raises_its_error(client: AsyncClient) -> None:
    speech = await client.speak("[error] Not this.", voice_id=VOICE_ID)

    with pytest.raises(EngineError) as failure:
        [event async for event in speech]

    assert failure.value.code == "INFERENCE_FAILED"
    assert failure.value.status is None


async def test_a_job_that_is_canceled_ends_its_stream(client: AsyncClient) -> None:
    speech = await client.speak(HELD.format("never"), voice_id=VOICE_ID)

    events: list[StreamEvent] = []
    async for event in speech:
        if isinstance(event, AudioChunk) and not samples_of(events):
            assert await speech.cancel()
        events.append(event)

    assert events[-1] == JobCanceled(job_id=speech.job_id)


async def test_the_events_of_all_jobs_come_without_audio(client: AsyncClient) -> None:
    seen: list[str] = []
    job_id = ""
    async for event in client.events():
        if isinstance(event, Connected):
            job_id = (await client.jobs.submit(TEXT, voice_id=VOICE_ID)).job_id
        elif event.job_id == job_id:
            seen.append(type(event).__name__)
            if isinstance(event, JobDone):
                break

    assert (seen[0], seen[-1]) == ("JobStarted", "JobDone")


async def test_the_stream_of_a_job_that_does_not_exist_is_refused_at_once(client: AsyncClient) -> None:
    with pytest.raises(EngineError) as failure:
        [event async for event in client.follow("00000000-0000-4000-8000-000000000000")]

    assert (failure.value.code, failure.value.status) == ("JOB_NOT_FOUND", 404)


async def test_patience_with_an_engine_that_is_gone_has_an_end() -> None:
    async with AsyncClient(f"http://127.0.0.1:{closed_port()}/v1", TOKEN) as client:
        speech = client.follow("some-job", patience=Patience(seconds=0.05, first_wait_seconds=0.01))
        with pytest.raises(NetworkError) as failure:
            [event async for event in speech]

    assert failure.value.code == "NETWORK"
    assert speech.reconnects > 0


# Files.


async def test_a_stream_is_saved_as_a_wav_file(client: AsyncClient, tmp_path: Path) -> None:
    speech = await client.speak(TEXT, voice_id=VOICE_ID)
    await speech.save(tmp_path / "said.wav")
    await client.jobs.save(speech.job_id, tmp_path / "file.wav")

    assert samples_in(tmp_path / "said.wav") == samples_in(tmp_path / "file.wav") != b""


async def test_a_stream_that_fails_leaves_no_file(client: AsyncClient, tmp_path: Path) -> None:
    speech = await client.speak("Some words.\n\n[error] Not this.", voice_id=VOICE_ID)

    with pytest.raises(EngineError):
        await speech.save(tmp_path / "said.wav")

    assert list(tmp_path.iterdir()) == []


async def test_a_text_is_rendered_into_a_file(client: AsyncClient, tmp_path: Path) -> None:
    job = await client.render(
        TEXT, tmp_path / "said.wav", title="Two paragraphs", tags=["short"], voice_id=VOICE_ID
    )

    assert (job.status, job.title, job.tags, job.formats) == ("completed", "Two paragraphs", ["short"], ["wav"])
    assert samples_in(tmp_path / "said.wav")
    assert [path.name for path in tmp_path.iterdir()] == ["said.wav"]


async def test_a_file_whose_ending_names_no_format_is_refused_before_anything_is_spoken(
    client: AsyncClient, tmp_path: Path
) -> None:
    with pytest.raises(EngineError) as failure:
        await client.render(TEXT, tmp_path / "said.docx", voice_id=VOICE_ID)

    assert failure.value.code == "INVALID_REQUEST"
    assert "formats" in str(failure.value.details)


# Requests.


async def test_everything_about_jobs_can_be_asked(client: AsyncClient, shared: Engine) -> None:
    jobs = client.jobs
    job = await jobs.submit(HELD.format("asked"), idempotency_key="one", tags=["all"], seed=7, voice_id=VOICE_ID)
    again = await jobs.submit(HELD.format("asked"), idempotency_key="one", tags=["all"], seed=7, voice_id=VOICE_ID)
    paused, resumed = await jobs.pause(job.job_id), await jobs.resume(job.job_id)
    canceled = await jobs.cancel(job.job_id)
    with pytest.raises(EngineError) as never_completed:
        await jobs.wait(job.job_id)
    await jobs.retry(job.job_id)
    shared.release("asked")
    done = await jobs.wait(job.job_id)

    assert again.job_id == job.job_id
    assert (paused.status, resumed.status, canceled.status) == ("paused", "queued", "canceled")
    assert never_completed.value.code == "JOB_NOT_COMPLETED"
    assert done.status == "completed"
    assert await jobs.text(job.job_id) == HELD.format("asked")
    assert [chunk.chunk_index for chunk in (await jobs.chunks(job.job_id, limit=1)).chunks] == [0]
    assert [artifact.format for artifact in await jobs.artifacts(job.job_id)] == ["wav"]
    assert await jobs.audio(job.job_id, partial=True) == await jobs.audio(job.job_id)
    assert (await jobs.get(job.job_id)).created_at.tzinfo is not None


async def test_the_history_comes_page_by_page_and_as_a_file(client: AsyncClient, tmp_path: Path) -> None:
    made = [(await client.jobs.submit("Short.", tags=["paged"], voice_id=VOICE_ID)).job_id for _ in range(5)]

    page = await client.jobs.list(tag="paged", limit=2)
    every: list[Job] = [job async for job in client.jobs.all(tag="paged", limit=2)]
    await client.jobs.export(tmp_path / "history.csv", tag="paged")
    await client.jobs.export(tmp_path / "history.jsonl", tag="paged")
    for job_id in made:
        await client.jobs.wait(job_id)
    counted = await client.jobs.count(tag="paged")
    deleted = await client.jobs.delete_all(counted.jobs, tag="paged")

    assert len((tmp_path / "history.csv").read_text().splitlines()) == 6
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 5
    assert (counted.jobs, counted.deleted, deleted.jobs, deleted.deleted) == (5, False, 5, True)
    assert (await client.jobs.prune(keep_days=1000, dry_run=True)).jobs == 0
    assert len(page.jobs) == 2
    assert (await client.jobs.stats(by=["lane"])).total.jobs >= len(made)
    assert [job.job_id for job in every] == made[::-1]
    assert (await client.jobs.list(tag="paged")).jobs == []


async def test_a_job_may_have_an_id_of_the_clients_own(client: AsyncClient) -> None:
    own = "6b1f0d2e-0000-4000-8000-00000000abcd"

    assert (await client.jobs.put(own, "Short.", voice_id=VOICE_ID)).job_id == own


async def test_voices_are_made_used_and_deleted(client: AsyncClient, tmp_path: Path) -> None:
    (tmp_path / "me.wav").write_bytes(tone())

    made = await client.voices.clone("Me", tmp_path / "me.wav", ref_text="A tone.", language="en")
    bytes_too = await client.voices.clone("Me too", tone(), ref_text="A tone.")
    renamed = await client.voices.rename(made.voice_id, "Myself")
    listed = await client.voices.list(kind="clone")
    for voice in (made, bytes_too):
        await client.voices.delete(voice.voice_id)

    assert (renamed.display_name, renamed.ref_text, renamed.kind) == ("Myself", "A tone.", "clone")
    assert {voice.voice_id for voice in listed} == {made.voice_id, bytes_too.voice_id}
    assert (await client.voices.preview(VOICE_ID)).startswith(b"RIFF")
    with pytest.raises(EngineError, match="VOICE_NOT_FOUND"):
        await client.voices.get(made.voice_id)
    with pytest.raises(EngineError, match="TRANSCRIPT_REQUIRED"):
        await client.voices.transcribe(tone())
    with pytest.raises(EngineError, match="MODEL_NOT_READY"):
        await client.voices.design("Somebody", "an old man with a deep voice")


async def test_models_are_listed_and_unloaded(client: AsyncClient) -> None:
    [fake] = [model for model in await client.models.list() if model.model_id == "fake"]

    assert fake.state == "active"
    assert (await client.models.get("fake")).model_id == "fake"
    assert (await client.models.activate("fake")).loaded
    assert not (await client.models.unload("fake")).loaded
    with pytest.raises(EngineError, match="MODEL_NOT_FOUND"):
        await client.models.get("org/none")


async def test_the_engine_says_how_it_is(client: AsyncClient) -> None:
    assert (await client.health()).active_model_id == "fake"
    assert "/v1/jobs" in (await client.openapi())["paths"]
    assert "# HELP " in await client.metrics()


# Errors and connections.


async def test_a_refusal_has_the_engines_code_and_details(client: AsyncClient) -> None:
    with pytest.raises(EngineError) as failure:
        await client.jobs.submit(TEXT, voice="nobody at all")

    assert (failure.value.code, failure.value.status) == ("VOICE_NOT_FOUND", 404)
    assert "nobody at all" in failure.value.message


async def test_a_wrong_token_is_refused_over_both_ways(shared: Engine) -> None:
    async with AsyncClient(f"http://127.0.0.1:{shared.port}/v1", "wrong") as client:
        with pytest.raises(EngineError, match="UNAUTHORIZED"):
            await client.health()
        with pytest.raises(EngineError, match="UNAUTHORIZED"):
            [event async for event in client.follow("00000000-0000-4000-8000-000000000000")]


async def test_a_new_connection_is_asked_for_when_the_old_one_is_refused(shared: Engine) -> None:
    asked: list[None] = []

    def renew() -> Connection:
        asked.append(None)
        return Connection(f"http://127.0.0.1:{shared.port}/v1", TOKEN)

    async with AsyncClient(f"http://127.0.0.1:{shared.port}/v1", "wrong", renew=renew) as client:
        speech = await client.speak("Short.", voice_id=VOICE_ID)

        assert samples_of([event async for event in speech])
        assert client.connection.token == TOKEN
    assert len(asked) == 1


async def test_a_stream_finds_the_engine_that_was_started_anew(shared: Engine) -> None:
    job_id = (await shared.post("/speak", {"voice_id": VOICE_ID, "text": TEXT}))["job_id"]
    there = Connection(f"http://127.0.0.1:{shared.port}/v1", TOKEN)

    async with AsyncClient(f"http://127.0.0.1:{closed_port()}/v1", TOKEN, renew=lambda: there) as client:
        assert samples_of([event async for event in client.follow(job_id)])


async def test_what_may_have_been_carried_out_is_not_sent_twice(shared: Engine) -> None:
    there = Connection(f"http://127.0.0.1:{shared.port}/v1", TOKEN)
    before = len((await shared.get("/jobs"))["jobs"])

    async with AsyncClient(f"http://127.0.0.1:{closed_port()}/v1", TOKEN, renew=lambda: there) as client:
        with pytest.raises(NetworkError):
            await client.speak(TEXT, voice_id=VOICE_ID)

    assert len((await shared.get("/jobs"))["jobs"]) == before


@pytest.mark.parametrize(
    ("base_url", "token"),
    [("127.0.0.1:5123", "t"), ("http://127.0.0.1:5123", "t"), ("http://127.0.0.1:5123/v1", ""), (None, "t")],
)
def test_what_cannot_be_an_address_or_a_token_is_refused(base_url: str | None, token: str) -> None:
    with pytest.raises(ValueError, match=r"base_url|token"):
        AsyncClient(base_url, token)


def test_no_error_and_no_log_has_the_token() -> None:
    with pytest.raises(ValueError, match="token") as failure:
        AsyncClient("http://127.0.0.1:5123/v1", "s3cret with spaces")

    assert "s3cret" not in str(failure.value)
    assert "s3cret" not in repr(Connection("http://127.0.0.1:5123/v1", "s3cret"))


# What comes over the wire.


def test_events_that_a_newer_engine_sends_are_left_out() -> None:
    assert text_event('{"type": "JOB_TRUMPETED", "job_id": "j"}') is None
    assert text_event('{"type": "JOB_DONE", "job_id": "j", "encore": true}') == JobDone(job_id="j")


@pytest.mark.parametrize("message", ["no JSON", "[]", '{"job_id": "j"}', '{"type": "JOB_PROGRESS", "job_id": "j"}'])
def test_a_message_that_no_engine_sends_is_an_error(message: str) -> None:
    with pytest.raises(ProtocolError):
        text_event(message)


@pytest.mark.parametrize("message", [b"", b"Q3A1", b"RIFF" + bytes(20), b"Q3A1" + bytes(21)])
def test_audio_without_its_header_is_an_error(message: bytes) -> None:
    with pytest.raises(ProtocolError):
        audio_chunk(message, "j")
