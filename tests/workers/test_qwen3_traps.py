"""What mlx-audio does to the audio of Qwen3-TTS, and we do not. Where it is cheap, a canary shows that it still
does: such a test expects a bug of mlx-audio, and turns nothing red when that is fixed.
"""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mlx.core as mx
import numpy as np
import pytest
from numpy.typing import NDArray

from app.inference.model import FinishReason, Utterance, VoiceKind, VoiceSpec
from app.workers.synthesis.qwen3.loading import load_checkpoint
from app.workers.synthesis.qwen3.model import Qwen3
from app.workers.synthesis.qwen3.sampling import FirstCodeProcessor
from app.workers.synthesis.qwen3.sequence import RENDER_FRAMES
from app.workers.synthesis.qwen3.vocoder import Vocoder, VocoderState
from tests.support.lazily import lazily
from tests.support.qwen3_checkpoints import (
    FRAME_SAMPLES,
    LONGER,
    REFERENCE_FRAMES,
    RYAN,
    TEXT,
    Alone,
    Models,
    clone,
    endless,
    samples_of,
    tone,
    utterance,
)
from tests.support.qwen3_vocoders import Samples, apart, codes_of, decoded, primed, stepped
from tests.support.speaking import Spoken, collect, finish, speak

mlx_audio = lazily("mlx_audio.tts")
qwen3_tts = lazily("mlx_audio.tts.models.qwen3_tts.qwen3_tts")

canary = pytest.mark.xfail(strict=False, reason="fixed in mlx-audio; then this test can go")


@pytest.fixture(scope="module")
def base(models: Models) -> Qwen3:
    return models.model(type="base")


@pytest.fixture(scope="module")
def preset(models: Models) -> Qwen3:
    return models.model(type="custom_voice")


@pytest.fixture(scope="module")
def theirs(models: Models) -> Any:
    """mlx-audio with the same weights, and nothing of ours in it."""
    return mlx_audio.load(models.folder(type="base"))


@pytest.fixture(scope="module")
def their_preset(models: Models) -> Any:
    return mlx_audio.load(models.folder(type="custom_voice"))


@pytest.fixture(scope="module")
def vocoder(models: Models) -> Vocoder:
    """One that hears everything, as theirs does."""
    return Vocoder(load_checkpoint(models.folder(type="base")).decoder, window=512)


def of_theirs(results: Iterator[Any]) -> Samples:
    return np.concatenate([np.array(result.audio) for result in results])


class Vocoded(NamedTuple):
    """What a stream gave its vocoder, and got, frame by frame."""

    codes: list[NDArray[np.uint32]]
    samples: list[Samples]


@pytest.fixture
def vocoded(monkeypatch: pytest.MonkeyPatch) -> Vocoded:
    found = Vocoded([], [])
    step = Vocoder.step

    def noted(vocoder: Vocoder, codes: mx.array, state: VocoderState | None) -> tuple[mx.array, VocoderState]:
        samples, state = step(vocoder, codes, state)
        for number in range(codes.shape[-1]):
            found.codes.append(np.array(codes[0, :, number]))
            found.samples.append(np.array(samples[0, number * FRAME_SAMPLES : (number + 1) * FRAME_SAMPLES]))
        return samples, state

    monkeypatch.setattr(Vocoder, "step", noted)
    return found


@pytest.fixture
def zeros(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The frames whose first code is made 0, whoever generates."""
    sample = qwen3_tts.Model._sample_token
    process = FirstCodeProcessor.process
    wanted: set[int] = set()

    def forced(model: Any, logits: mx.array, **settings: Any) -> mx.array:
        token = sample(model, logits, **settings)
        is_first_code = "suppress_tokens" in settings
        frame = len(settings.get("generated_tokens") or ())
        return mx.zeros_like(token) if is_first_code and frame in wanted else token

    def only_zero(
        first: FirstCodeProcessor, logits: mx.array, history: mx.array, frames: mx.array, rest: Any
    ) -> mx.array:
        logits = process(first, logits, history, frames, rest)
        if int(frames[0]) in wanted:
            logits[:, 1:] = -mx.inf
        return logits

    monkeypatch.setattr(qwen3_tts.Model, "_sample_token", forced)
    monkeypatch.setattr(FirstCodeProcessor, "process", only_zero)
    return wanted


def test_frames_whose_first_code_is_zero_are_not_taken_for_padding(
    preset: Qwen3, zeros: set[int], vocoded: Vocoded
) -> None:
    zeros |= {1, 4, 5}

    spoken = speak(preset, endless(max_seconds=0.8))

    assert [int(codes[0]) for codes in vocoded.codes].count(0) == 3
    assert spoken.reason is FinishReason.LENGTH
    assert len(spoken.samples) == 10 * FRAME_SAMPLES


@canary
@pytest.mark.long
def test_they_take_frames_whose_first_code_is_zero_for_padding(their_preset: Any, zeros: set[int]) -> None:
    """What `test_frames_whose_first_code_is_zero_are_not_taken_for_padding` would find if ours were as theirs."""
    zeros |= {1, 4, 5}

    audio = of_theirs(their_preset.generate("A ∞.", voice="ryan", max_tokens=10))

    assert audio.size == 7 * FRAME_SAMPLES, "as many are missing at the end"


def test_a_clone_begins_exactly_where_its_reference_ends(
    base: Qwen3, theirs: Any, cloned: VoiceSpec, vocoded: Vocoded
) -> None:
    spoken = speak(base, utterance("A", cloned, max_seconds=0.8))
    frames = len(spoken.samples) // FRAME_SAMPLES
    decoded_frames = -RENDER_FRAMES * -(-frames // RENDER_FRAMES)  # whole segments, the last one padded
    generated = mx.array(np.stack(vocoded.codes[decoded_frames:][:frames], axis=1).astype(np.int32))[None]
    samples = np.concatenate(vocoded.samples[decoded_frames:][:frames])

    reference = theirs.speech_tokenizer.encode(mx.array(tone() / np.float32(32_768))[None, None])
    assert reference.shape[-1] == REFERENCE_FRAMES
    whole = decoded(theirs, mx.concatenate([reference, generated], axis=-1))
    expected = whole[REFERENCE_FRAMES * FRAME_SAMPLES :]
    cold = decoded(theirs, generated)

    assert frames >= 8
    assert apart(samples, expected) < 1e-4
    assert np.abs(samples_of(spoken.pcm) - np.clip(expected, -1, 1)).max() < 1e-4
    assert apart(cold[:FRAME_SAMPLES], expected[:FRAME_SAMPLES]) > 0.1, "a cold vocoder would be heard"


@canary
@pytest.mark.long
def test_their_streamed_clone_begins_with_a_cold_vocoder(theirs: Any, cloned: VoiceSpec) -> None:
    """What `test_a_clone_begins_exactly_where_its_reference_ends` would find if ours were as theirs; see
    github.com/Blaizzy/mlx-audio/pull/946.
    """
    decoder = theirs.speech_tokenizer.decoder.streaming_step.__self__
    codes: list[mx.array] = []
    step = decoder.streaming_step

    def noted(some: mx.array) -> mx.array:
        codes.append(some)
        return step(some)

    decoder.streaming_step = noted
    try:
        recording = mx.array(tone() / np.float32(32_768))
        told: dict[str, Any] = {"ref_audio": recording, "ref_text": "I", "max_tokens": 4, "temperature": 0.0}
        audio = of_theirs(theirs.generate("A", stream=True, streaming_interval=0.32, **told))
    finally:
        del decoder.streaming_step

    assert apart(audio, decoded(theirs, codes[0])) < 1e-4


def test_nothing_is_cut_by_its_share_of_the_length(theirs: Any, vocoder: Vocoder) -> None:
    reference, generated = codes_of(REFERENCE_FRAMES, 1), codes_of(10, 2)
    expected = decoded(theirs, mx.concatenate([reference, generated], axis=-1))[REFERENCE_FRAMES * FRAME_SAMPLES :]

    ours = stepped(vocoder, generated, 4, 4, 2, state=primed(vocoder, reference))

    assert apart(ours, expected) < 1e-4


@canary
@pytest.mark.long
def test_their_clone_is_cut_by_its_share_of_the_length(theirs: Any) -> None:
    """What `test_nothing_is_cut_by_its_share_of_the_length` would find if ours were as theirs."""
    reference, generated = codes_of(REFERENCE_FRAMES, 1), codes_of(10, 2)
    with_zeros = np.array(generated)
    with_zeros[0, 0, [2, 7]] = 0

    def cut_by_theirs(codes: mx.array) -> Samples:
        return np.array(theirs._decode_icl_generated_codes(list(codes.transpose(2, 0, 1)), reference))

    assert cut_by_theirs(generated).size == 10 * FRAME_SAMPLES + 1, "it has a sample of the reference"
    assert cut_by_theirs(mx.array(with_zeros)).size < 10 * FRAME_SAMPLES, "and loses its end"


def test_two_utterances_at_once_are_as_each_alone(preset: Qwen3, alone: Alone) -> None:
    wanted = utterance(LONGER), utterance(TEXT, VoiceSpec(VoiceKind.PRESET, "vivian"), id=2, seed=2)
    preset.add(wanted)

    spoken = finish(preset)

    assert [spoken[one.id].pcm for one in wanted] == [alone(preset, one) for one in wanted]


@canary
@pytest.mark.long
def test_their_two_streams_are_one(their_preset: Any) -> None:
    """What `test_two_utterances_at_once_are_as_each_alone` would find if ours were as theirs."""

    def stream(text: str, voice: str) -> Iterator[Any]:
        told: dict[str, Any] = {"max_tokens": 12, "temperature": 0.0}
        return their_preset.generate(text, voice=voice, stream=True, streaming_interval=0.32, **told)

    expected = of_theirs(stream("A ∞.", "ryan"))
    first = stream("A ∞.", "ryan")
    parts = [next(first)]
    second = stream("A ∞.", "vivian")
    next(second)
    parts += list(first)
    for _ in second:
        pass

    audio = of_theirs(iter(parts))
    assert apart(audio[: 4 * FRAME_SAMPLES], expected[: 4 * FRAME_SAMPLES]) < 1e-4
    assert apart(audio[4 * FRAME_SAMPLES :], expected[4 * FRAME_SAMPLES :]) > 0.01


@pytest.mark.parametrize("kind", ["custom_voice", "base"])
def test_an_abandoned_utterance_leaves_nothing_to_the_next(
    models: Models, alone: Alone, cloned: VoiceSpec, kind: str
) -> None:
    model, voice = models.model(type=kind), RYAN if kind == "custom_voice" else cloned
    expected = alone(model, utterance(voice=voice))
    model.add([endless(voice, id=1, seed=5), utterance(voice=voice, id=2)])
    spoken: dict[int, Spoken] = {}
    while not spoken.get(1, Spoken()).pcm:
        collect(spoken, model.step())

    model.cancel(1)
    finish(model, spoken)

    assert spoken[1].reason is FinishReason.CANCELED
    assert spoken[2].pcm == expected


def test_references_of_the_same_length_and_sum_are_not_taken_for_each_other(
    models: Models, base: Qwen3, tmp_path: Path
) -> None:
    recordings = tone(), tone()[::-1]
    voices = [clone(tmp_path / str(number), samples) for number, samples in enumerate(recordings)]

    def wanted(number: int, **changes: Any) -> Utterance:
        return utterance(voice=voices[number], id=number, **changes)

    base.add([wanted(0), wanted(1)])
    spoken = finish(base)
    fresh = Qwen3.load(models.folder(type="base"))
    first = speak(fresh, wanted(0)).pcm
    fresh = Qwen3.load(models.folder(type="base"))
    second = speak(fresh, wanted(1)).pcm

    assert [spoken[0].pcm, spoken[1].pcm] == [first, second]
    assert first != second


@canary
@pytest.mark.long
def test_they_take_references_of_the_same_length_and_sum_for_each_other(theirs: Any) -> None:
    """What `test_references_of_the_same_length_and_sum_are_not_taken_for_each_other` would find if ours were as
    theirs.
    """
    recordings = tone(), tone()[::-1]
    audios = [mx.array(samples / np.float32(32_768)) for samples in recordings]
    assert float(audios[0].sum()) == float(audios[1].sum())
    codes = [np.array(theirs.speech_tokenizer.encode(audio[None, None])) for audio in audios]
    told = {"text": "A", "ref_text": "I"}
    taken = [np.array(theirs._prepare_icl_generation_inputs(ref_audio=audio, **told)[3]) for audio in audios]
    assert not np.array_equal(codes[0], codes[1])
    assert np.array_equal(taken[1], codes[0]), "theirs speaks with the voice that came first"
