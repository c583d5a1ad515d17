"""Builds q3tts as programs that need no Python: the folder `dist/qwen-tts/`, with the program `qwen-tts` in it, and
the single file `dist/qwen-tts-<target triple>`. Both come from one analysis (frozen/qwen-tts.spec).

It says how large each package is in them, and fails when they grow beyond the budget. Signing and notarizing belong
to whoever publishes; `--codesign-identity` is for macOS, where each file is signed when it is put in.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from frozen import metal, sizes
from frozen.triple import target_triple

ROOT = Path(__file__).resolve().parent
SPEC = ROOT / "frozen" / "qwen-tts.spec"

#: Of the folder, and of the single file, which is compressed. On macOS MLX's Metal library alone is about 170 MB.
BUDGET_MB = 460 if sys.platform == "darwin" else 275
FILE_BUDGET_SHARE = 0.42


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what is asked for; the exit code."""
    given = _parser().parse_args(arguments)
    both = given.onedir == given.onefile
    dist, work = given.dist.resolve(), ROOT / "build" / "frozen"
    suffix = ".exe" if sys.platform == "win32" else ""
    file_name = f"{given.name}-{target_triple()}{suffix}"
    listing = work / "listing.json"
    options = {
        "name": given.name,
        "file_name": file_name,
        "onedir": given.onedir or both,
        "onefile": given.onefile or both,
        "espeak": not given.without_espeak,
        "identity": given.codesign_identity,
        "listing": str(listing),
    }
    work.mkdir(parents=True, exist_ok=True)
    folder, file = dist / given.name, dist / file_name
    told = dist / f"{given.name}.sizes.json"
    told.unlink(missing_ok=True)  # written again when all is well: make takes it for the sign of that
    if options["onedir"]:
        shutil.rmtree(folder, ignore_errors=True)
    if options["onefile"]:
        file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "PyInstaller", str(SPEC), "--noconfirm", "--clean", "--log-level=WARN"]
    # Sets are put into archives; the seed gives them an order, and only from the start of a process.
    environment = {**os.environ, "PYTHONHASHSEED": "1", "Q3TTS_BUNDLE": json.dumps(options)}
    failed = subprocess.run(
        [*command, f"--distpath={dist}", f"--workpath={work}"], env=environment, cwd=ROOT, check=False
    ).returncode
    if failed:
        return failed
    made = sizes.measure(
        folder if options["onedir"] else None,
        file if options["onefile"] else None,
        json.loads(listing.read_text(encoding="utf-8")),
    )
    print("\n".join(sizes.table(made)))
    if given.sign_ready:
        print(f"ready to be signed: {metal.staged(folder, dist / f'{given.name}.staged')}")
    for size, budget_mb in (
        (made["folder_bytes"], given.budget_mb),
        (made["file_bytes"], given.budget_mb * FILE_BUDGET_SHARE),
    ):
        if size > budget_mb * 1_000_000:
            print(
                f"bundle: {size / 1e6:.0f} MB are more than the budget of {budget_mb:.0f} MB; "
                "leave out what is not needed (frozen/contents.py), or raise --budget-mb",
                file=sys.stderr,
            )
            return 1
    if both:  # of one form alone it is not the sign that everything is there
        told.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bundle.py", description="Build q3tts as a program that needs no Python.")
    parser.add_argument("--name", default="qwen-tts", help="of the program  [default: %(default)s]")
    parser.add_argument("--onedir", action="store_true", help="the folder only  [default: both]")
    parser.add_argument("--onefile", action="store_true", help="the single file only")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", metavar="FOLDER", help="[default: dist]")
    parser.add_argument("--without-espeak", action="store_true", help="leave out espeak-ng and its voices")
    parser.add_argument(
        "--codesign-identity", metavar="NAME", help="macOS: sign every file, with the hardened runtime"
    )
    parser.add_argument(
        "--sign-ready",
        action="store_true",
        help="a copy of the folder without symbolic links, as an app carries it",
    )
    parser.add_argument("--budget-mb", type=int, default=BUDGET_MB, metavar="MB", help="[default: %(default)s]")
    return parser


if __name__ == "__main__":
    sys.exit(main())
