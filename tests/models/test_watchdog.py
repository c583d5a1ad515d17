"""Whether a worker hangs or is idle, by a clock that the tests move."""

import pytest

from app.models.worker.watchdog import Watchdog, WorkerHealth


@pytest.fixture
def watchdog() -> Watchdog:
    return Watchdog(100.0, answer_s=30.0, idle_s=60.0)


def test_a_busy_worker_that_is_silent_for_too_long_hangs(watchdog: Watchdog) -> None:
    assert watchdog.check(130.0, busy=True) is WorkerHealth.FINE
    assert watchdog.check(130.1, busy=True) is WorkerHealth.HUNG


def test_a_busy_worker_that_answers_is_fine_however_long_it_takes(watchdog: Watchdog) -> None:
    for now in range(120, 1_000, 20):
        watchdog.note_message(now)
        assert watchdog.check(now + 10.0, busy=True) is WorkerHealth.FINE


def test_a_worker_is_idle_once_it_has_had_no_work_for_long_enough(watchdog: Watchdog) -> None:
    assert watchdog.check(110.0, busy=True) is WorkerHealth.FINE
    assert watchdog.check(169.0, busy=False) is WorkerHealth.FINE
    assert watchdog.check(170.0, busy=False) is WorkerHealth.IDLE


def test_the_silence_of_a_worker_without_work_does_not_count(watchdog: Watchdog) -> None:
    assert watchdog.check(155.0, busy=False) is WorkerHealth.FINE
    assert watchdog.check(185.0, busy=True) is WorkerHealth.FINE
    assert watchdog.check(185.1, busy=True) is WorkerHealth.HUNG
