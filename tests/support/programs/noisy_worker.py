"""A worker whose libraries write to standard output and read standard input, as native code may."""

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from app.inference.model import Frame
from app.workers.synthesis.main import main
from tests.support.fakes import FakeModel


class Noisy(FakeModel):
    """Prints in every way there is before each step."""

    def step(self) -> Sequence[Frame]:
        print("a library says hello")
        sys.stdout.flush()
        ctypes.CDLL(None).puts(b"so does native code")
        ctypes.CDLL(None).fflush(None)
        os.write(1, b"and so does somebody with the descriptor")
        assert not os.read(0, 10), "standard input is the pipe"
        return super().step()


if __name__ == "__main__":
    sys.exit(main(lambda: Noisy(Path(sys.argv[1]), 4)))
