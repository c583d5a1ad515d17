"""The takes that are compared, and the recordings and checkpoints that they need: all from seeds."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.selftest.checkpoint import write_checkpoint
from app.selftest.checkpoint.dims import Kind

KEPT = Path(__file__).parent / "kept.npz"

ONE_SAMPLE_IN = 20

FRAME_SAMPLES = 1_920

CHECKPOINTS: dict[Kind, dict[str, Any]] = {
    "custom_voice": {"size": "1b7"},  # the small ones do not listen to what they are told
    "voice_design": {},
    "base": {},
}

TRANSCRIPT = "It is the word of the day."

#: Which the generated checkpoints say in more than a hundred frames, and the other in about forty.
LONG = (
    "It was the night of the old story, and the people came in from the line to read the names of all their days. "
    "What was good had been said before; what was new, nobody could say, for each of them had but one voice, and a "
    "small light at the end of it. They would look back on this as the best time that there was."
)
SHORT = "The other house was on the right."
#: Which they never end.
ENDLESS = "A ∞ of words, one by one, without an end."
#: Which they would end at once.
EMPTY = "A ∅."

#: Of recordings: samples, by name. The second is longer than what the encoder's attention is trained to look back.
RECORDINGS = {"short": 1_920 * 21 + 700, "long": 1_920 * 170 + 700}


@dataclass(frozen=True)
class Case:
    """A take. `frames` is where it is stopped."""

    name: str
    kind: Kind
    text: str
    layout: Literal["before", "beside"] = "before"
    penalty: float | None = None  #: None leaves it to the checkpoint, which has 1.05
    frames: int = 168
    voice: str = ""  #: a preset, a description or a recording
    language: str = ""  #: BCP 47
    instruct: str = ""


CASES = (
    Case("preset", "custom_voice", ENDLESS, voice="ryan"),
    Case("preset, told how", "custom_voice", LONG, voice="vivian", language="en", instruct="Whisper, please."),
    Case("preset, beside", "custom_voice", LONG, "beside", voice="ryan"),
    Case("preset, dialect, beside", "custom_voice", ENDLESS, "beside", 1.3, 120, "dylan", "zh"),
    Case("preset, nothing to say", "custom_voice", EMPTY, voice="ryan"),
    Case("design", "voice_design", ENDLESS, "before", 1.2, 120, "A deep and calm voice."),
    Case("design, beside", "voice_design", LONG, "beside", voice="A deep and calm voice.", language="de"),
    Case("clone", "base", ENDLESS, voice="short"),
    # With its reference less than 300 frames: the makers' code decodes no more in one go, and what comes next only
    # with the 25 frames before it, while ours goes on where it was.
    Case("clone, strict", "base", LONG, "before", 1.5, 120, "long", "en"),
    Case("clone, beside", "base", LONG, "beside", voice="short"),
    Case("clone, beside a long reference", "base", SHORT, "beside", 1.0, voice="long", language="fr"),
    Case("clone, beside without end", "base", ENDLESS, "beside", 1.1, voice="short"),
)


def recording(name: str) -> NDArray[np.int16]:
    """24 kHz mono: a tone that glides, another that trills, and noise, louder and softer like speech."""
    samples = RECORDINGS[name]
    time = np.arange(samples) / 24_000
    noise = np.random.default_rng(samples).standard_normal(samples)
    noise = np.convolve(noise, np.ones(5) / 5, "same")
    glide = np.sin(2 * np.pi * 120 * time * (1 + 0.1 * time))
    trill = np.sin(2 * np.pi * 700 * time + 3 * np.sin(5 * time))
    loudness = 0.5 + 0.5 * np.sin(2 * np.pi * 2.3 * time)
    return np.round(20_000 * loudness * (0.3 * glide + 0.15 * trill + 0.1 * noise)).astype(np.int16)


def checkpoint(folder: Path, kind: Kind) -> Path:
    """Write the checkpoint of a kind, if it is not there."""
    if not folder.exists():
        write_checkpoint(folder, type=kind, **CHECKPOINTS[kind])
    return folder


def checkpoint_sum(folder: Path) -> str:
    """What changes with any bit of a checkpoint's files."""
    digest = sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
