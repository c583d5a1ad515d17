"""Watches itself load a model, and then does what loading must not do, to see that it would have been noticed.

Prints as JSON what was noticed. Arguments: the folder of the model, and one for scratch files.
"""

import importlib.util
import inspect
import json
import os
import pickle
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

DATA = (".json", ".txt", ".jinja", ".safetensors")
UNWANTED = ("torch", "tensorflow", "joblib", "dill")


class Watch:
    """An audit hook that notes what runs code or asks others."""

    def __init__(self, folder: str, scratch: str) -> None:
        self._folder, self._scratch = folder, scratch
        self.seen: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        match event:
            case "pickle.find_class" | "socket.connect" | "socket.getaddrinfo":
                self.seen.append(event)
            case "subprocess.Popen" | "os.system" | "os.posix_spawn" | "os.exec" | "os.fork":
                self.seen.append(f"{event} {arguments}")
            case "marshal.loads" | "marshal.load":
                frame = inspect.currentframe()
                caller = frame.f_back if frame else None
                if caller is None or not caller.f_code.co_filename.startswith("<frozen importlib"):
                    self.seen.append("marshal.loads")
            case "import":
                if arguments[0].partition(".")[0] in UNWANTED:
                    self.seen.append(f"import {arguments[0]}")
            case "exec" | "compile":
                code = arguments[0] if event == "exec" else arguments[1]
                if str(getattr(code, "co_filename", code)).startswith((self._folder, self._scratch)):
                    self.seen.append("exec")
            case "open":
                self._opened(*arguments)
            case "ctypes.dlopen":
                if str(arguments[0]).startswith(self._folder):
                    self.seen.append("dlopen")
            case _:
                pass

    def _opened(self, path: Any, _mode: str | None, flags: int) -> None:
        name = os.fsdecode(path) if isinstance(path, bytes) else str(path)
        if name.startswith(self._folder) and not name.endswith(DATA):
            self.seen.append(f"open {name}")
        elif name.startswith(self._folder) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            self.seen.append(f"write {name}")


def load_and_speak(folder: Path) -> int:
    """How many bytes of audio a short text has."""
    from app.inference.model import Lane, Utterance, VoiceKind, VoiceSpec
    from app.workers.synthesis.load import load

    model = load("qwen3", folder)
    model.add([Utterance(id=1, text="Go.", voice=VoiceSpec(VoiceKind.PRESET, "ryan"), lane=Lane.RENDER, seed=1)])
    spoken = 0
    while frames := model.step():
        spoken += sum(len(frame.pcm) for frame in frames)
    return spoken


def misbehave(folder: Path, scratch: Path) -> None:
    """Do once what loading must not do."""
    pickle.loads(pickle.dumps(Path("x")))
    (scratch / "code.py").write_text("x = 1")
    spec = importlib.util.spec_from_file_location("code_of_a_model", scratch / "code.py")
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    with socket.socket() as one:
        one.connect_ex(("127.0.0.1", 9))
    socket.getaddrinfo("127.0.0.1", 9)
    with suppress(ImportError):
        __import__("torch")
    subprocess.run([sys.executable, "-c", ""], check=True)
    open(folder / "generation_config.json", "r+").close()
    with open(folder / "weights.bin", "wb") as file:
        file.write(b"")


def main(folder: Path, scratch: Path) -> None:
    watch = Watch(str(folder), str(scratch))
    sys.addaudithook(watch)
    spoken = load_and_speak(folder)
    loading = watch.seen.copy()
    watch.seen.clear()
    from huggingface_hub.constants import HF_HUB_OFFLINE

    misbehave(folder, scratch)
    print(json.dumps({"spoken": spoken, "loading": loading, "offline": HF_HUB_OFFLINE, "control": watch.seen}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
