"""Decodes audio from generated codes, a segment of a sequence at a time: first audio that somebody awaits goes
before everything else, then other listeners' audio, then renders'.

It decides when; the length of a segment is the sequence's own.
"""

# MLX's types are partly unknown.
# pyright: reportUnknownMemberType=false

from collections import deque
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import mlx.core as mx

from app.inference.model import Lane
from app.workers.synthesis.qwen3.sequence import SpeechSequence
from app.workers.synthesis.qwen3.vocoder import Vocoder, select_state, stack_states

#: States of the vocoder in one launch unit. They become ready one after the other.
UNIT_STATES = 4


class AudioSegment(NamedTuple):
    """A segment whose decoding has been started: its samples, [1, samples], perhaps not launched yet."""

    sequence: SpeechSequence
    samples: mx.array
    end: int  #: frames of the sequence up to the end of this segment


class _VocoderStep:
    """One vocoder step: a segment of each of some sequences, and its launch units."""

    def __init__(self, audio: list[AudioSegment], units: Sequence[Sequence[Any]]) -> None:
        self.audio, self.units = audio, deque(units)

    @property
    def has_listener(self) -> bool:
        return any(each.sequence.lane is Lane.SPEAK for each in self.audio)


class AudioDecoder:
    """Schedules the vocoder. Runs on the worker's thread.

    On an accelerator, where launching is what costs, all sequences with segments of one length are decoded in one
    step. On a CPU they are decoded one after the other and unit by unit on `second_stream`, beside the decode steps
    on the first, and between two units a new listener may come in.
    """

    def __init__(self, vocoder: Vocoder, second_stream: mx.Stream | None) -> None:
        self._vocoder, self.batched = vocoder, second_stream is None
        self._stream = second_stream or mx.default_stream(mx.default_device())
        self._in_part: dict[Lane, _VocoderStep] = {}  #: launched in part, at most one in each lane
        self._launched: list[_VocoderStep] = []  #: launched as a whole, not read yet

    def start_due(self, sequences: Sequence[SpeechSequence], awaiting: Sequence[SpeechSequence]) -> bool:
        """Start to decode the segments that are due. Returns whether there is one of a sequence that is `awaiting`
        its first audio; such a segment is launched as a whole.
        """
        if self.batched:
            self._start_batched([each for each in sequences if each.due_frames and self._advance_priming(each)])
            return False
        first = [each for each in awaiting if each.due_frames and self._advance_priming(each)]
        for sequence in first:
            decoding = self._start([sequence])
            while decoding.units:
                self._launch(decoding)
        if not first:
            # Somebody's first audio would queue after a render's, which takes a second.
            for lane in (Lane.SPEAK,) if awaiting else Lane:
                due = [each for each in sequences if each.due_frames and each.lane == lane and each not in awaiting]
                if due and lane not in self._in_part and self._advance_priming(due[0]):
                    self._in_part[lane] = self._start(due[:1])
        return bool(first)

    def launch_unit(self, awaiting: Sequence[SpeechSequence]) -> bool:
        """Launch the next unit, and return whether there was one. Renders' wait while somebody is `awaiting`."""
        for lane in (Lane.SPEAK,) if awaiting else Lane:
            decoding = self._in_part.get(lane)
            if decoding is not None:
                self._launch(decoding)
                if not decoding.units:
                    del self._in_part[lane]
                return True
        return False

    def collect(self, *, renders: bool) -> list[AudioSegment]:
        """Take what has been launched: all of it, or only what listeners hear."""
        taken = [decoding for decoding in self._launched if renders or decoding.has_listener]
        self._launched = [decoding for decoding in self._launched if decoding not in taken]
        return [each for decoding in taken for each in decoding.audio]

    def is_decoding(self, sequence: SpeechSequence) -> bool:
        """Whether audio of a sequence has been started and not been collected."""
        return any(each.sequence is sequence for decoding in self._all for each in decoding.audio)

    def drop(self, sequence: SpeechSequence) -> None:
        """Forget the audio of a sequence."""
        for decoding in self._all:
            decoding.audio = [each for each in decoding.audio if each.sequence is not sequence]
        self._in_part = {lane: decoding for lane, decoding in self._in_part.items() if decoding.audio}

    def units_left(self) -> dict[Lane, int]:
        """Units that have not been launched of what is launched in part, by lane."""
        return {lane: len(decoding.units) for lane, decoding in self._in_part.items()}

    @property
    def _all(self) -> list[_VocoderStep]:
        return [*self._launched, *self._in_part.values()]

    def _start_batched(self, due: list[SpeechSequence]) -> None:
        by_length = sorted(due, key=lambda each: each.due_frames)
        for _, alike in groupby(by_length, key=lambda each: each.due_frames):
            self._launch(self._start(list(alike)))

    def _start(self, sequences: list[SpeechSequence]) -> _VocoderStep:
        states = [each.vocoder_state or self._vocoder.make_state() for each in sequences]
        codes = mx.concatenate([each.take_segment() for each in sequences])
        with mx.stream(self._stream):
            samples, after = self._vocoder.step(codes, stack_states(states))
        audio: list[AudioSegment] = []
        for number, sequence in enumerate(sequences):
            sequence.vocoder_state = after if len(sequences) == 1 else select_state(after, number)
            audio.append(AudioSegment(sequence, samples[number : number + 1], sequence.decoded))
        if self.batched:
            return _VocoderStep(
                audio, [[samples, *(array for each in sequences for array in each.vocoder_state or ())]]
            )
        pasts = [after.pasts[start : start + UNIT_STATES] for start in range(0, len(after.pasts), UNIT_STATES)]
        return _VocoderStep(audio, [*pasts, (samples, after.frames)])

    def _launch(self, decoding: _VocoderStep) -> None:
        with mx.stream(self._stream):
            mx.async_eval(decoding.units.popleft())
        if not decoding.units:
            self._launched.append(decoding)

    def _advance_priming(self, sequence: SpeechSequence) -> bool:
        """Decode some more of a clone's reference, unless the vocoder has the state after it. Returns whether it
        has the state that the sequence starts from.
        """
        if sequence.vocoder_state is None and sequence.reference is not None:
            with mx.stream(self._stream):
                sequence.vocoder_state = sequence.reference.prime(self._vocoder)
            return sequence.vocoder_state is not None
        return True
