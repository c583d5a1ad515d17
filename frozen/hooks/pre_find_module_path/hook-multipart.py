"""Which of two modules called `multipart` goes into the bundle: the file, which Litestar reads forms with.

python-multipart, which mcp needs and which stays out, installs a folder of that name in front of it. The folder
looks for the file on the disk when it is imported, where a bundle has none.
"""

import shutil
import sysconfig
import tempfile
from pathlib import Path
from typing import Any


def pre_find_module_path(hook_api: Any) -> None:
    """Have PyInstaller look where the file is alone."""
    folder = tempfile.mkdtemp(prefix="q3tts-multipart-")
    shutil.copy2(Path(sysconfig.get_path("purelib")) / "multipart.py", folder)
    hook_api.search_dirs = [folder]
