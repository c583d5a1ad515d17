"""mlx-audio through its own interfaces, and each of its parts alone. Every run returns the milliseconds it took,
some of them for each frame. It is changed in two places only: no code ends a take, and a vocoder that does nothing
serves to measure the codes alone.
"""

# mlx-audio has no types, and those of MLX are half unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_audio.tts.continuous import TTSBatchItem, TTSBatchOptions

from app.workers.synthesis.qwen3.loading import LoadedCheckpoint
from app.workers.synthesis.qwen3.vocoder import FRAME_SAMPLES
from bench.inference.graphs import Watched, as_on_a_gpu, first_evaluated, primitives, watched
from bench.inference.prompt import CHUNK_FRAMES, NO_END, PENALTY, TEMPERATURE, TEXT, TOP_K, TOP_P, VOICE

#: Seconds between two pieces of a stream: a frame, and four.
SHORT, LONG = 0.08, 0.32


class Theirs:
    """Belongs to the thread that loaded the checkpoint."""

    def __init__(self, loaded: LoadedCheckpoint) -> None:
        self._model: Any = loaded.model
        self._tokenizer: Any = loaded.speech_tokenizer
        self.decoder: Any = loaded.decoder
        self._model.config.talker_config.codec_eos_token_id = NO_END
        mx.eval(self._model.parameters())

    @property
    def prompt_positions(self) -> int:
        """Of the prompt."""
        return self._inputs().shape[1]

    def prefill(self) -> float:
        """From the text to the keys and values of the prompt, and the logits, which come with them."""
        began = time.perf_counter()
        cache = self._model.talker.make_cache()
        logits, hidden = self._model.talker(self._inputs(), cache=cache)
        mx.eval(logits, hidden, [layer.state for layer in cache])
        return _ms_since(began)

    def decode_generating(self, frames: int) -> float:
        """Codes alone in the loop of `generate`, for each frame of one row."""
        with self._silent():
            pieces = self._generate(frames + CHUNK_FRAMES, stream=True, interval=LONG)
            next(pieces)
            began = time.perf_counter()
            for _ in range(frames // CHUNK_FRAMES):
                next(pieces)
            took = _ms_since(began)
            pieces.close()
        return took / frames

    def decode_batched(self, rows: int, frames: int) -> float:
        """Codes alone in the batch session, for each frame of all rows."""
        session = self._session(rows, frames + 2)  # so that it never comes to decoding
        session.step()
        mx.eval([row.input_embeds for row in session._active])
        began = time.perf_counter()
        for _ in range(frames):
            session.step()
        mx.eval([row.input_embeds for row in session._active])
        took = _ms_since(began)
        for number in range(rows):
            session.cancel(number)
        return took / frames

    def voice_streaming(self, codes: mx.array) -> float:
        """Samples alone, in steps, for each frame."""
        frames = codes.shape[-1]
        self.decoder.reset_streaming_state()
        began = time.perf_counter()
        for start in range(0, frames, CHUNK_FRAMES):
            mx.eval(self.decoder.streaming_step(codes[..., start : start + CHUNK_FRAMES]))
        took = _ms_since(began)
        self.decoder.reset_streaming_state()
        return took / frames

    def voice_at_once(self, codes: mx.array) -> float:
        """Samples alone, all in one call, for each frame."""
        began = time.perf_counter()
        mx.eval(self._tokenizer.decoder(codes))
        return _ms_since(began) / codes.shape[-1]

    def speak(self, frames: int, *, stream: bool = True, interval: float = LONG) -> float:
        """From the text to the last sample, for each frame."""
        began = time.perf_counter()
        sizes = [np.array(piece.audio).size for piece in self._generate(frames, stream=stream, interval=interval)]
        took = _ms_since(began)
        # Not streamed, it cuts a frame off the end for each first code that is 0.
        assert not stream or sum(sizes) == frames * FRAME_SAMPLES, f"{sum(sizes)} samples of {frames} frames"
        return took / frames

    def render(self, rows: int, frames: int) -> float:
        """From the texts to the last sample in the batch session, for each frame of each row."""
        began = time.perf_counter()
        session = self._session(rows, frames)
        said: list[int] = []
        while not session.idle:
            for event in session.step():
                np.array(event.audio)
                said.append(event.token_count)
        took = _ms_since(began)
        assert said == [frames] * rows, f"{said} frames instead of {frames} of {rows} rows"
        return took / frames / rows

    def first_audio(self, frames: int) -> float:
        """From the text to the first samples."""
        began = time.perf_counter()
        pieces = self._generate(frames, stream=True, interval=SHORT)
        np.array(next(pieces).audio)
        took = _ms_since(began)
        pieces.close()
        return took

    def frame_primitives(self) -> Counter[str]:
        """Of a frame's codes in the loop of `generate`."""
        with self._silent():
            pieces = self._generate(CHUNK_FRAMES, stream=True, interval=SHORT)
            next(pieces)
            return first_evaluated(lambda: next(pieces))

    def voice_primitives(self, codes: mx.array) -> Counter[str]:
        """Of a step of the vocoder, in the midst of a stream."""
        self.decoder.reset_streaming_state()
        mx.eval(self.decoder.streaming_step(codes[..., :CHUNK_FRAMES]))
        cache = self.decoder._transformer_cache
        mx.eval([layer.state for layer in cache])
        with as_on_a_gpu():
            samples = self.decoder.streaming_step(codes[..., :CHUNK_FRAMES])
        counted = primitives(samples, [layer.state for layer in cache])
        self.decoder.reset_streaming_state()
        return counted

    def watched_frames(self, frames: int) -> Watched:
        """The loop of `generate`, codes alone."""
        with self._silent():
            pieces = self._generate(frames + CHUNK_FRAMES, stream=True, interval=LONG)
            with watched() as watch:
                for _ in range(frames // CHUNK_FRAMES):
                    next(pieces)
            pieces.close()
        return watch

    def _inputs(self) -> mx.array:
        return self._model._prepare_generation_inputs(TEXT, language="auto", speaker=VOICE)[0]

    def _generate(self, frames: int, *, stream: bool, interval: float) -> Generator[Any]:
        return self._model.generate(
            TEXT,
            voice=VOICE,
            temperature=TEMPERATURE,
            top_k=TOP_K,
            top_p=TOP_P,
            repetition_penalty=PENALTY,
            max_tokens=frames,
            stream=stream,
            streaming_interval=interval,
        )

    def _session(self, rows: int, max_frames: int) -> Any:
        options = TTSBatchOptions(
            temperature=TEMPERATURE,
            top_k=TOP_K,
            top_p=TOP_P,
            repetition_penalty=PENALTY,
            max_tokens=max_frames,
            max_batch_size=rows,
        )
        session = self._model.create_tts_batch_session(options)
        session.add([TTSBatchItem(number, TEXT, voice=VOICE) for number in range(rows)])
        return session

    @contextmanager
    def _silent(self) -> Generator[None]:
        """With a vocoder that does nothing."""
        kept = self._tokenizer.decoder
        self._tokenizer.decoder = _Silence()
        try:
            yield
        finally:
            self._tokenizer.decoder = kept


class _Silence:
    def __init__(self) -> None:
        self._samples = mx.zeros((1, 1, CHUNK_FRAMES * FRAME_SAMPLES))
        mx.eval(self._samples)

    def reset_streaming_state(self) -> None:
        """There is none."""

    def streaming_step(self, _codes: mx.array) -> mx.array:
        """The same every time."""
        return self._samples


def _ms_since(began: float) -> float:
    return 1_000 * (time.perf_counter() - began)
