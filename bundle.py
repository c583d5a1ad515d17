"""Builds the engine as a folder that runs without Python: `dist/q3tts/q3tts`.

PyInstaller follows imports; what is found by name or read from disk is listed here. The worker is the same
executable with another argument.
"""

import sys
from pathlib import Path

from PyInstaller.__main__ import run

ROOT = Path(__file__).resolve().parent

#: Imported by name: SQLAlchemy's driver, uvicorn's protocols, what the migrations use.
HIDDEN_IMPORTS = (
    "aiosqlite",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "uvicorn.protocols.http.h11_impl",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
    "uvicorn.lifespan.off",
    "logging.config",
    "alembic.command",
    "alembic.op",
    "alembic.context",
    "app.inference.espeak",
)

#: Packages whose modules are imported by name: a command when it is called, the handlers at each request.
BY_NAME = ("app.commands", "app.daemon")

#: Data that packages read from their own folders.
COLLECTED = ("espeakng_loader",)

#: The bundle speaks with espeak-ng alone for now: MLX's Metal library and mlx-audio's many models, which are
#: imported by name, need a recipe of their own. A checkpoint is `broken` there, for there is nothing to load it.
NOT_YET = (
    "mlx", "mlx_audio", "transformers", "tokenizers", "safetensors", "huggingface_hub", "hf_xet", "sentencepiece",
)  # fmt: skip

#: Dragged in by imports that never run here.
LEFT_OUT = ("tkinter", "faker", "polyfactory", "rich_click", "pytest", "IPython", "matplotlib", "scipy", "pandas")


def arguments() -> list[str]:
    """PyInstaller's command line."""
    entry = ROOT / "app" / "__main__.py"
    options = ["--noconfirm", "--clean", "--onedir", "--console", "--name=q3tts", "--log-level=WARN"]
    options += [f"--distpath={ROOT / 'dist'}", f"--workpath={ROOT / 'build'}", f"--specpath={ROOT / 'build'}"]
    options += [f"--add-data={ROOT / 'migrations'}:migrations", f"--paths={ROOT}"]
    options += [f"--hidden-import={name}" for name in HIDDEN_IMPORTS]
    options += [f"--collect-submodules={name}" for name in BY_NAME]
    options += [f"--collect-all={name}" for name in COLLECTED]
    options += [f"--exclude-module={name}" for name in (*NOT_YET, *LEFT_OUT)]
    return [*options, str(entry)]


if __name__ == "__main__":
    run(arguments())
    folder = ROOT / "dist" / "q3tts"
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder / 'q3tts'}: {size / 1e6:.0f} MB, Python {sys.version.split()[0]}")
