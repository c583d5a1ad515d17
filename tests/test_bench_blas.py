"""`python -m bench.blas` says which library is how fast, on a tiny checkpoint."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.figures import WIDTH


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is nothing to choose")
def test_the_packaged_library_is_compared_with_the_reference(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    command = [sys.executable, "-m", "bench.blas", "--dims", "tiny", "--seconds", "0.4", "--json", str(file)]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    printed = done.stdout.splitlines()
    assert all(len(line) <= WIDTH for line in printed)
    assert [line for line in printed if line.startswith("reference / packaged: first audio")]
    told = json.loads(file.read_bytes())
    [packaged], [reference] = told["rounds_of"]["packaged"], told["rounds_of"]["reference"]
    assert packaged["blas"].startswith("OpenBLAS 0.3.")
    assert reference["blas"] == "reference BLAS of MLX"
    for each in (packaged, reference):
        assert min(each["gflops"], each["first_audio_s"], each["work_s"]) > 0
