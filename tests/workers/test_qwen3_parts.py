"""The parts of the decode loop one by one: prompts, sampling, and a vocoder for several streams."""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from random import Random
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx_audio.tts.utils import load as load_theirs
from numpy.typing import NDArray

from app.inference.model import VoiceKind, VoiceSpec
from app.workers.synthesis.qwen3.convolutions import Convolution, Depthwise, Upsampling
from app.workers.synthesis.qwen3.loading import LoadedCheckpoint, load_checkpoint
from app.workers.synthesis.qwen3.prompts import Prompt, PromptBuilder
from app.workers.synthesis.qwen3.references import Reference
from app.workers.synthesis.qwen3.sampling import (
    CodeSampling,
    FirstCodeProcessor,
    FrameSampler,
    SamplingParams,
    stack_sampling,
)
from app.workers.synthesis.qwen3.snake import Snake
from app.workers.synthesis.qwen3.vocoder import FRAME_SAMPLES, Vocoder, VocoderState, select_state, stack_states
from tests.support.qwen3_checkpoints import DEEP, LONGER, Models, tone, utterance

Samples = NDArray[np.float32]

GROUPS, CODES = 16, 2_048


@pytest.fixture(scope="module")
def loaded(models: Models) -> LoadedCheckpoint:
    return load_checkpoint(models.folder(type="base"))


@pytest.fixture(scope="module")
def vocoder(loaded: LoadedCheckpoint) -> Vocoder:
    return Vocoder(loaded.decoder)


def codes_of(frames: int, seed: int = 0) -> mx.array:
    """[1, code groups, frames]."""
    return mx.array(np.random.default_rng(seed).integers(0, CODES, (1, GROUPS, frames)).astype(np.int32))


def apart(one: Any, other: Any) -> float:
    """The largest difference, as a part of the peak."""
    assert one.shape == other.shape
    return float(np.abs(one - other).max() / np.abs(other).max())


# Prompts


def whole(prompt: Prompt) -> Samples:
    return np.array(mx.concatenate([prompt.prefix, prompt.suffix], axis=1).astype(mx.float32))


@pytest.mark.parametrize("language", ["auto", "english", "chinese"])
@pytest.mark.parametrize(
    ("kind", "voice", "instruct"),
    [
        ("custom_voice", VoiceSpec(VoiceKind.PRESET, "ryan"), ""),
        ("custom_voice", VoiceSpec(VoiceKind.PRESET, "vivian"), "Whisper, please."),
        ("custom_voice", VoiceSpec(VoiceKind.PRESET, "dylan"), ""),  # whose Chinese is a dialect
        ("voice_design", DEEP, ""),
    ],
)
def test_a_prompt_is_laid_as_mlx_audio_lays_it(
    models: Models, kind: str, voice: VoiceSpec, instruct: str, language: str
) -> None:
    theirs: Any = load_theirs(models.folder(type=kind))
    names = tuple(theirs.config.talker_config.codec_language_id)
    tag = {"english": "en", "chinese": "zh", "auto": ""}[language]
    wanted = utterance(LONGER, voice, instruct=instruct, language=tag)

    ours = PromptBuilder(theirs, names).build(wanted, None)

    told = {"speaker": voice.name or None, "instruct": voice.description or instruct or None}
    expected = theirs._prepare_generation_inputs(LONGER, language=language, **told)[0]
    assert np.array_equal(whole(ours), np.array(expected.astype(mx.float32)))


def test_a_clones_prompt_is_laid_as_mlx_audio_lays_it(models: Models) -> None:
    theirs: Any = load_theirs(models.folder(type="base"))
    audio = mx.array(tone() / np.float32(32_768))
    prompts = PromptBuilder(theirs, ("english",))
    codes = theirs.speech_tokenizer.encode(audio[None, None]).astype(mx.int32)
    speaker = theirs.extract_speaker_embedding(audio).astype(mx.float32)
    reference = Reference("key", codes, speaker, prompts.embed_codes(codes))
    voice = VoiceSpec(VoiceKind.CLONE, folder="/somewhere", transcript="I was there.", language="en")

    ours = prompts.build(utterance(LONGER, voice), reference)

    expected = theirs._prepare_icl_generation_inputs(LONGER, audio, "I was there.", language="english")[0]
    assert np.array_equal(whole(ours), np.array(expected.astype(mx.float32)))


def test_prompts_with_the_same_prefix_have_the_same_key(models: Models) -> None:
    prompts = PromptBuilder(load_theirs(models.folder(type="custom_voice", size="1b7")), ("english", "german"))
    wanted = [
        utterance("A"),
        utterance("B", seed=4),
        utterance("A", VoiceSpec(VoiceKind.PRESET, "vivian")),
        utterance("A", instruct="Low."),
        utterance("A", language="de"),
    ]

    made = [prompts.build(one, None) for one in wanted]

    assert made[0].prefix_key == made[1].prefix_key
    assert mx.array_equal(made[0].prefix, made[1].prefix)
    assert len({one.prefix_key for one in made}) == 4


# Sampling


def chosen(
    logits: NDArray[np.float32], *batch: SamplingParams, frames: int = 1, group: int = 0
) -> NDArray[np.int64]:
    """Codes of each sequence in this many frames, [frames, batch]; all have the same logits."""
    sampling, mode = stack_sampling(batch)
    found: list[NDArray[np.int64]] = []
    for frame in range(frames):
        at = mx.full((len(batch),), frame, mx.int32)
        sampler = FrameSampler(sampling, mode, at, GROUPS, logits.size)
        repeated = mx.array(np.tile(logits, (len(batch), 1)))
        found.append(np.array(sampler.sample(repeated, group)).astype(np.int64))
    return np.stack(found)


def warm(seed: int = 1, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0) -> SamplingParams:
    return SamplingParams(seed, temperature, top_k, top_p, 1.0, 0)


def unlikely(found: NDArray[np.int64], expected: NDArray[np.float64]) -> float:
    """Pearson's statistic, as a multiple of its mean: about 1 where the codes are drawn from what is expected."""
    counts = np.bincount(found, minlength=expected.size)
    assert counts[expected == 0].sum() == 0
    wanted = expected * found.size
    often = wanted >= 5  # the statistic means nothing for what is expected once or twice
    seen = np.append(counts[often], counts[~often].sum())
    wanted = np.append(wanted[often], wanted[~often].sum() + 1e-9)
    assert often.sum() > 2
    return float(((seen - wanted) ** 2 / wanted).sum() / often.sum())


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, 20),
        ({"top_k": 5}, 5),
        ({"top_k": 64}, 20),
        ({"temperature": 0.5}, 20),
        ({"temperature": 2.0, "top_p": 0.8}, None),
        ({"temperature": 2.0, "top_k": 8, "top_p": 0.8}, None),
    ],
)
def test_codes_are_sampled_from_the_softmax_of_the_likeliest(settings: dict[str, Any], kept: int | None) -> None:
    logits = np.random.default_rng(3).normal(size=20).astype(np.float32)
    row = warm(**settings)
    scaled = logits.astype(np.float64) / row.temperature
    if row.top_k and row.top_k < 20:
        scaled[np.argsort(-scaled)[row.top_k :]] = -np.inf
    expected = np.exp(scaled) / np.exp(scaled).sum()
    if row.top_p < 1:
        order = np.argsort(-expected)
        before = np.cumsum(expected[order]) - expected[order]
        expected[order[before >= row.top_p]] = 0
        expected /= expected.sum()
    if kept is not None:
        assert (expected > 0).sum() == kept

    of_many_sequences = chosen(logits, *[warm(seed, **settings) for seed in range(500)])[0]
    of_many_frames = chosen(logits, warm(9, **settings), frames=500)[:, 0]
    found = np.concatenate([of_many_sequences, of_many_frames])

    assert unlikely(found, expected) < 2


def test_a_sequences_noise_is_its_own() -> None:
    logits = np.random.default_rng(3).normal(size=CODES).astype(np.float32)
    one = warm(7, top_k=50)

    alone = chosen(logits, one, frames=30)[:, 0]
    among = chosen(logits, warm(1), one, warm(2, top_p=0.5), warm(3, temperature=0.0), frames=30)[:, 1]
    other = chosen(logits, warm(7 + 2**32, top_k=50), frames=30)[:, 0]

    assert np.array_equal(alone, among)
    assert len(set(alone)) > 10
    assert not np.array_equal(alone, other)
    assert not np.array_equal(alone, chosen(logits, one, frames=30, group=1)[:, 0])


@pytest.mark.parametrize("one", [warm(7, top_k=50), warm(7, top_k=1), warm(7, temperature=0.0)])
@pytest.mark.parametrize("other", [warm(1), warm(1, top_k=0), warm(1, top_k=100), warm(1, temperature=0.0)])
def test_equally_likely_codes_are_sampled_alike_whatever_else_is_in_the_batch(
    one: SamplingParams, other: SamplingParams
) -> None:
    """In bfloat16, which a GPU computes in, there are many."""
    numbers = mx.array(np.random.default_rng(3).normal(size=(40, CODES)) * 2.5, mx.bfloat16).astype(mx.float32)

    for logits in np.array(numbers):
        assert chosen(logits, one, frames=3)[:, 0].tolist() == chosen(logits, one, other, frames=3)[:, 0].tolist()


def test_codes_as_likely_as_the_last_of_top_k_are_kept_with_it() -> None:
    """As in transformers, and in bfloat16 there often are some."""
    logits = np.array([1.0, 3.0, 2.0, 0.5, 2.0, 1.0, 2.0, 0.0], np.float32)

    found = chosen(logits, *[warm(seed, top_k=2) for seed in range(400)])[0]

    expected = np.where(logits >= 2, np.exp(logits.astype(np.float64)), 0)
    assert unlikely(found, expected / expected.sum()) < 2


def test_a_frames_other_codes_have_sampling_of_their_own() -> None:
    logits = np.random.default_rng(3).normal(size=CODES).astype(np.float32)
    rows = [
        SamplingParams(5, 0.0, 0, 1.0, 1.0, 0, CodeSampling(1.0, 50, 1.0)),
        SamplingParams(5, 1.0, 50, 1.0, 1.0, 0, CodeSampling(0.0, 0, 1.0)),
        SamplingParams(5, 1.0, 50, 1.0, 1.0, 0, CodeSampling(1.0, 1, 1.0)),
        SamplingParams(5, 1.0, 50, 1.0, 1.0, 0, CodeSampling(1.0, 0, 1e-9)),
    ]

    first, other = (chosen(logits, *rows, frames=30, group=group).T for group in (0, 1))

    assert [len(set(row)) == 1 for row in first.tolist()] == [True, False, False, False]
    assert [len(set(row)) == 1 for row in other.tolist()] == [False, True, True, True]


def test_at_temperature_0_the_likeliest_is_chosen_whatever_else_is_in_the_batch() -> None:
    logits = np.random.default_rng(3).normal(size=CODES).astype(np.float32)
    cold = warm(temperature=0.0)

    for others in ([], [warm(top_k=50)], [warm()], [warm(top_p=0.3)]):
        assert (chosen(logits, cold, *others, frames=3)[:, 0] == logits.argmax()).all()


def test_specials_and_an_early_end_are_not_chosen_and_repetition_costs() -> None:
    codes, end = 3_072, 2_150
    first = FirstCodeProcessor(codes, end)
    logits = mx.array(np.random.default_rng(0).normal(size=(3, codes)).astype(np.float32))
    frames = mx.array([0, 1, 70])
    batch = ((1.0, 1), (1.5, 1), (2.0, 0))
    sampling, _ = stack_sampling([SamplingParams(1, 1, 0, 1, penalty, min_frames) for penalty, min_frames in batch])
    history = first.make_history(3)
    for number in range(70):
        history = first.push_history(history, mx.array([5, 6, number]))

    allowed = np.array(first.process(logits, history, frames, sampling))

    plain = np.array(logits)
    specials = np.arange(codes) >= codes - 1_024
    specials[end] = False
    assert np.isinf(allowed[:, specials]).all()
    assert np.isinf(allowed[0, end])
    assert allowed[1, end] == plain[1, end]
    assert allowed[0, 5] == plain[0, 5]
    wanted = plain[1, 6] * 1.5 if plain[1, 6] < 0 else plain[1, 6] / 1.5
    assert allowed[1, 6] == pytest.approx(wanted)
    changed = {int(code) for code in np.flatnonzero(~specials & (allowed[2] != plain[2]))}
    assert changed == set(range(70)), "all of them count, and not the last 64 alone, as in mlx-audio"


# The vocoder


def stepped(vocoder: Vocoder, codes: mx.array, *lengths: int) -> Samples:
    parts: list[Samples] = []
    state: VocoderState | None = None
    start = 0
    for length in lengths:
        samples, state = vocoder.step(codes[..., start : start + length], state)
        parts.append(np.array(samples)[0])
        start += length
    assert start == codes.shape[-1]
    return np.concatenate(parts)


def test_streams_that_join_and_leave_a_batch_sound_as_each_alone(vocoder: Vocoder) -> None:
    chance = Random(0)
    codes = [codes_of(chance.randint(5, 40), seed) for seed in range(9)]
    expected = [stepped(vocoder, some, some.shape[-1]) for some in codes]
    states = [vocoder.make_state() for _ in codes]
    parts: list[list[Samples]] = [[] for _ in codes]
    at = [0] * len(codes)

    while left := [number for number, some in enumerate(codes) if at[number] < some.shape[-1]]:
        rows = chance.sample(left, chance.randint(1, min(4, len(left))))
        frames = min(chance.choice([1, 2, 4, 8]), *(codes[row].shape[-1] - at[row] for row in rows), 8)
        batch = mx.concatenate([codes[row][..., at[row] : at[row] + frames] for row in rows])
        samples, after = vocoder.step(batch, stack_states([states[row] for row in rows]))
        for number, row in enumerate(rows):
            states[row] = select_state(after, number)
            parts[row].append(np.array(samples[number]))
            at[row] += frames

    for number, wanted in enumerate(expected):
        assert apart(np.concatenate(parts[number]), wanted) < 1e-4


def test_attention_sees_the_last_72_frames_as_in_the_official_decoder(
    loaded: LoadedCheckpoint, vocoder: Vocoder
) -> None:
    """Against mlx-audio's own modules with the mask of a sliding window put in."""
    codes, window = codes_of(150), 72
    decoder = loaded.decoder
    far = mx.arange(150)[:, None] - mx.arange(150)
    mask = mx.where((far >= 0) & (far < window), 0.0, -mx.inf)
    hidden = decoder.pre_conv(decoder.quantizer.decode(codes).transpose(0, 2, 1))
    hidden = decoder.pre_transformer(hidden, mask=mask)
    for layers in decoder.upsample:
        for layer in layers:
            hidden = layer(hidden)
    for layer in decoder.decoder:
        hidden = layer(hidden)
    expected = np.array(mx.clip(hidden, -1, 1)).reshape(-1)

    samples = stepped(vocoder, codes, 1, 2, 4, 8, 25, 60, 50)

    assert apart(samples, expected) < 1e-4
    everything = stepped(Vocoder(decoder, window=512), codes, 150)
    assert apart(everything[: window * FRAME_SAMPLES], expected[: window * FRAME_SAMPLES]) < 1e-4
    assert apart(everything, expected) > 1e-3, "a window would not be noticed"


def test_a_step_of_the_wrong_number_of_groups_is_refused(vocoder: Vocoder) -> None:
    with pytest.raises(ValueError, match="8 code groups instead of 16"):
        vocoder.step(codes_of(4)[:, :8], None)


def random(*shape: int) -> mx.array:
    return mx.array(np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32))


@pytest.mark.parametrize(("taps", "dilation"), [(1, 1), (3, 1), (7, 1), (7, 3), (7, 9)])
def test_a_convolution_is_that_of_mlx_however_its_input_is_divided(taps: int, dilation: int) -> None:
    weight, bias, x = random(5, taps, 3), random(5), random(2, 40, 3)
    convolution = Convolution(weight, bias, dilation)
    history = (taps - 1) * dilation
    expected = mx.conv1d(mx.pad(x, [(0, 0), (history, 0), (0, 0)]), weight, dilation=dilation) + bias

    past = mx.zeros((2, *convolution.past_shape))
    parts: list[mx.array] = []
    for start, end in ((0, 1), (1, 3), (3, 30), (30, 40)):
        part, past = convolution(x[:, start:end], past)
        parts.append(part)

    assert convolution.past_shape == (history, 3)
    assert apart(np.array(mx.concatenate(parts, axis=1)), np.array(expected)) < 1e-5


def test_a_depthwise_convolution_is_that_of_mlx() -> None:
    weight, bias, x = random(6, 7, 1), random(6), random(2, 20, 6)
    depthwise = Depthwise(weight, bias)
    expected = mx.conv1d(mx.pad(x, [(0, 0), (6, 0), (0, 0)]), weight, groups=6) + bias

    first, past = depthwise(x[:, :3], mx.zeros((2, *depthwise.past_shape)))
    second, _ = depthwise(x[:, 3:], past)

    assert apart(np.array(mx.concatenate([first, second], axis=1)), np.array(expected)) < 1e-5


@pytest.mark.parametrize(("stride", "taps"), [(2, 2), (3, 6), (8, 16)])
def test_an_upsampling_is_that_of_mlx(stride: int, taps: int) -> None:
    weight, bias, x = random(4, taps, 3), random(4), random(2, 9, 3)
    upsampling = Upsampling(weight, bias, stride)
    expected = mx.conv_transpose1d(x, weight, stride=stride)[:, : 9 * stride] + bias

    past = mx.zeros((2, *upsampling.past_shape))
    parts: list[mx.array] = []
    for start, end in ((0, 1), (1, 4), (4, 9)):
        part, past = upsampling(x[:, start:end], past)
        parts.append(part)

    assert apart(np.array(mx.concatenate(parts, axis=1)), np.array(expected)) < 1e-5
    with pytest.raises(ValueError, match="taps at a stride"):
        Upsampling(weight, bias, stride + taps)


def test_a_snake_is_that_of_mlx_audio(loaded: LoadedCheckpoint) -> None:
    theirs = loaded.decoder.decoder[-2]
    x = random(2, 30, theirs.alpha.shape[0]) * 40

    assert apart(np.array(Snake(theirs)(x)), np.array(theirs(x))) < 1e-6
