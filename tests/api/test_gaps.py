"""`settings.allow_gaps`: what becomes of a job that has a chunk which cannot be spoken, in either lane."""

from collections.abc import Callable
from typing import Any

import pytest

from app.inference.model import Lane, Utterance, VoiceKind, VoiceSpec
from app.scheduler.attempts import chunk_seed, parts
from tests.api.asking import finished, render, speak
from tests.support.client import Engine, audio_of
from tests.support.fakes import FRAME_BYTES, fake_pcm
from tests.support.pauses import with_pauses

pytestmark = pytest.mark.anyio

SEED = 11
FIRST, LAST = "The first paragraph is fine.", "The last one is fine, too."
ALLOWED = {"allow_gaps": True}

#: What the fake does with a chunk, why it is a gap then, and what the job says of it.
REFUSALS = {
    "[empty]": ("stop", "no sound"),
    "[error]": ("error", "asked to fail"),
    "[length]": ("length", "limit"),
}

both_lanes = pytest.mark.parametrize("submit", [render, speak])
each_refusal = pytest.mark.parametrize("command", REFUSALS)


def said(text: str, index: int, *, attempt: int = 0, part: int = 0) -> bytes:
    """What the fake says for a chunk."""
    seed = chunk_seed(SEED, index, attempt, part)
    return fake_pcm(
        Utterance(text=text, voice=VoiceSpec(VoiceKind.PRESET, name="one"), lane=Lane.RENDER, seed=seed)
    )


def in_a_row(*takes: bytes) -> list[bytes]:
    """What takes become when each is a paragraph of its own; where nothing is heard, nothing is added."""
    return with_pauses((take, 0 if place == len(takes) - 1 else 650) for place, take in enumerate(takes))


def pages(*paragraphs: str) -> str:
    """A text with a chunk for each paragraph."""
    return "\n\n".join(paragraphs)


def codes(job: dict[str, Any]) -> list[tuple[str, int, int]]:
    """The job's warnings without their words."""
    return [(warning["code"], warning["chunk_index"], warning["attempt"]) for warning in job["warnings"]]


async def chunks_of(engine: Engine, job_id: str) -> list[dict[str, Any]]:
    return (await engine.get(f"/jobs/{job_id}/chunks"))["chunks"]


def heard_at_once(command: str, submit: Callable[..., Any]) -> bool:
    """Somebody has heard the beginning of the chunk by the time it is refused: it cannot be said again."""
    return command == "[length]" and submit is speak


@both_lanes
@each_refusal
@pytest.mark.parametrize("settings", [{}, {"allow_gaps": False}], ids=["by default", "if not allowed"])
async def test_a_job_with_a_chunk_that_cannot_be_spoken_fails(
    shared: Engine, command: str, submit: Callable[..., Any], settings: dict[str, Any]
) -> None:
    text = pages(FIRST, f"{command} Nobody will hear this.", LAST)
    attempts = 1 if heard_at_once(command, submit) else 3

    job_id = await submit(shared, text, seed=SEED, settings=settings)
    job = await shared.ended(job_id)

    assert (job["status"], job["error"]["code"]) == ("failed", "INFERENCE_FAILED")
    assert job["error"]["details"] == {"chunk_index": 1}
    assert REFUSALS[command][1] in job["error"]["message"]
    assert codes(job) == [("CHUNK_REFUSED", 1, attempt) for attempt in range(1, attempts + 1)]
    first, refused, last = await chunks_of(shared, job_id)
    assert (first["state"], refused["state"], last["state"]) == ("done", "pending", "pending")
    assert refused["attempts"] == attempts
    assert (await shared.get(f"/jobs/{job_id}/artifacts"))["artifacts"] == []
    heard = said(f"{command} Nobody will hear this.", 1)[:FRAME_BYTES] if heard_at_once(command, submit) else b""
    assert (await shared.wav(job_id, partial=True))[44:] == b"".join(in_a_row(said(FIRST, 0), heard))


@both_lanes
@each_refusal
async def test_where_gaps_are_allowed_it_is_left_out_and_the_others_are_whole(
    shared: Engine, command: str, submit: Callable[..., Any]
) -> None:
    hole = f"{command} Nobody will hear this."
    text = pages(FIRST, hole, LAST)
    attempts = 1 if heard_at_once(command, submit) else 3

    job_id = await submit(shared, text, seed=SEED, settings=ALLOWED)
    job = await shared.ended(job_id)

    assert (job["status"], job["error"]) == ("completed", None)
    assert job["settings"]["allow_gaps"] is True
    refused = [("CHUNK_REFUSED", 1, attempt) for attempt in range(1, attempts)]
    assert codes(job) == [*refused, ("CHUNK_MISSING", 1, attempts)]
    assert all(REFUSALS[command][1] in warning["message"] for warning in job["warnings"])
    first, gap, last = await chunks_of(shared, job_id)
    assert (first["state"], gap["state"], last["state"]) == ("done", "gap", "done")
    assert (first["attempts"], gap["attempts"], last["attempts"]) == (0, attempts, 0)
    assert (first["finish_reason"], last["finish_reason"]) == ("stop", "stop")
    assert gap["finish_reason"] == REFUSALS[command][0]
    # What somebody has heard of it by then cannot be taken back.
    heard = said(hole, 1)[:FRAME_BYTES] if heard_at_once(command, submit) else b""
    chunks = in_a_row(said(FIRST, 0), heard, said(LAST, 2))
    assert (await shared.wav(job_id))[44:] == b"".join(chunks)
    assert audio_of(await shared.events(job_id)) == b"".join(chunks)
    assert gap["start_seconds"] == first["end_seconds"] == len(chunks[0]) / 48_000
    assert gap["end_seconds"] == last["start_seconds"] == len(chunks[0] + chunks[1]) / 48_000
    progress = job["progress"]
    assert (progress["chunks_done"], progress["characters_done"]) == (3, len(text))


@both_lanes
async def test_a_job_that_allows_gaps_and_needs_none_is_like_any_other(
    shared: Engine, submit: Callable[..., Any]
) -> None:
    text = pages(FIRST, LAST)
    plain = await finished(shared, text, seed=SEED)

    job_id = await submit(shared, text, seed=SEED, settings=ALLOWED)
    job = await shared.ended(job_id)

    assert (job["status"], job["warnings"]) == ("completed", [])
    assert {chunk["state"] for chunk in await chunks_of(shared, job_id)} == {"done"}
    assert await shared.wav(job_id) == await shared.wav(plain)


async def test_a_chunk_that_is_spoken_at_the_second_attempt_is_not_a_gap(shared: Engine) -> None:
    text = "[length:second] Once more, and well."

    job_id = await render(shared, text, seed=SEED, settings=ALLOWED)
    job = await shared.ended(job_id)

    assert job["status"] == "completed"
    assert codes(job) == [("CHUNK_REFUSED", 0, 1)]
    (chunk,) = await chunks_of(shared, job_id)
    assert (chunk["state"], chunk["attempts"], chunk["finish_reason"]) == ("done", 1, "stop")
    assert (await shared.wav(job_id))[44:] == said(text, 0, attempt=1)


@both_lanes
async def test_a_third_attempt_of_which_one_half_is_refused_is_a_gap_with_what_was_heard(
    shared: Engine, submit: Callable[..., Any]
) -> None:
    hole = "The first half of this can be said, the second one cannot [empty]"
    half = parts(hole, 2)[0].spoken
    assert "[empty]" not in half

    job_id = await submit(shared, pages(FIRST, hole, LAST), seed=SEED, settings=ALLOWED)
    job = await shared.ended(job_id)

    assert job["status"] == "completed"
    assert codes(job) == [("CHUNK_REFUSED", 1, 1), ("CHUNK_REFUSED", 1, 2), ("CHUNK_MISSING", 1, 3)]
    assert [chunk["state"] for chunk in await chunks_of(shared, job_id)] == ["done", "gap", "done"]
    heard = said(half, 1, attempt=2) if submit is speak else b""
    # Its halves are clauses; and it has no full stop, so it ends as a heading does.
    takes = [(said(FIRST, 0), 650), (heard, 120), (b"", 900), (said(LAST, 2), 0)]
    assert (await shared.wav(job_id))[44:] == b"".join(with_pauses(takes))


@both_lanes
async def test_gaps_at_both_ends_and_side_by_side_are_each_told(shared: Engine, submit: Callable[..., Any]) -> None:
    text = pages("[empty] One.", "[error] Two.", FIRST, "[empty] Four.")

    job_id = await submit(shared, text, seed=SEED, settings=ALLOWED)
    job = await shared.ended(job_id)

    assert job["status"] == "completed"
    missing = [index for code, index, attempt in codes(job) if (code, attempt) == ("CHUNK_MISSING", 3)]
    assert sorted(missing) == [0, 1, 3]
    assert len(job["warnings"]) == 9
    assert [chunk["state"] for chunk in await chunks_of(shared, job_id)] == ["gap", "gap", "done", "gap"]
    # That nothing more would be said was not known when the one that could be said was.
    assert (await shared.wav(job_id))[44:] == in_a_row(said(FIRST, 2), b"")[0]


@both_lanes
async def test_a_job_of_which_nothing_can_be_spoken_ends_with_a_file_without_sound(
    shared: Engine, submit: Callable[..., Any]
) -> None:
    job_id = await submit(shared, "[empty] Nothing at all.", seed=SEED, settings=ALLOWED)
    job = await shared.ended(job_id)

    assert (job["status"], job["progress"]["audio_seconds"]) == ("completed", 0.0)
    assert codes(job)[-1] == ("CHUNK_MISSING", 0, 3)
    assert len(await shared.wav(job_id)) == 44
    assert audio_of(await shared.events(job_id)) == b""


async def test_a_failed_job_that_is_retried_is_not_tried_with_the_seeds_that_failed(shared: Engine) -> None:
    text = pages(FIRST, "[error] Nobody will hear this.", LAST)
    job_id = await render(shared, text, seed=SEED)
    await shared.ended(job_id)

    await shared.post(f"/jobs/{job_id}/retry")
    job = await shared.ended(job_id)

    assert job["status"] == "failed"
    assert codes(job) == [("CHUNK_REFUSED", 1, attempt) for attempt in range(1, 7)]
    assert (await chunks_of(shared, job_id))[0]["attempts"] == 0
