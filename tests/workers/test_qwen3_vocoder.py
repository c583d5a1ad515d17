"""The vocoder for several streams sounds as mlx-audio's, however its codes are divided and batched."""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from random import Random
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from app.workers.synthesis.qwen3.convolutions import Convolution, Depthwise, Upsampling
from app.workers.synthesis.qwen3.loading import LoadedCheckpoint, load_checkpoint
from app.workers.synthesis.qwen3.snake import Snake
from app.workers.synthesis.qwen3.vocoder import Vocoder, select_state, stack_states
from tests.support.lazily import lazily
from tests.support.qwen3_checkpoints import (
    FRAME_SAMPLES,
    Models,
)
from tests.support.qwen3_vocoders import GROUPS, Samples, apart, codes_of, decoded, primed, stepped

mlx_audio = lazily("mlx_audio.tts")


@pytest.fixture(scope="module")
def loaded(models: Models) -> LoadedCheckpoint:
    return load_checkpoint(models.folder(type="base"))


@pytest.fixture(scope="module")
def vocoder(loaded: LoadedCheckpoint) -> Vocoder:
    return Vocoder(loaded.decoder)


@pytest.fixture(scope="module")
def far_sighted(loaded: LoadedCheckpoint) -> Vocoder:
    """One whose attention sees everything, as that of mlx-audio does."""
    return Vocoder(loaded.decoder, window=512)


@pytest.fixture(scope="module")
def theirs(models: Models) -> Any:
    """mlx-audio with the same weights, and nothing of ours in it."""
    return mlx_audio.load(models.folder(type="base"))


def test_codes_of_zeros_are_frames_like_any_other(far_sighted: Vocoder, theirs: Any) -> None:
    codes = np.array(codes_of(6))
    codes[0, 0, [0, 3, 5]] = 0

    samples = stepped(far_sighted, mx.array(codes), 4, 2)

    assert samples.size == 6 * FRAME_SAMPLES
    assert apart(samples, decoded(theirs, mx.array(codes))) < 1e-4


@pytest.mark.parametrize(
    "lengths", [[24], [1] * 24, [4] * 6, [3, 1, 7, 13], [23, 1]], ids=lambda lengths: "+".join(map(str, lengths))
)
def test_however_codes_are_divided_they_sound_the_same(
    theirs: Any, far_sighted: Vocoder, lengths: list[int]
) -> None:
    codes = codes_of(24)

    assert apart(stepped(far_sighted, codes, *lengths), decoded(theirs, codes)) < 1e-5


def test_a_stream_of_any_length_goes_on_as_it_began(theirs: Any, far_sighted: Vocoder) -> None:
    codes = codes_of(266)  # the cache of the attention grows at 256

    assert apart(stepped(far_sighted, codes, 250, 4, 4, 4, 4), decoded(theirs, codes)) < 1e-4


@pytest.mark.parametrize("frames", [1, 25, 26, 60])
def test_a_reference_of_any_length_is_heard_to_its_end(theirs: Any, far_sighted: Vocoder, frames: int) -> None:
    codes = codes_of(frames + 4)
    expected = decoded(theirs, codes)[frames * FRAME_SAMPLES :]

    samples = stepped(far_sighted, codes[..., frames:], 4, state=primed(far_sighted, codes[..., :frames]))

    assert apart(samples, expected) < 1e-4


def test_a_state_can_be_gone_on_from_again_and_again(far_sighted: Vocoder) -> None:
    state = primed(far_sighted, codes_of(9))
    codes = [codes_of(8, seed) for seed in (1, 2, 1)]

    first, other, again = (stepped(far_sighted, some, 4, 4, state=state) for some in codes)

    assert np.array_equal(first, again)
    assert apart(other, first) > 0.1


@pytest.mark.parametrize("reference", [0, 9])
def test_two_vocoder_streams_step_by_step_are_two_streams(far_sighted: Vocoder, reference: int) -> None:
    """Also after the same reference."""
    codes = codes_of(12, 1), codes_of(12, 2)
    state = primed(far_sighted, codes_of(reference)) if reference else None
    expected = [stepped(far_sighted, some, 4, 4, 4, state=state) for some in codes]
    states = [state, state]
    parts: list[list[Samples]] = [[], []]

    for start in (0, 4, 8):
        for number in (0, 1):
            samples, states[number] = far_sighted.step(codes[number][..., start : start + 4], states[number])
            parts[number].append(np.array(samples).reshape(-1))

    for number in (0, 1):
        assert np.array_equal(np.concatenate(parts[number]), expected[number])


def test_an_abandoned_vocoder_stream_leaves_nothing(far_sighted: Vocoder) -> None:
    expected = stepped(far_sighted, codes_of(4), 4)
    far_sighted.step(codes_of(7, 3), None)

    assert np.array_equal(stepped(far_sighted, codes_of(4), 4), expected)

    with pytest.raises(ValueError, match=r"."):
        far_sighted.step(mx.zeros((1, GROUPS), mx.int32), None)
    assert np.array_equal(stepped(far_sighted, codes_of(4), 4), expected)


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
