"""What the benchmarks on generated Qwen3-TTS checkpoints have in common: their options, the checkpoint, what they
ran on and when, and the file of it all. It knows nothing of what is measured.
"""

import argparse
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import Struct

from app import __version__
from app.selftest.checkpoint import write_checkpoint
from app.selftest.checkpoint.dims import Size
from bench.process import load, machine


class Report(Struct, frozen=True, kw_only=True):
    """What `--json` writes, beside what was measured."""

    version: str
    taken_at: str
    took_s: float
    method: str
    machine: dict[str, object]
    load_before: list[float]
    load_after: list[float]
    dims: str
    rounds: int


class Run:
    """Begins when it is made."""

    def __init__(self) -> None:
        self.load, self._began = load(), time.monotonic()

    def facts(self) -> dict[str, Any]:
        """Those of a report that are known when all has been measured."""
        return {
            "version": __version__,
            "taken_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "took_s": time.monotonic() - self._began,
            "load_before": self.load,
            "load_after": load(),
        }


def parser(prog: str, method: str | None) -> argparse.ArgumentParser:
    """Of a command whose help is its method."""
    made = argparse.ArgumentParser(
        prog=prog, description=method, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--dims", choices=get_args(Size), default="tiny")
    made.add_argument("--checkpoint", type=Path, metavar="DIR", help="use this one, or write it there")
    made.add_argument("--json", type=Path, metavar="FILE", help="write everything to a file")
    return made


def written(folder: Path, dims: Size, **options: Any) -> Path:
    """The checkpoint in a folder, which is made if it is not there."""
    if not (folder / "config.json").exists():
        write_checkpoint(folder, dims=dims, type="custom_voice", **options)
    return folder


def machine_with_mlx(**more: object) -> dict[str, object]:
    """What it runs on."""
    return {**machine(), **{name: version(name) for name in ("mlx", "mlx-audio")}, **more}


def close(report: Report, file: Path | None) -> None:
    """Say how long it took and how busy the machine was; write the file."""
    before, after = report.load_before[0], report.load_after[0]
    print(f"took {report.took_s:.0f} s; load average {before} before, {after} after")
    if file is not None:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
