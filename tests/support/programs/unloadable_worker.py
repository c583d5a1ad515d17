"""A worker whose model cannot be loaded."""

import sys
from typing import NoReturn

from app.workers.synthesis.main import main


def load() -> NoReturn:
    raise FileNotFoundError("weights.bin is missing")


if __name__ == "__main__":
    sys.exit(main(load))
