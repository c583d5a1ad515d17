"""The list of checks, in the order in which they run. Each is a module that is imported when its turn has come, so
that what cannot be imported is that check's failure and nobody else's.
"""

import errno
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import NamedTuple

from app.selftest.check import NO_ROOM, Finding, Look, Place, Seen, Wrong, brief, form
from app.selftest.sidecar import silent_output


class Check(NamedTuple):
    """A name for the command line, and what is proved."""

    name: str
    proves: str


CHECKS = (
    Check("folder", "a private temporary folder can be made and written to"),
    Check("database", "it is created, and upgraded from the oldest schema by the migrations"),
    Check("engine", "it starts as a child process, reports that it is ready, and answers requests with the token"),
    Check("unix_socket", "the engine answers there as well"),
    Check("speech", "espeak-ng speaks: the streamed audio equals the download, and is audible"),
    Check("tokenizers", "text becomes tokens, and tokens become text"),
    Check("qwen3", "a worker loads a Qwen3-TTS checkpoint with MLX and speaks with it"),
    Check("clone", "a recording becomes a voice, and speech is made with it"),
    Check("listening", "the models that turn speech into text can be loaded"),
    Check("encoders", "WAV, FLAC, Ogg, MP3, AAC and Opus are written, and read by the process for recordings"),
    Check("ending", "the engine ends with its standard input, and leaves nothing running"),
)

NAMES = tuple(check.name for check in CHECKS)


def run(names: Iterable[str], here: Place, report: Callable[[Finding], None]) -> bool:
    """Run the checks of these names, and report each finding; whether all is well."""
    well = True
    for name in names:
        finding = _found(name, here)
        well = well and finding.ok
        report(finding)
    return well


def _found(name: str, here: Place) -> Finding:
    began = time.monotonic()

    def finding(ok: bool, saw: str, remedy: str = "", warning: str = "") -> Finding:
        seconds = round(time.monotonic() - began, 2)
        return Finding(name=name, ok=ok, saw=saw, remedy=remedy, warning=warning, seconds=seconds)

    try:
        look: Look = import_module(f"app.selftest.{name}").look
        with silent_output():
            saw = look(here)
    except Wrong as wrong:
        return finding(False, str(wrong), wrong.remedy)
    except ImportError as error:
        return finding(False, brief(f"a part of the program is missing or damaged: {error}"), form().remedy)
    except Exception as error:  # a check may meet anything
        return finding(False, brief(f"{type(error).__name__}: {error}"), _remedy(error))
    return finding(True, saw.saw, warning=saw.warning) if isinstance(saw, Seen) else finding(True, saw)


def _remedy(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
        return NO_ROOM
    return form().remedy if isinstance(error, FileNotFoundError) else "report it, with this line"
