"""Imports the modules that it is given, and prints the names of all that are loaded then."""

import importlib
import sys

if __name__ == "__main__":
    for name in sys.argv[1:]:
        importlib.import_module(name)
    print(*sys.modules, sep="\n")
