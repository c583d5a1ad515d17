"""`WS /v1/speak`: texts that are spoken while they are being written."""

import json
import struct
from collections.abc import Awaitable, Callable
from itertools import pairwise
from random import Random

import anyio
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app import SAMPLE_RATE
from app.api.contexts import MAX_SOCKET_CONTEXTS
from app.scheduler.fairness import MAX_ACTIVE
from app.store.rows import ChunkRow
from app.usecases import contexts
from app.usecases.contexts import MAX_CONTEXT_CHARS
from tests.api.asking import speak
from tests.api.speaking import speaking
from tests.conftest import Starter
from tests.support.client import PATIENCE_S, Engine, audio_of
from tests.support.fakes import VOICE_ID

pytestmark = pytest.mark.anyio

FIRST, SECOND = "The first sentence is this one. ", "Another one comes after it, and it is longer. "
REST = "The last of them has some silence [rest:40]. Yes.\n\nHere a paragraph begins, and ends."
TEXT = FIRST + SECOND + REST


async def kept(engine: Engine, job_id: str) -> tuple[str, list[ChunkRow]]:
    """The text of a job and its chunks, as they are in the database."""
    stores = engine.parts.stores
    job = await stores.jobs.get(job_id)
    return await stores.jobs.text(job), await stores.chunks.list(job)


async def spoken_chars(engine: Engine, job_id: str) -> int:
    return (await engine.get(f"/jobs/{job_id}"))["progress"]["characters_done"]


async def test_the_first_sentence_is_spoken_before_the_text_is_complete(shared: Engine) -> None:
    async with speaking(shared) as client:
        job_id = await client.open()
        await client.append(FIRST + "Another ")

        first = await client.until("AUDIO_CHUNK")
        before = await shared.get(f"/jobs/{job_id}")
        await client.append((SECOND + REST).removeprefix("Another "))
        await client.send("END")
        assert (await client.ended())["type"] == "JOB_DONE"

    job, (text, chunks) = await shared.get(f"/jobs/{job_id}"), await kept(shared, job_id)
    assert first["text_range"] == {"chunk_index": 0, "start_char": 0, "end_char": len(FIRST)}
    assert (before["status"], before["lane"]) == ("running", "speak")
    assert before["progress"]["characters_total"] == len(FIRST)
    assert (job["status"], text) == ("completed", TEXT)
    assert [chunk.start_char for chunk in chunks] == [0, *(chunk.end_char for chunk in chunks[:-1])]
    assert (await shared.wav(job_id)).endswith(heard := audio_of(client.of()))
    assert len(heard) // 2 == chunks[-1].end_sample


@pytest.mark.parametrize("seed", range(4))
async def test_it_does_not_matter_how_a_text_comes(shared: Engine, seed: int) -> None:
    places = sorted(Random(seed).sample(range(1, len(TEXT)), 12))
    parts = [TEXT[start:end] for start, end in pairwise([0, *places, len(TEXT)])]

    async with speaking(shared) as client:
        jobs = [await client.open("whole"), await client.open("parts")]
        await client.append(TEXT, "whole")
        for part in parts:
            await client.append(part, "parts")
            await anyio.lowlevel.checkpoint()
        for name in ("whole", "parts"):
            await client.send("END", name)
        assert [(await client.ended(name))["type"] for name in ("whole", "parts")] == ["JOB_DONE"] * 2

    (text, whole), (same, chunks) = [await kept(shared, job_id) for job_id in jobs]
    assert text == same == TEXT
    assert chunks == whole
    assert audio_of(client.of("parts")) == audio_of(client.of("whole")) != b""


async def test_where_the_cuts_are_those_of_a_whole_text_the_audio_is_the_same(shared: Engine) -> None:
    text = "".join(f"Number {word} has more than half of what a chunk may have. " for word in ("one", "two", "six"))
    settings = {"chunking": {"max_chars": 100}}
    body = {"text": text, "voice_id": VOICE_ID, "seed": 7, "settings": settings}
    whole = (await shared.post("/speak", body))["job_id"]

    async with speaking(shared) as client:
        await client.open(settings=settings)
        for start in range(0, len(text), 7):
            await client.append(text[start : start + 7])
        await client.send("END")
        await client.ended()

    expected = await shared.events(whole)
    assert audio_of(client.of()) == audio_of(expected) != b""


async def test_a_cancel_forgets_what_was_not_sent(shared: Engine) -> None:
    async with speaking(shared) as client:
        job_id = await client.open()
        await client.append(
            "[hold:never] This is held in the middle of it. This is never begun. And what comes last is not"
        )
        await client.until("AUDIO_CHUNK")

        await client.send("CANCEL")

        end = await client.ended()
    job, (text, _) = await shared.get(f"/jobs/{job_id}"), await kept(shared, job_id)
    assert (end["type"], job["status"]) == ("JOB_CANCELED", "canceled")
    assert text == "[hold:never] This is held in the middle of it. This is never begun. "
    assert job["progress"]["chunks_done"] == 0
    partial = await shared.wav(job_id, partial="true")
    heard = audio_of(client.of())
    assert heard
    assert partial.endswith(heard)


async def test_a_canceled_context_makes_room_for_one_of_the_same_name(shared: Engine) -> None:
    async with speaking(shared) as client:
        first = await client.open()
        await client.append("[hold:never] It is held. ")
        await client.send("FLUSH")
        await client.until("AUDIO_CHUNK")
        await client.send("CANCEL")

        second = await client.open()
        await client.append("It is spoken.")
        await client.send("END")
        end = await client.until("JOB_DONE")

    assert end["job_id"] == second
    assert (await shared.ended(first))["status"] == "canceled"


async def test_contexts_of_one_socket_do_not_wait_for_each_other(shared: Engine) -> None:
    async with speaking(shared) as client:
        await client.open("held")
        await client.append("[hold:side] It is held for a while. It goes on ", "held")
        await client.until("AUDIO_CHUNK", context_id="held")
        await client.open("quick")
        await client.append("It is not held.", "quick")
        await client.send("END", "quick")
        await client.ended("quick")

        shared.release("side")
        await client.append("after that.", "held")
        await client.send("END", "held")
        await client.ended("held")

    assert [event["text_range"]["start_char"] for event in client.of("quick") if "text_range" in event] == [0]
    assert client.of("held")[-1]["type"] == "JOB_DONE"


async def test_a_flush_speaks_what_there_is(shared: Engine) -> None:
    async with speaking(shared) as client:
        job_id = await client.open()
        await client.append("Let me look that up for")
        await client.send("FLUSH")
        first = await client.until("AUDIO_CHUNK")
        await client.append(" you. It is this.")
        await client.send("END")
        await client.ended()

    assert first["text_range"]["end_char"] == len("Let me look that up for")
    assert (await kept(shared, job_id))[0] == "Let me look that up for you. It is this."


@pytest.mark.parametrize("text", ["", " \n "])
async def test_a_context_without_words_ends_without_audio(shared: Engine, text: str) -> None:
    async with speaking(shared) as client:
        job_id = await client.open()
        await client.append(text)
        await client.send("END")
        end = await client.ended()

    job = await shared.get(f"/jobs/{job_id}")
    assert (end["type"], job["status"], job["progress"]["audio_seconds"]) == ("JOB_DONE", "completed", 0.0)
    assert await kept(shared, job_id) == (text, (await kept(shared, job_id))[1])


async def test_binary_messages_name_their_context_by_its_number(shared: Engine) -> None:
    async with speaking(shared, "?format=binary") as client:
        await client.open("other")
        await client.open("mine")
        await client.append(FIRST, "mine")
        await client.send("END", "mine")
        messages: list[bytes] = []
        while True:
            message = await client.socket.recv()
            if isinstance(message, bytes):
                messages.append(message)
            elif json.loads(message)["type"] == "JOB_DONE":
                break

    header = struct.unpack("<4sIIIIII", messages[0][:28])
    assert header == (b"Q3C1", 2, 1, 0, 0, len(FIRST), SAMPLE_RATE)
    assert all(message.startswith(b"Q3C1") for message in messages)


async def test_contexts_that_wait_for_text_keep_nobody_out(shared: Engine) -> None:
    async with speaking(shared) as client:
        for number in range(MAX_ACTIVE):
            await client.open(str(number))
            await client.append("It has begun. And then", str(number))
            await client.until("AUDIO_CHUNK", context_id=str(number))

        job_id = await speak(shared, "It has room.")

        assert (await shared.ended(job_id))["status"] == "completed"


async def test_a_client_that_reads_nothing_slows_its_own_contexts_alone(shared: Engine) -> None:
    sentence = "They walked to the harbour, and nobody said a word about it to them. "
    async with speaking(shared) as slow, speaking(shared) as quick:
        job_id = await slow.open()
        for _ in range(6):
            await slow.append(sentence * 100)
        await slow.send("END")
        await slow.until("AUDIO_CHUNK")

        await quick.open()
        await quick.append(FIRST)
        await quick.send("END")
        assert (await quick.ended())["type"] == "JOB_DONE"

        before = -1
        with anyio.fail_after(PATIENCE_S):  # until it gets no further
            while (now := await spoken_chars(shared, job_id)) != before or now == 0:
                before = now
                await anyio.sleep(0.3)
        assert 0 < now < 300 * len(sentence)
        await slow.send("CANCEL")


async def test_a_lost_socket_cancels_its_jobs(shared: Engine) -> None:
    async with speaking(shared) as client:
        waiting, held, done = await client.open("waiting"), await client.open("held"), await client.open("ended")
        await client.append("It has begun. And then", "waiting")
        await client.until("AUDIO_CHUNK", context_id="waiting")
        await client.append("[hold:never] It is held. It goes on", "held")
        await client.append("[hold:never] It is held, and its text has ended.", "ended")
        await client.send("END", "ended")
        await client.until("AUDIO_CHUNK", context_id="ended")

    assert [(await shared.ended(job_id))["status"] for job_id in (waiting, held, done)] == ["canceled"] * 3


async def test_a_job_that_somebody_else_cancels_ends_its_context(shared: Engine) -> None:
    async with speaking(shared) as client:
        job_id = await client.open()
        await client.append("It has begun. And then")
        await client.until("AUDIO_CHUNK")
        await shared.post("/cancel", {"job_id": job_id})
        assert (await client.ended())["type"] == "JOB_CANCELED"

        await client.append("something else.")
        error = await client.until("ERROR")

    assert error["error"]["code"] == "INVALID_REQUEST"
    assert "no context 'a' is open" in error["error"]["message"]


async def test_a_context_that_was_paused_goes_on_with_what_came_meanwhile(shared: Engine) -> None:
    async with speaking(shared) as client:
        job_id = await client.open()
        await client.append(FIRST + "Another ")
        await client.until("AUDIO_CHUNK")
        await shared.post(f"/jobs/{job_id}/pause")
        await client.append((SECOND + REST).removeprefix("Another "))
        await shared.post(f"/jobs/{job_id}/resume")
        await client.send("END")
        assert (await client.ended())["type"] == "JOB_DONE"
        await client.open("again")
        await client.append(TEXT, "again")
        await client.send("END", "again")
        await client.ended("again")

    assert (await kept(shared, job_id))[0] == TEXT
    assert audio_of(client.of()) == audio_of(client.of("again"))


async def test_an_engine_that_stops_fails_the_job_and_a_retry_speaks_what_text_there_is(start: Starter) -> None:
    async with start() as engine, speaking(engine) as client:
        job_id = await client.open()
        await client.append(FIRST + SECOND + "And what is not certain")
        await client.until("JOB_PROGRESS")
        await engine.parts.scheduler.shut_down()
        assert (await client.ended())["error"]["code"] == "ENGINE_RESTARTED"

    async with start() as engine:
        assert (await engine.get(f"/jobs/{job_id}"))["status"] == "failed"
        await engine.post(f"/jobs/{job_id}/retry")
        assert (await engine.ended(job_id))["status"] == "completed"
        text, chunks = await kept(engine, job_id)

    assert text == FIRST + SECOND
    assert [chunk.state for chunk in chunks] == ["done"] * len(chunks)


async def test_what_was_written_is_found_by_its_words(shared: Engine) -> None:
    async with speaking(shared) as client:
        job_id = await client.open()
        await client.append("The first sentence is about a lighthouse. ")
        await client.append("The second tells of xylophones. And ")
        await client.until("AUDIO_CHUNK")
        await client.send("END")
        await client.ended()

    for words in ("lighthouse", "xylophones"):
        found = await shared.get("/jobs", params={"text": words})
        assert [job["job_id"] for job in found["jobs"]] == [job_id]


BAD = [
    ("{", "", "the message is no JSON that can be read"),
    ('{"type": "OPEN", "context_id": ' + "[" * 20_000, "", "the message is nested too deeply"),
    ('{"type": "APPEND", "context_id": "c", "text": "\\ud83d"}', "", "half of a surrogate pair"),
    ("[]", "", "Expected `object`"),
    ("{}", "type", "it is missing"),
    ('{"type": "SING", "context_id": "a"}', "type", "send OPEN, APPEND, FLUSH, END, CANCEL"),
    ('{"type": "OPEN"}', "context_id", "it is missing"),
    ('{"type": "OPEN", "context_id": ""}', "context_id", "length >= 1"),
    ('{"type": "OPEN", "context_id": 1}', "context_id", "Expected `str`"),
    ('{"type": "OPEN", "context_id": "b", "sped": 2}', "sped", "there is no such field"),
    ('{"type": "OPEN", "context_id": "b", "settings": {"rate": 9}}', "settings.rate", "<= 2.0"),
    ('{"type": "APPEND", "context_id": "a"}', "text", "it is missing"),
    ('{"type": "APPEND", "context_id": "a", "text": 1}', "text", "Expected `str`"),
    ('{"type": "APPEND", "context_id": "a", "text": "\\u0000"}', "text", "NUL"),
    ('{"type": "APPEND", "context_id": "zz", "text": "x"}', "context_id", "no context 'zz' is open; open are: 'a'"),
    ('{"type": "CANCEL", "context_id": "zz"}', "context_id", "no context 'zz' is open"),
]


@pytest.mark.parametrize(("message", "field", "why"), BAD)
async def test_a_message_that_is_wrong_is_answered_and_disturbs_nothing(
    shared: Engine, message: str, field: str, why: str
) -> None:
    named = next((name for name in ("a", "b", "zz", "") if f'"context_id": "{name}"' in message), None)
    async with speaking(shared) as client:
        await client.open()
        await client.socket.send(message)
        error = await client.until("ERROR", context_id=named)
        await client.append("It is spoken.")
        await client.send("END")
        assert (await client.ended())["type"] == "JOB_DONE"

    assert error["error"]["code"] == "INVALID_REQUEST"
    assert error["error"]["details"]["fields"][0]["field"] == field
    assert why in error["error"]["message"]


async def test_a_message_of_bytes_is_answered(shared: Engine) -> None:
    async with speaking(shared) as client:
        await client.socket.send(b"\x00")
        error = await client.until("ERROR", context_id=None)

    assert "this one is binary" in error["error"]["message"]


async def test_a_voice_that_does_not_exist_opens_nothing(shared: Engine) -> None:
    async with speaking(shared) as client:
        await client.send("OPEN", voice="nobody")
        error = await client.until("ERROR")
        await client.open()

    assert error["error"]["code"] == "VOICE_NOT_FOUND"


async def test_a_context_that_is_open_cannot_be_opened_again(shared: Engine) -> None:
    async with speaking(shared) as client:
        await client.open()
        await client.send("OPEN")
        error = await client.until("ERROR")

    assert error["error"]["code"] == "WRONG_STATE"


async def test_a_text_that_has_ended_takes_no_more(shared: Engine) -> None:
    async with speaking(shared) as client:
        await client.open()
        await client.append("[hold:never] It is held.")
        await client.send("END")
        await client.append("And more.")
        error = await client.until("ERROR")

    assert error["error"]["code"] == "WRONG_STATE"


async def test_a_socket_has_a_limit_of_contexts(shared: Engine) -> None:
    async with speaking(shared) as client:
        for number in range(MAX_SOCKET_CONTEXTS):
            await client.open(str(number))
        await client.send("OPEN", "one-too-many")
        error = await client.until("ERROR", context_id="one-too-many")

    assert error["error"]["code"] == "OVERLOADED"


async def test_all_sockets_together_have_a_limit_of_open_contexts(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contexts, "MAX_CONTEXTS", 2)
    async with speaking(engine) as one, speaking(engine) as other:
        await one.open("one")
        await other.open("two")
        await other.send("OPEN", "three")
        error = await other.until("ERROR", context_id="three")
        await one.send("CANCEL", "one")
        await one.ended("one")
        await other.open("three")

    assert error["error"]["code"] == "OVERLOADED"


async def test_the_text_of_a_context_has_a_limit(shared: Engine) -> None:
    piece = "a" * (MAX_CONTEXT_CHARS // 2)
    async with speaking(shared) as client:
        await client.open()
        await client.append(piece)
        await client.append(piece + "b")
        error = await client.until("ERROR")
        await client.append(piece)
        await client.send("CANCEL")
        assert (await client.until("JOB_CANCELED", "ERROR"))["type"] == "JOB_CANCELED"

    assert error["error"]["details"]["fields"][0]["field"] == "text"
    assert f"may have {MAX_CONTEXT_CHARS}" in error["error"]["message"]


async def test_a_client_that_makes_errors_and_reads_none_is_dropped(shared: Engine) -> None:
    async with speaking(shared) as client:
        with pytest.raises(ConnectionClosed):
            await forever(client.socket.send, "x" * 40)

    assert client.socket.close_code in (1006, 4408)


async def forever(send: Callable[[str], Awaitable[None]], message: str) -> None:
    while True:
        await send(message)


async def test_only_who_may_connect_may_speak(shared: Engine) -> None:
    url = f"ws://127.0.0.1:{shared.port}/v1/speak"
    with pytest.raises(InvalidStatus) as refusal:
        async with connect(url, proxy=None):
            pass

    assert refusal.value.response.status_code == 401
