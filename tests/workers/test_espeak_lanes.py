import pytest

from app.inference.model import FinishReason, Frame, Lane
from app.workers.synthesis.espeak.library import SpeechRequest
from app.workers.synthesis.espeak.model import MAX_FRAME_BYTES, Espeak
from tests.support.speaking import TEXT, Spoken, collect, finish, speak, utterance


def test_renders_are_finished_in_the_order_of_arrival(espeak: Espeak) -> None:
    espeak.add([utterance("One.", id=3), utterance("Two.", id=1)])
    espeak.add([utterance("Three.", id=2)])

    assert list(finish(espeak)) == [3, 1, 2]


@pytest.mark.parametrize("steps", [0, 1, 2, 7, 30])
def test_speech_goes_before_a_render_which_loses_nothing(espeak: Espeak, steps: int) -> None:
    alone = speak(espeak, utterance()).pcm
    espeak.add([utterance()])
    spoken: dict[int, Spoken] = {}
    for _ in range(steps):
        collect(spoken, espeak.step())

    espeak.add([utterance("Now!", "!v/f3", id=2, lane=Lane.SPEAK), utterance("Me too!", id=3, lane=Lane.SPEAK)])
    (first,) = espeak.step()
    collect(spoken, [first])
    finish(espeak, spoken)

    assert first.id == 2
    assert first.pcm
    ends = [frame.id for result in spoken.values() for frame in result.frames if frame.final]
    assert sorted(ends) == [1, 2, 3]
    assert spoken[1].pcm == alone
    assert spoken[1].reason is FinishReason.STOP
    assert max(len(frame.pcm) for frame in spoken[1].frames) <= MAX_FRAME_BYTES


def test_a_render_that_is_interrupted_again_and_again_loses_nothing(espeak: Espeak) -> None:
    alone = speak(espeak, utterance()).pcm
    espeak.add([utterance()])
    spoken: dict[int, Spoken] = {}

    for id in range(2, 12):
        for _ in range(5):
            collect(spoken, espeak.step())
        espeak.add([utterance("Now!", id=id, lane=Lane.SPEAK)])
    finish(espeak, spoken)

    assert spoken[1].pcm == alone
    assert len({spoken[id].pcm for id in range(2, 12)}) == 1


def test_speech_is_not_interrupted_by_speech_that_comes_later(espeak: Espeak) -> None:
    espeak.add([utterance(id=1, lane=Lane.SPEAK)])
    espeak.step()

    espeak.add([utterance("Now!", id=2, lane=Lane.SPEAK)])

    assert list(finish(espeak)) == [1, 2]


@pytest.mark.parametrize("canceled", [1, 2, 3])
def test_cancel_ends_an_utterance_with_the_next_step(espeak: Espeak, canceled: int) -> None:
    alone = speak(espeak, utterance()).pcm
    espeak.add([utterance(id=1)])
    espeak.step()
    espeak.add([utterance(id=2, lane=Lane.SPEAK), utterance(id=3)])
    espeak.step()  # 1 is preempted, 2 is in work, 3 is queued

    espeak.cancel(canceled)
    frames = espeak.step()
    rest = finish(espeak)

    assert frames == [Frame(canceled, b"", final=True, finish_reason=FinishReason.CANCELED)]
    assert set(rest) == {1, 2, 3} - {canceled}
    assert all(spoken.reason is FinishReason.STOP for spoken in rest.values())
    if canceled != 3:
        assert rest[3].pcm == alone


def test_several_cancels_are_answered_in_one_step(espeak: Espeak) -> None:
    espeak.add([utterance(id=1), utterance(id=2), utterance(id=3)])
    espeak.step()

    for id in (2, 1, 1):
        espeak.cancel(id)

    assert [frame.id for frame in espeak.step()] == [1, 2]
    assert list(finish(espeak)) == [3]


def test_what_is_broken_off_leaves_the_library_at_once(
    espeak: Espeak, heard: list[tuple[SpeechRequest, list[int]]]
) -> None:
    espeak.add([utterance(TEXT * 20)])
    espeak.step()

    espeak.add([utterance("Now!", id=2, lane=Lane.SPEAK)])
    espeak.step()

    (_, broken_off), _ = heard
    assert len(broken_off) == 1


def test_a_cancel_of_something_unknown_or_finished_is_ignored(espeak: Espeak) -> None:
    speak(espeak, utterance(id=1))

    espeak.cancel(1)
    espeak.cancel(99)

    assert espeak.step() == ()
    assert speak(espeak, utterance("Again.", id=1)).reason is FinishReason.STOP
