"""Loads mlx-audio's codec as a worker does, resamples with it, and prints what of SciPy was imported meanwhile."""

# mlx-audio has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false

import json
import sys

import numpy as np

from app.workers.synthesis import mlx_runtime

#: Imported by `scipy.signal`, and by nothing else here.
INSIDE = "scipy.signal._signaltools"


def main() -> None:
    mlx_runtime.prepare()
    import mlx_audio.tts.models.qwen3_tts.speech_tokenizer  # pyright: ignore[reportUnusedImport]  # noqa: F401
    from mlx_audio.resample import resample_audio_array

    before = INSIDE in sys.modules
    samples = len(resample_audio_array(np.ones(2_400, np.float32), 24_000, 16_000))
    print(json.dumps({"before": before, "samples": samples, "after": INSIDE in sys.modules}))


if __name__ == "__main__":
    main()
