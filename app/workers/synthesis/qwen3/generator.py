"""The decode loop: continuous batching of sequences, one bounded iteration for each call of `BatchGenerator.step`.

The phases of an iteration are the methods that `step` calls, in that order. It evaluates once: audio and the codes
of the decode step before, while the next one is being computed. (On a CPU, launching itself takes the time.) So it
learns one frame late that a sequence has ended, and drops that frame. docs/qwen3.md draws it. Nothing here knows
text or utterances.
"""

# MLX's types are partly unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from app.inference.model import FinishReason, Lane
from app.workers.synthesis.qwen3.audio_decoder import AudioDecoder, AudioSegment
from app.workers.synthesis.qwen3.cost_model import CostModel
from app.workers.synthesis.qwen3.decode_batch import DecodeBatcher, DecodeStep
from app.workers.synthesis.qwen3.generator_stats import GeneratorStats, describe_sequence
from app.workers.synthesis.qwen3.prefill import Prefill
from app.workers.synthesis.qwen3.sequence import SpeechSequence
from app.workers.synthesis.qwen3.slot_allocator import SlotAllocator
from app.workers.synthesis.qwen3.talker import Talker
from app.workers.synthesis.qwen3.vocoder import FRAME_SAMPLES, Vocoder

#: An iteration launches no further unit once this time has passed since it began, prefill included. A GPU has
#: everything launched long before.
MAX_ITERATION_S = 0.02


class IterationOutput(NamedTuple):
    """What an iteration produced for a sequence: samples, and a reason if they are its last."""

    sequence: SpeechSequence
    samples: NDArray[np.float32]
    reason: FinishReason | None


@dataclass
class _Iteration:
    """What one call of `step` has come to so far."""

    began: float  #: on the clock
    between_steps: bool  #: no decode step is built but not fully launched, so slots may change hands
    prefilled: int = 0  #: positions
    step_to_read: DecodeStep | None = None  #: the decode step whose codes are read now
    #: Await their first audio, whether or not they have all their codes.
    awaiting: list[SpeechSequence] = field(default_factory=list[SpeechSequence])
    #: A first audio segment is on its way, and nothing is launched after it; never on an accelerator.
    first_audio_launched: bool = False
    audio: list[AudioSegment] = field(default_factory=list[AudioSegment])  #: read now

    @property
    def has_something_to_read(self) -> bool:
        return bool(self.audio) or self.step_to_read is not None


class BatchGenerator:
    """Generates codes and audio for all sequences that were added. Runs on the worker's one thread.

    `second_stream`, on a CPU, is served by a second core. `cost_model`, `allocator`, `talker` and `max_iteration_s`
    are public for tests, which set limits there.
    """

    def __init__(
        self,
        talker: Talker,
        vocoder: Vocoder,
        *,
        max_sequences: int,
        budget_bytes: int,
        second_stream: mx.Stream | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.talker, self.max_iteration_s = talker, MAX_ITERATION_S
        self._cache, self._clock = talker.make_cache(), clock
        self.cost_model = CostModel(clock)
        self.allocator = SlotAllocator(
            self._cache, self.cost_model, max_sequences=max_sequences, budget_bytes=budget_bytes
        )
        self._prefill = Prefill(talker, self._cache, self.allocator)
        self._batcher = DecodeBatcher(talker, self._cache, self.allocator)
        self._audio = AudioDecoder(vocoder, second_stream)
        self._finishing: list[SpeechSequence] = []  #: have all their codes, but not all their audio
        self._in_flight: DecodeStep | None = None
        self._last_read_at = clock()  #: when codes were last read

    @property
    def sequence_count(self) -> int:
        """Sequences that wait for a slot, run, are preempted, or have all their codes but not all their audio."""
        return len(self.allocator.sequences) + len(self._finishing)

    @property
    def max_sequences(self) -> int:
        """The most that can run at once."""
        return self.allocator.max_sequences

    def add(self, sequence: SpeechSequence) -> None:
        """Take a sequence in; it is given a slot by a later `step`."""
        self.allocator.sequences.append(sequence)

    def drop(self, sequence: SpeechSequence) -> None:
        """Abort a sequence in whatever state it is."""
        for sequences in (self.allocator.sequences, self._finishing):
            if sequence in sequences:
                sequences.remove(sequence)
        self._audio.drop(sequence)
        sequence.reason = FinishReason.CANCELED
        self._clear_if_idle()

    def stats(self) -> GeneratorStats:
        """A snapshot of the state, for tests and for debugging."""
        in_flight = self._in_flight
        return GeneratorStats(
            {each.utterance_id: describe_sequence(each) for each in (*self.allocator.sequences, *self._finishing)},
            None if in_flight is None else in_flight.graph.units_left,
            self._audio.units_left(),
            self._cache.position_bytes,
        )

    def step(self) -> list[IterationOutput]:
        """Run one iteration: a bounded piece of work. Returns the audio that is ready."""
        iteration = self._begin_iteration()
        self._admit(iteration)
        self._prefill_chunk(iteration)
        self._decode_audio(iteration)
        self._build_decode_step(iteration)
        self._launch(iteration)
        self._sync(iteration)
        self._read_codes(iteration)
        outputs = self._emit_audio(iteration)
        self._record_times(iteration)
        self._clear_if_idle()
        return outputs

    # The phases of an iteration, in order

    def _begin_iteration(self) -> _Iteration:
        """Roll a partly launched decode step back if a sequence that awaits its first audio could get a slot, or if
        all sequences of the step are gone. Sequences that lose a frame by that generate the same one later.
        """
        began = self._clock()
        in_flight = self._in_flight
        if in_flight is not None and not in_flight.graph.launched:
            orphaned = all(sequence.reason is not None for sequence, _ in in_flight.sequences)
            if self.allocator.would_admit_first_audio() or orphaned:
                in_flight.graph.rollback()
                self._in_flight = None
        return _Iteration(began, between_steps=self._in_flight is None or self._in_flight.graph.launched)

    def _admit(self, iteration: _Iteration) -> None:
        """Give slots to the sequences that should run now, and preempt the others."""
        if iteration.between_steps:
            for sequence in self.allocator.assign_slots():
                self._prefill.load_prefix(sequence)

    def _prefill_chunk(self, iteration: _Iteration) -> None:
        """Prefill as many positions of prompts as there is time for."""
        allocator = self.allocator
        if iteration.between_steps:
            positions = self.cost_model.budget_prefill(
                has_prefilled_listener=allocator.has_prefilled_listener,
                awaiting_first_audio=bool(allocator.awaiting_first_audio),
            )
            iteration.prefilled = self._prefill.prefill_next(positions)

    def _decode_audio(self, iteration: _Iteration) -> None:
        """Collect the audio that was launched earlier, and start what is due. Listeners who wait for their first
        audio go first. Renders' is not waited for while a decode step is partly launched.
        """
        iteration.awaiting = [
            sequence
            for sequence in (*self._finishing, *self.allocator.awaiting_first_audio)
            if sequence.lane is Lane.SPEAK and not sequence.decoded
        ]
        iteration.audio = self._audio.collect(renders=iteration.between_steps)
        iteration.first_audio_launched = self._audio.start_due(
            [*self._finishing, *self.allocator.sequences], iteration.awaiting
        )

    def _build_decode_step(self, iteration: _Iteration) -> None:
        """Put the next decode step in the place of the launched one, whose codes are read in this iteration."""
        if not iteration.between_steps:
            return
        iteration.step_to_read, self._in_flight = self._in_flight, None
        # Until a listener is prefilled, all prompts come first, so that the steps have as many sequences as can be.
        prefill_first = iteration.prefilled and not self.allocator.has_prefilled_listener
        if not iteration.first_audio_launched and not prefill_first:
            self._in_flight = self._batcher.build_step(iteration.began, without_prefill=not iteration.prefilled)

    def _launch(self, iteration: _Iteration) -> None:
        """Launch units of audio and of the decode step in turn, audio first, until all are launched or time is up,
        but at least one.
        """
        if iteration.first_audio_launched:
            return
        launched = True
        while launched:
            launched = self._audio.launch_unit(iteration.awaiting)
            if launched and self._time_is_up(iteration):
                return
            in_flight = self._in_flight
            if in_flight is not None and not in_flight.graph.launched:
                in_flight.launch_unit()
                launched = True
            if self._time_is_up(iteration):
                return

    def _sync(self, iteration: _Iteration) -> None:
        """Evaluate what this iteration reads, for all sequences at once, or else the prefill if there was one."""
        if iteration.first_audio_launched or self._in_flight is None or self._audio.batched:
            iteration.audio += self._audio.collect(renders=True)
        if iteration.has_something_to_read:
            codes = [] if iteration.step_to_read is None else iteration.step_to_read.graph.codes
            mx.eval([each.samples for each in iteration.audio], codes)
        elif iteration.prefilled and self._in_flight is None:
            mx.eval(self._cache.keys, self._cache.values)
            self.cost_model.record_prefill(iteration.prefilled, self._clock() - iteration.began)

    def _read_codes(self, iteration: _Iteration) -> None:
        """Check the first code of each sequence of the decode step before for the end or an error."""
        if iteration.step_to_read is not None:
            # To index the MLX array would launch a kernel, which would queue after the next decode step.
            first = np.array(iteration.step_to_read.graph.codes)[:, 0]
            for sequence, slot in iteration.step_to_read.sequences:
                self._check_code(sequence, int(first[slot]))

    def _emit_audio(self, iteration: _Iteration) -> list[IterationOutput]:
        """The samples that count of the audio that was read, and the ends of sequences."""
        outputs: list[IterationOutput] = []
        for sequence, samples, end in iteration.audio:
            surplus_frames = max(0, end - sequence.kept_frames) if sequence.reason is not None else 0
            whole = np.array(samples)[0]
            kept = whole[: whole.size - surplus_frames * FRAME_SAMPLES]
            last = sequence.all_audio_started and end == sequence.decoded
            outputs.append(IterationOutput(sequence, kept, sequence.reason if last else None))
        ended = {id(output.sequence) for output in outputs if output.reason is not None}
        done = [each for each in self._finishing if each.all_audio_started and not self._audio.is_decoding(each)]
        nothing = np.zeros(0, np.float32)
        outputs += [IterationOutput(each, nothing, each.reason) for each in done if id(each) not in ended]
        self._finishing = [each for each in self._finishing if each not in done]
        return outputs

    def _record_times(self, iteration: _Iteration) -> None:
        """Tell the cost model how long the decode step just read took, if nothing was prefilled beside it."""
        step = iteration.step_to_read
        if step is not None:
            now = self._clock()
            if step.without_prefill and not iteration.prefilled:
                self.cost_model.record_step(len(step.sequences), now - max(step.began, self._last_read_at))
            self._last_read_at = now

    def _clear_if_idle(self) -> None:
        """Free the KV cache when no sequence is left."""
        if not self.sequence_count:
            if self._in_flight is not None and not self._in_flight.graph.launched:
                self._in_flight.graph.rollback()
            self._in_flight = None
            self._batcher.clear()
            self._cache.resize(0, 1)
            mx.clear_cache()

    # Parts of the phases

    def _time_is_up(self, iteration: _Iteration) -> bool:
        return self._clock() - iteration.began >= self.max_iteration_s

    def _check_code(self, sequence: SpeechSequence, code: int) -> None:
        if sequence.reason is not None:
            return
        sequence.checked += 1
        if code == self.talker.end_code:
            sequence.stop_generating(FinishReason.STOP, sequence.checked - 1)
        elif code == self.talker.non_finite_code:
            sequence.stop_generating(FinishReason.ERROR, sequence.checked - 1)
        elif sequence.checked == sequence.max_frames:
            sequence.stop_generating(FinishReason.LENGTH, sequence.checked)
        else:
            return
        self.allocator.release(sequence)
        self._finishing.append(sequence)
