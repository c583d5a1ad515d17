"""A take that is much too short for its text is spoken again: no text is lost because the model stopped early."""

from itertools import accumulate

import pytest
from msgspec.structs import replace

from app.inference.model import Lane
from app.scheduler.attempts import chunk_seed
from app.store.rows import Job, JobStatus, Settings
from tests.scheduler.room import OpenRoom, Room, audio_of, chunk_pcm
from tests.support.fakes import SHORT_BYTES
from tests.support.pauses import loud, with_pauses

pytestmark = pytest.mark.anyio

FIRST, LAST = "The first paragraph is said to its end.", "And so is the last one, which is as long."
CUT = "Of this one the model says a word, and then it stops, as if that were all."
#: Seeds with which what the fake says of a chunk that is short ends with a quiet sample: by the chunk's place.
QUIET_END = {0: 147, 1: 53}
TOO_LITTLE = "the model gave 0.08 s of sound, which is too little for the text"


def codes(job: Job) -> list[tuple[object, object, object]]:
    return [(warning["code"], warning["chunk_index"], warning["message"]) for warning in job.warnings]


async def test_a_render_of_which_a_take_was_too_short_has_all_of_the_text(room: Room) -> None:
    job_id = await room.submit(FIRST, f"[short:once] {CUT}", LAST)

    await room.completed(job_id)

    assert codes(await room.job(job_id)) == [("CHUNK_REFUSED", 1, TOO_LITTLE)]
    assert await room.wav(job_id) == await room.expected(job_id)
    assert [part.attempts for part in await room.parts.stores.chunks.list(await room.job(job_id))] == [0, 1, 0]


async def test_a_chunk_that_is_always_too_short_fails_its_job(room: Room) -> None:
    job_id = await room.submit(FIRST, f"[short] {CUT[:-1]}, [short] {CUT}", settings=Settings(max_chars=400))

    job = await room.ended(job_id)

    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.error.code == "INFERENCE_FAILED"
    assert TOO_LITTLE in job.error.message
    assert codes(job) == [("CHUNK_REFUSED", 1, TOO_LITTLE)] * 3


async def test_where_the_whole_was_too_short_twice_it_is_spoken_in_halves(room: Room) -> None:
    beginning, rest = "[short] Hm, so it is.", "They came home then."  # too few words to say that these were cut

    job_id = await room.submit(f"{beginning} {rest}")

    await room.completed(job_id)
    said = [step.text for step in room.steps() if step.what == "add"]
    assert said == [f"{beginning} {rest}"] * 2 + [beginning, rest]
    assert len(codes(await room.job(job_id))) == 2


@pytest.mark.parametrize("lane", list(Lane))
async def test_a_gap_is_left_where_gaps_are_allowed(room: Room, lane: Lane) -> None:
    settings = Settings(max_chars=400, allow_gaps=True)
    text = (FIRST, f"[short] {CUT[:-1]}, [short] {CUT}", LAST)

    job_id = await room.submit(*text, lane=lane, settings=settings)

    await room.completed(job_id)
    job = await room.job(job_id)
    refused = [] if lane is Lane.SPEAK else [("CHUNK_REFUSED", 1, TOO_LITTLE)] * 2
    assert codes(job) == [*refused, ("CHUNK_MISSING", 1, TOO_LITTLE)]
    first, gap, last = await room.parts.stores.chunks.list(job)
    assert [part.state for part in (first, gap, last)] == ["done", "gap", "done"]
    # What somebody has heard of it by then cannot be taken back, and is followed by a pause like any sound.
    wav = await room.wav(job_id)
    said = [
        chunk_pcm(job, "\n\n".join(text), part) for part in (first, replace(gap, attempts=gap.attempts - 1), last)
    ]
    said[1] = said[1][:SHORT_BYTES] if lane is Lane.SPEAK else b""
    chunks = with_pauses(zip(said, (650, 650, 0), strict=True))
    assert wav == b"".join(chunks)
    assert [part.end_sample for part in (first, gap, last)] == list(accumulate(len(chunk) // 2 for chunk in chunks))
    assert audio_of(await room.events(job_id)) == wav


@pytest.mark.parametrize(("place", "seed"), QUIET_END.items())
async def test_what_a_listener_heard_is_said_again_from_its_start_when_the_job_is_retried(
    open_room: OpenRoom, place: int, seed: int
) -> None:
    """With another seed it is another take: the rest of that would not fit to the part that was heard. Its silence
    at the end is a part of the pause.
    """
    parts = [FIRST, LAST]
    parts.insert(place, f"[short:once] [hold:gate] {CUT}")
    async with open_room() as room:
        job_id = await room.submit(*parts, lane=Lane.SPEAK, seed=seed)
        assert (await room.ended(job_id)).status is JobStatus.FAILED
        await room.retry(job_id)
        await room.started(job_id)

    async with open_room() as room:  # that it was restarted in between makes no difference
        room.release("gate")
        await room.retry(job_id)
        await room.completed(job_id)

        job, rows = await room.job(job_id), await room.parts.stores.chunks.list(await room.job(job_id))
        said = [chunk_pcm(job, "\n\n".join(parts), row) for row in rows]
        refused = replace(rows[place], attempts=0, seed=chunk_seed(job.seed, place, 0))
        heard = chunk_pcm(job, "\n\n".join(parts), refused)[:SHORT_BYTES]
        assert loud(heard)[-1] + 1 < len(heard) // 2
        said.insert(place, heard)
        pauses = [650, 650]
        pauses.insert(place, 320)
        wav = await room.wav(job_id)
        assert wav == b"".join(with_pauses(zip(said, [*pauses[:3], 0], strict=True)))
        assert audio_of(await room.events(job_id)) == wav


async def test_after_a_restart_the_next_attempt_goes_on_where_the_short_take_was_refused(
    open_room: OpenRoom,
) -> None:
    async with open_room() as room:
        job_id = await room.submit(FIRST, f"[short:once] [hold:gate] {CUT}", LAST)
        await room.until(job_id, lambda job: bool(job.warnings))

    async with open_room() as room:
        room.release("gate")
        await room.completed(job_id)

        job = await room.job(job_id)
        assert codes(job) == [("CHUNK_REFUSED", 1, TOO_LITTLE)]
        assert await room.wav(job_id) == await room.expected(job_id)
        assert [part.attempts for part in await room.parts.stores.chunks.list(job)] == [0, 1, 0]


async def test_a_model_that_itself_speaks_slowly_is_expected_to_take_longer(open_room: OpenRoom) -> None:
    text = "The first paragraph is said to its end, and so is the rest."  # by the fake in 1.2 s, whatever the rate
    for native in (frozenset[str](), frozenset({"rate"})):
        async with open_room(native=native) as room:
            job = await room.ended(await room.submit(text, settings=Settings(rate=0.5)))

            assert job.status is (JobStatus.FAILED if native else JobStatus.COMPLETED)
            assert bool(codes(job)) == bool(native)
