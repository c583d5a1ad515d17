"""What can be seen of a `BatchGenerator` from outside: a snapshot, for tests and for debugging."""

from typing import NamedTuple

from app.inference.model import Lane
from app.workers.synthesis.qwen3.sequence import SpeechSequence


class SequenceStats(NamedTuple):
    """How far a sequence has come; all but the first two are in frames of 80 ms."""

    has_slot: bool  #: else it waits for one, is preempted, or has all its codes
    is_prefilled: bool
    generated: int  #: frames whose decode step has been fully launched
    checked: int  #: frames whose codes have been read
    decoded: int  #: frames whose segment has been started, padding included


class GeneratorStats(NamedTuple):
    """The state of a `BatchGenerator` between two iterations."""

    sequences: dict[int, SequenceStats]  #: by utterance id
    step_units_left: int | None  #: launch units of the decode step in flight; None without one
    audio_units_left: dict[Lane, int]  #: launch units of the audio that is launched in part
    position_bytes: int  #: of one position of one sequence in the KV cache


def describe_sequence(sequence: SpeechSequence) -> SequenceStats:
    """A snapshot of one."""
    return SequenceStats(
        sequence.slot is not None,
        sequence.is_prefilled,
        sequence.generated,
        sequence.checked,
        sequence.decoded,
    )
