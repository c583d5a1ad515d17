"""The embedded model, and what it asks of its library; Qwen3-TTS models, each made once for all files."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from app.workers.synthesis.blas import preload
from app.workers.synthesis.espeak.library import EspeakLibrary, Listener, SpeechRequest
from app.workers.synthesis.espeak.model import Espeak

if TYPE_CHECKING:  # MLX is for those who need it
    from app.inference.model import VoiceSpec
    from app.workers.synthesis.qwen3.model import Qwen3
    from tests.support.qwen3_checkpoints import Alone, Models


BLAS = preload.load()  # as in the worker, before any test file imports MLX


@pytest.fixture
def espeak() -> Iterator[Espeak]:
    model = Espeak()
    yield model
    model.close()


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[SpeechRequest, list[int]]]:
    """What the library is asked to speak, and the lengths of the buffers that it hands out for it."""
    calls: list[tuple[SpeechRequest, list[int]]] = []
    speak = EspeakLibrary.speak

    def observed(library: EspeakLibrary, speech: SpeechRequest, listener: Listener) -> None:
        lengths: list[int] = []
        calls.append((speech, lengths))

        def listen(samples: bytes) -> bool:
            lengths.append(len(samples) // 2)
            return listener(samples)

        speak(library, speech, listen)

    monkeypatch.setattr(EspeakLibrary, "speak", observed)
    return calls


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> "Models":
    from tests.support.qwen3_checkpoints import Models

    return Models(tmp_path_factory.mktemp("qwen3"))


@pytest.fixture(scope="session")
def alone() -> "Alone":
    from tests.support.qwen3_checkpoints import Alone

    return Alone()


@pytest.fixture(scope="session")
def cloned(tmp_path_factory: pytest.TempPathFactory) -> "VoiceSpec":
    from tests.support.qwen3_checkpoints import clone

    return clone(tmp_path_factory.mktemp("voice"))


@pytest.fixture(scope="session")
def eight(models: "Models") -> "Callable[[str], Qwen3]":
    """Models with room for eight sequences, by kind; each loaded once."""
    from app.workers.synthesis.qwen3.model import Qwen3

    loaded: dict[str, Qwen3] = {}

    def of_kind(kind: str) -> Qwen3:
        if kind not in loaded:
            options = {"size": "1b7"} if kind == "custom_voice" else {}
            loaded[kind] = Qwen3.load(models.folder(type=kind, **options), max_sequences=8)
        return loaded[kind]

    return of_kind
