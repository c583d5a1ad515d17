"""MLX in the worker: what is made ready before it is imported."""

import json
import subprocess
import sys

import pytest

#: Calls `prepare` in a fresh process, with one library to be found, and says what there is then.
SCRIPT = """
import ctypes, json, os, sys
from app.inference import mlx_runtime
mlx_runtime._OPENBLAS = tuple(sys.argv[1:])
mlx_runtime._searched = lambda: None
opened = []
load = ctypes.CDLL
def noted(name, mode=0):
    opened.append((name, mode == ctypes.RTLD_GLOBAL))
    return load(name, mode=mode)
ctypes.CDLL = noted
found = mlx_runtime.prepare()
print(json.dumps([found, opened, "mlx.core" in sys.modules, os.environ["HF_HUB_OFFLINE"]]))
"""


def prepared(*names: str) -> list[object]:
    done = subprocess.run([sys.executable, "-c", SCRIPT, *names], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere MLX has what it needs")
def test_a_blas_is_opened_for_all_to_see_before_mlx_is_imported() -> None:
    assert prepared("libnothing.so.7", "libm.so.6", "libc.so.6") == [
        "libm.so.6",
        [["libnothing.so.7", True], ["libm.so.6", True]],
        False,
        "1",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere MLX has what it needs")
def test_without_one_the_worker_goes_on() -> None:
    assert prepared("libnothing.so.7")[0] is None
