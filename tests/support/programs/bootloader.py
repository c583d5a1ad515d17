"""What PyInstaller's bootloader is to a single file: the parent of the program, which waits for it."""

import subprocess
import sys

if __name__ == "__main__":
    subprocess.run([sys.executable, "-P", "-m", "tests.support.programs.unpacked"], check=False)
