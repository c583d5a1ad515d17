"""docs/recipes.md: every block of it is run as it stands there."""

import json
import re
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import pytest

from q3tts_client import Client
from tests.api.wavs import tone
from tests.support.client import Engine
from tests.support.pages import section_of, text_of

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("found")]

PAGE = text_of("docs/recipes.md")


def blocks_of(heading: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", section_of(PAGE, f"## {heading}"), re.MULTILINE | re.DOTALL)


def run(code: str) -> None:
    exec(compile(code, "docs/recipes.md", "exec"), {"__name__": "__main__"})


async def do(work: Callable[[], Any]) -> Any:
    """In a thread: the engine has the test's own loop."""
    return await anyio.to_thread.run_sync(work)


def samples_of(path: str) -> bytes:
    with wave.open(path) as wav:
        return wav.readframes(wav.getnframes())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a recipe."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def test_speak_to_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    rendered, spoken = blocks_of("Speak to a file")

    await do(lambda: run(rendered))
    await do(lambda: run(spoken))

    assert re.fullmatch(r"[\d.]+ s of audio\n", capsys.readouterr().out)
    assert len(samples_of("tide.wav")) == len(samples_of("now.wav")) > 24_000  # of the fake, this long at least


async def test_stream_to_a_device(shared: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    played = bytearray()

    class Device:
        def __init__(self, *, samplerate: int, channels: int, dtype: str) -> None:
            assert (samplerate, channels, dtype) == (24_000, 1, "int16")

        def __enter__(self) -> "Device":
            return self

        def __exit__(self, *_: object) -> None: ...

        def write(self, data: bytes) -> None:
            played.extend(data)

    sounddevice: Any = ModuleType("sounddevice")
    sounddevice.RawOutputStream = Device
    monkeypatch.setitem(sys.modules, "sounddevice", sounddevice)
    [block] = blocks_of("Stream to a device")

    await do(lambda: run(block))

    [job] = (await shared.get("/jobs?limit=1"))["jobs"]
    assert (await shared.wav(job["job_id"])).endswith(played)
    assert len(played) > 24_000


async def test_clone_a_voice(folder: Path, shared: Engine) -> None:
    (folder / "me.wav").write_bytes(tone(5.0))
    [block] = blocks_of("Clone a voice")

    await do(lambda: run(block))

    [voice] = (await shared.get("/voices?kind=clone"))["voices"]
    [job] = (await shared.get("/jobs?limit=1"))["jobs"]
    assert (voice["display_name"], job["voice_id"]) == ("Me", voice["voice_id"])
    assert samples_of("reading.wav")


async def test_resume(folder: Path, shared: Engine) -> None:
    def interrupted() -> None:
        with Client() as client:
            speech = client.speak("It was said before. " * 30)
            first = next(speech.audio())
            (folder / "audio.pcm").write_bytes(first.pcm)
            (folder / "place.json").write_text(json.dumps({"job_id": speech.job_id, "after_seq": first.seq}))

    [block] = blocks_of("Resume")

    await do(interrupted)
    await do(lambda: run(block))

    place = json.loads((folder / "place.json").read_text())
    whole = await shared.wav(place["job_id"])
    heard = (folder / "audio.pcm").read_bytes()
    assert whole.endswith(heard)
    assert len(whole) - len(heard) < 100
    assert place["after_seq"] > 1


async def test_batch_a_folder(folder: Path, shared: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "texts").mkdir()
    for name, text in (("one", "The first."), ("two", "The second."), ("wrong", "[error] No.")):
        (folder / "texts" / f"{name}.txt").write_text(text)
    [block] = blocks_of("Batch a folder")

    await do(lambda: run(block))
    await do(lambda: run(block))

    assert sorted(path.name for path in (folder / "texts").glob("*.wav")) == ["one.wav", "two.wav"]
    assert len((await shared.get("/jobs?tag=batch"))["jobs"]) == 3
    assert "wrong.txt: INFERENCE_FAILED" in capsys.readouterr().out
