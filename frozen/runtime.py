"""Runs first in every process of the bundle. `import mlx_audio.codec` imports every codec that mlx-audio has, and
with them SciPy, of which Qwen3-TTS needs none. Here each codec is imported when it is asked for.

It knows where PyInstaller puts packages, and nothing of the engine.
"""

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType


def _package(name: str) -> ModuleType:
    module = ModuleType(name)
    folder = str(Path(getattr(sys, "_MEIPASS", "")).joinpath(*name.split(".")))
    module.__spec__ = ModuleSpec(name, None, is_package=True)
    module.__path__ = module.__spec__.submodule_search_locations = [folder]
    return module


for _name in ("mlx_audio.codec", "mlx_audio.codec.models"):
    sys.modules[_name] = _package(_name)
