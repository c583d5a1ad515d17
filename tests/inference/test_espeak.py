from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from app.inference.espeak import LONGEST_FRAME, Espeak
from app.inference.espeak_library import EspeakLibrary, Listener, Speech
from app.inference.model import SAMPLE_RATE, FinishReason, Frame, Lane, Model, Utterance, VoiceSpec

TEXT = "We were away a year ago, and we are on our way home now. Nobody knows why; all our money rolled away."


@dataclass
class Spoken:
    """What came of an utterance."""

    frames: list[Frame] = field(default_factory=list[Frame])

    @property
    def pcm(self) -> bytes:
        return b"".join(frame.pcm for frame in self.frames)

    @property
    def samples(self) -> NDArray[np.float64]:
        return np.frombuffer(self.pcm, np.int16).astype(np.float64) / 32_768

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    @property
    def level(self) -> float:
        """Decibels below full scale."""
        return 20 * float(np.log10(np.sqrt(np.mean(self.samples**2)) + 1e-9))

    @property
    def reason(self) -> FinishReason | None:
        return self.frames[-1].finish_reason


@pytest.fixture
def espeak() -> Iterator[Espeak]:
    model = Espeak()
    yield model
    model.close()


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Speech, list[int]]]:
    """What the library is asked to speak, and the lengths of the buffers that it hands out for it."""
    calls: list[tuple[Speech, list[int]]] = []
    speak = EspeakLibrary.speak

    def observed(library: EspeakLibrary, speech: Speech, listener: Listener) -> None:
        lengths: list[int] = []
        calls.append((speech, lengths))

        def listen(samples: bytes) -> bool:
            lengths.append(len(samples) // 2)
            return listener(samples)

        speak(library, speech, listen)

    monkeypatch.setattr(EspeakLibrary, "speak", observed)
    return calls


def utterance(
    text: str = TEXT, voice: str = "en-us", *, id: int = 1, lane: Lane = "render", language: str = ""
) -> Utterance:
    return Utterance(id=id, text=text, voice=VoiceSpec("preset", voice), lane=lane, seed=7, language=language)


def finish(model: Model, spoken: dict[int, Spoken] | None = None) -> dict[int, Spoken]:
    """Step until nothing is in work."""
    spoken = {} if spoken is None else spoken
    while frames := model.step():
        collect(spoken, frames)
    return spoken


def collect(spoken: dict[int, Spoken], frames: Sequence[Frame]) -> None:
    for frame in frames:
        assert not any(earlier.final for earlier in spoken.get(frame.id, Spoken()).frames)
        spoken.setdefault(frame.id, Spoken()).frames.append(frame)


def speak(model: Model, wanted: Utterance) -> Spoken:
    model.add([wanted])
    return finish(model)[wanted.id]


def test_a_text_is_spoken_in_frames_of_a_tenth_of_a_second_at_most(espeak: Espeak) -> None:
    spoken = speak(espeak, utterance())

    assert 5 < spoken.seconds < 8
    assert all(0 < len(frame.pcm) <= LONGEST_FRAME for frame in spoken.frames)
    assert all(len(frame.pcm) % 2 == 0 for frame in spoken.frames)
    assert [frame.final for frame in spoken.frames] == [False] * (len(spoken.frames) - 1) + [True]
    assert [frame.finish_reason for frame in spoken.frames[-2:]] == [None, FinishReason.STOP]


def test_the_first_step_gives_audio(espeak: Espeak) -> None:
    espeak.add([utterance(TEXT * 50)])

    (frame,) = espeak.step()

    assert frame.id == 1
    assert len(frame.pcm) > 1_000
    assert not frame.final


def test_all_that_the_library_speaks_is_delivered(espeak: Espeak, heard: list[tuple[Speech, list[int]]]) -> None:
    for length in range(2, 60):
        spoken = speak(espeak, utterance("I say it and you see it, " * 3 + TEXT[:length]))

        _, buffers = heard[-1]
        assert len(spoken.samples) == pytest.approx(sum(buffers) * 24_000 / 22_050, abs=1)


def test_an_utterance_without_settings_is_spoken_with_the_librarys_own(
    espeak: Espeak, heard: list[tuple[Speech, list[int]]]
) -> None:
    espeak.add([utterance()])
    espeak.step()

    ((speech, _),) = heard
    assert speech == Speech(TEXT, "gmw/en-US", seed=7, rate=175, pitch=50, pitch_range=50, volume=100)


def test_a_model_without_work_gives_nothing(espeak: Espeak) -> None:
    assert espeak.step() == ()

    speak(espeak, utterance())

    assert espeak.step() == ()


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

    espeak.add([utterance("Now!", "!v/f3", id=2, lane="speak"), utterance("Me too!", id=3, lane="speak")])
    (first,) = espeak.step()
    collect(spoken, [first])
    finish(espeak, spoken)

    assert first.id == 2
    assert first.pcm
    ends = [frame.id for result in spoken.values() for frame in result.frames if frame.final]
    assert sorted(ends) == [1, 2, 3]
    assert spoken[1].pcm == alone
    assert spoken[1].reason is FinishReason.STOP
    assert max(len(frame.pcm) for frame in spoken[1].frames) <= LONGEST_FRAME


def test_a_render_that_is_interrupted_again_and_again_loses_nothing(espeak: Espeak) -> None:
    alone = speak(espeak, utterance()).pcm
    espeak.add([utterance()])
    spoken: dict[int, Spoken] = {}

    for id in range(2, 12):
        for _ in range(5):
            collect(spoken, espeak.step())
        espeak.add([utterance("Now!", id=id, lane="speak")])
    finish(espeak, spoken)

    assert spoken[1].pcm == alone
    assert len({spoken[id].pcm for id in range(2, 12)}) == 1


def test_speech_is_not_interrupted_by_speech_that_comes_later(espeak: Espeak) -> None:
    espeak.add([utterance(id=1, lane="speak")])
    espeak.step()

    espeak.add([utterance("Now!", id=2, lane="speak")])

    assert list(finish(espeak)) == [1, 2]


@pytest.mark.parametrize("canceled", [1, 2, 3])
def test_cancel_ends_an_utterance_with_the_next_step(espeak: Espeak, canceled: int) -> None:
    alone = speak(espeak, utterance()).pcm
    espeak.add([utterance(id=1)])
    espeak.step()
    espeak.add([utterance(id=2, lane="speak"), utterance(id=3)])
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
    espeak: Espeak, heard: list[tuple[Speech, list[int]]]
) -> None:
    espeak.add([utterance(TEXT * 20)])
    espeak.step()

    espeak.add([utterance("Now!", id=2, lane="speak")])
    espeak.step()

    (_, broken_off), _ = heard
    assert len(broken_off) == 1


def test_a_cancel_of_something_unknown_or_finished_is_ignored(espeak: Espeak) -> None:
    speak(espeak, utterance(id=1))

    espeak.cancel(1)
    espeak.cancel(99)

    assert espeak.step() == ()
    assert speak(espeak, utterance("Again.", id=1)).reason is FinishReason.STOP


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (utterance(voice="nobody"), "no voice 'nobody'"),
        (utterance(voice="!v/nobody"), "no variant '!v/nobody'"),
        (utterance(voice="!v/f3", language="tlh"), "does not speak 'tlh'"),
        (utterance(voice="de", language="fr"), "speaks de, not 'fr'"),
        (replace(utterance(), voice=VoiceSpec("clone", folder="/x")), "kind 'clone'"),
    ],
)
def test_an_utterance_that_cannot_be_spoken_fails_alone(espeak: Espeak, broken: Utterance, message: str) -> None:
    espeak.add([broken, utterance("Fine.", id=2)])

    (frame,) = espeak.step()

    assert (frame.id, frame.pcm, frame.final, frame.finish_reason) == (1, b"", True, FinishReason.ERROR)
    assert message in frame.error
    assert finish(espeak)[2].reason is FinishReason.STOP


@pytest.mark.parametrize("text", ["", "  \n\t", "...", "—", "\0", "\0\0", "\x01\x02", "\u200b", "。"])
def test_a_text_without_words_ends_at_once_without_audio(espeak: Espeak, text: str) -> None:
    espeak.add([utterance(text)])

    assert espeak.step() == (Frame(1, b"", final=True, finish_reason=FinishReason.STOP),)
    assert espeak.step() == ()


def test_control_characters_neither_end_the_text_nor_command_the_voice(espeak: Espeak) -> None:
    plain = speak(espeak, utterance("One two three, four five six.")).pcm

    for character in ("\0", "\x01", "\x1b", "\x7f"):
        assert speak(espeak, utterance(f"One two{character} three, four five six.")).pcm == plain
    assert speak(espeak, utterance("One \x0180S two")).pcm == speak(espeak, utterance("One  80S two")).pcm


@pytest.mark.parametrize("text", ["a < b > c", "One <break time='5s'/> two", "[[h@l'oU]]", "&lt; &amp;"])
def test_markup_is_text_like_any_other(espeak: Espeak, text: str) -> None:
    assert 0.5 < speak(espeak, utterance(text)).seconds < 6


@pytest.mark.parametrize(
    "text",
    [
        "😀 👨‍👩‍👧 🏳️‍🌈",
        "你好，世界。",
        "مرحبا بالعالم",
        "שלום עולם",
        "x" * 3_000,
        "a\u0301" * 200,
        "\ue001x",
        "\ud800x",
        "𒀀x",
    ],
)
@pytest.mark.parametrize("voice", ["en-us", "cmn", "ar", "!v/klatt6"])
def test_any_script_is_spoken_or_skipped_without_harm(espeak: Espeak, text: str, voice: str) -> None:
    spoken = speak(espeak, utterance(f"{text} 1", voice))

    assert spoken.reason is FinishReason.STOP
    assert spoken.seconds > 0.1


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
