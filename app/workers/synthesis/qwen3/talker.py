"""The two transformers that make codes: the talker, which says the first code of each frame, and the predictor,
which adds the other fifteen. Both are taken out of mlx-audio's modules and run over any number of rows at once.

It knows nothing of text, of rows' lives or of sound.
"""

# mlx-audio has no types, and those of MLX are half unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from app.workers.synthesis.qwen3.attention import Layer, Remember, Rotary
from app.workers.synthesis.qwen3.kv_cache import Slots
from app.workers.synthesis.qwen3.linear import Linear, joined, taken
from app.workers.synthesis.qwen3.sampling import Controls, Dice, FirstCode, Mode
from app.workers.synthesis.qwen3.step import Step


class Talker:
    """Belongs to the worker's thread. `module` is mlx-audio's talker; `pad`, [1, 1, hidden], is added to the
    input of every frame that has no text beside it; `aside`, on a CPU, is the stream of a second core.
    """

    def __init__(
        self, module: Any, pad: mx.array, *, aside: mx.Stream | None = None, compiled: bool = False
    ) -> None:
        config = module.config
        self._layers = [Layer(layer, aside) for layer in module.model.layers]
        self._norm, self._head = module.model.norm, taken(module, "codec_head")
        self._rotary = Rotary(config.head_dim, config.rope_theta)
        self._embed, self._pad = module.model.codec_embedding, pad
        self._predictor = _Predictor(module.code_predictor, self._embed)
        self._first = FirstCode(config.vocab_size, config.codec_eos_token_id)
        self._vocabulary: int = config.vocab_size
        self.end: int = config.codec_eos_token_id
        self.lost: int = config.vocab_size  #: instead of a row's codes, where they come of NaN or infinite values
        self.groups: int = config.num_code_groups
        self._heads: int = config.num_attention_heads
        self._compiled = compiled
        self._steps: dict[Mode, Callable[..., Any]] = {}
        self._pads: dict[int, mx.array] = {}  #: by the number of slots

    def slots(self) -> Slots:
        """Room for rows, none yet."""
        kv_heads, width = self._layers[0].kv_shape
        return Slots(len(self._layers), kv_heads, width, self._pad, self._first.fresh_history)

    def prefill(self, slots: Slots, slot: int, x: mx.array, start: int) -> None:
        """Put inputs, [1, time, hidden], into a slot, behind the `start` positions that it has."""
        end = start + x.shape[1]
        for number, layer in enumerate(self._layers):
            x = layer(x, start, self._rotary, slots.writer(number, slot, start, end), "causal")

    def step(
        self,
        slots: Slots,
        positions: mx.array,
        frames: mx.array,
        controls: Controls,
        mode: Mode,
        beside: Sequence[mx.array | None] = (),
    ) -> Step:
        """Advance all slots by a frame; nothing is computed before it is launched.

        `positions`, [slots], is where each writes; `frames`, [slots], how many it has said; `beside`, one for each
        slot or none at all, is the text that lies beside this frame.
        """
        run = self._steps.get(mode)
        if run is None:
            run = self._step_of(mode)
            self._steps[mode] = mx.compile(run) if self._compiled else run
        before, layers = slots.held, len(self._layers)
        codes, slots.x, slots.history, *rest = run(
            slots.x,
            slots.history,
            positions,
            frames,
            self._laid(slots.rows, beside),
            *controls,
            *slots.keys,
            *slots.values,
        )
        slots.keys, slots.values = rest[:layers], rest[layers : 2 * layers]
        return Step(slots, before, codes, rest[2 * layers :])

    def _laid(self, slots: int, beside: Sequence[mx.array | None]) -> mx.array:
        """What is added to the inputs that the frame becomes, [slots, 1, hidden]; always one array without text."""
        if any(text is not None for text in beside):
            return mx.concatenate([self._pad if text is None else text for text in beside])
        if slots not in self._pads:
            self._pads[slots] = mx.repeat(self._pad, slots, axis=0)
        return self._pads[slots]

    def _step_of(self, mode: Mode) -> Callable[..., tuple[mx.array, ...]]:
        layers = len(self._layers)

        def run(
            x: mx.array,
            history: mx.array,
            positions: mx.array,
            frames: mx.array,
            beside: mx.array,
            *rest: mx.array,
        ) -> tuple[mx.array, ...]:
            count = len(Controls._fields)
            controls, kv = Controls(*rest[:count]), list(rest[count:])
            rows, room = x.shape[0], kv[0].shape[2]
            at = positions[:, None, None, None]
            mask = mx.contiguous(mx.broadcast_to(mx.arange(room) <= at, (rows, self._heads, 1, room)))

            def put(number: int) -> Remember:
                def remember(k: mx.array, v: mx.array) -> tuple[mx.array, mx.array]:
                    where = mx.broadcast_to(at, k.shape)
                    kv[number] = mx.put_along_axis(kv[number], where, k, axis=2)
                    kv[layers + number] = mx.put_along_axis(kv[layers + number], where, v, axis=2)
                    return kv[number], kv[layers + number]

                return remember

            for number, layer in enumerate(self._layers):
                x = layer(x, positions, self._rotary, put(number), mask)
            hidden = self._norm(x)
            logits = self._first.allowed(self._head(hidden)[:, -1], history, frames, controls)
            dice = Dice(controls, mode, frames, self.groups, self._vocabulary)
            first = dice.choose(logits, 0)
            passes, embedded = self._predictor(hidden, first, dice)
            codes = mx.stack(passes, axis=1)
            whole = mx.isfinite(mx.sum(hidden.astype(mx.float32), axis=(1, 2)))
            codes = mx.where(whole[:, None], codes, self.lost).astype(mx.uint32)
            history = self._first.remembered(history, first)
            # What is compiled comes as a whole, and has nothing to give in between.
            return codes, embedded + beside, history, *kv, *([] if self._compiled else passes)

        return run


class _Predictor:
    """From the talker's state and the first code of a frame, the other codes, one after the other."""

    def __init__(self, module: Any, embed_first: Any) -> None:
        self._layers = [Layer(layer) for layer in module.model.layers]
        self._norm = module.model.norm
        self._heads = [joined(head) for head in module.lm_head]
        module.lm_head = []  # or they are in memory twice
        self._embed_first, self._embeds = embed_first, module.model.codec_embedding
        wider = module.small_to_mtp_projection
        self._project: Linear = (lambda x: x) if wider is None else joined(wider)
        self._rotary = Rotary(module.config.head_dim, module.config.rope_theta)

    def __call__(self, hidden: mx.array, first: mx.array, dice: Dice) -> tuple[list[mx.array], mx.array]:
        """The codes of each group, [rows], and the sum of their embeddings, [rows, 1, width of the talker]."""
        embedded = self._embed_first(first[:, None])
        codes, x, total = [first], mx.concatenate([hidden, embedded], axis=1), embedded
        pasts: list[tuple[mx.array, mx.array] | None] = [None] * len(self._layers)
        position = 0
        for group, head in enumerate(self._heads, start=1):
            x = self._project(x)
            time = x.shape[1]
            for number, layer in enumerate(self._layers):
                x = layer(x, position, self._rotary, _growing(pasts, number), "causal" if time > 1 else None)
            position += time
            code = dice.choose(head(self._norm(x[:, -1])).astype(mx.float32), group)
            x = self._embeds[group - 1](code[:, None])
            total = total + x
            codes.append(code)
        return codes, total


def _growing(pasts: list[tuple[mx.array, mx.array] | None], number: int) -> Remember:
    """A memory that begins empty and ends with the frame."""

    def remember(k: mx.array, v: mx.array) -> tuple[mx.array, mx.array]:
        past = pasts[number]
        if past is not None:
            k, v = mx.concatenate([past[0], k], axis=2), mx.concatenate([past[1], v], axis=2)
        pasts[number] = k, v
        return k, v

    return remember
