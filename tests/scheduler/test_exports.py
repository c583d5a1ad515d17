"""Files in other formats of jobs that are disturbed: the same files, or none."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import anyio
import pytest

from app.errors import StorageFailed
from app.inference.model import Lane
from app.store.rows import JobStatus
from tests.audio.encoded import decoded
from tests.scheduler.recorder import Step
from tests.scheduler.room import PATIENCE_S, OpenRoom, Room, audio_of
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

ALL = ["flac", "mp3", "opus", "m4a"]


def parts(word: str, count: int) -> list[str]:
    return [f"{word.capitalize()} {number} is a sentence that has some words." for number in range(count)]


async def files(room: Room, job_id: str) -> dict[str, bytes]:
    """Those of a completed job."""
    found: dict[str, bytes] = {}
    for name in (await room.job(job_id)).formats:
        audio = await room.parts.jobs.audio(job_id, format=name, partial=False)
        found[name] = await anyio.Path(audio.path).read_bytes()
    return found


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def same(room: Room, job_id: str, other: str) -> None:
    """Both jobs' files are decoded to the same samples, which are as many as their audio has."""
    ours, theirs = await files(room, job_id), await files(room, other)
    assert ours.keys() == theirs.keys() == set(ALL)
    for name in ALL:
        assert decoded(ours[name]) == decoded(theirs[name]), name
    assert len(decoded(ours["flac"])[1]) == (await room.job(job_id)).samples > 0


async def test_a_job_that_a_restart_interrupts_has_the_files_of_one_that_was_left_alone(
    open_room: OpenRoom,
) -> None:
    text = parts("said", 6)
    held = [*text[:3], "[hold:gate] " + text[3], *text[4:]]
    async with open_room() as first:
        first.release("calm")
        calm = await first.submit(*(each.replace("gate", "calm") for each in held), seed=5, formats=ALL)
        await first.completed(calm)
        job_id = await first.submit(*held, seed=5, formats=ALL)
        await first.until(job_id, lambda job: job.chunks_done == 3)
        folder = first.parts.logs.folder(job_id)
        assert {f".audio.{name}.partial" for name in ALL} < left(folder)
    assert left(folder) == {"audio.pcm", "audio.idx"}, "an engine that stops in order leaves no halves"

    async with open_room() as second:
        second.release("gate")
        await second.completed(job_id)
        assert left(folder) == {"audio.pcm", "audio.idx", *(f"audio.{name}" for name in ALL)}
        # The words in brackets are the fake's, and its noise depends on them: only the lengths can be compared.
        for name, file in (await files(second, job_id)).items():
            assert len(decoded(file)[1]) == len(decoded((await files(second, calm))[name])[1]), name
        again = await second.submit(*held, seed=5, formats=ALL)
        await second.completed(again)
        await same(second, job_id, again)


async def test_a_paused_job_has_no_halves_and_goes_on_to_the_same_files(room: Room) -> None:
    text = parts("paused", 6)
    text[3] = "[hold:gate] " + text[3]
    job_id = await room.submit(*text, seed=5, formats=ALL)
    await room.until(job_id, lambda job: job.chunks_done == 3)

    await room.parts.scheduler.pause(job_id)

    assert left(room.parts.logs.folder(job_id)) == {"audio.pcm", "audio.idx"}
    room.release("gate")
    await room.parts.scheduler.resume(job_id)
    other = await room.submit(*text, seed=5, formats=ALL)
    await room.completed(job_id, other)
    await same(room, job_id, other)


@pytest.mark.parametrize("text", ["[error] Fails.", "[hold:never] Is canceled."])
async def test_a_job_that_does_not_end_well_leaves_its_log_and_no_other_file(room: Room, text: str) -> None:
    job_id = await room.submit("First.", text, formats=["mp3", "wav"])
    if "hold" in text:
        await room.seen(Step("add", text))
        await room.parts.scheduler.cancel(job_id)
    await room.ended(job_id)

    folder = room.parts.logs.folder(job_id)
    await until(lambda: left(folder) == {"audio.pcm", "audio.idx"})


async def test_a_listeners_job_can_have_files_too(room: Room) -> None:
    job_id = await room.submit(*parts("heard", 3), lane=Lane.SPEAK, formats=["flac"])
    await room.completed(job_id)

    pcm = audio_of(await room.events(job_id))
    _, samples = decoded((await files(room, job_id))["flac"])

    assert b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples) == pcm


async def test_a_job_is_stopped_while_its_last_samples_are_encoded(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two pieces: a book that is encoded from its beginning would keep everybody waiting."""
    gate = threading.Event()

    def hold(*_: Any) -> None:
        assert gate.wait(PATIENCE_S)

    monkeypatch.setattr("app.audio.export.job_export.PIECE_SAMPLES", 100)
    monkeypatch.setattr("app.audio.export.file_encoders.FileEncoders.encode", hold)
    job_id = await room.submit(*parts("said", 3), formats=["mp3"])
    await room.until(job_id, lambda job: job.chunks_done == 3)

    canceling = asyncio.create_task(room.parts.scheduler.cancel(job_id))
    await anyio.lowlevel.checkpoint()
    gate.set()

    assert (await canceling).status is JobStatus.CANCELED
    assert left(room.parts.logs.folder(job_id)) == {"audio.pcm", "audio.idx"}


async def test_a_file_that_cannot_be_written_fails_the_job_which_can_be_tried_again(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([StorageFailed("the mp3 file cannot be written: No space left on device")])

    def full(*_: Any) -> None:
        for failure in failures:
            raise failure

    with monkeypatch.context() as patched:
        patched.setattr("app.audio.export.track.Track.encode", full)
        job_id = await room.submit(*parts("said", 3), formats=["mp3", "wav"])
        failed = await room.ended(job_id)

    assert failed.status is JobStatus.FAILED
    assert failed.error is not None
    assert (failed.error.code, failed.chunks_done) == ("STORAGE_FAILED", 3)
    await room.retry(job_id)
    await room.completed(job_id)
    assert (await files(room, job_id)).keys() == {"mp3", "wav"}
