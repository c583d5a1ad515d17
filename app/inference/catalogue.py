"""Which models there are: what the engine knows of one without starting it, and how its worker is started."""

import sys
from collections.abc import Callable, Sequence

from msgspec import Struct

from app.errors import StartFailed
from app.inference.model import Model, ModelCard


class Preset(Struct, frozen=True):
    """A voice that is built into a model."""

    voice_id: str  #: the same on every machine
    name: str  #: the model's own
    display_name: str
    language: str  #: BCP 47, or empty when it speaks what the request says


class Entry(Struct, frozen=True):
    """A model as the engine sees it."""

    card: ModelCard
    presets: Callable[[], Sequence[Preset]]
    #: Raises `InvalidRequest` when a preset (by name) cannot speak a language (BCP 47, empty for its own).
    check_language: Callable[[str, str], None]
    #: The command of its worker process.
    command: tuple[str, ...]


def entry(model_id: str) -> Entry:
    """The catalogue's entry; raises `StartFailed` (64)."""
    if model_id != "espeak-ng":
        raise StartFailed(f"there is no model {model_id!r}; there is: espeak-ng", exit_code=64)
    from app.inference.espeak_voices import CARD, espeak_name, espeak_voices

    def check_language(name: str, language: str) -> None:
        espeak_name(name, language)

    return Entry(
        card=CARD,
        presets=lambda: [
            Preset(voice.voice_id, voice.name, voice.display_name, voice.language) for voice in espeak_voices()
        ],
        check_language=check_language,
        command=worker_command(model_id),
    )


def worker_command(model_id: str) -> tuple[str, ...]:
    """This program again, as a worker. Python is told not to look for `app` in the current folder."""
    program = (sys.executable,) if getattr(sys, "frozen", False) else (sys.executable, "-P", "-m", "app")
    return (*program, "worker", model_id)


def load(model_id: str) -> Model:
    """The model itself. Only the worker calls this: it imports what the engine must never have."""
    if model_id != "espeak-ng":
        raise ValueError(f"there is no model {model_id!r}")
    from app.inference.espeak import Espeak

    return Espeak()
