"""The embedded model, and what it asks of its library."""

from collections.abc import Iterator

import pytest

from app.inference.espeak import Espeak
from app.inference.espeak_library import EspeakLibrary, Listener, Speech


@pytest.fixture
def espeak() -> Iterator[Espeak]:
    model = Espeak()
    yield model
    model.close()


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Speech, list[int]]]:
    """What the library is asked to speak, and the lengths of the buffers that it hands out for it."""
    calls: list[tuple[Speech, list[int]]] = []
    speak = EspeakLibrary.speak

    def observed(library: EspeakLibrary, speech: Speech, listener: Listener) -> None:
        lengths: list[int] = []
        calls.append((speech, lengths))

        def listen(samples: bytes) -> bool:
            lengths.append(len(samples) // 2)
            return listener(samples)

        speak(library, speech, listen)

    monkeypatch.setattr(EspeakLibrary, "speak", observed)
    return calls
