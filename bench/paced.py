"""A model that speaks exactly as fast as one listens: 80 ms of audio every 80 ms. `python -m bench.paced [ROWS]`.

Run by the real worker loop, in the worker's process. Each frame says in its first samples which one it is and when
it was due, so that who hears it knows how late it is: the clock is the same for all processes of a machine.
"""

import math
import struct
import sys
import time
from collections.abc import Sequence
from functools import partial

from app.inference.model import SAMPLE_RATE, FinishReason, Frame, Lane, Utterance
from app.inference.processor import Processor
from app.workers.synthesis.main import main

FRAME_S = 0.08
FRAME_BYTES = 2 * round(SAMPLE_RATE * FRAME_S)

#: Magic, number of the frame since the worker started, and when it was due on `time.monotonic`.
STAMP = struct.Struct("<4sId")
MAGIC = b"DUE:"

CHARACTERS_PER_S = 14.0

#: After a rest that is longer, the beat starts anew; a shorter gap is a delay, and counts as one.
REST_S = 1.0


class Paced:
    """Implements `Model`: a number of rows at a time, each at that pace, lane speak first."""

    def __init__(self, rows: int = 1) -> None:
        self._rows = rows
        self._queue: list[Utterance] = []
        self._left: dict[int, int] = {}
        self._canceled: set[int] = set()
        self._due = 0.0
        self._number = 0
        tone = (round(3000 * math.sin(2 * math.pi * 220 * at / SAMPLE_RATE)) for at in range(FRAME_BYTES // 2))
        self._tone = b"".join(sample.to_bytes(2, "little", signed=True) for sample in tone)

    @property
    def processor(self) -> Processor:
        """It computes nothing."""
        return Processor("cpu")

    @property
    def capacity(self) -> int:
        """As the embedded model has it, or all rows: the others wait here."""
        return max(4, self._rows)

    def add(self, utterances: Sequence[Utterance]) -> None:
        """Queue utterances."""
        for utterance in utterances:
            self._queue.append(utterance)
            self._left[utterance.id] = max(1, round(len(utterance.text) / CHARACTERS_PER_S / FRAME_S))

    def cancel(self, utterance_id: int) -> None:
        """End an utterance with the next step."""
        self._canceled |= {utterance_id} & self._left.keys()

    def step(self) -> Sequence[Frame]:
        """The next 80 ms of each row, when they are due."""
        if self._canceled:
            gone, self._canceled = self._canceled, set[int]()
            for utterance_id in gone:
                self._forget(utterance_id)
            return [Frame(one, b"", final=True, finish_reason=FinishReason.CANCELED) for one in gone]
        if not self._queue:
            return ()
        now = time.monotonic()
        self._due = (self._due if now - self._due < REST_S else now) + FRAME_S
        time.sleep(max(0.0, self._due - now))
        return [self._frame(one) for one in sorted(self._queue, key=_after_speak)[: self._rows]]

    def close(self) -> None:
        """Nothing is held."""

    def _frame(self, utterance: Utterance) -> Frame:
        self._number += 1
        pcm = STAMP.pack(MAGIC, self._number, self._due) + self._tone[STAMP.size :]
        self._left[utterance.id] -= 1
        if self._left[utterance.id]:
            return Frame(utterance.id, pcm)
        self._forget(utterance.id)
        return Frame(utterance.id, pcm, final=True, finish_reason=FinishReason.STOP)

    def _forget(self, utterance_id: int) -> None:
        del self._left[utterance_id]
        self._queue = [one for one in self._queue if one.id != utterance_id]


def _after_speak(utterance: Utterance) -> bool:
    return utterance.lane is not Lane.SPEAK


def stamps(pcm: bytes) -> list[tuple[int, float]]:
    """The numbers of the frames in a stretch of audio, and when they were due."""
    found: list[tuple[int, float]] = []
    for at in range(0, len(pcm), FRAME_BYTES):
        magic, number, due = STAMP.unpack_from(pcm, at)
        if magic != MAGIC:
            raise RuntimeError("this is not audio of the paced model, frame by frame")
        found.append((number, due))
    return found


if __name__ == "__main__":
    sys.exit(main(partial(Paced, *map(int, sys.argv[1:]))))
