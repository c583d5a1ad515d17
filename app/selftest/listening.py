"""Speech to text, as far as it goes without a checkpoint: whether what loads one is there."""

import os
from importlib import import_module

from app.selftest.check import Place
from app.workers.synthesis.mlx_runtime import prepare

#: mlx-audio's modules for what the engine offers, and what they load when a checkpoint names it.
MODULES = ("mlx_audio.stt.utils", "mlx_audio.stt.models.qwen3_asr", "mlx_audio.stt.models.whisper")
CLASSES = ("WhisperProcessor", "WhisperFeatureExtractor", "WhisperTokenizer")


def look(_: Place) -> str:
    """Which families can listen."""
    prepare()
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    for name in MODULES:
        import_module(name)
    transformers = import_module("transformers")
    for name in CLASSES:
        getattr(transformers, name)
    families = [name.rpartition(".")[2] for name in MODULES if ".models." in name]
    return f"{' and '.join(families)} can be loaded"
