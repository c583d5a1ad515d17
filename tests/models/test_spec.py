"""Which models there are, and how a worker of each is started."""

import sys
from pathlib import Path
from uuid import UUID

import pytest

from app.errors import InvalidRequest
from app.models import spec
from app.process.executable import program
from app.workers.synthesis.load import load


def test_a_family_that_is_not_there_is_not_loaded() -> None:
    with pytest.raises(ValueError, match="nobody"):
        load("nobody", None)
    with pytest.raises(ValueError, match="nobody"):
        load("nobody", Path("folder"))


def test_the_embedded_model_has_voices_with_ids_of_their_own() -> None:
    entry = spec.espeak()

    presets = entry.presets()

    assert entry.card.model_id == "espeak-ng"
    assert len(presets) > 100
    assert len({UUID(preset.voice_id) for preset in presets}) == len(presets)
    assert all(preset.display_name and preset.name for preset in presets)
    assert presets == entry.presets(), "the same at every start"


def test_a_language_that_a_voice_cannot_speak_is_refused() -> None:
    entry = spec.espeak()
    english = next(preset for preset in entry.presets() if preset.language == "en-US")

    entry.check_language(english.name, "")
    with pytest.raises(InvalidRequest):
        entry.check_language(english.name, "xx-nowhere")


def test_the_worker_is_this_program_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert program("worker", "m") == (sys.executable, "-P", "-m", "app", "worker", "m")

    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert program("worker", "m") == (sys.executable, "worker", "m")
