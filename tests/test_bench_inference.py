"""The comparison with mlx-audio works, and says how it compares. What it measures is never asserted."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.figures import WIDTH

pytestmark = pytest.mark.long

TABLES = 3


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, Any]]:
    """What a short run on a small checkpoint prints, and what it writes. It needs a process in which MLX is new."""
    file = tmp_path_factory.mktemp("bench") / "figures.json"
    command = [sys.executable, "-m", "bench.inference", "--rows", "1", "--frames", "4", "--rounds", "1"]
    printed = subprocess.check_output([*command, "--json", str(file)], text=True, stderr=subprocess.DEVNULL)
    return printed.splitlines(), json.loads(file.read_bytes())


def test_every_line_has_ours_and_theirs_and_fits_on_a_terminal(report: tuple[list[str], dict[str, Any]]) -> None:
    printed, _ = report

    assert all(len(line) <= WIDTH for line in printed)
    for what in ("prompt, ms", "codes, step of 1", "samples", "stream", "first audio, ms", "kernels: codes"):
        (line,) = [line for line in printed if line.startswith(what)]
        assert len(line.split()) >= len(what.split()) + 3


def test_the_report_says_how_and_on_what(report: tuple[list[str], dict[str, Any]]) -> None:
    _, written = report

    assert len(written["tables"]) == TABLES
    assert all(table["lines"] for table in written["tables"])
    assert len(written["method"].splitlines()) > 10
    assert {"mlx", "mlx-audio", "device", "blas"} <= set(written["machine"])


def test_a_number_of_frames_that_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "bench.inference", "--frames", "6", "--checkpoint", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == 2
    assert "a multiple of 4" in refused.stderr
