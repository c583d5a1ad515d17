"""Our decode loop, and each of its parts alone. Every run gives the milliseconds that it took; those that say so,
for each frame. It builds what `synthesis/qwen3/model.py` builds, in the same way, but with its parts at hand.
"""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import mlx.core as mx
import numpy as np

from app.inference.model import Lane, Utterance, VoiceKind, VoiceSpec
from app.workers.synthesis import mlx_runtime
from app.workers.synthesis.qwen3.generator import BatchGenerator
from app.workers.synthesis.qwen3.kv_cache import SLOTS, KVCache
from app.workers.synthesis.qwen3.loading import LoadedCheckpoint
from app.workers.synthesis.qwen3.prompts import Prompt, PromptBuilder
from app.workers.synthesis.qwen3.sampling import SamplingParams, stack_sampling
from app.workers.synthesis.qwen3.sequence import SpeechSequence
from app.workers.synthesis.qwen3.talker import Talker
from app.workers.synthesis.qwen3.vocoder import FRAME_SAMPLES, Vocoder, VocoderState
from bench.inference.graphs import Watched, as_on_a_gpu, primitives, watched
from bench.inference.prompt import CHUNK_FRAMES, NO_END, PENALTY, TEMPERATURE, TEXT, TOP_K, TOP_P, VOICE

#: Of the renders beside which a listener comes: more than are said until then.
_LONG = 190


class Ours:
    """Belongs to the thread that loaded the checkpoint, and takes its weights."""

    def __init__(self, loaded: LoadedCheckpoint, *, compiled: bool) -> None:
        model: Any = loaded.model
        model.config.talker_config.codec_eos_token_id = NO_END
        self._vocoder = Vocoder(loaded.decoder, compiled=compiled)
        tokenizer: Any = loaded.speech_tokenizer
        tokenizer.decoder = None  # as the engine does it: those weights are in memory twice otherwise
        self._prompts = PromptBuilder(model, loaded.checkpoint.language_names)
        self._second_stream = mlx_runtime.second_core()
        self._talker = Talker(model.talker, self._prompts.pad, second_stream=self._second_stream, compiled=compiled)
        self._budget_bytes = mlx_runtime.memory_budget_bytes()
        mx.eval(model.parameters())

    @property
    def prompt_positions(self) -> int:
        """Of the prompt."""
        return self._prompt().positions

    def prefill(self) -> float:
        """From the text to the keys and values of the prompt."""
        cache = self._talker.make_cache()
        began = time.perf_counter()
        prompt = self._prompt()
        cache.resize(1, prompt.positions)
        self._fill(cache, 0, prompt)
        mx.eval(cache.keys, cache.values, cache.inputs)
        return _ms_since(began)

    def decode(self, rows: int, frames: int) -> float:
        """Codes alone, for each frame of all rows; asked for and read as the generator does it."""
        cache = self._filled(rows, frames)
        ask = self._asking(cache)
        before = ask(0)
        mx.synchronize()
        began = time.perf_counter()
        for frame in range(1, frames + 1):
            asked = ask(frame)
            np.array(before[:, 0])
            before = asked
        np.array(before[:, 0])
        mx.synchronize()
        return _ms_since(began) / frames

    def voice(self, codes: mx.array) -> float:
        """Samples alone, for each frame."""
        frames = codes.shape[-1]
        began = time.perf_counter()
        state = None
        for start in range(0, frames, CHUNK_FRAMES):
            samples, state = self._vocoder.step(codes[..., start : start + CHUNK_FRAMES], state)
            mx.eval(samples, state)
        return _ms_since(began) / frames

    def speak(self, frames: int, *, vocoder: Any = None, waiting: bool = False) -> float:
        """From the text to the last sample of one listener, for each frame. `vocoder` is another one to use;
        `waiting` never asks for anything before the last thing is there.
        """
        if not waiting:
            return self._spoken(Lane.SPEAK, 1, frames, vocoder)
        with patch.object(mx, "async_eval", _at_once):
            return self._spoken(Lane.SPEAK, 1, frames, vocoder)

    def render(self, rows: int, frames: int) -> float:
        """From the texts to the last sample of several renders, for each frame of each of them."""
        return self._spoken(Lane.RENDER, rows, frames, None)

    def first_audio(self, frames: int, *, renders: int = 0) -> float:
        """From the text of a listener to its first samples, when nobody else speaks, or beside renders."""
        generator = self._generator(None)
        sequences = [self._sequence(number, Lane.RENDER, _LONG) for number in range(renders)]
        for sequence in sequences:
            generator.add(sequence)
        while any(sequence.generated < 3 for sequence in sequences):
            generator.step()
        began = time.perf_counter()
        listener = self._sequence(renders, Lane.SPEAK, frames)
        generator.add(listener)
        while not any(output.sequence is listener and output.samples.size for output in generator.step()):
            pass
        took = _ms_since(began)
        for sequence in (*sequences, listener):
            generator.drop(sequence)
        mx.synchronize()  # the generator is a frame ahead
        return took

    def frame_primitives(self) -> Counter[str]:
        """Of a frame's codes, one sequence."""
        cache = self._filled(1, 1)
        ask = self._asking(cache)
        with patch.object(mx, "async_eval", _nothing), as_on_a_gpu():
            codes = ask(0)
        return primitives(codes, cache.inputs, cache.history, cache.keys, cache.values)

    def voice_primitives(self, codes: mx.array, decoder: Any) -> Counter[str]:
        """Of a step of the vocoder. Where it is another one on a GPU, it is made anew, of mlx-audio's `decoder`."""
        vocoder = self._vocoder
        if mlx_runtime.device() == "cpu":
            with as_on_a_gpu():
                vocoder = Vocoder(decoder)
        # Once for the state, and for the weights, some of which are laid out when they are first needed.
        samples, state = vocoder.step(codes[..., :CHUNK_FRAMES], None)
        mx.eval(samples, state)
        with as_on_a_gpu():
            return primitives(*vocoder.step(codes[..., :CHUNK_FRAMES], state))

    def watched_frames(self, lane: Lane, rows: int, frames: int) -> Watched:
        """`frames` frames of all sequences, in the middle of a take."""
        generator = self._generator(None)
        speakers = [self._sequence(number, lane, _LONG) for number in range(rows)]
        for sequence in speakers:
            generator.add(sequence)
        before = 8
        while any(sequence.checked < before for sequence in speakers):
            generator.step()
        with watched() as watch:
            while any(sequence.checked < before + frames for sequence in speakers):
                generator.step()
        for sequence in speakers:
            generator.drop(sequence)
        mx.synchronize()
        return watch

    def _spoken(self, lane: Lane, rows: int, frames: int, vocoder: Any) -> float:
        generator = self._generator(vocoder)
        samples = 0
        began = time.perf_counter()
        for number in range(rows):
            generator.add(self._sequence(number, lane, frames))
        while generator.sequence_count:
            samples += sum(output.samples.size for output in generator.step())
        took = _ms_since(began)
        assert samples == rows * frames * FRAME_SAMPLES, f"{samples} samples of {rows} rows of {frames} frames"
        mx.synchronize()
        return took / frames / rows

    def _generator(self, vocoder: Any) -> BatchGenerator:
        """A new one remembers no prompt and no speed."""
        return BatchGenerator(
            self._talker,
            vocoder or self._vocoder,
            max_sequences=SLOTS[-1],
            budget_bytes=self._budget_bytes,
            second_stream=self._second_stream,
        )

    def _sequence(self, number: int, lane: Lane, frames: int) -> SpeechSequence:
        return SpeechSequence(number, lane, self._prompt(), _sampling(number), frames, None)

    def _prompt(self) -> Prompt:
        return self._prompts.build(
            Utterance(TEXT, VoiceSpec(VoiceKind.PRESET, name=VOICE), Lane.SPEAK, seed=0), None
        )

    def _filled(self, rows: int, frames: int) -> KVCache:
        cache, prompt = self._talker.make_cache(), self._prompt()
        cache.resize(rows, prompt.positions + frames)
        for slot in range(rows):
            self._fill(cache, slot, prompt)
        mx.eval(cache.keys, cache.values, cache.inputs, cache.history)
        return cache

    def _fill(self, cache: KVCache, slot: int, prompt: Prompt) -> None:
        """In two pieces, as in the generator."""
        prefix = prompt.prefix.shape[1]
        self._talker.prefill(cache, slot, prompt.prefix, 0)
        self._talker.prefill(cache, slot, prompt.suffix[:, :-1], prefix)
        cache.start_decoding(slot, prompt.suffix[:, -1:])

    def _asking(self, cache: KVCache) -> Callable[[int], mx.array]:
        """Asks for a frame of all slots; what stays the same is made once, as in the generator."""
        rows, last = cache.slots, self.prompt_positions - 1
        sampling, mode = stack_sampling([_sampling(number) for number in range(rows)])
        mx.eval(sampling)

        def ask(frame: int) -> mx.array:
            positions, frames = mx.array([last + frame] * rows, mx.int32), mx.array([frame] * rows, mx.int32)
            step = self._talker.build_step(cache, positions, frames, sampling, mode)
            while not step.launched:
                step.launch_unit()
            return step.codes

        return ask


class OtherVocoder:
    """mlx-audio's decoder where ours would be, for one stream: it keeps the state to itself."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder

    def make_state(self) -> VocoderState:
        """Start again."""
        self._decoder.reset_streaming_state()
        return VocoderState((), mx.zeros((1,), mx.int32))

    def step(self, codes: mx.array, state: VocoderState) -> tuple[mx.array, VocoderState]:
        """As ours."""
        return self._decoder.streaming_step(codes)[:, 0], state


def _sampling(number: int) -> SamplingParams:
    return SamplingParams(number, TEMPERATURE, TOP_K, TOP_P, PENALTY, 0)


def _at_once(*trees: Any) -> None:
    mx.eval(*trees)


def _nothing(*_: Any) -> None:
    """Ask for nothing."""


def _ms_since(began: float) -> float:
    return 1_000 * (time.perf_counter() - began)
