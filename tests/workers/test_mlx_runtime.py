"""What is done before MLX and mlx-audio are imported."""

import json
import subprocess
import sys


def test_what_only_resampling_needs_is_imported_when_something_is_resampled() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.programs.resampling_on_use"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout) == {"before": False, "samples": 1_600, "after": True}
