"""espeak-ng as a model: small, instant, in a hundred languages.

The library speaks a text in one blocking call. Here that call runs in a greenlet, which is left in the
middle of it whenever there is a buffer of audio and entered again when a step wants more. So one thread does
everything, and still no step is longer than a few buffers. It knows nothing of jobs, nor of how the library
is called.
"""

import math
from collections.abc import Sequence

import numpy as np
from greenlet import getcurrent, greenlet

from app.errors import InferenceFailed, InvalidRequest, SpeechError
from app.inference.espeak_voices import espeak_data, espeak_name
from app.inference.model import SAMPLE_RATE, FinishReason, Frame, Utterance, VoiceKind
from app.inference.processor import Processor
from app.workers.synthesis.espeak.library import ESPEAK_RATE, EspeakLibrary, SpeechRequest
from app.workers.synthesis.queue import Lanes, Work
from app.workers.synthesis.resampling import resampler

#: In bytes: 100 ms.
MAX_FRAME_BYTES = 2 * SAMPLE_RATE // 10

#: So much audio is made at most in one step, where it is made again only to be skipped.
_BUFFERS_PER_STEP = 8

#: Of a typical voice, in the library's formula for pitch: what the range adds, relative to the base.
_RANGE_SHARE = 0.25


class Espeak:
    """Implements `Model`. Belongs to one thread; one at a time in a process.

    The library can speak one text only. When someone is waiting (lane `speak`), a render in work is broken
    off and spoken again later from its start, less the audio that was delivered: the audio is the same.
    """

    def __init__(self) -> None:
        data = espeak_data()
        if data is None:
            raise InferenceFailed("espeak-ng is not installed here.")
        self._library = EspeakLibrary(data)
        self._lanes = Lanes()
        self._work: Work | None = None
        self._voicing: _Voicing | None = None

    @property
    def processor(self) -> Processor:
        """It needs no accelerator."""
        return Processor("cpu")

    @property
    def capacity(self) -> int:
        """One is spoken and the others wait here, so that there is no gap while more are on their way."""
        return 4

    def add(self, utterances: Sequence[Utterance]) -> None:
        """Queue utterances, each lane in the order of arrival."""
        self._lanes.add(utterances)

    def cancel(self, utterance_id: int) -> None:
        """Have the next step end an utterance, whether it waits or is spoken."""
        self._lanes.cancel(utterance_id)

    def step(self) -> Sequence[Frame]:
        """The next 100 ms at most.

        A frame is empty only at the end of an utterance, and while a broken-off one is brought back to where
        it was.
        """
        if frames := self._lanes.end_canceled(self._end):
            return frames
        work = self._lanes.next
        if work is None:
            return ()
        try:
            pcm, ended = self._voice(work).read()
        except SpeechError as error:
            self._end(work)
            return (work.last_frame(FinishReason.ERROR, error=error.message),)
        if not ended:
            work.delivered += len(pcm)
            return (Frame(work.utterance.id, pcm),)
        if not work.delivered and not any(pcm):
            pcm = b""  # there was nothing to speak; the library gave a few milliseconds of silence
        self._end(work)
        return (work.last_frame(FinishReason.STOP, pcm=pcm),)

    def close(self) -> None:
        """Leave the library, forget all utterances, and remove temporary files."""
        self._break_off()
        self._lanes.clear()
        self._library.close()

    def _voice(self, work: Work) -> "_Voicing":
        """What speaks this utterance, begun or begun again if something else was in the library."""
        if self._work is not work or self._voicing is None:
            self._break_off()
            speech = _speech(work.utterance)
            self._work = work
            self._voicing = _Voicing(self._library, speech, skip=work.delivered)
        return self._voicing

    def _end(self, work: Work) -> None:
        if self._work is work:
            self._break_off()
        self._lanes.remove(work)

    def _break_off(self) -> None:
        if self._voicing is not None:
            self._voicing.stop()
        self._work = self._voicing = None


class _Voicing:
    """One go through the library, read piece by piece."""

    def __init__(self, library: EspeakLibrary, speech: SpeechRequest, *, skip: int) -> None:
        self._resampler = resampler(ESPEAK_RATE)
        self._greenlet = greenlet(lambda: library.speak(speech, _hand_out))
        self._pcm = bytearray()
        self._skip = skip
        self._ended = False

    def read(self) -> tuple[bytes, bool]:
        """The next PCM, one frame at most, and whether it is the last."""
        for _ in range(_BUFFERS_PER_STEP):
            if self._ended or len(self._pcm) >= MAX_FRAME_BYTES:
                break
            self._pull()
            if self._pcm:
                break
        pcm = bytes(self._pcm[:MAX_FRAME_BYTES])
        del self._pcm[:MAX_FRAME_BYTES]
        return pcm, self._ended and not self._pcm

    def stop(self) -> None:
        """Have the library return early."""
        while self._greenlet:  # true while it is begun and not over
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

    It knows of no object, so that a model that is dropped unclosed takes its greenlet along, out of the library.
    """
    step = getcurrent().parent
    assert step is not None
    return step.switch(samples)


def _speech(utterance: Utterance) -> SpeechRequest:
    if utterance.voice.kind is not VoiceKind.PRESET:
        raise InvalidRequest(f"espeak-ng has no voices of the kind '{utterance.voice.kind}'.")
    return SpeechRequest(
        text=utterance.text,
        voice=espeak_name(utterance.voice.name, utterance.language),
        seed=utterance.seed,
        rate=round(175 * utterance.rate),
        pitch=_pitch(utterance.pitch),
        pitch_range=_within_99(50 * utterance.pitch),
    )


def _pitch(factor: float) -> int:
    """The library's number for a pitch: 50 is normal, 0 and 99 are an octave off, if that were all.

    The number moves only a voice's base; above that lies what the range adds, which stays as it is on
    average. So the base has to move further than the pitch is to go, which is possible from about 0.6 to 1.8.
    """
    base = factor + _RANGE_SHARE * (factor - 1)
    return _within_99(50 + 50 * math.log2(max(base, 0.5)))


def _within_99(value: float) -> int:
    return max(0, min(99, round(value)))
