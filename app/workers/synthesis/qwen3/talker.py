"""The two transformers that generate codes: the talker, which generates the first code of each frame, and the code
predictor, which adds the other fifteen. Both are taken out of mlx-audio's modules and run over a batch of slots.
"""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from app.workers.synthesis.qwen3.kv_cache import KVCache
from app.workers.synthesis.qwen3.linear import Linear, fuse, take_fused
from app.workers.synthesis.qwen3.sampling import FirstCodeProcessor, FrameSampler, SamplingArrays, SamplingMode
from app.workers.synthesis.qwen3.step_graph import StepGraph
from app.workers.synthesis.qwen3.transformer import Rotary, TransformerLayer, UpdateCache


class Talker:
    """Prefill and decode steps over a KV cache. Runs on the worker's thread.

    `module` is mlx-audio's talker; `pad`, [1, 1, hidden], is added to the input of every frame that has no text
    beside it; `second_stream`, on a CPU, is served by a second core.
    """

    def __init__(
        self, module: Any, pad: mx.array, *, second_stream: mx.Stream | None = None, compiled: bool = False
    ) -> None:
        config = module.config
        self._layers = [TransformerLayer(layer, second_stream) for layer in module.model.layers]
        self._norm, self._head = module.model.norm, take_fused(module, "codec_head")
        self._rotary = Rotary(config.head_dim, config.rope_theta)
        self._embed, self._pad = module.model.codec_embedding, pad
        self._predictor = _CodePredictor(module.code_predictor, self._embed)
        self._processor = FirstCodeProcessor(config.vocab_size, config.codec_eos_token_id)
        self._vocabulary: int = config.vocab_size
        self.end_code: int = config.codec_eos_token_id
        self.non_finite_code: int = (
            config.vocab_size
        )  #: stands for all codes of a frame that came of NaN or infinity
        self.groups: int = config.num_code_groups
        self._heads: int = config.num_attention_heads
        self._compiled = compiled
        self._steps: dict[SamplingMode, Callable[..., Any]] = {}
        self._pads: dict[int, mx.array] = {}  #: by the number of slots

    def make_cache(self) -> KVCache:
        """An empty KV cache, without slots."""
        kv_heads, width = self._layers[0].kv_shape
        return KVCache(len(self._layers), kv_heads, width, self._pad, self._processor.make_history)

    def prefill(self, cache: KVCache, slot: int, x: mx.array, start: int) -> None:
        """Write the keys and values of inputs, [1, time, hidden], into a slot, from position `start` on."""
        end = start + x.shape[1]
        for number, layer in enumerate(self._layers):
            x = layer(x, start, self._rotary, cache.bind_slot(number, slot, start, end), "causal")

    def build_step(
        self,
        cache: KVCache,
        positions: mx.array,
        frames: mx.array,
        sampling: SamplingArrays,
        mode: SamplingMode,
        text: Sequence[mx.array | None] = (),
    ) -> StepGraph:
        """Build the decode step that generates the next frame in all slots. Nothing is computed before it is
        launched.

        `positions`, [slots], is where each slot is written; `frames`, [slots], how many frames each has generated;
        `text`, one for each slot or none at all, lies beside this frame.
        """
        run = self._steps.get(mode)
        if run is None:
            run = self._build_graph(mode)
            self._steps[mode] = mx.compile(run) if self._compiled else run
        before, layers = cache.take_snapshot(), len(self._layers)
        codes, cache.inputs, cache.history, *rest = run(
            cache.inputs,
            cache.history,
            positions,
            frames,
            self._stack_text(cache.slots, text),
            *sampling,
            *cache.keys,
            *cache.values,
        )
        cache.keys, cache.values = rest[:layers], rest[layers : 2 * layers]
        return StepGraph(cache, before, codes, rest[2 * layers :])

    def _stack_text(self, slots: int, text: Sequence[mx.array | None]) -> mx.array:
        """What is added to the embedded frame for the next input, [slots, 1, hidden]."""
        if any(one is not None for one in text):
            return mx.concatenate([self._pad if one is None else one for one in text])
        if slots not in self._pads:
            self._pads[slots] = mx.repeat(self._pad, slots, axis=0)
        return self._pads[slots]

    def _build_graph(self, mode: SamplingMode) -> Callable[..., tuple[mx.array, ...]]:
        layers = len(self._layers)

        def run(
            x: mx.array,
            history: mx.array,
            positions: mx.array,
            frames: mx.array,
            text: mx.array,
            *rest: mx.array,
        ) -> tuple[mx.array, ...]:
            count = len(SamplingArrays._fields)
            sampling, kv = SamplingArrays(*rest[:count]), list(rest[count:])
            slots, length = x.shape[0], kv[0].shape[2]
            at = positions[:, None, None, None]
            mask = mx.contiguous(mx.broadcast_to(mx.arange(length) <= at, (slots, self._heads, 1, length)))

            def bind_layer(number: int) -> UpdateCache:
                def update_cache(k: mx.array, v: mx.array) -> tuple[mx.array, mx.array]:
                    where = mx.broadcast_to(at, k.shape)
                    kv[number] = mx.put_along_axis(kv[number], where, k, axis=2)
                    kv[layers + number] = mx.put_along_axis(kv[layers + number], where, v, axis=2)
                    return kv[number], kv[layers + number]

                return update_cache

            for number, layer in enumerate(self._layers):
                x = layer(x, positions, self._rotary, bind_layer(number), mask)
            hidden = self._norm(x)
            logits = self._processor.process(self._head(hidden)[:, -1], history, frames, sampling)
            sampler = FrameSampler(sampling, mode, frames, self.groups, self._vocabulary)
            first = sampler.sample(logits, 0)
            passes, embedded = self._predictor(hidden, first, sampler)
            codes = mx.stack(passes, axis=1)
            finite = mx.isfinite(mx.sum(hidden.astype(mx.float32), axis=(1, 2)))
            codes = mx.where(finite[:, None], codes, self.non_finite_code).astype(mx.uint32)
            history = self._processor.push_history(history, first)
            # A compiled graph is launched as a whole, so its passes are of no use.
            return codes, embedded + text, history, *kv, *([] if self._compiled else passes)

        return run


class _CodePredictor:
    """From the talker's hidden state and the first code of a frame, the other codes, one after the other."""

    def __init__(self, module: Any, embed_first: Any) -> None:
        self._layers = [TransformerLayer(layer) for layer in module.model.layers]
        self._norm = module.model.norm
        self._heads = [fuse(head) for head in module.lm_head]
        module.lm_head = []  # or they are in memory twice
        self._embed_first, self._embeds = embed_first, module.model.codec_embedding
        wider = module.small_to_mtp_projection
        self._project: Linear = (lambda x: x) if wider is None else fuse(wider)
        self._rotary = Rotary(module.config.head_dim, module.config.rope_theta)

    def __call__(self, hidden: mx.array, first: mx.array, sampler: FrameSampler) -> tuple[list[mx.array], mx.array]:
        """The codes of each group, [slots], and the sum of their embeddings, [slots, 1, width of the talker]."""
        embedded = self._embed_first(first[:, None])
        codes, x, total = [first], mx.concatenate([hidden, embedded], axis=1), embedded
        pasts: list[tuple[mx.array, mx.array] | None] = [None] * len(self._layers)
        position = 0
        for group, head in enumerate(self._heads, start=1):
            x = self._project(x)
            time = x.shape[1]
            for number, layer in enumerate(self._layers):
                x = layer(x, position, self._rotary, _bind_past(pasts, number), "causal" if time > 1 else None)
            position += time
            code = sampler.sample(head(self._norm(x[:, -1])).astype(mx.float32), group)
            x = self._embeds[group - 1](code[:, None])
            total = total + x
            codes.append(code)
        return codes, total


def _bind_past(pasts: list[tuple[mx.array, mx.array] | None], number: int) -> UpdateCache:
    """A cache of one layer that lasts for one frame and grows by concatenation."""

    def update_cache(k: mx.array, v: mx.array) -> tuple[mx.array, mx.array]:
        past = pasts[number]
        if past is not None:
            k, v = mx.concatenate([past[0], k], axis=2), mx.concatenate([past[1], v], axis=2)
        pasts[number] = k, v
        return k, v

    return update_cache
