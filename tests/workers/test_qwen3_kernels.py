"""A result does not depend on what is computed beside it, whichever kernels OpenBLAS has for a processor: those of
another one can be had by name, in a process of its own.
"""

import json
import os
import platform
import subprocess
import sys
from typing import Any

import pytest

from tests.support.running import command
from tests.support.variants import in_test_long

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="the names are those of OpenBLAS for x86-64"
)


@pytest.mark.parametrize("core", ["Haswell", "SkylakeX", *in_test_long("Sandybridge")])
def test_a_result_is_the_same_whatever_is_computed_beside_it(core: str) -> None:
    done = subprocess.run(
        command("blas_results"),
        env={**os.environ, "OPENBLAS_CORETYPE": core},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])

    if core not in found["loaded"]:
        pytest.skip(f"this processor has no kernels for {core}")
    for what in ("linear", "keys", "prompt"):
        assert set(found[what].values()) == {True}, (found["loaded"], what, found[what])
