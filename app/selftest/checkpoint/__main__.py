"""`python -m app.selftest.checkpoint DIR` writes a checkpoint."""

import argparse
from pathlib import Path
from typing import get_args

from app.selftest.checkpoint import write_checkpoint
from app.selftest.checkpoint.codec import Sound
from app.selftest.checkpoint.dims import Kind, Size
from app.selftest.checkpoint.talker import Ends


def main() -> None:
    """Read the command line, and write what it asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m app.selftest.checkpoint", description="Random weights in a real folder."
    )
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument("--dims", choices=get_args(Size), default="tiny")
    parser.add_argument("--type", choices=get_args(Kind), default="base")
    parser.add_argument("--bits", choices=(4, 6, 8), type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ends", choices=get_args(Ends), default="text")
    parser.add_argument("--sound", choices=get_args(Sound), default="speech")
    parser.add_argument("--size", choices=("0b6", "1b7"))
    write_checkpoint(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
