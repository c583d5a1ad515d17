"""The talker and the code predictor: random, but for a circuit that counts and so ends an utterance.

Each position of a prompt has an anchor, a number so large that every norm divides by nearly the same, and leaves
the small marks beside it what they are. A text token is marked; so is whatever has a code beside it; the first
layer's MLP multiplies the two, so that a description of the voice does not count as text. In the second layer one
head, without a query, looks at all positions alike, and finds the mean of: one for each frame that was spoken, less
`FRAMES_PER_TOKEN` for each token of the text, less a few. That is the logit of the end, much enlarged: below zero
until there are frames enough, and then above everything. Temperature, top-k and penalties do not matter to it.

Codes below `FIRST_SPOKEN` are never said: the codec's encoder makes its first codes of those, so that the frames of
a reference are not taken for spoken ones. Its words are counted, as they look like the rest of the text.

It does not know the codec.
"""

from collections.abc import Callable, Iterator
from functools import partial
from math import exp, sqrt
from typing import Literal

import numpy as np

from app.selftest.checkpoint.dims import (
    CODEC_BOS,
    CODEC_EOS,
    CODEC_PAD,
    CODEC_VOCABULARY,
    CODES,
    GROUPS,
    TEXT_VOCABULARY,
    TTS_BOS,
    Dims,
    Transformer,
)
from app.selftest.checkpoint.tensors import Floats, RandomWeights, Weight, exact, fixed
from app.selftest.checkpoint.tokenizer import ENDS_AT_ONCE, FIRST_SPECIAL, NEVER_ENDS, mark_token

Ends = Literal["text", "never", "at-once"]

FIRST_SPOKEN = 512
FRAMES_PER_TOKEN, FRAMES_MORE = 1.25, 4
#: More than anybody lets a model speak, and than any text has.
_FOREVER = 16_384

# The places that the circuit has in the residual stream. Everything random comes after them.
_ANCHOR, _TEXT, _CODE, _COUNT, _END, RESERVED = range(6)
#: And those that it has in a text token: a word, the end of all words, the end that never comes.
_WORD, _STOP, _GO_ON, _MARKS = range(4)
_LARGE = 8.0  #: beyond it, SiLU changes nothing
#: An anchor is this much per root of the width, which is what a norm divides by.
_ANCHOR_SCALE = 8.0
_NEVER = -40.0
_BLOCK = 16_384  #: rows of the text embedding at once


class TalkerWeights:
    """Makes the tensors below `talker.`, the circuit such that it survives a quantization to `bits`."""

    def __init__(self, dims: Dims, dice: RandomWeights, ends: Ends, bits: int | None) -> None:
        self._dims, self._dice, self._ends, self._bits = dims, dice, ends, bits
        self._anchor = _ANCHOR_SCALE * sqrt(dims.talker.hidden)
        #: What one frame adds: little, so that even `_FOREVER` of them are small beside the anchor.
        self._frame = self._anchor / (4 * _FOREVER)

    def weights(self) -> Iterator[Weight]:
        """All of them."""
        hidden, talker = self._dims.talker.hidden, self._dims.talker
        yield self._dice.weight(
            "talker.model.codec_embedding.weight", (CODEC_VOCABULARY, hidden), 0.5, self._edit_codec_embedding
        )
        yield self._text_embedding()
        for number in range(talker.layers):
            yield from self._layer(number)
        norm = np.full(hidden, _ANCHOR_SCALE, np.float32)
        norm[_ANCHOR] = 1 / sqrt(hidden)  # the anchor becomes one here: a bias for the head, which has none
        yield fixed("talker.model.norm.weight", norm)
        yield from self._text_projection()
        yield self._dice.weight(
            "talker.codec_head.weight", (CODEC_VOCABULARY, hidden), 2 / sqrt(hidden), self._edit_head
        )
        yield from self._predictor()

    def _edit_codec_embedding(self, values: Floats) -> None:
        values[:, :RESERVED] = 0
        values[[*range(CODES), CODEC_PAD, CODEC_BOS], _CODE] = 1
        values[FIRST_SPOKEN:CODES, _COUNT] = self._frame

    def _text_embedding(self) -> Weight:
        name, width = "talker.model.text_embedding.weight", self._dims.text_hidden
        word, always = self._word_mark(), _LARGE * 4
        marks = np.zeros((TEXT_VOCABULARY, _MARKS), np.float32)
        marks[:FIRST_SPECIAL, _WORD] = word
        marks[mark_token(NEVER_ENDS)] = (0, 0, always)
        marks[mark_token(ENDS_AT_ONCE)] = (0, always, 0)
        # Each prompt has this token once, and beside a code.
        marks[TTS_BOS, _WORD] = word * FRAMES_MORE / FRAMES_PER_TOKEN
        marks[TTS_BOS, _STOP] = always if self._ends == "at-once" else 0
        marks[TTS_BOS, _GO_ON] = always if self._ends == "never" else 0

        def blocks() -> Iterator[Floats]:
            for start in range(0, TEXT_VOCABULARY, _BLOCK):
                rows = min(_BLOCK, TEXT_VOCABULARY - start)
                values = self._dice.normal(name, (rows, width), 1, start)
                values[:, :_MARKS] = marks[start : start + rows]
                yield values

        return Weight(name, (TEXT_VOCABULARY, width), blocks)

    def _word_mark(self) -> float:
        """What the embedding of a word has, so that after all of the circuit it weighs as it should."""
        gate, up, down = self._product()
        product = _silu(gate) * up * down * self._word_weight()
        return FRAMES_PER_TOKEN * self._frame / product

    def _word_weight(self) -> float:
        return exact(FRAMES_PER_TOKEN * self._frame / _LARGE, self._bits)

    def _product(self) -> tuple[float, float, float]:
        """The weights of the neuron that multiplies the marks; the last is not so small that it would be lost."""
        down = exact(64 * self._frame, self._bits)
        return exact(_LARGE, self._bits), exact(1 / (_LARGE * down), self._bits), down

    def _text_projection(self) -> Iterator[Weight]:
        prefix, width, hidden = "talker.text_projection.linear_fc", self._dims.text_hidden, self._dims.talker.hidden

        def edit_first(values: Floats) -> None:
            values[:_MARKS] = 0
            values[:, :_MARKS] = 0
            values[range(_MARKS), range(_MARKS)] = exact(1, self._bits)

        def edit_second(values: Floats) -> None:
            values[:RESERVED] = 0
            values[:, :_MARKS] = 0
            values[_TEXT, _WORD] = -self._word_weight()
            values[_COUNT, [_STOP, _GO_ON]] = np.array([1, -1]) * _FOREVER * self._frame / (4 * _LARGE)

        def edit_bias(values: Floats) -> None:
            values[:RESERVED] = 0
            values[_ANCHOR] = self._anchor

        random = max(1, width - _MARKS)
        yield self._dice.weight(f"{prefix}1.weight", (width, width), 1.5 / sqrt(random), edit_first)
        yield fixed(f"{prefix}1.bias", np.zeros(width, np.float32))
        yield self._dice.weight(f"{prefix}2.weight", (hidden, width), 1 / sqrt(random), edit_second)
        yield self._dice.weight(f"{prefix}2.bias", (hidden,), 0.1, edit_bias)

    def _layer(self, number: int) -> Iterator[Weight]:
        shape = self._dims.talker
        gate, up, down = self._product()
        # A head's sum stays small even where an utterance never ends: what is beside it is as it always is.
        value = exact(1 / (512 * self._frame), self._bits)

        def edit(part: str, values: Floats) -> None:
            if part in ("o_proj", "down_proj"):
                values[:RESERVED] = 0  # nothing random is written where the circuit reads
            else:
                values[:, :RESERVED] = 0
            match number, part:
                case 0, "gate_proj":
                    values[0] = 0
                    values[0, _CODE] = gate
                case 0, "up_proj":
                    values[0] = 0
                    values[0, _TEXT] = up
                case 0, "down_proj":
                    values[:, 0] = 0
                    values[_COUNT, 0] = down
                case 1, "q_proj":
                    values[: shape.head_dim] = 0
                case 1, "v_proj":
                    values[0] = 0
                    values[0, _COUNT] = value
                case 1, "o_proj":
                    # The other heads of the group find the same value, looking elsewhere.
                    values[:, : shape.heads // shape.kv_heads * shape.head_dim : shape.head_dim] = 0
                    values[_END, 0] = exact(5, self._bits)
                case _:
                    pass

        norm = np.full(shape.hidden, _ANCHOR_SCALE, np.float32)
        norm[_ANCHOR] = 0
        yield from _layer(self._dice, f"talker.model.layers.{number}.", shape, norm, 0.5, edit)

    def _edit_head(self, values: Floats) -> None:
        values[:, :RESERVED] = 0
        values[:FIRST_SPOKEN, _ANCHOR] = _NEVER
        values[CODES:, _ANCHOR] = _NEVER
        values[CODEC_EOS] = 0
        values[CODEC_EOS, _END] = exact(200_000, self._bits)

    def _predictor(self) -> Iterator[Weight]:
        shape, wide, prefix = self._dims.predictor, self._dims.talker.hidden, "talker.code_predictor."

        def edit(values: Floats) -> None:
            values[:, :RESERVED] = 0

        for number in range(GROUPS - 1):
            # As many are added up in each frame: together they are no more than the anchor bears.
            name = f"{prefix}model.codec_embedding.{number}.weight"
            yield self._dice.weight(name, (CODES, wide), 0.5 / sqrt(GROUPS), edit)
        norm = np.ones(shape.hidden, np.float32)
        for number in range(shape.layers):
            yield from _layer(self._dice, f"{prefix}model.layers.{number}.", shape, norm, 0.5)
        yield fixed(f"{prefix}model.norm.weight", norm)
        for number in range(GROUPS - 1):
            name = f"{prefix}lm_head.{number}.weight"
            yield self._dice.weight(name, (CODES, shape.hidden), 1.5 / sqrt(shape.hidden))
        if shape.hidden != wide:
            name = f"{prefix}small_to_mtp_projection"
            yield self._dice.weight(f"{name}.weight", (shape.hidden, wide), 1 / sqrt(wide), edit)
            yield self._dice.weight(f"{name}.bias", (shape.hidden,), 0.1)


def _layer(
    dice: RandomWeights,
    prefix: str,
    shape: Transformer,
    norm: Floats,
    gain: float,
    edit: Callable[[str, Floats], None] = lambda part, values: None,
) -> Iterator[Weight]:
    """What the talker's and the predictor's layers have alike."""
    hidden, inner, queries, keys = (
        shape.hidden,
        shape.inner,
        shape.heads * shape.head_dim,
        shape.kv_heads * shape.head_dim,
    )
    # All layers together add about as much as there was.
    out = gain / sqrt(shape.layers)
    for block, part, rows, columns, deviation in (
        ("self_attn", "q_proj", queries, hidden, 1.0),
        ("self_attn", "k_proj", keys, hidden, 1.0),
        ("self_attn", "v_proj", keys, hidden, 2.0),
        ("self_attn", "o_proj", hidden, queries, 2 * out),
        ("mlp", "gate_proj", inner, hidden, 2.0),
        ("mlp", "up_proj", inner, hidden, 2.0),
        ("mlp", "down_proj", hidden, inner, out),
    ):
        name = f"{prefix}{block}.{part}.weight"
        yield dice.weight(name, (rows, columns), deviation / sqrt(columns), partial(edit, part))
    for part in ("q_norm", "k_norm"):
        yield fixed(f"{prefix}self_attn.{part}.weight", np.full(shape.head_dim, 1.5, np.float32))
    for part in ("input_layernorm", "post_attention_layernorm"):
        yield fixed(f"{prefix}{part}.weight", norm)


def _silu(value: float) -> float:
    return value / (1 + exp(-value))
