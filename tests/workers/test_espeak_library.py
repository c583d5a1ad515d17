import gc
import shutil
import tempfile
from _ctypes import dlclose
from collections.abc import Callable
from contextlib import suppress
from ctypes import PyDLL, Structure, c_size_t
from pathlib import Path

import pytest
from espeakng_loader import get_library_path  # pyright: ignore[reportMissingTypeStubs]  # typed inline, no marker
from msgspec.structs import replace

from app.errors import InferenceFailed
from app.inference.espeak_voices import espeak_data
from app.workers.synthesis.espeak import model as espeak_module
from app.workers.synthesis.espeak.library import EspeakLibrary, SpeechRequest
from app.workers.synthesis.espeak.model import Espeak
from tests.support.speaking import speak, utterance
from tests.support.variants import in_test_long

SPEECH = SpeechRequest(text="Hello, world.", voice="gmw/en-US", seed=1, rate=175, pitch=50, pitch_range=50)

LIBC = PyDLL(None)


def data() -> Path:
    folder = espeak_data()
    assert folder is not None
    return folder


def spoken(library: EspeakLibrary, speech: SpeechRequest = SPEECH) -> bytes:
    heard: list[bytes] = []
    library.speak(speech, _append_to(heard))
    return b"".join(heard)


def _append_to(heard: list[bytes]) -> Callable[[bytes], bool]:
    def listen(samples: bytes) -> bool:
        heard.append(samples)
        return True

    return listen


@pytest.fixture
def far_away(tmp_path: Path) -> Path:
    """A copy of the data under a path that the library has no room for."""
    folder = tmp_path / ("x" * 200) / ("ü" * 100) / "espeak-ng-data"
    shutil.copytree(data(), folder)
    return folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_buffers_are_about_a_tenth_of_a_second() -> None:
    heard: list[bytes] = []

    EspeakLibrary(data()).speak(SPEECH, _append_to(heard))

    assert max(len(samples) for samples in heard) == 2 * 2_206  # the library adds one for good measure


def test_a_listener_that_has_enough_hears_no_more() -> None:
    heard: list[bytes] = []

    def listen(samples: bytes) -> bool:
        heard.append(samples)
        return False

    EspeakLibrary(data()).speak(SPEECH, listen)

    assert len(heard) == 1


@pytest.mark.skipif(not hasattr(LIBC, "mallinfo2"), reason="only glibc tells what is in use")
@pytest.mark.parametrize(
    "speech",
    [
        SPEECH,  # its file has upper case in its name, so the library makes a list of voices
        *in_test_long(
            replace(SPEECH, voice="gmw/de+f3"),
            replace(SPEECH, rate=500),  # is sped up in buffers of their own
            replace(SPEECH, voice="gmw/xx"),
        ),
    ],
)
def test_nothing_of_a_text_stays_in_memory(speech: SpeechRequest) -> None:
    library = EspeakLibrary(data())

    def speak_often(times: int) -> int:
        for _ in range(times):
            with suppress(InferenceFailed):
                library.speak(speech, lambda samples: True)
        gc.collect()  # every load makes a class, and classes are cyclic garbage
        return in_use()

    before = speak_often(20)
    after = speak_often(100)

    assert (after - before) / 100 < 300


def in_use() -> int:
    """Bytes that C code has allocated and not freed."""

    class Mallinfo2(Structure):
        _fields_ = tuple((name, c_size_t) for name in ("a", "o", "s", "h", "hd", "u", "f", "in_use", "fo", "k"))

    LIBC.mallinfo2.restype = Mallinfo2
    return LIBC.mallinfo2().in_use


def test_a_listeners_failure_comes_out_of_the_library() -> None:
    def listen(_samples: bytes) -> bool:
        raise KeyError("mine")

    library = EspeakLibrary(data())

    with pytest.raises(KeyError, match="mine"):
        library.speak(SPEECH, listen)
    assert spoken(library) == spoken(EspeakLibrary(data()))


def test_an_unknown_voice_fails_and_the_next_text_is_spoken() -> None:
    library = EspeakLibrary(data())

    with pytest.raises(InferenceFailed, match="cannot load the voice 'gmw/xx'"):
        spoken(library, replace(SPEECH, voice="gmw/xx"))
    assert spoken(library)


def test_data_under_a_very_long_path_is_used_and_the_link_to_it_removed(far_away: Path, temporary: Path) -> None:
    library = EspeakLibrary(far_away)

    assert spoken(library) == spoken(EspeakLibrary(data()))
    assert [link.resolve() for link in temporary.glob("q3tts-*/data")] == [far_away.resolve()]

    library.close()

    assert list(temporary.iterdir()) == []


def test_data_under_a_very_long_path_is_the_data_that_is_used(far_away: Path, temporary: Path) -> None:
    library = EspeakLibrary(far_away)
    (far_away / "lang/gmw/en-US").write_bytes((far_away / "lang/gmw/de").read_bytes())

    assert spoken(library) != spoken(EspeakLibrary(data()))

    library.close()


def test_a_link_that_was_swept_away_is_made_again(far_away: Path, temporary: Path) -> None:
    library = EspeakLibrary(far_away)
    before = spoken(library)
    for folder in temporary.iterdir():
        shutil.rmtree(folder)

    assert spoken(library) == before

    library.close()


def test_a_temporary_folder_with_a_long_path_is_passed_over(
    far_away: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = far_away.parent
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    library = EspeakLibrary(far_away)

    assert spoken(library)
    assert [path.name for path in long.iterdir()] == ["espeak-ng-data"]

    library.close()


def test_a_short_path_needs_nothing_on_the_disk(tmp_path: Path, temporary: Path) -> None:
    folder = tmp_path / "d"
    folder.symlink_to(data())

    spoken(EspeakLibrary(folder))

    assert list(temporary.iterdir()) == []


def test_other_data_on_the_machine_is_never_taken_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ESPEAK_DATA_PATH", str(data()))
    library = EspeakLibrary(tmp_path / "nothing")

    with pytest.raises(InferenceFailed, match=r"finds no data of its version in .*nothing"):
        spoken(library)


def test_a_library_that_someone_else_holds_is_used_and_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    holder = PyDLL(get_library_path())
    library = EspeakLibrary(data())

    first, second, third = (spoken(library) for _ in range(3))
    dlclose(holder._handle)

    assert len(first) > 20_000
    assert abs(len(second) - len(third)) < 2_000
    assert len(caplog.messages) == 1
    assert "stays loaded" in caplog.text


def test_the_model_speaks_from_a_very_long_path(
    far_away: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = Espeak()
    expected = speak(near, utterance()).pcm
    near.close()
    monkeypatch.setattr(espeak_module, "espeak_data", lambda: far_away)

    model = Espeak()
    pcm = speak(model, utterance()).pcm
    model.close()

    assert pcm == expected
    assert list(temporary.iterdir()) == []


def test_without_the_package_there_is_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak_module, "espeak_data", lambda: None)

    with pytest.raises(InferenceFailed, match="not installed"):
        Espeak()
