"""What the engine knows of a model without starting it, and how its worker is started.

A model is built in, like espeak-ng, or is a folder with a checkpoint. Which folders there are is for `registry.py`.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID, uuid5

from msgspec import Struct

from app.errors import InvalidRequest
from app.inference.checkpoint.inspect import Checkpoint
from app.inference.languages import name_of
from app.inference.model import ModelCard
from app.process.executable import program

#: Voice ids are derived from it, the model and the speaker's name, so it must never change.
NAMESPACE = UUID("6f1b7a52-7f0e-5f43-9d43-0f6f5a1c2b9e")

#: The longest step of a large model: of Qwen3-TTS, the prompt of a clone. On a CPU that takes minutes, and a model
#: that does not stream says a whole sentence in one step.
GPU_ANSWER_S, CPU_ANSWER_S = 60.0, 600.0


class Preset(Struct, frozen=True):
    """A voice that is built into a model."""

    voice_id: str  #: the same on every machine
    name: str  #: the model's own
    display_name: str
    language: str  #: BCP 47, or empty when it speaks what the request says


class ModelSpec(Struct, frozen=True):
    """A model as the engine sees it."""

    card: ModelCard
    presets: Callable[[], Sequence[Preset]]
    #: Raises `InvalidRequest` when a preset (by name; empty for other voices) cannot speak a language (BCP 47,
    #: empty for its own).
    check_language: Callable[[str, str], None]
    #: The command of its worker process.
    command: tuple[str, ...]
    large: bool = False  #: not two of these in memory at once
    fingerprint: str = ""  #: changes when the model's files do
    answer_s: float = 30.0  #: how long one step of it may take, in seconds, before it counts as hung


def espeak() -> ModelSpec:
    """The model that is built in."""
    from app.inference.espeak_voices import CARD, espeak_name, espeak_voices

    def check_language(name: str, language: str) -> None:
        espeak_name(name, language)

    return ModelSpec(
        card=CARD,
        presets=lambda: [
            Preset(voice.voice_id, voice.name, voice.display_name, voice.language) for voice in espeak_voices()
        ],
        check_language=check_language,
        command=program("worker", CARD.model_id),
    )


def of_checkpoint(checkpoint: Checkpoint, folder: Path) -> ModelSpec:
    """A checkpoint that has been read and found to be in order."""
    card = checkpoint.card

    def check_language(_: str, language: str) -> None:
        if card.languages and name_of(language, card.languages) is None:
            known = ", ".join(card.languages)
            why = f"the model {card.model_id} does not speak {language!r}; it speaks {known}"
            raise InvalidRequest.about("language", why)

    return ModelSpec(
        card=card,
        presets=lambda: [
            Preset(
                str(uuid5(NAMESPACE, f"{card.model_id}/{speaker.name}")),
                speaker.name,
                speaker.display_name,
                speaker.language,
            )
            for speaker in checkpoint.speakers
        ],
        check_language=check_language,
        command=program("worker", checkpoint.family, str(folder)),
        large=True,
        fingerprint=checkpoint.fingerprint,
        answer_s=GPU_ANSWER_S if checkpoint.family == "qwen3" and sys.platform == "darwin" else CPU_ANSWER_S,
    )
