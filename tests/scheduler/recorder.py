"""The fake model, which writes down what it is given and what it has ended, in the order of it.

Run as the worker: `python -m tests.scheduler.recorder CONTROL_FOLDER CAPACITY`.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from app.inference.model import Frame, Utterance
from app.workers.synthesis.main import main
from tests.support.fakes import FakeModel

RECORD = "record"


class Step(msgspec.Struct, frozen=True):
    """One line of the record."""

    what: str  #: "add" or the reason of an end
    text: str


class Recorder(FakeModel):
    def __init__(self, control: Path, capacity: int) -> None:
        super().__init__(control, capacity)
        self._file = os.open(control / RECORD, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._texts: dict[int, str] = {}

    def _write(self, what: str, utterance_id: int) -> None:
        os.write(self._file, msgspec.json.encode(Step(what, self._texts[utterance_id])) + b"\n")

    def add(self, utterances: Sequence[Utterance]) -> None:
        for utterance in utterances:
            self._texts[utterance.id] = utterance.text
            self._write("add", utterance.id)
        super().add(utterances)

    def step(self) -> Sequence[Frame]:
        frames = super().step()
        for frame in frames:
            if frame.final and frame.finish_reason is not None:
                self._write(frame.finish_reason, frame.id)
        return frames


if __name__ == "__main__":
    sys.exit(main(lambda: Recorder(Path(sys.argv[1]), int(sys.argv[2]))))
