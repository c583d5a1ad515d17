"""A job's run with a log, rows and a model that only note what they are asked for."""

import anyio.lowlevel
import pytest

from app.errors import InferenceFailed
from app.inference.model import FinishReason, Lane
from app.scheduler.active_job import RunStopped, StopReason
from app.scheduler.delivery import LISTENER_AHEAD, RENDER_AHEAD
from app.scheduler.job_run import MAX_UNHEARD_CHARS
from app.store.rows import ChunkState
from tests.support.job_runs import FakeSource, Running, end, give

pytestmark = pytest.mark.anyio

both_lanes = pytest.mark.parametrize("lane", list(Lane))


@both_lanes
async def test_audio_is_synced_before_its_row_is_committed(lane: Lane) -> None:
    running = Running(lane, "One.", "Two.")
    assert running.start() == 2

    for take in running.source.takes:
        end(take)
    await running.finished()

    synced = set[str]()
    appended = set[str]()
    for step in running.steps:
        what, _, chunks = step.partition(" ")
        if what == "append":
            appended.add(chunks)
        elif what == "sync":
            synced |= appended
        else:
            assert what == "commit"
            assert set(chunks.split()) <= synced
    assert [one.chunk_index for one in running.rows.done] == [0, 1]


async def test_renders_that_are_complete_are_committed_together() -> None:
    running = Running(Lane.RENDER, "One.", "Two.", "Three.")
    running.start()

    for take in running.source.takes:
        end(take)
    await running.finished()

    assert [step for step in running.steps if not step.startswith("append")] == ["sync", "commit 0 1 2"]


async def test_a_listener_hears_a_chunk_before_it_has_ended() -> None:
    running = Running(Lane.SPEAK, "One.")
    running.start()

    give(running.source.takes[0])
    await running.log.visible(1)

    assert not running.rows.done
    end(running.source.takes[0])
    await running.finished()


async def test_a_render_shows_nothing_before_it_is_committed() -> None:
    running = Running(Lane.RENDER, "One.", "Two.")
    running.start()

    end(running.source.takes[0])
    await running.log.visible(1)

    assert [one.chunk_index for one in running.rows.done] == [0]
    assert running.log.shown == running.active.job.last_seq
    end(running.source.takes[1])
    await running.finished()


@both_lanes
async def test_a_run_has_not_stopped_before_the_model_has_let_go_of_it(lane: Lane) -> None:
    running = Running(lane, "One.", "Two.", source=FakeSource(holds=True))
    running.start()

    running.active.stop(StopReason.CANCEL)
    first, second = running.source.takes
    assert first.canceled
    assert second.canceled
    first.end(FinishReason.CANCELED)
    for _ in range(20):
        await anyio.lowlevel.checkpoint()
    assert not running.speaking.done()

    second.end(FinishReason.CANCELED)

    with pytest.raises(RunStopped):
        await running.speaking
    assert running.start() == 0


async def test_a_rejected_chunk_is_spoken_again_with_another_seed() -> None:
    running = Running(Lane.RENDER, "One.")
    running.start()

    end(running.source.takes[0], b"")
    await running.source.submitted(2)
    first, second = running.source.takes
    end(second)
    await running.finished()

    assert first.utterance.seed != second.utterance.seed
    (done,) = running.rows.done
    assert (done.state, done.attempts, done.seed) == (ChunkState.DONE, 1, second.utterance.seed)


@pytest.mark.parametrize("allow_gaps", [False, True])
async def test_after_three_attempts_the_run_fails_unless_gaps_are_allowed(allow_gaps: bool) -> None:
    running = Running(Lane.RENDER, "One.", allow_gaps=allow_gaps)
    running.start()

    for number in range(3):
        await running.source.submitted(number + 1)
        end(running.source.takes[number], b"")

    if allow_gaps:
        await running.finished()
        assert [one.state for one in running.rows.done] == [ChunkState.GAP]
    else:
        with pytest.raises(InferenceFailed):
            await running.finished()
        assert not running.rows.done
    assert [one.attempts for one in running.rows.refused] == [1, 2, 3]


async def test_what_a_listener_has_heard_is_not_said_again() -> None:
    running = Running(Lane.SPEAK, "One.")
    running.start()

    end(running.source.takes[0], reason=FinishReason.LENGTH)

    with pytest.raises(InferenceFailed):
        await running.finished()
    assert len(running.source.takes) == 1


async def test_a_listener_does_not_wait_for_free_slots_and_is_two_chunks_ahead() -> None:
    running = Running(Lane.SPEAK, *["One."] * 20, source=FakeSource(free_slots=0))
    assert running.start() == LISTENER_AHEAD
    running.active.stop(StopReason.CANCEL)
    await running.finished()


@pytest.mark.parametrize(("free_slots", "started"), [(0, 0), (100, RENDER_AHEAD)])
async def test_a_render_starts_what_the_model_has_free_slots_for(free_slots: int, started: int) -> None:
    running = Running(Lane.RENDER, *["One."] * 20, source=FakeSource(free_slots=free_slots))
    assert running.start() == started
    running.active.stop(StopReason.CANCEL)
    await running.finished()


async def test_chunks_far_after_the_playhead_wait_for_it() -> None:
    running = Running(Lane.SPEAK, "One. " * (MAX_UNHEARD_CHARS // 5 + 1), "Far.")
    running.log.playhead = 0
    assert running.start() == 1

    running.log.playhead = 100

    assert running.start() == 1
    running.active.stop(StopReason.CANCEL)
    await running.finished()


async def test_a_text_that_is_still_written_is_spoken_as_it_comes() -> None:
    running = Running(Lane.SPEAK, "One is here.", "Two came later.", written=1)
    assert running.start() == 1
    end(running.source.takes[0])
    await running.starved()
    assert running.log.shown == 1
    assert running.rows.done == [], "the pause after it depends on what follows"

    running.write(1)
    assert running.start() == 1
    end(running.source.takes[1])
    await running.starved()
    running.script.end()
    await running.finished()

    assert [one.chunk_index for one in running.rows.done] == [0, 1]


async def test_the_pauses_of_a_text_that_comes_are_those_of_one_that_is_there() -> None:
    whole, coming = (Running(Lane.SPEAK, "One is here.", "Two came later.", written=count) for count in (2, 1))
    for running in (whole, coming):
        running.start()
        end(running.source.takes[0])
        if running is coming:
            await running.starved()
            running.write(1)
            running.start()
        end(running.source.takes[1])
        running.script.end()
        await running.finished()

    assert coming.rows.done == whole.rows.done


async def test_a_run_that_waits_for_text_can_be_stopped() -> None:
    running = Running(Lane.SPEAK, "One is here.", written=1)
    running.start()
    end(running.source.takes[0])
    await running.starved()

    running.active.stop(StopReason.CANCEL)
    await running.finished()

    assert running.speaking.done()
    assert running.rows.done == []
