"""Models as these tests need them: a second fake, folders that pass for checkpoints, and programs in the place of
the engine's own children.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from app.inference.model import Lane, Utterance, VoiceKind, VoiceSpec
from app.models.spec import ModelSpec, Preset
from app.scheduler.attempts import chunk_seed
from app.text.spoken import spoken_text
from tests.api.raw import error_in
from tests.support.client import Engine
from tests.support.fakes import fake_entry, fake_pcm

OTHER_MODELS_VOICE_ID = "33333333-3333-4333-8333-333333333333"

#: A child in the place of one of the engine's own, by the arguments that one would get.
Program: TypeAlias = Callable[..., Sequence[str]]
BASE = "qwen3-tts-12hz-0.6b-base"
WHISPER = "whisper-large-v3-turbo"
DIES = "raise SystemExit(3)"

#: What a checkpoint's folder takes on disk: 15 bytes of tensors with their header, and config.json.
_HEADER = json.dumps({"a": {"dtype": "U8", "shape": [15], "data_offsets": [0, 15]}}).encode()
_WEIGHTS = len(_HEADER).to_bytes(8, "little") + _HEADER + bytes(15)


def both(control: Path, *, command: Sequence[str] = ()) -> list[ModelSpec]:
    """The fake, and another one with a voice and a control folder of its own, so that what one of them is waiting
    for does not come when the other one has to say it. With `command`, that one is started so.
    """
    apart = control / "other"
    apart.mkdir(exist_ok=True)
    fake, other = fake_entry(control), fake_entry(apart)
    return [
        fake,
        msgspec.structs.replace(
            other,
            card=msgspec.structs.replace(other.card, model_id="other", languages=("de",), supports_clone=False),
            presets=lambda: [Preset(OTHER_MODELS_VOICE_ID, "three", "Voice Three", "")],
            command=tuple(command) or other.command,
        ),
    ]


def release_other(engine: Engine, name: str) -> None:
    """Let go of a `[hold:NAME]` of the other one."""
    (engine.control / "other" / name).touch()


def audio(text: str, voice: str, seed: int) -> bytes:
    """All that a fake says for a text of one chunk, in its voice of that name."""
    spoken = spoken_text(text)
    return fake_pcm(
        Utterance(
            id=1,
            text=spoken,
            voice=VoiceSpec(VoiceKind.PRESET, name=voice),
            lane=Lane.RENDER,
            seed=chunk_seed(seed, 0, 0),
        )
    )


def models_folder(engine: Engine) -> Path:
    return engine.data_dir / "models"


def checkpoint(folder: Path, model_type: str = "bark") -> Path:
    """A folder that passes inspection; MLX would find next to nothing in it."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    (folder / "model.safetensors").write_bytes(_WEIGHTS)
    return folder


def broken(folder: Path) -> Path:
    """A folder that was to be a model."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "notes.txt").write_text("What is this?")
    return folder


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def fake_worker(control: Path) -> tuple[str, ...]:
    """The worker of a folder's model: the fake, whatever is in the folder."""
    return (sys.executable, "-P", "-m", "tests.support.fakes", str(control), "4")


def script(code: str, *arguments: object) -> tuple[str, ...]:
    """A child that runs a few lines of Python."""
    return (sys.executable, "-P", "-c", code, *map(str, arguments))


async def refused(engine: Engine, method: str, path: str, status: int, code: str) -> dict[str, Any]:
    """Ask for something that is refused so; the error."""
    response = await engine.http.request(method, f"/v1/models/{path}")
    assert response.status_code == status, response.text
    error = error_in(response)
    assert error["code"] == code, error
    return error


def worker_pid(engine: Engine) -> int:
    """The process of the one model that runs."""
    (pid,) = (worker.worker_pid for worker in engine.parts.registry.workers if worker.worker_pid is not None)
    return pid


def module(name: str, *arguments: object) -> tuple[str, ...]:
    """A child that runs a module."""
    return (sys.executable, "-P", "-m", name, *map(str, arguments))
