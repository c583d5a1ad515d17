"""Between the chunks of a job there are pauses, whoever speaks them, and whatever happens meanwhile."""

import re

import pytest

from app.inference.model import Lane
from app.store.rows import JobStatus, Settings
from tests.scheduler.recorder import Step
from tests.scheduler.room import OpenRoom, Room, audio_of
from tests.support.pauses import silences

pytestmark = pytest.mark.anyio

both_lanes = pytest.mark.parametrize("lane", list(Lane))

TEXT = (
    "# A heading that is said",
    "The first paragraph. " + "It has sentences of which not all fit into one chunk. " * 3,
    "- an item\n- another item, which begins [rest:80] and ends with silence\n- and the last",
    "---",
    "After a rule there is a paragraph [rest:700] with more silence than any pause has.",
    "***\n\n***",
    "The last one is here.",
    "---",
)


def said(pcm: bytes) -> bytes:
    """Without the silence."""
    return re.sub(rb"\0{100,}", b"", pcm)


def pauses_in(pcm: bytes) -> list[int]:
    """The pauses, in whole milliseconds. The fake's noise has none of its own."""
    return [round(pause) for pause in silences(pcm, min_ms=20)]


async def canceled_and_retried(room: Room, job_id: str) -> bytes:
    """The whole audio of a job that is canceled before the gate opens; it begins with what was heard until then."""
    await room.parts.scheduler.cancel(job_id)
    heard = audio_of(await room.events(job_id))
    room.release("gate")

    await room.retry(job_id)

    await room.completed(job_id)
    wav = await room.wav(job_id)
    assert wav.startswith(heard)
    return wav


@both_lanes
async def test_a_boundary_has_its_pause(room: Room, lane: Lane) -> None:
    job_id = await room.submit(*TEXT, lane=lane)

    await room.completed(job_id)

    wav = await room.wav(job_id)
    # The take that brings 700 ms itself comes when 400 of 650 are there already.
    assert pauses_in(wav) == pytest.approx([900, 320, 320, 650, 450, 450, 400 + 700, 700], abs=1)
    assert wav == await room.expected(job_id) == audio_of(await room.events(job_id))
    parts = await room.parts.stores.chunks.list(await room.job(job_id))
    assert [part.start_sample for part in parts] == [0, *(part.end_sample for part in parts[:-1])]
    assert parts[-1].end_sample == len(wav) // 2


async def test_both_lanes_have_the_same_audio(room: Room) -> None:
    jobs = [await room.submit(*TEXT, lane=lane, seed=3) for lane in Lane]

    await room.completed(*jobs)

    assert await room.wav(jobs[0]) == await room.wav(jobs[1])


@pytest.mark.parametrize("chunk", [1, 4, *(pytest.param(chunk, marks=pytest.mark.long) for chunk in (2, 3, 5, 6))])
async def test_a_render_that_goes_on_after_a_restart_has_the_same_pauses(open_room: OpenRoom, chunk: int) -> None:
    text = [f"{number}. Between these there are pauses [rest:{40 * number}]." for number in range(7)]
    async with open_room() as room:
        calm = await room.submit(*text, seed=5)
        await room.completed(calm)
        ends = [part.end_sample for part in await room.parts.stores.chunks.list(await room.job(calm))]
        text[chunk] += " [hold:gate]"
        job_id = await room.submit(*text, seed=5)
        await room.until(job_id, lambda job: job.chunks_done == chunk)
    async with open_room() as room:
        room.release("gate")

        await room.completed(job_id)

        assert await room.wav(job_id) == await room.expected(job_id)
        parts = await room.parts.stores.chunks.list(await room.job(job_id))
        assert [part.end_sample for part in parts[:chunk]] == ends[:chunk]


async def test_a_listener_s_job_that_is_tried_again_goes_on_at_the_very_sample(room: Room) -> None:
    """It is stopped in the midst of a chunk before which a pause has been added, and another will come after it."""
    text = [
        "The first one.",
        "The second, which is [rest:100] longer than a frame. [hold:gate] It is.",
        "The third.",
    ]
    job_id = await room.submit(*text, lane=Lane.SPEAK, seed=5)
    async with room.parts.jobs.follow(job_id, after_seq=3) as events:  # of the second chunk
        await anext(events)

    wav = await canceled_and_retried(room, job_id)

    assert wav == await room.expected(job_id) == audio_of(await room.events(job_id))
    assert pauses_in(wav)[0] == 650


@both_lanes
@pytest.mark.parametrize(
    "volume", [0.0, 2.0, *(pytest.param(volume, marks=pytest.mark.long) for volume in (0.004, 0.3))]
)
async def test_the_pauses_do_not_depend_on_the_volume(room: Room, lane: Lane, volume: float) -> None:
    text = [f"Paragraph {number} [rest:{60 * number}] is here." for number in range(5)]

    plain, quiet = [
        await room.submit(*text, lane=lane, seed=1, settings=Settings(volume=chosen)) for chosen in (1.0, volume)
    ]

    await room.completed(plain, quiet)
    ends = [
        [part.end_sample for part in await room.parts.stores.chunks.list(await room.job(job_id))]
        for job_id in (plain, quiet)
    ]
    assert ends[0] == ends[1]


async def test_after_a_restart_they_do_not_either(open_room: OpenRoom) -> None:
    text = ["One [rest:300] is here.", "Two [rest:30] is here.", "[hold:gate] Three is here."]
    async with open_room() as room:
        job_id = await room.submit(*text, seed=1, settings=Settings(volume=0.0))
        await room.until(job_id, lambda job: job.chunks_done == 2)
    async with open_room() as room:
        room.release("gate")
        await room.completed(job_id)

        plain = await room.submit(*text, seed=1)
        await room.completed(plain)

        assert (await room.job(job_id)).samples == (await room.job(plain)).samples


@both_lanes
@pytest.mark.parametrize("rate", [0.5, 2.0])
async def test_at_another_rate_they_are_shorter_or_longer_as_the_words_are(
    room: Room, lane: Lane, rate: float
) -> None:
    job_id = await room.submit(*TEXT[:2], lane=lane, settings=Settings(rate=rate, max_chars=100))

    await room.completed(job_id)

    assert pauses_in(await room.wav(job_id)) == pytest.approx([900 / rate, 320 / rate, 320 / rate], abs=10)


async def test_the_halves_of_a_chunk_have_the_pause_between_them(room: Room) -> None:
    text = "[short] Hm, so it is. They came home then."

    job_id = await room.submit("Before it.", text)

    await room.completed(job_id)
    assert [step.text for step in room.steps() if step.what == "add"][-2:] == [
        "[short] Hm, so it is.",
        "They came home then.",
    ]
    assert pauses_in(await room.wav(job_id)) == [650, 320]


async def test_around_a_gap_there_is_one_pause_and_it_is_the_longer(room: Room) -> None:
    settings = Settings(allow_gaps=True)
    texts = ["# A heading\n\n[empty] Nothing.\n\nA word.", "# A heading\n\n- [empty] Nothing.\n- A word."]

    jobs = [
        await room.submit(text, settings=settings) for text in [*texts, "- A word.\n- [empty] Nothing.\n\nA word."]
    ]

    await room.completed(*jobs)
    assert [pauses_in(await room.wav(job_id)) for job_id in jobs] == [[900], [900], [650]]


async def test_a_first_chunk_of_which_nothing_is_heard_has_no_pause_after_it(room: Room) -> None:
    job_id = await room.submit("[empty] Nothing.\n\n---\n\nA word.", settings=Settings(allow_gaps=True))

    await room.completed(job_id)

    assert (await room.job(job_id)).status is JobStatus.COMPLETED
    assert pauses_in(await room.wav(job_id)) == []
    assert any((await room.wav(job_id))[:100])


@pytest.mark.parametrize("before", [[], ["The first paragraph."]])
async def test_a_listener_hears_all_of_a_chunk_whose_first_take_was_silent(room: Room, before: list[str]) -> None:
    job_id = await room.submit(*before, "[mute:once] This will be heard.", "And this.", lane=Lane.SPEAK, seed=4)

    await room.completed(job_id)

    job = await room.job(job_id)
    assert [warning["code"] for warning in job.warnings] == ["CHUNK_REFUSED"]
    assert said(await room.wav(job_id)) == said(await room.expected(job_id))


async def test_it_does_so_when_the_job_is_stopped_after_that(room: Room) -> None:
    text = "[mute:once] This will be heard, [hold:gate] and it is longer."
    job_id = await room.submit(text, "And this.", lane=Lane.SPEAK, seed=4)
    await room.until(job_id, lambda job: bool(job.warnings))
    await room.seen(Step("add", text))

    wav = await canceled_and_retried(room, job_id)

    assert said(wav) == said(await room.expected(job_id))
