"""Text in, speech out, through the real sockets, the real database and a real worker process."""

import io
import struct
from collections.abc import AsyncGenerator

import anyio
import pytest
import soundfile  # pyright: ignore[reportMissingTypeStubs]

from tests.api.conftest import opened
from tests.conftest import Starter
from tests.support.client import Engine, audio_of, next_event
from tests.support.fakes import OTHER_VOICE_ID, VOICE_ID

pytestmark = pytest.mark.anyio

PROSE = "It was late. The lamp was lit, and nobody spoke.\n\n" + "A second paragraph, which says little. " * 30


@pytest.fixture(scope="module")
async def engine(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Engine]:
    """The engine of all tests here but those that start it again."""
    async with opened(tmp_path_factory.mktemp("engine")) as running:
        yield running


async def speak(engine: Engine, text: str, **fields: object) -> str:
    body = {"voice_id": VOICE_ID, "text": text, **fields}
    return (await engine.post("/speak", body))["job_id"]


async def render(engine: Engine, text: str, **fields: object) -> str:
    return (await engine.post("/jobs", {"voice_id": VOICE_ID, "text": text, **fields}, 201))["job_id"]


async def test_a_spoken_text_is_heard_from_its_first_event_to_its_last(engine: Engine) -> None:
    started = await engine.post("/speak", {"voice_id": VOICE_ID, "text": PROSE})

    events = await engine.events(started["job_id"])

    assert started["ws_url"] == f"ws://127.0.0.1:{engine.port}/v1/stream/{started['job_id']}"
    assert events[0] == {"type": "JOB_STARTED", "job_id": started["job_id"]}
    assert events[-1] == {"type": "JOB_DONE", "job_id": started["job_id"]}
    chunk = next(event for event in events if event["type"] == "AUDIO_CHUNK")
    assert chunk["audio"] | {"data_base64": ""} == {
        "format": "pcm_s16le",
        "sample_rate": 24000,
        "channels": 1,
        "data_base64": "",
    }
    assert chunk["seq"] == 1
    assert chunk["text_range"]["chunk_index"] == 0
    assert chunk["text_range"]["start_char"] == 0


async def test_the_chunks_of_the_stream_are_the_samples_of_the_wav(engine: Engine) -> None:
    for job_id in (await speak(engine, PROSE), await render(engine, PROSE)):
        events = await engine.events(job_id)

        samples, rate = soundfile.read(io.BytesIO(await engine.wav(job_id)), dtype="int16")

        assert rate == 24000
        assert samples.tobytes() == audio_of(events)
        assert len(samples) > 24000


async def test_a_late_subscriber_hears_what_an_early_one_heard(engine: Engine) -> None:
    job_id = await speak(engine, PROSE)
    early = await engine.events(job_id)

    late = await engine.events(job_id)

    assert audio_of(late) == audio_of(early)


async def test_a_subscriber_that_comes_back_goes_on_after_what_it_has(engine: Engine) -> None:
    job_id = await speak(engine, PROSE)
    whole = await engine.events(job_id)

    rest = await engine.events(job_id, "?after_seq=3")

    chunks = [event for event in whole if event["type"] == "AUDIO_CHUNK"]
    assert [event for event in rest if event["type"] == "AUDIO_CHUNK"] == chunks[3:]
    assert all(event["type"] != "JOB_STARTED" for event in rest)


async def test_binary_messages_carry_the_same_audio(engine: Engine) -> None:
    job_id = await render(engine, PROSE)
    as_json = await engine.events(job_id)
    async with engine.socket(f"/stream/{job_id}?format=binary") as socket:
        messages = [message async for message in socket]

    audio = [message for message in messages if isinstance(message, bytes)]

    heads = [struct.unpack("<4sIIIII", message[:24]) for message in audio]
    assert b"".join(message[24:] for message in audio) == audio_of(as_json)
    assert [head[1] for head in heads] == list(range(1, len(heads) + 1))
    assert {head[0] for head in heads} == {b"Q3A1"}
    assert {head[5] for head in heads} == {24000}


async def test_a_listener_is_served_while_a_book_is_rendered_at_full_width(engine: Engine) -> None:
    book = await render(engine, "[hold:book] A book. " * 200)
    await engine.until(book, "running")

    heard = await engine.events(await speak(engine, "Quick."))

    assert heard[-1]["type"] == "JOB_DONE"
    assert (await engine.get(f"/jobs/{book}"))["status"] == "running"
    engine.release("book")
    assert (await engine.ended(book))["status"] == "completed"


async def test_canceling_at_once_leaves_a_canceled_job(engine: Engine) -> None:
    job_id = await speak(engine, "[hold:never] " + PROSE)

    answer = await engine.post("/cancel", {"job_id": job_id})

    assert answer == {"canceled": True}
    assert (await engine.get(f"/jobs/{job_id}"))["status"] == "canceled"
    assert (await engine.events(job_id))[-1]["type"] == "JOB_CANCELED"


async def test_canceling_in_the_middle_keeps_the_audio_so_far(engine: Engine) -> None:
    job_id = await speak(engine, "[hold:never] " + PROSE)
    async with engine.socket(f"/stream/{job_id}") as socket:
        events = [await next_event(socket), await next_event(socket)]

        await engine.post("/cancel", {"job_id": job_id})

        events += [await next_event(socket)]
    assert [event["type"] for event in events] == ["JOB_STARTED", "AUDIO_CHUNK", "JOB_CANCELED"]
    assert audio_of(await engine.events(job_id)) == audio_of(events)
    partial, _ = soundfile.read(io.BytesIO(await engine.wav(job_id, partial="true")), dtype="int16")
    assert partial.tobytes() == audio_of(events)


async def test_canceling_twice_or_too_late_is_harmless(engine: Engine) -> None:
    done = await speak(engine, "Short.")
    await engine.events(done)
    held = await speak(engine, "[hold:never] Held for ever and a day, and no longer than that.")

    first = await engine.post("/cancel", {"job_id": held})
    second = await engine.post("/cancel", {"job_id": held})

    assert first == second == {"canceled": True}
    assert await engine.post("/cancel", {"job_id": done}) == {"canceled": False}


async def test_the_final_event_comes_after_the_file_and_the_row(engine: Engine) -> None:
    job_id = await render(engine, PROSE)
    async with engine.socket(f"/stream/{job_id}") as socket:
        while (await next_event(socket))["type"] != "JOB_DONE":
            pass

        job = await engine.get(f"/jobs/{job_id}")

        assert job["status"] == "completed"
        assert len(await engine.wav(job_id)) > 44


async def test_a_paused_render_goes_on_where_it_stopped(engine: Engine) -> None:
    text = "[hold:one] First. " + "More of it, and more. " * 60
    undisturbed = await render(engine, text.replace("[hold:one]", "[hold:two]"), seed=7)
    engine.release("two")
    await engine.ended(undisturbed)
    job_id = await render(engine, text, seed=7)
    await engine.until(job_id, "running")

    paused = await engine.post(f"/jobs/{job_id}/pause")

    assert paused["status"] == "paused"
    engine.release("one")
    resumed = await engine.post(f"/jobs/{job_id}/resume")
    assert resumed["status"] == "queued"
    assert (await engine.ended(job_id))["status"] == "completed"


async def test_a_failed_job_says_why_and_can_be_tried_again(engine: Engine) -> None:
    text = "Fine so far. " * 50 + "\n\n[length:before] Then it fails." + "\n\n[error] "
    job_id = await render(engine, text)

    job = await engine.ended(job_id)

    assert job["status"] == "failed"
    assert job["error"]["code"] == "INFERENCE_FAILED"
    assert "asked to fail" in job["error"]["message"]
    assert (await engine.events(job_id))[-1]["error"]["code"] == "INFERENCE_FAILED"
    again = await engine.post(f"/jobs/{job_id}/retry")
    assert again["status"] == "queued"
    assert again["progress"]["chunks_done"] == job["progress"]["chunks_done"] > 0
    assert (await engine.ended(job_id))["status"] == "failed"


async def test_a_take_that_ends_at_the_limit_is_spoken_again_with_another_seed(engine: Engine) -> None:
    job_id = await render(engine, "[length:tired] A sentence that runs away the first time it is spoken.")

    job = await engine.ended(job_id)

    chunk = (await engine.get(f"/jobs/{job_id}/chunks"))["chunks"][0]
    assert job["status"] == "completed"
    assert chunk["attempts"] == 1
    assert chunk["finish_reason"] == "stop"


async def test_a_worker_that_dies_costs_nothing(engine: Engine) -> None:
    text = "[die:killed] " + PROSE
    engine.release("killed")
    calm = await render(engine, text, seed=3)
    await engine.ended(calm)
    heard_calmly = await engine.events(await speak(engine, text, seed=3))

    (engine.control / "killed").unlink()
    disturbed = await render(engine, text, seed=3)
    await engine.ended(disturbed)
    (engine.control / "killed").unlink()
    heard = await engine.events(await speak(engine, text, seed=3))

    assert (engine.control / "killed").exists(), "the fake did not kill its worker"
    assert await engine.wav(disturbed) == await engine.wav(calm)
    assert audio_of(heard) == audio_of(heard_calmly)


async def test_a_chunk_that_always_kills_the_worker_fails_its_job_and_no_other(engine: Engine) -> None:
    poison = await render(engine, "[die] Nobody survives this sentence, which is quite long enough.")
    others = [await render(engine, f"Number {number} is harmless.") for number in range(5)]

    job = await engine.ended(poison)

    assert job["status"] == "failed"
    assert job["error"]["code"] == "INFERENCE_FAILED"
    assert "3 times" in job["error"]["message"]
    assert {(await engine.ended(other))["status"] for other in others} == {"completed"}


async def test_history_can_be_paged_to_its_end_while_jobs_run(engine: Engine) -> None:
    jobs = [await render(engine, f"Number {number}.", tags=["page"]) for number in range(45)]

    seen: list[str] = []
    page = await engine.get("/jobs", params={"limit": 10, "tag": "page"})
    while True:
        seen += [job["job_id"] for job in page["jobs"]]
        assert len(seen) <= len(jobs), "a page repeats what was on the one before"
        await render(engine, "One more comes in between.", tags=["page"])
        if page["next_cursor"] is None:
            break
        page = await engine.get("/jobs", params={"limit": 10, "tag": "page", "cursor": page["next_cursor"]})

    assert seen == jobs[::-1]


async def test_a_subscriber_that_never_reads_does_not_hold_up_the_others(engine: Engine) -> None:
    job_id = await speak(engine, "[long] " * 1 + PROSE * 20)
    async with engine.socket(f"/stream/{job_id}") as silent:
        heard = await engine.events(job_id)

        assert heard[-1]["type"] == "JOB_DONE"
        silent.transport.abort()
    assert (await engine.ended(job_id))["status"] == "completed"


async def test_an_interrupted_render_goes_on_after_a_restart(start: Starter) -> None:
    text = PROSE + "\n\n[hold:gate] The end is held back."
    async with start() as first:
        first.release("gate")
        calm = await render(first, text, seed=11)
        await first.ended(calm)
        expected = await first.wav(calm)
        (first.control / "gate").unlink()
        job_id = await render(first, text, seed=11)
        listener = await speak(first, "[hold:never] Nobody will hear the end of this.")
        with anyio.fail_after(30):
            while (await first.get(f"/jobs/{job_id}"))["progress"]["chunks_done"] < 3:
                await anyio.sleep(0.02)

    async with start() as second:
        assert (await second.get(f"/jobs/{listener}"))["error"]["code"] == "ENGINE_RESTARTED"
        second.release("gate")
        assert (await second.ended(job_id))["status"] == "completed"
        assert await second.wav(job_id) == expected


async def test_another_voice_sounds_different(engine: Engine) -> None:
    one = await render(engine, "Same words.", seed=1)
    two = (await engine.post("/jobs", {"voice_id": OTHER_VOICE_ID, "text": "Same words.", "seed": 1}, 201))[
        "job_id"
    ]
    await engine.ended(one)
    await engine.ended(two)

    assert await engine.wav(one) != await engine.wav(two)
