"""The fake model, for a checkpoint with a file that has `mended` in its name; any other cannot be loaded."""

import sys
from pathlib import Path

from app.workers.synthesis.main import main
from tests.support.fakes import FakeModel


def load() -> FakeModel:
    checkpoint, control = map(Path, sys.argv[1:])
    if not any(checkpoint.glob("*mended*")):
        raise ValueError("a part is missing")
    return FakeModel(control, 4)


if __name__ == "__main__":
    sys.exit(main(load))
