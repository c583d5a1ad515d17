"""A transcriber whose library prints before it finds that the checkpoint is broken."""

import sys
from pathlib import Path
from typing import NoReturn

from app.inference.checkpoint.inspect import BrokenCheckpoint
from app.workers import transcription


def read_checkpoint(*_: object) -> NoReturn:
    print("hello", flush=True)
    raise BrokenCheckpoint("it is broken")


if __name__ == "__main__":
    transcription.read_checkpoint = read_checkpoint
    sys.exit(transcription.main(Path()))
