"""Which class runs a family of models. What a model needs is imported only when it is loaded."""

from pathlib import Path

from app.errors import InferenceFailed
from app.inference.checkpoint.folder import BrokenCheckpoint
from app.inference.checkpoint.hashes import damaged_files, recorded_hashes
from app.inference.model import Model


def load(family: str, folder: Path | None) -> Model:
    """Load the model of a family from its folder. Raises `InferenceFailed`, `BrokenCheckpoint`, and whatever the
    model's library raises.
    """
    if family == "espeak-ng":
        from app.inference.espeak_voices import espeak_data

        if espeak_data() is None:
            raise InferenceFailed("this build of q3tts has no espeak-ng; activate another model")
        from app.workers.synthesis.espeak.model import Espeak

        return Espeak()
    if folder is None:
        raise ValueError(f"there is no model {family!r}")
    try:
        return _load(family, folder)
    except Exception as error:
        # Only now is it worth the time to read everything again: the reason may be a file that has changed.
        if damaged := _damaged(folder):
            raise BrokenCheckpoint(f"{error}; not as downloaded: {', '.join(damaged)}") from error
        raise


def _damaged(folder: Path) -> list[str]:
    try:
        return damaged_files(folder, recorded_hashes(folder))
    except BrokenCheckpoint:
        return []  # the first error says why


def _load(family: str, folder: Path) -> Model:
    from app.workers.synthesis.mlx_runtime import prepare, without_compiler

    blas = prepare()  # before MLX is imported
    without_compiler()
    if family == "qwen3":
        from app.workers.synthesis.qwen3.model import Qwen3

        return Qwen3.load(folder, blas=blas)
    if family == "mlx_audio":
        from app.workers.synthesis.mlx_audio import MlxAudio

        return MlxAudio.load(folder, blas=blas)
    raise ValueError(f"there is no family of models {family!r}")
