"""The parent of a program, which waits for it, as PyInstaller's bootloader does in a single file."""

import subprocess
import sys

if __name__ == "__main__":
    subprocess.run([sys.executable, "-P", "-m", "tests.support.programs.unpacked"], check=False)
