"""The speech tokenizer and the speaker encoder: random, and loud enough to be heard.

Each layer keeps about the loudness of what comes in, so that the last convolution alone says how loud a voice is.
Its taps add up to nothing, which takes out the constant part that the activations put in. The encoder's first code
is never 0, since for each such frame mlx-audio cuts one off the end, and never one that the talker says.
"""

from collections.abc import Iterator
from math import sqrt
from typing import Literal

import numpy as np

from app.selftest.checkpoint.dims import CODES, GROUPS, Dims, Transformer
from app.selftest.checkpoint.talker import FIRST_SPOKEN, RESERVED
from app.selftest.checkpoint.tensors import Floats, RandomWeights, Weight, fixed

Sound = Literal["speech", "silence", "nan"]

_LOUDNESS = 0.13
_MEL = 128
_ENCODER_CODEBOOKS = 32
_FAR = 1_000.0  #: from everything that a codebook is asked for


class Codec:
    """Makes the tensors of `speech_tokenizer/`, and those below `speaker_encoder.`."""

    def __init__(self, dims: Dims, dice: RandomWeights, sound: Sound) -> None:
        self._dims, self._dice, self._sound = dims, dice, sound

    def weights(self) -> Iterator[Weight]:
        """Of the speech tokenizer."""
        yield from self._quantizer()
        yield from self._pre_transformer()
        yield from self._decoder()
        yield from self._encoder()

    def _quantizer(self) -> Iterator[Weight]:
        width = self._dims.codebook
        for part, layers in (("rvq_first", 1), ("rvq_rest", GROUPS - 1)):
            prefix = f"decoder.quantizer.{part}."
            for number in range(layers):
                yield from self._codebook(f"{prefix}vq.layers.{number}._codebook.", "embedding_sum", width // 2)
            yield from self._conv(f"{prefix}input_proj", width // 2, width, 1, bias=False)
            yield from self._conv(f"{prefix}output_proj", width, width // 2, 1, 1 / sqrt(layers + 1), bias=False)

    def _codebook(self, prefix: str, sum_name: str, width: int, far: bool = False) -> Iterator[Weight]:
        usage = 1 + np.abs(self._dice.normal(f"{prefix}cluster_usage", (CODES,), 1))

        def weigh(values: Floats) -> None:
            if far:
                values[[0, *range(FIRST_SPOKEN, CODES)]] += _FAR
            values *= usage[:, None]

        yield fixed(f"{prefix}cluster_usage", usage)
        yield self._dice.weight(f"{prefix}{sum_name}", (CODES, width), 1, weigh)

    def _pre_transformer(self) -> Iterator[Weight]:
        shape, latent, prefix = self._dims.vocoder, self._dims.latent, "decoder.pre_transformer."
        yield from self._conv("decoder.pre_conv.conv", latent, self._dims.codebook, 3)
        yield from self._linear(f"{prefix}input_proj", shape.hidden, latent)
        for number in range(shape.layers):
            layer = f"{prefix}layers.{number}."
            yield from self._attention(layer, shape)
            for part, rows, columns in (
                ("gate_proj", shape.inner, shape.hidden),
                ("up_proj", shape.inner, shape.hidden),
                ("down_proj", shape.hidden, shape.inner),
            ):
                yield from self._linear(f"{layer}mlp.{part}", rows, columns, bias=False)
            for part in ("input_layernorm", "post_attention_layernorm"):
                yield fixed(f"{layer}{part}.weight", np.ones(shape.hidden, np.float32))
        yield fixed(f"{prefix}norm.weight", np.ones(shape.hidden, np.float32))
        yield from self._linear(f"{prefix}output_proj", latent, shape.hidden)

    def _attention(self, layer: str, shape: Transformer) -> Iterator[Weight]:
        """The projections, and the scales of the two residuals, which both transformers have."""
        width = shape.heads * shape.head_dim
        for part in ("q_proj", "k_proj", "v_proj"):
            yield from self._linear(f"{layer}self_attn.{part}", width, shape.hidden, bias=False)
        yield from self._linear(f"{layer}self_attn.o_proj", shape.hidden, width, bias=False)
        scale = np.full(shape.hidden, 1 / sqrt(2 * shape.layers), np.float32)
        yield fixed(f"{layer}self_attn_layer_scale.scale", scale)
        yield fixed(f"{layer}mlp_layer_scale.scale", scale)

    def _decoder(self) -> Iterator[Weight]:
        latent, channels = self._dims.latent, self._dims.decoder
        for number, ratio in enumerate(self._dims.ratios):
            prefix = f"decoder.upsample.{number}."
            yield from self._transposed(f"{prefix}0.conv", latent, latent, ratio, ratio)
            yield fixed(f"{prefix}1.gamma", np.full(latent, 0.3, np.float32))
            yield from self._conv(f"{prefix}1.dwconv.conv", latent, 1, 7)
            yield from self._norm(f"{prefix}1.norm", latent)
            yield from self._linear(f"{prefix}1.pwconv1", 4 * latent, latent)
            yield from self._linear(f"{prefix}1.pwconv2", latent, 4 * latent)
        yield from self._conv("decoder.decoder.0.conv", channels, latent, 7)
        for number, rate in enumerate(self._dims.rates, start=1):
            prefix = f"decoder.decoder.{number}.block."
            yield from self._snake(f"{prefix}0", channels)
            yield from self._transposed(f"{prefix}1.conv", channels, channels // 2, 2 * rate, rate)
            channels //= 2
            for unit in (2, 3, 4):
                yield from self._snake(f"{prefix}{unit}.act1", channels)
                yield from self._conv(f"{prefix}{unit}.conv1.conv", channels, channels, 7)
                yield from self._snake(f"{prefix}{unit}.act2", channels)
                yield from self._conv(f"{prefix}{unit}.conv2.conv", channels, channels, 1, 0.3)
        last = len(self._dims.rates) + 1
        yield from self._snake(f"decoder.decoder.{last}", channels)
        yield from self._last_conv(f"decoder.decoder.{last + 1}.conv", channels)

    def _last_conv(self, name: str, channels: int) -> Iterator[Weight]:
        taps = self._dice.normal(f"{name}.weight", (1, channels, 7), 1)
        taps -= taps.mean(axis=2, keepdims=True)
        # Each block's activations make what passes them louder by about the same.
        taps *= _LOUDNESS * 0.7 ** len(self._dims.rates) / np.linalg.norm(taps)
        yield fixed(f"{name}.weight", taps * np.float32(0 if self._sound == "silence" else 1))
        yield fixed(f"{name}.bias", np.full(1, np.nan if self._sound == "nan" else 0, np.float32))

    def _encoder(self) -> Iterator[Weight]:
        shape, channels, prefix = self._dims.encoder, self._dims.encoder_filters, "encoder.encoder.layers."
        yield from self._conv(f"{prefix}0.conv", channels, 1, 7, 10)
        for number, ratio in enumerate((4, 5, 6, 8)):
            block = f"{prefix}{3 * number + 1}.block."
            yield from self._conv(f"{block}1.conv", channels // 2, channels, 3)
            yield from self._conv(f"{block}3.conv", channels, channels // 2, 1)
            yield from self._conv(f"{prefix}{3 * number + 3}.conv", 2 * channels, channels, 2 * ratio)
            channels *= 2
        yield from self._conv(f"{prefix}14.conv", shape.hidden, channels, 3)
        for number in range(shape.layers):
            layer = f"encoder.encoder_transformer.layers.{number}."
            yield from self._attention(layer, shape)
            yield from self._linear(f"{layer}mlp.fc1", shape.inner, shape.hidden, bias=False)
            yield from self._linear(f"{layer}mlp.fc2", shape.hidden, shape.inner, bias=False)
            yield from self._norm(f"{layer}input_layernorm", shape.hidden)
            yield from self._norm(f"{layer}post_attention_layernorm", shape.hidden)
        yield from self._conv("encoder.downsample.conv", shape.hidden, shape.hidden, 4, bias=False)
        yield from self._encoder_quantizer()

    def _encoder_quantizer(self) -> Iterator[Weight]:
        width, hidden = self._dims.encoder_codebook, self._dims.encoder.hidden
        for part, layers in (("semantic", 1), ("acoustic", _ENCODER_CODEBOOKS - 1)):
            prefix = f"encoder.quantizer.{part}_residual_vector_quantizer."
            yield from self._conv(f"{prefix}input_proj", width, hidden, 1, bias=False)
            yield from self._conv(f"{prefix}output_proj", hidden, width, 1, bias=False)
            for number in range(layers):
                book = f"{prefix}layers.{number}.codebook."
                yield fixed(f"{book}initialized", np.ones(1, np.float32))
                yield from self._codebook(book, "embed_sum", width, far=part == "semantic")

    def speaker_encoder(self) -> Iterator[Weight]:
        """Of a base model: what makes one vector of a reference's voice."""
        first, *middle, last = self._dims.speaker_channels
        attention, hidden, prefix = self._dims.speaker_attention, self._dims.talker.hidden, "speaker_encoder."
        # Its input are logarithms of about five below zero.
        yield from self._conv(f"{prefix}blocks.0.conv", first, _MEL, 5, 0.3)
        for number, channels in enumerate(middle, start=1):
            block = f"{prefix}blocks.{number}."
            yield from self._conv(f"{block}tdnn1.conv", channels, channels, 1)
            for part in range(7):
                yield from self._conv(f"{block}res2net_block.blocks.{part}.conv", channels // 8, channels // 8, 3)
            yield from self._conv(f"{block}tdnn2.conv", channels, channels, 1)
            yield from self._conv(f"{block}se_block.conv1", attention, channels, 1)
            yield from self._conv(f"{block}se_block.conv2", channels, attention, 1)
        yield from self._conv(f"{prefix}mfa.conv", last, last, 1)
        yield from self._conv(f"{prefix}asp.tdnn.conv", attention, 3 * last, 1)
        yield from self._conv(f"{prefix}asp.conv", last, attention, 1)

        def edit(values: Floats) -> None:
            values[:RESERVED] = 0  # the talker's circuit is none of its business

        yield self._dice.weight(f"{prefix}fc.weight", (hidden, 2 * last, 1), 1 / sqrt(2 * last), edit)
        yield fixed(f"{prefix}fc.bias", np.zeros(hidden, np.float32))

    def _linear(self, name: str, rows: int, columns: int, *, bias: bool = True) -> Iterator[Weight]:
        yield self._dice.weight(f"{name}.weight", (rows, columns), 1 / sqrt(columns))
        if bias:
            yield self._dice.weight(f"{name}.bias", (rows,), 0.1)

    def _conv(
        self, name: str, out: int, channels: int, taps: int, gain: float = 1, *, bias: bool = True
    ) -> Iterator[Weight]:
        def edit(values: Floats) -> None:
            # Of few channels some would be loud and some not be heard.
            values *= gain / np.linalg.norm(values, axis=(1, 2), keepdims=True)

        yield self._dice.weight(f"{name}.weight", (out, channels, taps), 1, edit)
        if bias:
            yield self._dice.weight(f"{name}.bias", (out,), 0.05)

    def _transposed(self, name: str, channels: int, out: int, taps: int, stride: int) -> Iterator[Weight]:
        def edit(values: Floats) -> None:
            values *= sqrt(stride) / np.linalg.norm(values, axis=(0, 2), keepdims=True)

        yield self._dice.weight(f"{name}.weight", (channels, out, taps), 1, edit)
        yield self._dice.weight(f"{name}.bias", (out,), 0.05)

    def _norm(self, name: str, width: int) -> Iterator[Weight]:
        yield fixed(f"{name}.weight", np.ones(width, np.float32))
        yield self._dice.weight(f"{name}.bias", (width,), 0.1)

    def _snake(self, name: str, channels: int) -> Iterator[Weight]:
        yield self._dice.weight(f"{name}.alpha", (channels,), 0.1)
        yield self._dice.weight(f"{name}.beta", (channels,), 0.1)
