"""The transcriber's own process: one recording on standard input, a line of JSON on standard output, then its end.

It knows mlx-audio's speech-to-text models, nothing of voices or of the engine. What comes in is a line of JSON with
the language, or none, and after it a WAV file as the engine writes them: 24 kHz, mono, 16 bit. What goes out is
`{"text": "…", "language": "…"}` or `{"error": "…"}`, with `"broken"` when the model
itself is of no use.
"""

import io
import json
import logging
import os
import threading
import time
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from app.audio.recordings.reference import MAX_S
from app.errors import InferenceFailed, SpeechError
from app.inference.checkpoint.inspect import BrokenCheckpoint, read_checkpoint
from app.inference.families import Task
from app.inference.languages import tag_of
from app.inference.model import SAMPLE_RATE
from app.process.child import ABANDONED, end_with_parent, own_pipes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LISTENING_RATE = 16_000

#: Families that can be told the language by its code. Others find it out, or have but one.
_TOLD_BY_CODE = frozenset({"cohere_asr", "fun_asr_nano", "sensevoice", "voxtral", "whisper"})

logger = logging.getLogger(__name__)


def main(folder: Path) -> int:
    """Run as the listener's process; the exit code."""
    _end_with_parent()
    source, target = own_pipes()
    try:
        with os.fdopen(source, "rb") as asked:
            answer = _answer(folder, asked.read())
    except Exception as error:  # a model may raise anything
        if not isinstance(error, SpeechError | BrokenCheckpoint):
            logger.exception("the recording could not be transcribed")
        answer = {"error": _explained(error)}
        if isinstance(error, BrokenCheckpoint):
            answer["broken"] = "yes"  # it is not the recording's fault
    with os.fdopen(target, "wb") as out:
        out.write(json.dumps(answer).encode() + b"\n")
    return 1 if "error" in answer else 0


def _answer(folder: Path, request: bytes) -> dict[str, str]:
    head, _, wav = request.partition(b"\n")
    asked = str(json.loads(head).get("language") or "")
    samples = _samples(wav)

    checkpoint = read_checkpoint(folder)
    if checkpoint.task is not Task.STT:
        raise InferenceFailed(f"{folder.name} is not a model that turns speech into text")

    from mlx_audio.stt.utils import load  # pyright: ignore[reportMissingTypeStubs]

    from app.workers.synthesis.finite import require_finite

    # Told the type and no name: it would believe a folder's name more than what is in the folder.
    model: Any = load(folder, model_type=checkpoint.model_type, model_name_parts=[])
    require_finite(model, infinite=True)
    return transcribed(model, checkpoint.model_type, samples, asked)


def transcribed(model: Any, model_type: str, samples: "NDArray[np.float32]", asked: str) -> dict[str, str]:
    """What a model hears in samples at 24 kHz. `asked` is the language that it should be, or empty."""
    import mlx.core as mx
    from soxr import resample  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    rate = getattr(model, "sample_rate", None) or _LISTENING_RATE
    audio = mx.array(cast(Any, resample)(samples, SAMPLE_RATE, rate, quality="HQ"))
    mx.random.seed(0)  # some fall back to chance when they are not sure
    language = _language(model, model_type, asked)
    keywords = {} if language is None else {"language": language}
    heard: Any = model.generate(audio, **keywords)
    return {"text": str(heard.text or "").strip(), "language": _tag(getattr(heard, "language", None)) or asked}


def _language(model: Any, model_type: str, asked: str) -> str | None:
    """The language as the model wants to be told it, or None: then it listens for itself."""
    primary = asked.replace("_", "-").partition("-")[0].lower()
    if not primary or primary == "auto":
        return None
    if model_type == "qwen3_asr":
        names = cast(list[str], getattr(getattr(model, "config", None), "support_languages", None) or [])
        return next((name for name in names if tag_of(name) == primary), None)
    if model_type == "whisper":
        from mlx_audio.stt.models.whisper.tokenizer import LANGUAGES  # pyright: ignore[reportMissingTypeStubs]

        return primary if primary in LANGUAGES else None
    return primary if model_type in _TOLD_BY_CODE else None


def _tag(said: Any) -> str:
    """BCP 47 of what a model says that it heard: a code, a name, or a list of them. Empty if it is not known."""
    names = cast(list[Any], said if isinstance(said, list) else [said])
    name = str(names[0]).lower() if names and names[0] else ""
    return tag_of(name) or (name if len(name) in (2, 3) else "")


def _samples(wav: bytes) -> "NDArray[np.float32]":
    import numpy as np

    with wave.open(io.BytesIO(wav)) as file:
        shape = (file.getnchannels(), file.getsampwidth(), file.getframerate())
        if shape != (1, 2, SAMPLE_RATE) or file.getnframes() > MAX_S * SAMPLE_RATE:
            raise InferenceFailed("the recording is not 30 s or less of mono 16-bit audio at 24 kHz")
        pcm = file.readframes(file.getnframes())
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32_768)


def _explained(error: Exception) -> str:
    if isinstance(error, SpeechError | BrokenCheckpoint):
        return str(error)
    return f"{type(error).__name__}: {error}"[:300]


def _end_with_parent() -> None:
    """Its input has ended long before it is done, so it has to look whether somebody still waits."""
    parent = os.getppid()
    end_with_parent()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(ABANDONED)

    threading.Thread(target=watch, name="parent", daemon=True).start()
