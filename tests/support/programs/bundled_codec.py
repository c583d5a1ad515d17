"""Imports one of mlx-audio's codecs after the runtime hook of the bundle, and prints as JSON what came with it.

Arguments: the folder of packages, and the hook.
"""

import importlib
import json
import runpy
import sys

if __name__ == "__main__":
    packages, hook = sys.argv[1:]
    setattr(sys, "_MEIPASS", packages)  # noqa: B010  # where PyInstaller says that it has unpacked
    runpy.run_path(hook)
    importlib.import_module("mlx_audio.codec.models.mimi.mimi")
    unwanted = {"scipy", "mlx_audio.codec.models.snac"}
    print(json.dumps(sorted(unwanted & sys.modules.keys())))
