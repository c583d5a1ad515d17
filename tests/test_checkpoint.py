"""Checkpoints of random weights are whole, are read by what reads real ones, and behave as other tests need."""

# The types of MLX are half unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten
from numpy.typing import NDArray

from app.selftest.checkpoint import write_checkpoint
from app.selftest.checkpoint.codec import Codec
from app.selftest.checkpoint.dims import DIMS, Kind, Size, codec_config, model_config
from app.selftest.checkpoint.talker import FIRST_SPOKEN, TalkerWeights
from app.selftest.checkpoint.tensors import RandomWeights, Weight
from tests.support.lazily import lazily

mlx_audio = lazily("mlx_audio.tts")
qwen3_tts = lazily("mlx_audio.tts.models.qwen3_tts.qwen3_tts")
qwen3_config = lazily("mlx_audio.tts.models.qwen3_tts.config")
speech_tokenizer = lazily("mlx_audio.tts.models.qwen3_tts.speech_tokenizer")
transformers = lazily("transformers")

FRAME = 1_920
TEXT = "Come in."
REFERENCE = "What she said."
SPECIAL = {
    "<|endoftext|>": 151643, "<|im_start|>": 151644, "<|im_end|>": 151645, "<|fim_prefix|>": 151659,
    "<think>": 151667, "<|audio_start|>": 151669, "<tts_pad>": 151671, "<tts_text_bos>": 151672,
    "<tts_text_eod>": 151673,
}  # fmt: skip

Samples = NDArray[np.float32]
Loaded = Callable[..., Any]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """A model of these options, written and loaded once."""
    models: dict[str, Any] = {}

    def load_once(**options: Any) -> Any:
        key = repr(sorted(options.items()))
        if key not in models:
            folder = tmp_path_factory.mktemp("checkpoint")
            write_checkpoint(folder, **options)
            models[key] = mlx_audio.load(folder, strict=True)
        return models[key]

    return load_once


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    write_checkpoint(folder)
    return folder


@pytest.fixture(scope="module")
def base(folder: Path) -> Any:
    return mlx_audio.load(folder, strict=True)


@pytest.fixture(scope="module")
def usual(base: Any) -> Samples:
    """What the base model says when nothing is asked of it but the text."""
    return spoken(base)


def spoken(model: Any, text: str = TEXT, *, seed: int = 0, **options: Any) -> Samples:
    mx.random.seed(seed)
    # Without its top-k of fifty, mlx-audio takes half the time. That it does not matter has a test of its own.
    options = {"max_tokens": 150, "top_k": 0, **options}
    parts = [np.array(result.audio) for result in model.generate(text, **options)]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def frames(model: Any, text: str = TEXT, **options: Any) -> int:
    count, rest = divmod(len(spoken(model, text, **options)), FRAME)
    assert rest == 0
    return count


def reference(pitch: int = 150) -> mx.array:
    time = np.arange(72_000) / 24_000
    return mx.array((0.3 * np.sin(2 * np.pi * pitch * time) * np.sin(9 * time)).astype(np.float32))


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    parameters: Any = tree_flatten(module.parameters())
    # Whether a codebook has been trained: mlx-audio has a place for it, but never fills it.
    return {name: value.shape for name, value in parameters if not name.endswith(".initialized")}


def promised(weights: Iterable[Weight]) -> dict[str, mx.array]:
    """The tensors without their values: arrays that are never computed."""
    return {weight.name: mx.zeros(weight.shape) for weight in weights}


def written_shapes(tensors: dict[str, mx.array]) -> dict[str, tuple[int, ...]]:
    return {name: value.shape for name, value in tensors.items()}


def codec_module(dims: Size) -> Any:
    config = codec_config(DIMS[dims])
    parts = {name: config[name] for name in ("encoder_config", "decoder_config")}
    return speech_tokenizer.Qwen3TTSSpeechTokenizer(qwen3_config.Qwen3TTSTokenizerConfig(**parts))


@pytest.mark.parametrize("dims", DIMS)
def test_the_model_has_each_tensor_that_mlx_audio_wants_and_no_other(dims: Size) -> None:
    model = qwen3_tts.Model(qwen3_config.ModelConfig.from_dict(model_config(DIMS[dims], "base", "0b6")))
    talker = TalkerWeights(DIMS[dims], RandomWeights(0), "text", None)
    codec = Codec(DIMS[dims], RandomWeights(0), "speech")

    tensors = model.sanitize(promised([*talker.weights(), *codec.speaker_encoder()]))

    assert written_shapes(tensors) == shapes(model)


@pytest.mark.parametrize("dims", DIMS)
def test_the_speech_tokenizer_has_each_tensor_that_mlx_audio_wants_and_no_other(dims: Size) -> None:
    module = codec_module(dims)

    tensors = module.sanitize(promised(Codec(DIMS[dims], RandomWeights(0), "speech").weights()))

    assert written_shapes(tensors) == shapes(module)


def test_what_was_promised_of_the_speech_tokenizer_is_in_its_file(folder: Path) -> None:
    there: Any = mx.load(str(folder / "speech_tokenizer" / "model.safetensors"))

    assert written_shapes(codec_module("tiny").sanitize(there)) == shapes(codec_module("tiny"))


@pytest.mark.parametrize("kind", ["base", "custom_voice", "voice_design"])
def test_every_type_is_loaded_with_its_codec_and_its_tokenizer(loaded: Loaded, kind: Kind) -> None:
    model = loaded(type=kind)

    assert model.config.tts_model_type == kind
    assert model.speech_tokenizer.has_encoder
    assert model.tokenizer is not None
    assert model.generate_config["max_new_tokens"] == 8192
    assert (model.speaker_encoder is not None) == (kind == "base")
    assert bool(model.supported_speakers) == (kind == "custom_voice")


def test_the_tokenizer_has_qwens_special_tokens_and_the_marks_in_one_piece(folder: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)

    assert {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL} == SPECIAL
    assert tokenizer.encode("<|im_start|>assistant\n") == [151644, 77091, 198]
    assert len(tokenizer.encode("∞")) == len(tokenizer.encode("∅")) == 1
    text = "Größe, 速度 and 🎧: said…"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert max(tokenizer.encode(text)) < 151_643
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": "So?"}], tokenize=False)
    assert prompt == "<|im_start|>user\nSo?<|im_end|>\n"


@pytest.mark.long
@pytest.mark.parametrize("bits", [4, 6, 8])
def test_a_quantized_one_has_quantized_layers_and_still_ends_by_itself(loaded: Loaded, bits: int) -> None:
    model = loaded(type="base", bits=bits)

    quantized = {name for name, module in model.named_modules() if isinstance(module, nn.QuantizedLinear)}
    assert {"talker.codec_head", "talker.code_predictor.lm_head.14"} <= quantized
    assert {
        "talker.model.layers.1.self_attn.q_proj",
        "talker.code_predictor.model.layers.0.mlp.up_proj",
    } <= quantized
    assert model.talker.codec_head.bits == bits
    assert not isinstance(model.talker.model.text_embedding, nn.QuantizedEmbedding)
    assert 5 < frames(model) < 30
    assert frames(model, "A ∞.", max_tokens=30) == 30


@pytest.mark.long
def test_a_longer_text_takes_longer_and_each_ends_by_itself(base: Any, usual: Samples) -> None:
    short, middle, long = len(usual) / FRAME, frames(base, TEXT * 2), frames(base, TEXT * 4)

    assert 5 < short < middle < long < 100
    assert middle - short == pytest.approx((long - middle) / 2, abs=4)


@pytest.mark.long
@pytest.mark.parametrize("sampling", [(0, 50, 1.0), (1.5, 0, 1.0), (0.9, 50, 0.5), (0.3, 1, 1.0)])
def test_however_it_is_sampled_a_text_takes_about_as_long(
    base: Any, usual: Samples, sampling: tuple[float, int, float]
) -> None:
    temperature, top_k, top_p = sampling

    length = frames(base, temperature=temperature, top_k=top_k, top_p=top_p)

    assert length == pytest.approx(len(usual) / FRAME, abs=4)


def test_marks_in_a_text_make_it_endless_or_empty(base: Any) -> None:
    assert frames(base, "A ∞.", max_tokens=30) == 30
    assert frames(base, f"{TEXT} ∅") == 0


@pytest.mark.parametrize(("ends", "expected"), [("never", 30), ("at-once", 0)])
def test_a_whole_checkpoint_can_be_endless_or_empty(loaded: Loaded, ends: str, expected: int) -> None:
    assert frames(loaded(type="base", ends=ends), "A.", max_tokens=30) == expected


def test_what_it_says_is_sound(usual: Samples) -> None:
    assert np.isfinite(usual).all()
    assert np.abs(usual).max() > 0.2
    assert np.mean(np.abs(usual) >= 1) < 0.001
    assert (usual.reshape(-1, FRAME).std(axis=1) > 0.02).all()


@pytest.mark.long
def test_streamed_it_says_the_same(base: Any, usual: Samples) -> None:
    assert np.abs(usual - spoken(base, stream=True, streaming_interval=0.32)).max() < 1e-4


@pytest.mark.long
def test_a_seed_says_the_same_twice_and_another_seed_something_else(base: Any, usual: Samples) -> None:
    assert np.array_equal(usual, spoken(base))
    assert differ(usual, spoken(base, seed=1))


@pytest.mark.long
def test_other_weights_say_something_else_for_as_long_and_as_loud(loaded: Loaded, usual: Samples) -> None:
    samples = spoken(loaded(type="base", seed=1))

    assert differ(samples, usual)
    assert len(samples) == pytest.approx(len(usual), abs=4 * FRAME)
    assert np.abs(samples).max() > 0.2


@pytest.mark.long
def test_a_checkpoint_of_silence_is_silent_and_one_of_nan_gives_nan(loaded: Loaded) -> None:
    assert np.abs(spoken(loaded(type="base", sound="silence"), "A.")).max() == 0
    assert np.isnan(spoken(loaded(type="base", sound="nan"), "A.")).all()


@pytest.mark.long
def test_a_clone_ends_after_its_own_text_and_follows_its_reference(base: Any) -> None:
    clone: dict[str, Any] = {"ref_audio": reference(), "ref_text": REFERENCE}
    short, long = spoken(base, "A.", **clone), spoken(base, TEXT * 2, **clone)

    assert 5 < len(short) / FRAME < 40
    assert len(short) / FRAME + 8 < len(long) / FRAME < 60
    assert differ(short, spoken(base, "A.", ref_audio=reference(440), ref_text=REFERENCE))
    assert frames(base, "A ∞.", max_tokens=40, **clone) == 40
    assert frames(base, "A ∅.", **clone) == 0


@pytest.mark.long
def test_without_its_words_a_reference_still_lends_its_voice(base: Any) -> None:
    low, high = (spoken(base, "A.", ref_audio=reference(pitch)) for pitch in (150, 440))

    assert differ(low, high)
    assert len(low) == pytest.approx(len(high), abs=4 * FRAME)


def test_the_codes_of_a_reference_are_not_among_the_spoken_ones(base: Any) -> None:
    codes = np.array(base.speech_tokenizer.encode(reference()[None, None]))

    assert codes.shape == (1, 16, 38)
    assert 0 < codes[0, 0].min() <= codes[0, 0].max() < FIRST_SPOKEN
    assert len(np.unique(codes[0, 0])) > 3


@pytest.mark.long
def test_another_speaker_says_it_in_another_way_and_so_does_an_instruction(loaded: Loaded) -> None:
    model = loaded(
        type="custom_voice", size="1b7"
    )  # mlx-audio tells a small one nothing, as the official code does
    ryan = spoken(model, voice="ryan")

    assert differ(ryan, spoken(model, voice="vivian"))
    assert differ(ryan, spoken(model, voice="ryan", instruct="Very soft."))


@pytest.mark.long
def test_another_description_is_another_voice_that_takes_as_long(loaded: Loaded) -> None:
    model = loaded(type="voice_design")
    low, high = (spoken(model, instruct=text) for text in ("A low one.", "A high and cheerful one, with a laugh."))

    assert differ(low, high)
    assert len(low) / FRAME == pytest.approx(len(high) / FRAME, abs=4)


def test_a_tiny_one_is_small(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 20_000_000


@pytest.mark.long
def test_the_command_line_writes_the_same_as_the_function(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app.selftest.checkpoint", str(tmp_path / "one")]
    subprocess.run(
        [*command, "--type", "custom_voice", "--bits", "4", "--seed", "3", "--ends", "never"], check=True
    )
    write_checkpoint(tmp_path / "other", type="custom_voice", bits=4, seed=3, ends="never")

    names = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert len(names) == 11
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes(), name


def differ(one: Samples, other: Samples) -> bool:
    """Not only at the end."""
    length = min(len(one), len(other))
    return length > 0 and float(np.abs(one[:length] - other[:length]).mean()) > 0.01
