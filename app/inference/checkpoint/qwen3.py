"""What a Qwen3-TTS checkpoint must have: the sizes that its configurations name, and the tensors that follow.

It knows the published layout, and neither folders nor how anything is loaded.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated

from msgspec import Meta, Struct, field

from app.inference.checkpoint.folder import BrokenCheckpoint, Weights
from app.inference.families import Kind

_Layers = Annotated[int, Meta(ge=1, le=256)]
_Width = Annotated[int, Meta(ge=1, le=65_536)]
_Vocabulary = Annotated[int, Meta(ge=1, le=1_000_000)]
_Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+\Z")]


class _Transformer(Struct):
    vocab_size: _Vocabulary = 3072
    hidden_size: _Width = 1024
    intermediate_size: _Width = 3072
    num_hidden_layers: _Layers = 28
    num_attention_heads: _Layers = 16
    num_key_value_heads: _Layers = 8
    head_dim: _Width = 128
    num_code_groups: Annotated[int, Meta(ge=2, le=64)] = 16


class _Predictor(_Transformer):
    num_hidden_layers: _Layers = 5


class TalkerConfig(_Transformer):
    """The part of `config.json` that says what speaks."""

    text_hidden_size: _Width = 2048
    text_vocab_size: _Vocabulary = 151_936
    code_predictor_config: _Predictor = field(default_factory=_Predictor)
    codec_language_id: dict[_Name, int] | None = None
    spk_id: dict[_Name, int | list[int]] | None = None
    spk_is_dialect: dict[_Name, str | bool] | None = None


class Qwen3Config(Struct):
    """`config.json`."""

    talker_config: TalkerConfig
    tts_model_type: Kind
    tts_model_size: str = "0b6"


class _Decoder(Struct):
    num_hidden_layers: _Layers = 8
    num_quantizers: _Layers = 16
    upsample_rates: tuple[_Width, ...] = (8, 5, 4, 3)
    upsampling_ratios: tuple[_Width, ...] = (2, 2)


class _Encoder(Struct):
    num_hidden_layers: _Layers = 8


class CodecConfig(Struct):
    """`speech_tokenizer/config.json`."""

    decoder_config: _Decoder = field(default_factory=_Decoder)
    encoder_config: _Encoder | None = None
    encoder_valid_num_quantizers: _Layers = 16


def talker_parts(talker: TalkerConfig, kind: Kind) -> Iterator[str]:
    """How the names of the tensors begin that the model itself is made of."""
    yield from ("talker.model.text_embedding.", "talker.model.codec_embedding.", "talker.model.norm.")
    yield from ("talker.text_projection.", "talker.codec_head.")
    yield from (f"talker.model.layers.{number}." for number in range(talker.num_hidden_layers))
    predictor = talker.code_predictor_config
    yield from (f"talker.code_predictor.model.layers.{number}." for number in range(predictor.num_hidden_layers))
    for number in range(talker.num_code_groups - 1):
        yield f"talker.code_predictor.model.codec_embedding.{number}."
        yield f"talker.code_predictor.lm_head.{number}."
    if kind == "base":
        yield from (f"speaker_encoder.{part}." for part in ("blocks", "mfa", "asp", "fc"))


def codec_parts(codec: CodecConfig, kind: Kind) -> Iterator[str]:
    """The same for the codec, of which mlx-audio leaves at random what is missing: it would make noise."""
    decoder, encoder = codec.decoder_config, codec.encoder_config
    yield from ("decoder.pre_conv.", "decoder.pre_transformer.input_proj.", "decoder.pre_transformer.output_proj.")
    yield from (f"decoder.pre_transformer.layers.{number}." for number in range(decoder.num_hidden_layers))
    yield from ("decoder.pre_transformer.norm.", "decoder.quantizer.rvq_first.vq.layers.0._codebook.")
    for number in range(decoder.num_quantizers - 1):
        yield f"decoder.quantizer.rvq_rest.vq.layers.{number}._codebook."
    yield from (f"decoder.upsample.{number}." for number in range(len(decoder.upsampling_ratios)))
    # A convolution, a block for each rate, an activation, a convolution.
    yield from (f"decoder.decoder.{number}." for number in range(len(decoder.upsample_rates) + 3))
    if kind == "base":
        if encoder is None:
            raise BrokenCheckpoint(
                "speech_tokenizer/config.json has no encoder_config, which voice cloning requires"
            )
        yield from (f"encoder.encoder.layers.{number}." for number in (0, 1, 3, 4, 6, 7, 9, 10, 12, 14))
        yield from (f"encoder.encoder_transformer.layers.{number}." for number in range(encoder.num_hidden_layers))
        yield from ("encoder.downsample.", "encoder.quantizer.semantic_residual_vector_quantizer.layers.0.")
        for number in range(codec.encoder_valid_num_quantizers - 1):
            yield f"encoder.quantizer.acoustic_residual_vector_quantizer.layers.{number}."


def require(weights: Weights, folder: str, parts: Iterable[str]) -> None:
    """Each part has a tensor, and each tensor is in one of the folder's files: of two, chance would choose."""
    where = {name: names for name, names in weights.items() if name[: name.rfind("/") + 1] == folder}
    tensors = [tensor for names in where.values() for tensor in names]
    if len(set(tensors)) < len(tensors):
        raise BrokenCheckpoint(f"{' and '.join(where)} hold the same tensors; remove the files that are left over")
    there = {
        ".".join(pieces[:end]) + "."
        for tensor in tensors
        for pieces in [tensor.split(".")]
        for end in range(len(pieces))
    }
    missing = [part for part in parts if part not in there]
    if missing:
        files = " and ".join(where) or f"{folder}*.safetensors, which is not there,"
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise BrokenCheckpoint(f"{files} lacks {missing[0]}*{others}")


#: What PyTorch and MLX save weights as.
_FLOATS = ("F32", "F16", "BF16")
#: Learned values, by the last part of a tensor's name. Others may be flags or counts, of any type.
_LEARNED = frozenset(
    ["weight", "bias", "alpha", "beta", "gamma", "scale", "embed_sum", "embedding_sum", "cluster_usage", "biases"]
)


def require_types(weights: Weights) -> None:
    """Each tensor has a type that fits its values: a header in which a byte has changed may still fit the file."""
    for file, tensors in weights.items():
        types = {name: tensor.dtype for name, tensor in tensors.items()}
        for name, dtype in types.items():
            layer, _, part = name.rpartition(".")
            if part not in _LEARNED:
                continue
            expected = ("U32",) if part == "weight" and f"{layer}.scales" in types else _FLOATS
            if dtype not in expected:
                raise BrokenCheckpoint(
                    f"the weights are damaged: {file} has {name} as {dtype}, but it must be {' or '.join(expected)}"
                )
        _require_one_half(file, types)


def _require_one_half(file: str, types: dict[str, str]) -> None:
    """No model is saved in both 16-bit types: the one that few tensors have is not what they are."""
    halves = {dtype: [name for name, each in types.items() if each == dtype] for dtype in ("F16", "BF16")}
    few, many = sorted(halves, key=lambda dtype: len(halves[dtype]))
    if halves[few]:
        raise BrokenCheckpoint(
            f"the weights are damaged: {file} has {halves[few][0]} as {few}, where its other tensors are {many}"
        )
