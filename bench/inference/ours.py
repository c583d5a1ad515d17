"""Our decode loop, and each of its parts alone. Every run gives the milliseconds that it took; those that say so,
for each frame. It builds what `synthesis/qwen3/model.py` builds, in the same way, but with its parts at hand.
"""

# mlx-audio has no types, and those of MLX are half unknown.
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
from app.workers.synthesis.qwen3.generator import Loop
from app.workers.synthesis.qwen3.kv_cache import ROWS, Slots
from app.workers.synthesis.qwen3.loading import Loaded
from app.workers.synthesis.qwen3.prompts import Prompt, Prompts
from app.workers.synthesis.qwen3.sampling import Sampling, controls_of
from app.workers.synthesis.qwen3.sequence import Row
from app.workers.synthesis.qwen3.talker import Talker
from app.workers.synthesis.qwen3.vocoder import FRAME_SAMPLES, Vocoder, VocoderState
from bench.inference.graphs import Watched, as_on_a_gpu, primitives, watched
from bench.inference.prompt import CHUNK_FRAMES, NO_END, PENALTY, TEMPERATURE, TEXT, TOP_K, TOP_P, VOICE

#: Of the renders beside which a listener comes: more than are said until then.
_LONG = 190


class Ours:
    """Belongs to the thread that loaded the checkpoint, and takes its weights."""

    def __init__(self, loaded: Loaded, *, compiled: bool) -> None:
        model: Any = loaded.model
        model.config.talker_config.codec_eos_token_id = NO_END
        self._vocoder = Vocoder(loaded.decoder, compiled=compiled)
        tokenizer: Any = loaded.speech_tokenizer
        tokenizer.decoder = None  # as the engine does it: those weights are in memory twice otherwise
        self._prompts = Prompts(model, loaded.checkpoint.language_names)
        self._aside = mlx_runtime.second_core()
        self._talker = Talker(model.talker, self._prompts.pad, aside=self._aside, compiled=compiled)
        self._budget_bytes = mlx_runtime.memory_budget_bytes()
        mx.eval(model.parameters())

    @property
    def prompt_positions(self) -> int:
        """Of the prompt."""
        return self._prompt().positions

    def prefill(self) -> float:
        """From the text to the keys and values of the prompt."""
        slots = self._talker.slots()
        began = time.perf_counter()
        prompt = self._prompt()
        slots.fit(1, prompt.positions)
        self._fill(slots, 0, prompt)
        mx.eval(slots.keys, slots.values, slots.x)
        return _ms_since(began)

    def decode(self, rows: int, frames: int) -> float:
        """Codes alone, for each frame of all rows; asked for and read as the loop does it."""
        slots = self._filled(rows, frames)
        ask = self._asking(slots)
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
        """From the texts to the last sample of several renders, for each frame of each row."""
        return self._spoken(Lane.RENDER, rows, frames, None)

    def first_audio(self, frames: int, *, renders: int = 0) -> float:
        """From the text of a listener to its first samples, when nobody else speaks, or beside renders."""
        loop = self._loop(None)
        rows = [self._row(number, Lane.RENDER, _LONG) for number in range(renders)]
        for row in rows:
            loop.add(row)
        while any(row.said < 3 for row in rows):
            loop.tick()
        began = time.perf_counter()
        listener = self._row(renders, Lane.SPEAK, frames)
        loop.add(listener)
        while not any(heard.row is listener and heard.samples.size for heard in loop.tick()):
            pass
        took = _ms_since(began)
        for row in (*rows, listener):
            loop.drop(row)
        mx.synchronize()  # the loop is a frame ahead
        return took

    def frame_primitives(self) -> Counter[str]:
        """Of a frame's codes, one row."""
        slots = self._filled(1, 1)
        ask = self._asking(slots)
        with patch.object(mx, "async_eval", _nothing), as_on_a_gpu():
            codes = ask(0)
        return primitives(codes, slots.x, slots.history, slots.keys, slots.values)

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
        """So many frames of everybody, in the midst of things."""
        loop = self._loop(None)
        speakers = [self._row(number, lane, _LONG) for number in range(rows)]
        for row in speakers:
            loop.add(row)
        before = 8
        while any(row.known < before for row in speakers):
            loop.tick()
        with watched() as watch:
            while any(row.known < before + frames for row in speakers):
                loop.tick()
        for row in speakers:
            loop.drop(row)
        mx.synchronize()
        return watch

    def _spoken(self, lane: Lane, rows: int, frames: int, vocoder: Any) -> float:
        loop = self._loop(vocoder)
        samples = 0
        began = time.perf_counter()
        for number in range(rows):
            loop.add(self._row(number, lane, frames))
        while loop.rows:
            samples += sum(heard.samples.size for heard in loop.tick())
        took = _ms_since(began)
        assert samples == rows * frames * FRAME_SAMPLES, f"{samples} samples of {rows} rows of {frames} frames"
        mx.synchronize()
        return took / frames / rows

    def _loop(self, vocoder: Any) -> Loop:
        """A new one remembers no prompt and no speed."""
        return Loop(
            self._talker,
            vocoder or self._vocoder,
            max_rows=ROWS[-1],
            budget_bytes=self._budget_bytes,
            aside=self._aside,
        )

    def _row(self, number: int, lane: Lane, frames: int) -> Row:
        return Row(number, lane, self._prompt(), _sampling(number), frames, None)

    def _prompt(self) -> Prompt:
        return self._prompts.of(Utterance(TEXT, VoiceSpec(VoiceKind.PRESET, name=VOICE), Lane.SPEAK, seed=0), None)

    def _filled(self, rows: int, frames: int) -> Slots:
        slots, prompt = self._talker.slots(), self._prompt()
        slots.fit(rows, prompt.positions + frames)
        for slot in range(rows):
            self._fill(slots, slot, prompt)
        mx.eval(slots.keys, slots.values, slots.x, slots.history)
        return slots

    def _fill(self, slots: Slots, slot: int, prompt: Prompt) -> None:
        """In two pieces, as in the loop."""
        common = prompt.common.shape[1]
        self._talker.prefill(slots, slot, prompt.common, 0)
        self._talker.prefill(slots, slot, prompt.own[:, :-1], common)
        slots.begin(slot, prompt.own[:, -1:])

    def _asking(self, slots: Slots) -> Callable[[int], mx.array]:
        """Asks for a frame of all slots; what stays the same is made once, as in the loop."""
        rows, last = slots.rows, self.prompt_positions - 1
        controls, mode = controls_of([_sampling(number) for number in range(rows)])
        mx.eval(controls)

        def ask(frame: int) -> mx.array:
            positions, frames = mx.array([last + frame] * rows, mx.int32), mx.array([frame] * rows, mx.int32)
            step = self._talker.step(slots, positions, frames, controls, mode)
            while not step.launched:
                step.launch()
            return step.codes

        return ask


class OtherVocoder:
    """mlx-audio's decoder where ours would be, for one stream: it keeps the state to itself."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder

    def fresh(self) -> VocoderState:
        """Start again."""
        self._decoder.reset_streaming_state()
        return VocoderState((), mx.zeros((1,), mx.int32))

    def step(self, codes: mx.array, state: VocoderState) -> tuple[mx.array, VocoderState]:
        """As ours."""
        return self._decoder.streaming_step(codes)[:, 0], state


def _sampling(number: int) -> Sampling:
    return Sampling(number, TEMPERATURE, TOP_K, TOP_P, PENALTY, 0)


def _at_once(*trees: Any) -> None:
    mx.eval(*trees)


def _nothing(*_: Any) -> None:
    """Ask for nothing."""


def _ms_since(began: float) -> float:
    return 1_000 * (time.perf_counter() - began)
