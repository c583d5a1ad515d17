"""WebSocket clients that read slowly get all of it; those that read nothing are dropped, at the documented time."""

import asyncio
import json

import pytest

from app.engine import websocket
from app.engine.websocket import AcknowledgedWebSocket
from tests.api.asking import finished, render
from tests.support.client import Engine, audio_of
from tests.support.reading import proxy_to, read_all, read_at

pytestmark = pytest.mark.anyio

#: More than the sockets of the system hold.
MUCH = "\n\n".join(f"[long] Much audio, number {number}." for number in range(30))
#: Many times what may be sent without an answer.
SOME = "\n\n".join(MUCH.split("\n\n")[:3])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that waits for answers no longer than a test can."""
    monkeypatch.setattr(AcknowledgedWebSocket, "ping_interval_s", 0.1)
    monkeypatch.setattr(AcknowledgedWebSocket, "max_silence_s", 0.3)


@pytest.mark.usefixtures("impatient")
async def test_no_more_is_sent_than_fits_into_the_window_of_what_is_not_acknowledged(shared: Engine) -> None:
    job_id = await finished(shared, SOME)

    read = await read_all(shared.port, f"/stream/{job_id}", lambda ping: False)

    assert (read.code, read.reason) == (4408, "TOO_SLOW")
    sizes = [len(message) for message in read.messages]
    assert websocket.WINDOW_BYTES <= sum(sizes) < websocket.WINDOW_BYTES + max(sizes)


async def test_an_answer_to_a_ping_answers_those_before_it_as_well(shared: Engine) -> None:
    job_id = await finished(shared, SOME)

    read = await read_all(shared.port, f"/stream/{job_id}", lambda ping: ping % 3 == 2)

    assert read.code == 1000
    assert sum(map(len, read.messages)) > 20 * websocket.WINDOW_BYTES
    assert audio_of([json.loads(message) for message in read.messages]) == (await shared.wav(job_id))[44:]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("path", ["/stream/{}", "/events"])
async def test_a_client_that_answers_nothing_is_dropped_also_when_nothing_is_sent(
    shared: Engine, path: str
) -> None:
    job_id = await render(shared, "[hold:quiet] Nothing is said for a long time.")

    read = await read_all(shared.port, path.format(job_id), lambda ping: False)

    assert (read.code, read.reason) == (4408, "TOO_SLOW")
    shared.release("quiet")
    await shared.until(job_id, "completed")


@pytest.mark.usefixtures("impatient")
async def test_a_client_that_answers_stays_although_nothing_is_sent_for_long(shared: Engine) -> None:
    job_id = await render(shared, "[hold:long] Nothing is said for a long time.")
    pings: list[int] = []

    def answer(ping: int) -> bool:
        pings.append(ping)
        if len(pings) == 10:  # longer than any client may be silent
            shared.release("long")
        return True

    read = await read_all(shared.port, f"/stream/{job_id}", answer)

    assert read.code == 1000


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_for_minutes_a_client_may_read_at_the_speed_of_speech_or_slower(shared: Engine) -> None:
    job_id = await finished(shared, MUCH + "\n\n" + MUCH)
    async with proxy_to(shared.port) as proxy:
        readers = {
            (speed, format, via): asyncio.create_task(
                read_at(speed, shared.port, f"/stream/{job_id}?format={format}", seconds=120, proxy=via)
            )
            for speed in (0.5, 2.0)
            for format in ("json", "binary")
            for via in (None, proxy)
        }
        await asyncio.wait(readers.values())

    for (speed, *_), reader in readers.items():
        heard_s, code = reader.result()
        assert code is None
        assert heard_s == pytest.approx(120 * speed, abs=4)
