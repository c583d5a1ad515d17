import pytest
from msgspec.structs import replace

from app.inference.model import FinishReason, Model, Utterance, VoiceKind, VoiceSpec
from app.workers.synthesis.espeak.library import SpeechRequest
from app.workers.synthesis.espeak.model import MAX_FRAME_BYTES, Espeak
from tests.support.speaking import TEXT, finish, speak, utterance


def test_a_text_is_spoken_in_frames_of_a_tenth_of_a_second_at_most(espeak: Espeak) -> None:
    spoken = speak(espeak, utterance())

    assert 5 < spoken.seconds < 8
    assert all(0 < len(frame.pcm) <= MAX_FRAME_BYTES for frame in spoken.frames)
    assert all(len(frame.pcm) % 2 == 0 for frame in spoken.frames)
    assert [frame.final for frame in spoken.frames] == [False] * (len(spoken.frames) - 1) + [True]
    assert [frame.finish_reason for frame in spoken.frames[-2:]] == [None, FinishReason.STOP]


def test_the_first_step_gives_audio(espeak: Espeak) -> None:
    espeak.add([utterance(TEXT * 50)])

    (frame,) = espeak.step()

    assert frame.id == 1
    assert len(frame.pcm) > 1_000
    assert not frame.final


def test_all_that_the_library_speaks_is_delivered(
    espeak: Espeak, heard: list[tuple[SpeechRequest, list[int]]]
) -> None:
    for length in range(2, 60):
        spoken = speak(espeak, utterance("I say it and you see it, " * 3 + TEXT[:length]))

        _, buffers = heard[-1]
        assert len(spoken.samples) == pytest.approx(sum(buffers) * 24_000 / 22_050, abs=1)


def test_an_utterance_without_settings_is_spoken_with_the_librarys_own(
    espeak: Espeak, heard: list[tuple[SpeechRequest, list[int]]]
) -> None:
    espeak.add([utterance()])
    espeak.step()

    ((speech, _),) = heard
    assert speech == SpeechRequest(TEXT, "gmw/en-US", seed=7, rate=175, pitch=50, pitch_range=50)


def test_a_model_without_work_gives_nothing(espeak: Espeak) -> None:
    assert espeak.step() == ()

    speak(espeak, utterance())

    assert espeak.step() == ()


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (utterance(voice="nobody"), "no voice 'nobody'"),
        (utterance(voice="!v/nobody"), "no variant '!v/nobody'"),
        (utterance(voice="!v/f3", language="tlh"), "does not speak 'tlh'"),
        (utterance(voice="de", language="fr"), "speaks de, not 'fr'"),
        (replace(utterance(), voice=VoiceSpec(VoiceKind.CLONE, folder="/x")), "kind 'clone'"),
    ],
)
def test_an_utterance_that_cannot_be_spoken_fails_alone(espeak: Espeak, broken: Utterance, message: str) -> None:
    espeak.add([broken, utterance("Fine.", id=2)])

    (frame,) = espeak.step()

    assert (frame.id, frame.pcm, frame.final, frame.finish_reason) == (1, b"", True, FinishReason.ERROR)
    assert message in frame.error
    assert finish(espeak)[2].reason is FinishReason.STOP


def test_a_model_closed_in_mid_speech_can_be_followed_by_another() -> None:
    first = Espeak()
    expected = speak(first, utterance()).pcm
    first.add([utterance(), utterance(id=2)])
    first.step()

    first.close()
    second = Espeak()

    assert first.step() == ()
    assert speak(second, utterance()).pcm == expected
    second.close()


def test_a_model_that_was_dropped_in_mid_speech_leaves_the_library() -> None:
    dropped = Espeak()
    expected = speak(dropped, utterance()).pcm
    dropped.add([utterance()])
    dropped.step()

    del dropped
    model = Espeak()

    assert speak(model, utterance()).pcm == expected
    model.close()


def test_it_implements_the_protocol_and_takes_some_utterances_ahead(espeak: Espeak) -> None:
    model: Model = espeak

    assert model.capacity > 1
