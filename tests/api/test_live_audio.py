"""`GET /v1/jobs/{id}/audio?live=true`: audio over plain HTTP while it is being spoken."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import anyio
import httpx
import pytest

from app.audio.export import stream_encoder
from app.audio.export.formats import Encoding, encoding
from app.audio.export.stream_encoder import StreamEncoder
from tests.api.asking import finished, render, speak
from tests.api.raw import AUTHORIZATION, host, wire
from tests.support.client import PATIENCE_S, Engine, audio_of

pytestmark = pytest.mark.anyio

LISTENERS = 100


def path(job_id: str, format: str) -> str:
    return f"/v1/jobs/{job_id}/audio?live=true&format={format}"


async def heard(engine: Engine, job_id: str, format: str) -> bytes:
    """All of it."""
    with anyio.fail_after(PATIENCE_S):
        response = await engine.http.get(path(job_id, format))
    assert response.status_code == 200, response.text
    return response.content


def encoded(pcm: bytes, format: str) -> bytes:
    encoder = StreamEncoder(encoding(format))
    return encoder.push(pcm) + encoder.finish()


@pytest.fixture
def encoders(monkeypatch: pytest.MonkeyPatch) -> list[Encoding]:
    """One entry for each encoder that is made."""
    made: list[Encoding] = []

    class Counted(StreamEncoder):
        def __init__(self, encoding: Encoding) -> None:
            made.append(encoding)
            super().__init__(encoding)

    monkeypatch.setattr(stream_encoder, "StreamEncoder", Counted)
    return made


@pytest.mark.parametrize("format", ["wav", "pcm", "mp3", "opus", "aac", "flac"])
async def test_a_finished_job_is_replayed_in_any_format(shared: Engine, format: str) -> None:
    job_id = await finished(shared, f"In {format}.")
    pcm = audio_of(await shared.events(job_id))

    content = await heard(shared, job_id, format)
    if format == "opus":  # each stream has a serial number of its own
        assert content.startswith(b"OggS")
    else:
        assert content == encoded(pcm, format)


async def test_a_listener_hears_what_was_said_before_it_came_and_then_what_is_said(shared: Engine) -> None:
    job_id = await speak(shared, "[hold:live] First this is said, and after a while the rest of it as well.")
    async with shared.http.stream("GET", path(job_id, "pcm")) as response:
        pieces = response.aiter_raw()
        before = await anext(pieces)
        assert (await shared.get(f"/jobs/{job_id}"))["status"] == "running"
        shared.release("live")
        pcm = before + b"".join([piece async for piece in pieces])

    assert response.headers["content-type"] == "audio/pcm"
    assert len(before) < len(pcm)
    assert pcm == audio_of(await shared.events(job_id))


async def test_a_render_is_heard_as_it_is_committed(shared: Engine) -> None:
    job_id = await render(shared, "One paragraph.\n\nAnd another one.")

    assert await heard(shared, job_id, "pcm") == audio_of(await shared.events(job_id))


async def test_the_end_of_a_listener_is_not_the_end_of_the_job(shared: Engine) -> None:
    job_id = await speak(shared, "[hold:left] It is said to its end, whoever stops listening to it.")
    async with shared.http.stream("GET", path(job_id, "mp3")) as response:
        await anext(response.aiter_raw())
    shared.release("left")

    assert (await shared.ended(job_id))["status"] == "completed"


async def test_a_hundred_listeners_share_one_encoder(shared: Engine, encoders: list[Encoding]) -> None:
    job_id = await speak(shared, "[hold:hundred] A hundred hear it, and it is encoded once for all of them.")
    line, came = f"GET {path(job_id, 'mp3')} HTTP/1.1", 0
    at_once = asyncio.Semaphore(32)

    async def listen() -> bytes:
        nonlocal came
        async with AsyncExitStack() as stack:
            async with at_once:  # of connections without a token there may be 64
                connection = await stack.enter_async_context(wire(shared))
                assert (await connection.ask(line, host(shared), AUTHORIZATION)).status == 200
            content = await connection.chunk()
            came += 1
            while chunk := await connection.chunk():
                content += chunk
            return content

    listeners = [asyncio.create_task(listen()) for _ in range(LISTENERS)]
    with anyio.fail_after(PATIENCE_S):
        while came < LISTENERS:
            await anyio.sleep(0.02)
        shared.release("hundred")
        (content,) = set(await asyncio.gather(*listeners))

    assert content == encoded(audio_of(await shared.events(job_id)), "mp3")
    assert [each.format for each in encoders] == ["mp3"]


async def test_the_next_listener_after_the_last_one_gets_an_encoder_of_its_own(
    shared: Engine, encoders: list[Encoding]
) -> None:
    job_id = await finished(shared, "Twice, one after the other.")

    assert await heard(shared, job_id, "mp3") == await heard(shared, job_id, "mp3")
    assert len(encoders) == 2


async def test_a_listener_that_does_not_read_holds_up_nobody(shared: Engine) -> None:
    job_id = await speak(shared, "It goes on and on. [long] And on and on. [long] " * 40)  # more than sockets hold
    async with shared.http.stream("GET", path(job_id, "pcm")) as slow:
        pieces = slow.aiter_raw()
        first = await anext(pieces)
        quick = await heard(shared, job_id, "pcm")
        assert (await shared.ended(job_id))["status"] == "completed"
        assert first + b"".join([piece async for piece in pieces]) == quick


async def test_ranges_and_tags_mean_nothing_while_audio_is_made(shared: Engine) -> None:
    job_id = await finished(shared, "All of it.")
    whole = await heard(shared, job_id, "pcm")
    part = await shared.http.get(path(job_id, "pcm"), headers={"Range": "bytes=0-9", "If-None-Match": "*"})
    head = await shared.http.head(path(job_id, "mp3"))

    assert (part.status_code, part.headers["accept-ranges"], part.content) == (200, "none", whole)
    assert (head.status_code, head.headers["content-type"], head.content) == (200, "audio/mpeg", b"")


async def test_a_job_that_fails_before_its_first_sound_answers_with_its_error(shared: Engine) -> None:
    failed = await shared.http.get(path(await speak(shared, "[error] Nothing."), "mp3"))
    missing = await shared.http.get(path("00000000-0000-4000-8000-000000000000", "mp3"))

    assert (failed.status_code, failed.json()["error"]["code"]) == (500, "INFERENCE_FAILED")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "JOB_NOT_FOUND")


@pytest.mark.parametrize("text", ["[length] It is not said to its end, whoever listens.", "[hold:never] Canceled."])
async def test_what_goes_wrong_after_the_first_sound_breaks_the_connection_off(shared: Engine, text: str) -> None:
    job_id = await speak(shared, f"{text} There are enough words for two frames of the fake.")
    async with shared.http.stream("GET", path(job_id, "pcm")) as response:
        pieces = response.aiter_raw()
        assert await anext(pieces)
        await shared.post("/cancel", {"job_id": job_id})
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            _ = [piece async for piece in pieces]


async def test_an_encoder_that_fails_is_a_defect_and_no_end(
    shared: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(encoding: Encoding) -> StreamEncoder:
        raise OSError("no such codec")

    monkeypatch.setattr(stream_encoder, "StreamEncoder", broken)
    response = await shared.http.get(path(await finished(shared), "mp3"))

    assert (response.status_code, response.json()["error"]["code"]) == (500, "INTERNAL")
    assert "codec" not in response.text


async def test_a_job_that_is_retried_is_encoded_anew(shared: Engine) -> None:
    text = "[length:again] It is said at the second attempt, and there are words enough for two frames."
    job_id = await speak(shared, text)
    with pytest.raises(httpx.RemoteProtocolError):
        await shared.http.get(path(job_id, "pcm"))
    await shared.until(job_id, "failed")
    await shared.post(f"/jobs/{job_id}/retry")

    assert await heard(shared, job_id, "pcm") == audio_of(await shared.events(job_id))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("live=true&format=m4a", "format"),
        ("live=true&partial=true", "partial"),
        ("format=aac", "format"),
        ("format=pcm", "format"),
        ("live=true&format=ogg", "format"),
    ],
)
async def test_what_cannot_be_had_is_refused_with_what_can(shared: Engine, query: str, field: str) -> None:
    answer: Any = await shared.get(f"/jobs/{await finished(shared)}/audio?{query}", 400)

    assert answer["error"]["details"]["fields"][0]["field"] == field
