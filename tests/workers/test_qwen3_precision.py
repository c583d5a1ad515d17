"""Quantized and bf16 checkpoints take the same path as mlx-audio's own talker, each in its own precision.

On a CPU `load_checkpoint` widens the talker to float32: plain weights, norms and embeddings, and of a quantized
layer its scales and biases; the packed codes stay. That changes no weight, only what is added up in how many bits.
So where mlx-audio's talker is widened too, all must be the same; where it is left in bf16, what differs is its
rounding.
"""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from pathlib import Path
from typing import Any, TypeAlias

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from numpy.typing import NDArray

from app.inference.model import Sampling
from app.selftest.checkpoint.talker import FIRST_SPOKEN
from app.workers.synthesis.qwen3.linear import fuse
from app.workers.synthesis.qwen3.loading import load_checkpoint
from app.workers.synthesis.qwen3.prompts import PromptBuilder
from app.workers.synthesis.qwen3.sampling import FrameSampler, SamplingParams, stack_sampling
from app.workers.synthesis.qwen3.talker import Talker
from tests.support.lazily import lazily
from tests.support.qwen3_checkpoints import Models, endless
from tests.support.qwen3_codes import Codes, their_codes
from tests.support.qwen3_codes import generated as generated
from tests.support.speaking import speak

mlx_audio = lazily("mlx_audio.tts")

Logits: TypeAlias = NDArray[np.float32]

TEXT = "A ∞."
CODES, GROUPS = 2_048, 16

pytestmark = pytest.mark.long

BITS = pytest.mark.parametrize("bits", [4, 6, 8])

FRAMES = 64

#: A number in bf16 has 8 bits, so it is off by up to 2**-9 of itself. Some fifty roundings follow each other on the
#: way to a logit (in the sum of 17 embeddings, about 15 in each of two layers, a norm, the head), up or down at
#: random: as √50 of them, 1.4 %. This is twice that. Measured: 1.6 % for the first code, 1.9 % or less for others.
ROUNDED = 2**-5

#: Of numbers with 24 bits. Measured: nothing.
SAME = 1e-5


@BITS
def test_a_quantized_checkpoint_generates_the_codes_of_mlx_audio(
    models: Models, generated: dict[int, list[Codes]], bits: int
) -> None:
    options = {"type": "custom_voice", "bits": bits}
    theirs: Any = mlx_audio.load(models.folder(**options))
    # As ours is: scales, biases, norms, embeddings. In bf16, MLX on a CPU even adds up quantized products in bf16.
    theirs.talker.set_dtype(mx.float32)
    wanted = endless(sampling=Sampling(temperature=0), max_seconds=FRAMES / 12.5)

    speak(models.model(**options), wanted)

    expected = their_codes(theirs, FRAMES, text=TEXT, voice="ryan")
    assert expected.shape == (FRAMES, GROUPS)
    assert len(np.unique(expected[:, 0])) > 10
    assert np.array_equal(np.stack(generated[wanted.id])[:FRAMES], expected)


def some_layers(talker: Any) -> list[list[Any]]:
    """Of each part of a talker, those that we fuse."""
    first, second = talker.model.layers
    attention = first.self_attn
    return [
        [attention.q_proj, attention.k_proj, attention.v_proj],
        [second.mlp.down_proj],
        [talker.codec_head],
        [talker.code_predictor.lm_head[14]],
    ]


@BITS
def test_quantized_layers_stay_quantized_and_are_widened_without_loss(models: Models, bits: int) -> None:
    folder = models.folder(type="custom_voice", bits=bits)
    theirs: Any = mlx_audio.load(folder)
    loaded: Any = load_checkpoint(folder).model

    for layers, parts in zip(some_layers(loaded.talker), some_layers(theirs.talker), strict=True):
        ours = fuse(*layers)
        assert isinstance(ours, nn.QuantizedLinear)
        assert ours.bits == bits
        assert (ours.scales.dtype, parts[0].scales.dtype) == (mx.float32, mx.bfloat16)
        for name in ("weight", "scales", "biases"):
            assert mx.array_equal(ours[name], mx.concatenate([part[name] for part in parts])), name


@BITS
def test_fused_quantized_layers_give_what_each_gives(bits: int) -> None:
    """Biases too: the projection from a talker to a predictor of another width has them."""
    layers = [nn.QuantizedLinear(64, width, bits=bits) for width in (32, 8, 24)]
    for number, layer in enumerate(layers):
        layer.bias = mx.random.normal(layer.bias.shape, key=mx.random.key(number))
    x = mx.random.normal((2, 3, 64), key=mx.random.key(9))

    assert mx.array_equal(fuse(*layers)(x), mx.concatenate([layer(x) for layer in layers], axis=-1))


def test_layers_in_different_formats_are_not_fused() -> None:
    """As in checkpoints that keep a few more bits where it matters."""
    layers = [
        nn.QuantizedLinear(64, 32, bits=4, bias=False),
        nn.QuantizedLinear(64, 8, bits=6, bias=False),
        nn.QuantizedLinear(64, 16, bits=4, group_size=16, mode="nvfp4", bias=False),
        nn.Linear(64, 24, bias=False),
    ]
    x = mx.random.normal((2, 3, 64), key=mx.random.key(9))

    for some in (layers, layers[2:3]):
        assert mx.allclose(fuse(*some)(x), mx.concatenate([layer(x) for layer in some], axis=-1), atol=1e-5)


def test_in_bf16_mlx_audio_differs_from_us_by_the_rounding_of_bf16(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are told the same codes, whatever they would have said, so that a near tie has no consequences."""
    folder = models.folder(type="custom_voice")
    chance = np.random.default_rng(0)
    codes = chance.integers(FIRST_SPOKEN, CODES, (40, GROUPS)).astype(np.uint32)
    theirs: Any = mlx_audio.load(folder)
    assert theirs.talker.codec_head.weight.dtype == mx.bfloat16

    ours = our_logits(folder, codes, monkeypatch)

    in_bf16 = their_logits(theirs, codes)
    theirs.talker.set_dtype(mx.float32)  # exact
    in_float32 = their_logits(theirs, codes)
    theirs.talker.set_dtype(mx.float16)  # nearly exact, but for the weights of the end
    in_float16 = their_logits(theirs, codes)
    rounded = apart(ours, in_bf16)
    assert (apart(ours, in_float32) < SAME).all()
    assert (rounded < ROUNDED).all()
    # Measured: 97.5 % of the first codes, 96.9 % of all.
    assert agreement(ours[:, :1], in_bf16[:, :1]) >= 0.9
    assert agreement(ours, in_bf16) >= 0.9
    # With three bits more, about an eighth is left: it is rounding, and nothing else.
    assert 5 < rounded.mean() / apart(ours, in_float16).mean() < 12


def our_logits(folder: Path, codes: Codes, monkeypatch: pytest.MonkeyPatch) -> Logits:
    """What our talker would choose each code from, [frames, groups, codes], where these codes are chosen."""
    loaded = load_checkpoint(folder)
    prompts = PromptBuilder(loaded.model, loaded.checkpoint.language_names)
    prompt = prompts.build(endless(), None)
    talker = Talker(loaded.model.talker, prompts.pad)
    cache = talker.make_cache()
    cache.resize(1, prompt.positions + len(codes))
    inputs, last = mx.concatenate([prompt.prefix, prompt.suffix], axis=1), prompt.positions - 1
    talker.prefill(cache, 0, inputs[:, :last], 0)
    cache.start_decoding(0, inputs[:, last:])
    found: list[Logits] = []

    def told(_: FrameSampler, logits: mx.array, group: int) -> mx.array:
        frame = len(found) // GROUPS
        found.append(heard(logits[0]))
        return mx.array(codes[frame, group : group + 1])

    monkeypatch.setattr(FrameSampler, "sample", told)
    sampling, mode = stack_sampling([SamplingParams(1, 0.0, 0, 1.0, 1.0, 0)])
    for frame in range(len(codes)):
        step = talker.build_step(cache, mx.array([last + frame]), mx.array([frame]), sampling, mode)
        assert np.array_equal(np.array(step.codes)[0], codes[frame])
    return np.stack(found).reshape(len(codes), GROUPS, -1)


def their_logits(theirs: Any, codes: Codes) -> Logits:
    """The same of mlx-audio's talker and its code predictor, in whatever precision they are."""
    talker, predictor = theirs.talker, theirs.talker.code_predictor
    x, _, pad = theirs._prepare_generation_inputs(TEXT, speaker="ryan")
    past, found = talker.make_cache(), list[Logits]()
    for frame in codes:
        tokens = [mx.array(frame[None, group : group + 1]) for group in range(GROUPS)]
        logits, hidden = talker(x, cache=past)
        found.append(heard(logits[0, -1]))
        own = predictor.make_cache()
        x = mx.concatenate([hidden[:, -1:], talker.get_input_embeddings()(tokens[0])], axis=1)
        for group in range(GROUPS - 1):
            logits, own, _ = predictor(x, cache=own, generation_step=group)
            found.append(heard(logits[0, -1]))
            x = predictor.codec_embedding[group](tokens[group + 1])
        x = theirs._codec_embeds_for_tokens(tokens) + pad
    return np.stack(found).reshape(len(codes), GROUPS, -1)


def heard(logits: mx.array) -> Logits:
    """Of the codes that the random talker may say first: the others are far below them all."""
    return np.array(logits[FIRST_SPOKEN:CODES].astype(mx.float32))


def apart(one: Logits, other: Logits) -> NDArray[np.float64]:
    """How far logits are from each other, by group: usually, and as a part of their spread over the codes."""
    assert one.shape == other.shape
    error = np.sqrt(np.mean((one.astype(np.float64) - other) ** 2, axis=-1))
    return np.mean(error / other.std(axis=-1), axis=0)


def agreement(one: Logits, other: Logits) -> float:
    """The share of choices that are the same."""
    return float(np.mean(one.argmax(axis=-1) == other.argmax(axis=-1)))
