"""espeak-ng as a model: small, instant, in a hundred languages.

The library speaks a text in one blocking call. Here that call runs in a greenlet, which is left in the middle of
the call whenever there is a buffer of audio, and entered again when a step wants more. So one thread does
everything, and still no step is longer than a few buffers.
"""

import math

import numpy as np
from greenlet import getcurrent, greenlet

from app.errors import InferenceFailed, InvalidRequest
from app.inference.espeak_voices import espeak_data, espeak_name
from app.inference.model import SAMPLE_RATE, FinishReason, Utterance, VoiceKind
from app.inference.processor import Processor
from app.workers.synthesis.espeak.library import ESPEAK_RATE, EspeakLibrary, SpeechRequest
from app.workers.synthesis.resampling import resampler
from app.workers.synthesis.serial import SerialModel

#: In bytes: 100 ms.
MAX_FRAME_BYTES = 2 * SAMPLE_RATE // 10

#: At most this much audio is made in one step where it is made again only to be skipped.
_BUFFERS_PER_STEP = 8

#: What the range adds to a typical voice in the library's formula for pitch, relative to the base.
_RANGE_SHARE = 0.25


class Espeak(SerialModel):
    """Implements `Model`. Belongs to one thread; one at a time in a process."""

    def __init__(self) -> None:
        super().__init__()
        data = espeak_data()
        if data is None:
            raise InferenceFailed("espeak-ng is not installed here")
        self._library = EspeakLibrary(data)

    @property
    def processor(self) -> Processor:
        """The CPU: it needs no accelerator."""
        return Processor("cpu")

    @property
    def capacity(self) -> int:
        """One is spoken and the others wait here, so that there is no gap while more are on their way."""
        return 4

    def close(self) -> None:
        """Leave the library, forget all utterances, and remove temporary files."""
        super().close()
        self._library.close()

    def _begin(self, utterance: Utterance, *, skip_bytes: int) -> "EspeakStream":
        return EspeakStream(self._library, _speech(utterance), skip_bytes=skip_bytes)


class EspeakStream:
    """One call of the library, suspended between its buffers. Implements `SpeechStream`."""

    def __init__(self, library: EspeakLibrary, speech: SpeechRequest, *, skip_bytes: int) -> None:
        self._resampler = resampler(ESPEAK_RATE)
        self._greenlet = greenlet(lambda: library.speak(speech, _hand_out))
        self._pcm = bytearray()
        self._skip = self._delivered = skip_bytes
        self._ended = False

    def read(self) -> tuple[bytes, FinishReason | None]:
        """The next 100 ms of PCM at most; empty while audio that has been delivered is skipped."""
        for _ in range(_BUFFERS_PER_STEP):
            if self._ended or len(self._pcm) >= MAX_FRAME_BYTES:
                break
            self._pull()
            if self._pcm:
                break
        pcm = bytes(self._pcm[:MAX_FRAME_BYTES])
        del self._pcm[:MAX_FRAME_BYTES]
        if not self._ended or self._pcm:
            self._delivered += len(pcm)
            return pcm, None
        if not self._delivered and not any(pcm):
            pcm = b""  # there was nothing to speak; the library gave a few milliseconds of silence
        return pcm, FinishReason.STOP

    def stop(self) -> None:
        """Have the library return early."""
        while self._greenlet:  # true while it is started and has not ended
            self._greenlet.switch(False)

    def _pull(self) -> None:
        """Let the library speak up to its next buffer."""
        samples: bytes | None = self._greenlet.switch(True) if self._greenlet else self._greenlet.switch()
        self._ended = samples is None
        self._pcm += self._resample(samples or b"")
        if self._skip:
            skipped = min(self._skip, len(self._pcm))
            del self._pcm[:skipped]
            self._skip -= skipped

    def _resample(self, samples: bytes) -> bytes:
        wide = np.frombuffer(samples, np.int16).astype(np.float32)
        pcm = self._resampler.resample_chunk(wide, last=self._ended)
        return pcm.round().clip(-32_768, 32_767).astype(np.int16).tobytes()


def _hand_out(samples: bytes) -> bool:
    """The library's listener, inside the greenlet: hand a buffer to the step and wait for the next one.

    A plain function: a reference to the stream would keep alive the greenlet of a model that is dropped unclosed.
    """
    step = getcurrent().parent
    assert step is not None
    return step.switch(samples)


def _speech(utterance: Utterance) -> SpeechRequest:
    if utterance.voice.kind is not VoiceKind.PRESET:
        raise InvalidRequest(f"espeak-ng has no voices of the kind '{utterance.voice.kind}'")
    return SpeechRequest(
        text=utterance.text,
        voice=espeak_name(utterance.voice.name, utterance.language),
        seed=utterance.seed,
        rate=round(175 * utterance.rate),
        pitch=_pitch(utterance.pitch),
        pitch_range=_within_99(50 * utterance.pitch),
    )


def _pitch(factor: float) -> int:
    """The library's number for a pitch factor: 50 is normal, 0 and 99 are nominally an octave lower and higher.

    The number moves only a voice's base. What the range adds on top of it stays the same on average, so the base
    has to move further than the pitch should. That is possible for factors from about 0.6 to 1.8.
    """
    base = factor + _RANGE_SHARE * (factor - 1)
    return _within_99(50 + 50 * math.log2(max(base, 0.5)))


def _within_99(value: float) -> int:
    return max(0, min(99, round(value)))
