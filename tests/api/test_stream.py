"""`WS /v1/stream/{job_id}`: joining at any time, and the ways in which it ends."""

import json
import socket as plain_sockets
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import anyio
import pytest
from websockets.exceptions import InvalidStatus

from app.api import sockets, stream
from app.events import AudioChunk, AudioData, JobStarted, TextRange
from tests.api.asking import finished, full_lane, job_in, render, speak
from tests.api.following import no_socket_tasks, socket_tasks, until_closed
from tests.api.raw import AUTHORIZATION, UPGRADE, host, wire
from tests.conftest import Starter
from tests.support.client import PATIENCE_S, Engine, audio_of, next_event
from tests.support.fakes import VOICE_ID

pytestmark = pytest.mark.anyio

TEXT = "One paragraph, of which there are three.\n\nThe second one.\n\nThe third and last."


async def test_a_job_is_heard_the_same_before_it_starts_in_the_middle_and_after_its_end(shared: Engine) -> None:
    text = "Before the gate. " * 20 + "\n\n[hold:gate] After it. " + "And on. " * 30
    async with AsyncExitStack() as open_sockets:
        async with full_lane(shared):
            job_id = await render(shared, text)
            early = await open_sockets.enter_async_context(shared.socket(f"/stream/{job_id}"))
        while (await next_event(early))["type"] != "AUDIO_CHUNK":
            pass
        middle = await open_sockets.enter_async_context(shared.socket(f"/stream/{job_id}"))
        started = await next_event(middle)
        shared.release("gate")
        ends = [await until_closed(early), await until_closed(middle)]
    late = await shared.events(job_id)

    whole = audio_of(late)
    assert started["type"] == late[0]["type"] == "JOB_STARTED"
    assert audio_of(ends[1].events) == whole == (await shared.wav(job_id))[44:]
    assert whole.endswith(audio_of(ends[0].events))
    assert [end.code for end in ends] == [1000, 1000]
    assert [end.types[-1] for end in ends] == ["JOB_DONE", "JOB_DONE"]


@pytest.mark.parametrize("lane", ["speak", "render"])
async def test_every_number_to_come_back_with_gives_the_rest_and_no_more(shared: Engine, lane: str) -> None:
    job_id = await (speak if lane == "speak" else render)(shared, TEXT * 3)
    whole = await shared.events(job_id)
    chunks = [event for event in whole if event["type"] == "AUDIO_CHUNK"]

    assert [chunk["seq"] for chunk in chunks] == list(range(1, len(chunks) + 1))
    for after in range(1, len(chunks) + 1):
        rest = await shared.events(job_id, f"?after_seq={after}")

        assert [event for event in rest if event["type"] == "AUDIO_CHUNK"] == chunks[after:]
        assert rest[0]["type"] != "JOB_STARTED"
        assert rest[-1]["type"] == "JOB_DONE"


@pytest.mark.parametrize("after", [1_000, 2**31, 2**32 - 1])
async def test_a_client_that_has_more_than_there_is_gets_the_end_alone(shared: Engine, after: int) -> None:
    job_id = await finished(shared)

    events = await shared.events(job_id, f"?after_seq={after}")

    assert events == [{"type": "JOB_DONE", "job_id": job_id}]


async def test_a_client_that_has_more_than_there_is_of_a_running_job_waits_for_what_it_lacks(
    shared: Engine,
) -> None:
    job_id = await speak(shared, "[hold:beyond] It goes on for a while. " * 4 + "\n\nAnd on.\n\nUntil it is done.")
    async with shared.socket(f"/stream/{job_id}") as first:
        while (await next_event(first))["type"] != "AUDIO_CHUNK":
            pass
    async with shared.socket(f"/stream/{job_id}?after_seq=2") as socket:
        await shared.get("/health")

        shared.release("beyond")

        end = await until_closed(socket)
    assert audio_of(end.events) == audio_of(await shared.events(job_id, "?after_seq=2")) != b""
    assert next(event["seq"] for event in end.events if event["type"] == "AUDIO_CHUNK") == 3


@pytest.mark.parametrize(
    "query",
    [
        "after_seq=-1",
        "after_seq=4294967296",
        "after_seq=x",
        "after_seq=",
        "after_seq=1.5",
        "after_seq=NaN",
        "after_seq=99999999999999999999999999",
        "format=mp3",
        "format=",
        "format=BINARY",
    ],
)
async def test_a_parameter_that_is_wrong_is_refused_before_the_handshake(shared: Engine, query: str) -> None:
    job_id = await finished(shared)

    with pytest.raises(InvalidStatus) as refusal:
        async with shared.socket(f"/stream/{job_id}?{query}"):
            pass

    assert refusal.value.response.status_code == 400
    assert said(refusal.value)["code"] == "INVALID_REQUEST"
    assert "after_seq is a whole number" in said(refusal.value)["message"]
    (field,) = said(refusal.value)["details"]["fields"]
    assert field["field"] == query.partition("=")[0]


@pytest.mark.parametrize("path", ["no-uuid", "", "%00", "..%2f..", "1" * 36, "{}/x"])
async def test_an_invalid_job_id_is_refused_before_the_handshake(shared: Engine, path: str) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with shared.socket(f"/stream/{path.format(uuid4())}"):
            pass

    assert refusal.value.response.status_code == 404
    assert said(refusal.value)["code"] == "NOT_FOUND"


def said(refusal: InvalidStatus) -> dict[str, Any]:
    """The error in the body of the answer that came instead of a handshake."""
    return json.loads(refusal.response.body or b"{}")["error"]


async def test_an_unknown_job_is_reported_by_a_close_code_that_a_browser_sees(shared: Engine) -> None:
    job_id = str(uuid4())

    async with shared.socket(f"/stream/{job_id}") as socket:
        end = await until_closed(socket)

    assert (end.events, end.code, end.reason) == ([], 4404, "JOB_NOT_FOUND")
    assert not (shared.data_dir / "jobs" / job_id).exists()


async def test_a_job_starts_once_however_often_it_rests(shared: Engine) -> None:
    job_id = await render(shared, "[hold:rests] Held at first. " + "Then it goes on. " * 20)
    async with shared.socket(f"/stream/{job_id}") as socket:
        first = await next_event(socket)
        for _ in range(3):
            await shared.until(job_id, "running")
            await shared.post(f"/jobs/{job_id}/pause")
            await shared.post(f"/jobs/{job_id}/resume")
        shared.release("rests")

        end = await until_closed(socket)

    assert first == {"type": "JOB_STARTED", "job_id": job_id}
    assert "JOB_STARTED" not in end.types
    assert end.types[-1] == "JOB_DONE"


async def test_progress_is_news_of_what_is_done_and_never_goes_back(shared: Engine) -> None:
    job_id = await render(shared, TEXT.replace("The third", "[hold:news] The third"))
    async with shared.socket(f"/stream/{job_id}") as socket:
        events = [await next_event(socket)]
        while events[-1].get("progress", {}).get("chunks_done") != 2:
            events.append(await next_event(socket))
        job = await shared.get(f"/jobs/{job_id}")
        shared.release("news")
        events += (await until_closed(socket)).events

    done = [event["progress"]["chunks_done"] for event in events if event["type"] == "JOB_PROGRESS"]
    assert job["progress"]["chunks_done"] == 2
    assert done == sorted(done)
    assert done[-1] == 3
    assert [event["type"] for event in events[-2:]] == ["JOB_PROGRESS", "JOB_DONE"]
    last = events[-2]["progress"]
    assert (
        last["characters_done"]
        == last["characters_total"]
        == len(TEXT.replace("The third", "[hold:news] The third"))
    )
    assert last["audio_seconds"] == pytest.approx(len(audio_of(events)) / 48_000, abs=0.001)


async def test_a_chunk_of_audio_names_the_text_that_it_speaks(shared: Engine) -> None:
    job_id = await render(shared, "\U0001f600 First.\n\nSecond.")

    events = await shared.events(job_id)

    rows = (await shared.get(f"/jobs/{job_id}/chunks"))["chunks"]
    spoken = {event["text_range"]["chunk_index"]: event["text_range"] for event in events if "audio" in event}
    assert list(spoken.values()) == [
        {name: row[name] for name in ("chunk_index", "start_char", "end_char")} for row in rows
    ]


async def test_what_a_client_sends_means_nothing(shared: Engine) -> None:
    job_id = await speak(shared, "[hold:chatty] Nobody listens to a client here. " * 5)
    async with shared.socket(f"/stream/{job_id}") as socket:
        for number in range(100):
            await socket.send(f'{{"type": "CANCEL", "number": {number}}}')
            await socket.send(b"\0\xff" * 100)
        await socket.send("x" * 65_536)
        with anyio.fail_after(PATIENCE_S):
            await (await socket.ping())
        shared.release("chatty")

        end = await until_closed(socket)

    assert (end.types[-1], end.code) == ("JOB_DONE", 1000)


async def test_a_client_that_sends_too_much_at_once_is_dropped_and_the_job_goes_on(shared: Engine) -> None:
    job_id = await speak(shared, "[hold:flood] It goes on without that listener. " * 5)
    async with shared.socket(f"/stream/{job_id}") as socket:
        await socket.send("x" * 65_537)

        end = await until_closed(socket)

    shared.release("flood")
    assert end.code == 1009
    assert (await shared.ended(job_id))["status"] == "completed"


@pytest.mark.parametrize("frame", [b"\x81\x81\0\0\0\0\xff", b"\x83\x80\0\0\0\0", b"\x81\x01a", b"\xf1\x80\0\0\0\0"])
async def test_invalid_frames_end_that_connection_alone(shared: Engine, frame: bytes) -> None:
    async with job_in(shared, "running") as job_id:
        async with wire(shared) as connection:
            answer = await connection.ask(
                f"GET /v1/stream/{job_id} HTTP/1.1", host(shared), AUTHORIZATION, *UPGRADE
            )
            await connection.send(frame)

            assert answer.status == 101
            assert await connection.closed()
        assert (await shared.get(f"/jobs/{job_id}"))["status"] == "running"


async def test_listeners_that_vanish_leave_no_task(shared: Engine, caplog: pytest.LogCaptureFixture) -> None:
    async with job_in(shared, "running") as job_id:
        await no_socket_tasks()
        async with AsyncExitStack() as stack:
            opened = [
                await stack.enter_async_context(shared.socket(path))
                for path in [f"/stream/{job_id}", "/events", f"/stream/{uuid4()}"] * 5
            ]
            assert socket_tasks() >= 10

            for socket in opened:
                socket.transport.abort()

        await no_socket_tasks()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_listener_that_takes_nothing_is_dropped(shared: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = await finished(shared, "\n\n".join(f"[long] Much audio, number {number}." for number in range(30)))
    assert len(await shared.wav(job_id)) > 12_000_000, "it must be more than sockets hold"
    monkeypatch.setattr(sockets, "SEND_TIMEOUT_S", 0.05)
    monkeypatch.setattr(sockets, "CLOSE_TIMEOUT_S", 0.05)
    await no_socket_tasks()
    with plain_sockets.create_connection(("127.0.0.1", shared.port)) as silent:
        request = (f"GET /v1/stream/{job_id} HTTP/1.1".encode(), host(shared), AUTHORIZATION, *UPGRADE, b"", b"")
        silent.sendall(b"\r\n".join(request))
        assert (await anyio.to_thread.run_sync(silent.recv, 12)) == b"HTTP/1.1 101"

        await no_socket_tasks()

        assert (await shared.get(f"/jobs/{job_id}"))["status"] == "completed"


async def test_a_job_that_is_retried_while_somebody_still_reads_its_end_goes_on_for_whoever_comes_then(
    shared: Engine,
) -> None:
    much = "\n\n".join(f"[long] Much audio, number {number}." for number in range(30))
    job_id = await render(shared, f"{much}\n\n[hold:again] And the end of it.")
    with plain_sockets.create_connection(("127.0.0.1", shared.port)) as silent:
        request = (f"GET /v1/stream/{job_id} HTTP/1.1".encode(), host(shared), AUTHORIZATION, *UPGRADE, b"", b"")
        silent.sendall(b"\r\n".join(request))
        async with shared.socket(f"/stream/{job_id}") as socket:
            while (await next_event(socket)).get("progress", {}).get("chunks_done") != 30:
                pass
        await shared.post(f"/jobs/{job_id}/cancel")

        await shared.post(f"/jobs/{job_id}/retry")

        async with shared.socket(f"/stream/{job_id}?after_seq=1000000") as socket:
            await shared.until(job_id, "running")
            shared.release("again")
            end = await until_closed(socket)
    assert (end.types[-1], end.code) == ("JOB_DONE", 1000)


async def test_a_log_that_is_damaged_closes_the_socket_with_its_code(shared: Engine) -> None:
    job_id = await finished(shared)
    (shared.data_dir / "jobs" / job_id / "audio.idx").write_bytes(b"x" * 100)

    async with shared.socket(f"/stream/{job_id}") as socket:
        end = await until_closed(socket)

    assert (end.code, end.reason) == (1011, "STORAGE_FAILED")
    assert not {"AUDIO_CHUNK", "JOB_DONE"} & set(end.types)


async def test_a_defect_closes_the_socket_and_is_only_logged(
    shared: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = await finished(shared)

    def broken(*_: object, **__: object) -> str:
        raise RuntimeError("the canary")

    monkeypatch.setattr(stream.Encoded, "of", broken)
    async with shared.socket(f"/stream/{job_id}") as socket:
        end = await until_closed(socket)

    assert (end.events, end.code, end.reason) == ([], 1011, "INTERNAL")
    assert "the canary" in caplog.text


async def test_an_id_that_is_used_again_is_not_heard_as_what_it_was(shared: Engine) -> None:
    job_id = str(uuid4())
    heard: list[bytes] = []
    for text in ("The first text of this id.", "The second text of it."):
        await shared.put(f"/jobs/{job_id}", {"voice_id": VOICE_ID, "text": text})
        heard.append(audio_of(await shared.events(job_id)))
        assert heard[-1] == (await shared.wav(job_id))[44:]
        await shared.delete(f"/jobs/{job_id}")

    assert heard[0] != heard[1]


async def test_deleting_a_job_ends_its_listeners(shared: Engine) -> None:
    async with job_in(shared, "running") as job_id, shared.socket(f"/stream/{job_id}") as socket:
        await next_event(socket)

        await shared.delete(f"/jobs/{job_id}")

        end = await until_closed(socket)
    assert (end.types[-1], end.code) == ("JOB_CANCELED", 1000)


async def test_when_the_engine_stops_renders_can_be_followed_later_and_listeners_are_told(start: Starter) -> None:
    async with AsyncExitStack() as stack:
        async with start() as engine:
            rendered = await render(engine, "[hold:stop] A render is held. " + "It goes on. " * 30)
            spoken = await speak(engine, "[hold:stop] A listener waits.")
            waiting = await stack.enter_async_context(engine.socket(f"/stream/{rendered}"))
            listening = await stack.enter_async_context(engine.socket(f"/stream/{spoken}"))
            everything = await stack.enter_async_context(engine.socket("/events"))
            await engine.until(rendered, "running")
            await engine.until(spoken, "running")
        ends = [await until_closed(socket) for socket in (waiting, listening, everything)]

    assert (ends[0].code, ends[0].reason) == (1012, "ENGINE_STOPS")
    assert not {"JOB_DONE", "JOB_CANCELED", "JOB_ERROR"} & set(ends[0].types)
    assert (ends[1].types[-1], ends[1].code) == ("JOB_ERROR", 1000)
    assert ends[1].events[-1]["error"]["code"] == "ENGINE_RESTARTED"
    assert (ends[2].types[-1], ends[2].code) == ("JOB_ERROR", 1012)
    async with start() as engine:
        engine.release("stop")
        heard = await engine.events(rendered, "?after_seq=0")
        assert heard[-1]["type"] == "JOB_DONE"
        assert audio_of(heard) == (await engine.wav(rendered))[44:]


def test_a_chunk_is_encoded_once_for_all_who_hear_it_and_not_kept_for_ever() -> None:
    encoded = stream.Encoded(most=2)
    chunks = [
        AudioChunk(job_id="j", seq=seq, audio=AudioData(bytes([seq] * 4)), text_range=TextRange(0, 0, 1))
        for seq in (1, 2, 3)
    ]

    first = encoded.of(chunks[0], binary=False)

    assert encoded.of(chunks[0], binary=False) is first
    assert encoded.of(chunks[0], binary=True) != first
    encoded.of(chunks[1], binary=False)
    encoded.of(chunks[2], binary=False)
    again = encoded.of(chunks[0], binary=False)
    assert again == first
    assert again is not first
    assert encoded.of(JobStarted(job_id="j"), binary=True) == '{"type":"JOB_STARTED","job_id":"j"}'
