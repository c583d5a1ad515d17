"""`WS /v1/audio/speech/stream`: texts that are spoken while they are being written, in the shape of vLLM-Omni."""

import json
from typing import Any

import anyio
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.client import PATIENCE_S, Engine, audio_of
from tests.support.fakes import VOICE_ID

pytestmark = pytest.mark.anyio

PATH = "/audio/speech/stream"
LIVE = {"response_format": "pcm", "stream_audio": True, "split_granularity": "sentence", "seed": 7}
FIRST, SECOND = "The first sentence is this one. ", "Another one comes after it, and is longer."


async def say(socket: ClientConnection, kind: str, **fields: Any) -> None:
    await socket.send(json.dumps({"type": kind, **fields}))


async def configure(socket: ClientConnection, **fields: Any) -> None:
    await say(socket, "session.config", voice=VOICE_ID, **fields)


async def heard(socket: ClientConnection, last: str = "session.done") -> list[Any]:
    """What comes, up to a message of that type: JSON, and bytes."""
    messages: list[Any] = []
    with anyio.fail_after(PATIENCE_S):
        while True:
            message = await socket.recv()
            messages.append(message if isinstance(message, bytes) else json.loads(message))
            if isinstance(message, str) and messages[-1]["type"] == last:
                return messages


def pcm_of(messages: list[Any]) -> bytes:
    return b"".join(message for message in messages if isinstance(message, bytes))


def told(messages: list[Any]) -> list[dict[str, Any]]:
    return [message for message in messages if isinstance(message, dict)]


async def test_sentences_are_sent_while_the_text_is_written(shared: Engine) -> None:
    async with shared.socket(PATH) as socket:
        await configure(socket, **LIVE)
        await say(socket, "input.text", text=FIRST + "Another ")
        early = await heard(socket, "audio.start")
        await say(socket, "input.text", text=SECOND.removeprefix("Another "))
        await say(socket, "input.done")
        messages = early + await heard(socket)

    start = {"utterance_index": 0, "format": "pcm", "sample_rate": 24_000, "channels": 1}
    done = {"type": "audio.done", "utterance_index": 0, "error": False}
    sizes = [message["total_bytes"] for message in told(messages) if message["type"] == "audio.done"]
    assert told(messages) == [
        {"type": "audio.start", "sentence_index": 0, "sentence_text": FIRST.strip(), **start},
        {"sentence_index": 0, "total_bytes": sizes[0], **done},
        {"type": "audio.start", "sentence_index": 1, "sentence_text": SECOND, **start},
        {"sentence_index": 1, "total_bytes": sizes[1], **done},
        {"type": "session.done", "utterance_index": 0, "total_sentences": 2},
    ]
    assert sum(sizes) == len(pcm_of(messages))
    (job,) = (await shared.get("/jobs", params={"limit": 1}))["jobs"]
    assert (job["lane"], job["status"]) == ("speak", "completed")
    assert audio_of(await shared.events(job["job_id"])) == pcm_of(messages)


async def test_utterances_follow_each_other_on_one_socket(shared: Engine) -> None:
    async with shared.socket(PATH) as socket:
        await configure(socket, **LIVE)
        for text in ("One.", "", "Three."):
            await say(socket, "input.text", text=text)
            await say(socket, "input.done")
        done = [told(await heard(socket))[-1] for _ in range(3)]
        await say(socket, "session.close")
        with anyio.fail_after(PATIENCE_S), pytest.raises(ConnectionClosed):
            await socket.recv()

    assert [(each["utterance_index"], each["total_sentences"]) for each in done] == [(0, 1), (1, 0), (2, 1)]
    assert socket.close_code == 1000


async def test_what_is_not_split_is_one_file(shared: Engine) -> None:
    async with shared.socket(PATH) as socket:
        await configure(socket, seed=7)
        await say(socket, "input.text", text=FIRST)
        await say(socket, "input.text", text=SECOND)
        await say(socket, "input.done")
        file = await heard(socket)
        await configure(socket, **{**LIVE, "split_granularity": "none"})
        await say(socket, "input.text", text=FIRST + SECOND)
        await say(socket, "input.done")
        stream = await heard(socket)

    assert [message["type"] for message in told(file)] == ["audio.start", "audio.done", "session.done"]
    assert told(file)[0]["sentence_text"] == told(stream)[0]["sentence_text"] == FIRST + SECOND
    assert "sample_rate" not in told(file)[0]
    (wav,) = [message for message in file if isinstance(message, bytes)]
    assert wav[:4] == b"RIFF"
    assert wav[44:] == pcm_of(stream)


async def test_a_failure_tells_to_discard_what_was_sent(shared: Engine) -> None:
    async with shared.socket(PATH) as socket:
        await configure(socket, **LIVE)
        await say(socket, "input.text", text="[length] This never ends as it should.")
        await say(socket, "input.done")
        failed = told(await heard(socket))
        await say(socket, "input.text", text="The next one is spoken.")
        await say(socket, "input.done")
        after = told(await heard(socket))

    error = next(message for message in failed if message["type"] == "error")
    assert (error["code"], error["partial_audio"], error["action"]) == ("INFERENCE_FAILED", True, "discard")
    assert failed[-2]["error"]
    assert [message["type"] for message in after] == ["audio.start", "audio.done", "session.done"]


async def test_a_lost_socket_cancels_what_is_spoken(shared: Engine) -> None:
    async with shared.socket(PATH) as socket:
        await configure(socket, **LIVE)
        await say(socket, "input.text", text="[hold:never] It is held. It goes")
        await heard(socket, "audio.start")
        (job,) = (await shared.get("/jobs", params={"limit": 1}))["jobs"]

    assert (await shared.ended(job["job_id"]))["status"] == "canceled"


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("{", "the message is no JSON that can be read"),
        ('{"type": "session.config", "voice": ' + "[" * 20_000, "the message is nested too deeply"),
        ('{"type": "input.text", "text": "\\ud83d"}', "half of a surrogate pair; send whole characters"),
        ('{"type": "session.config", "speed": 1e999}', "speed: Number out of range"),
        ('{"type": "input.text", "text": "x"}', "send session.config first"),
        ('{"type": "input.done"}', "send session.config first"),
        ('{"type": "sing"}', "send session.config, input.text, input.done, session.close"),
        ('{"type": "session.config", "voice": "nobody"}', "no voice"),
        ('{"type": "session.config", "ref_audio": "x"}', "ref_audio: there is no such field; there are model"),
        ('{"type": "session.config", "split_granularity": "clause"}', 'it can be "none" or "sentence"'),
        ('{"type": "session.config", "speed": 4}', "0.5 to 2.0"),
        ('{"type": "session.config", "stream_audio": true}', '"response_format": "pcm"'),
        ('{"type": "session.config", "task_type": "Base"}', "leave task_type out"),
    ],
)
async def test_a_message_that_is_wrong_is_answered(shared: Engine, message: str, why: str) -> None:
    async with shared.socket(PATH) as socket:
        await socket.send(message)
        (error,) = await heard(socket, "error")
        await configure(socket, ref_audio=None, **LIVE)
        await say(socket, "input.text", text="It is spoken.")
        await say(socket, "session.config")
        busy = told(await heard(socket, "error"))[-1]
        await say(socket, "input.done")
        await heard(socket)

    assert why in error["message"]
    assert busy["code"] == "WRONG_STATE"


async def test_a_socket_has_a_limit_of_utterances(shared: Engine) -> None:
    async with shared.socket(PATH) as socket:
        await configure(socket, **LIVE)
        for _ in range(9):
            await say(socket, "input.text", text="[hold:never] It is held.")
            await say(socket, "input.done")
        error = told(await heard(socket, "error"))[-1]

    assert error["code"] == "OVERLOADED"


async def test_only_who_may_connect_may_speak(shared: Engine) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with connect(f"ws://127.0.0.1:{shared.port}/v1{PATH}", proxy=None):
            pass

    assert refusal.value.response.status_code == 401
    assert json.loads(refusal.value.response.body or b"")["error"]["code"] == "invalid_api_key"
