"""Speech to text: the process that listens, and the engine's side, which outlives whatever that process does."""

import asyncio
import io
import json
import os
import subprocess
import sys
import wave
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from app.errors import InferenceFailed, ModelNotReady
from app.models.transcriber import Transcriber, Transcript
from app.process.executable import program
from tests.support.running import command, modules_loaded_by
from tests.support.variants import in_test_long
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.worker import alive
from tests.workers import small_models

#: A process that neither reads nor answers.
HANGS = "import time; time.sleep(1000)"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_models.moonshine(tmp_path_factory.mktemp("whisper-"))


def recording(seconds: float = 1.0, *, rate: int = 24_000, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, 2, rate, 0, "NONE", ""))
        writer.writeframes(os.urandom(2 * channels * round(seconds * rate)))
    return file.getvalue()


def python(program: str, *arguments: str) -> list[str]:
    return [sys.executable, "-P", "-c", program, *arguments]


def real(folder: Path) -> Sequence[str]:
    return program("transcribe", str(folder))


def says(text: str, code: int = 0) -> Transcriber:
    """One whose process reads all, and answers with this."""
    program = f"import sys; sys.stdin.buffer.read(); print({text!r}); sys.exit({code})"
    return Transcriber(lambda _: python(program))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.subprocess.Process]:
    """The processes that were started."""
    processes: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def note(*args: Any, **kwargs: Any) -> asyncio.subprocess.Process:
        processes.append(await start(*args, **kwargs))
        return processes[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", note)
    return processes


@pytest.mark.anyio
async def test_a_recording_becomes_text(model: Path) -> None:
    transcriber = Transcriber(real)

    with anyio.fail_after(3 * PATIENCE_S):
        found = await transcriber.transcribe(model, recording(), "de")

    assert len(found.text) == 200
    assert set(found.text) <= {"a", "b"}
    assert found.language == "de"


@pytest.mark.anyio
async def test_silence_is_said_to_be_no_speech(tmp_path: Path) -> None:
    transcriber = Transcriber(real)

    with anyio.fail_after(3 * PATIENCE_S), pytest.raises(InferenceFailed, match="no speech was recognized"):
        await transcriber.transcribe(small_models.moonshine(tmp_path, silent=True), recording(), "")


def ask(folder: Path, request: bytes) -> tuple[dict[str, str], int]:
    """The real process alone; what it answers and its exit code."""
    ended = subprocess.run(real(folder), input=request, capture_output=True, timeout=3 * PATIENCE_S, check=False)
    (line,) = ended.stdout.splitlines()
    return json.loads(line), ended.returncode


@pytest.mark.parametrize(
    ("wav", "words"),
    [
        (recording(31), "30 s or less"),
        (b"", "EOFError"),
        *in_test_long((recording(rate=16_000), "24 kHz"), (recording(channels=2), "mono"), (b"RIFF", "EOFError")),
    ],
)
def test_what_is_not_a_recording_is_refused_before_a_model_is_loaded(
    tmp_path: Path, wav: bytes, words: str
) -> None:
    answer, code = ask(tmp_path, b"{}\n" + wav)

    assert words in answer["error"]
    assert code == 1


def test_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    answer, code = ask(tmp_path, b"{}\n" + recording())

    assert "config.json" in answer["error"]
    assert answer["broken"]
    assert code == 1


@pytest.mark.anyio
async def test_a_broken_model_is_blamed_and_not_the_recording(tmp_path: Path) -> None:
    broken = says('{"error": "the weights are damaged", "broken": "yes"}', 1)

    with pytest.raises(ModelNotReady, match="the speech-to-text model cannot be used: the weights are damaged"):
        await broken.transcribe(tmp_path, recording(), "")


def test_what_libraries_print_is_not_the_answer() -> None:
    ended = subprocess.run(
        command("noisy_transcriber"),
        input=b"{}\n" + recording(),
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )

    assert json.loads(ended.stdout) == {"error": "it is broken", "broken": "yes"}
    assert b"hello" in ended.stderr


def test_it_ends_when_its_engine_is_killed(tmp_path: Path) -> None:
    there = tmp_path / "there"
    request = tmp_path / "request"
    request.write_bytes(b"{}\n" + recording())
    engine = command("parent_of_transcriber", *command("stuck_transcriber", there))
    with request.open("rb") as asked:
        parent = subprocess.Popen(engine, stdin=asked, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    wait_until(there.exists)

    parent.kill()
    parent.wait()

    wait_until(lambda: not alive(pid))
    parent.stdout.close()


@pytest.mark.anyio
async def test_the_answer_and_its_language_are_handed_on() -> None:
    found = await says('{"text": " Guten Tag. ", "language": "de"}').transcribe(Path(), b"", "")

    assert found == Transcript("Guten Tag.", "de")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ('{"error": "the model is broken"}', 1, "transcribed: the model is broken"),
        ('{"text": "  ", "language": "en"}', 0, "no speech was recognized"),
        ("", 0, "ended with code 0"),
        ("", 9, "ended with code 9"),
        ("hello", 0, "ended with code 0"),
        ('{"text": 1}', 0, "ended with code 0"),
        ('["text"]', 0, "ended with code 0"),
    ],
)
async def test_whatever_else_is_answered_is_an_error(answer: str, code: int, words: str) -> None:
    with pytest.raises(InferenceFailed, match=words):
        await says(answer, code).transcribe(Path(), b"x" * 1_000_000, "")


@pytest.mark.anyio
async def test_a_process_that_is_killed_is_an_error() -> None:
    transcriber = Transcriber(lambda _: python("import os; os.kill(os.getpid(), 9)"))

    with pytest.raises(InferenceFailed, match="ended with code -9"):
        await transcriber.transcribe(Path(), b"x" * 1_000_000, "")


@pytest.mark.anyio
async def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    transcriber = Transcriber(lambda _: [str(tmp_path / "none")])

    with pytest.raises(InferenceFailed, match="does not start"):
        await transcriber.transcribe(Path(), b"", "")


@pytest.mark.anyio
async def test_one_that_takes_too_long_is_killed(started: list[asyncio.subprocess.Process]) -> None:
    transcriber = Transcriber(lambda _: python(HANGS), limit_s=0.1)

    with anyio.fail_after(PATIENCE_S), pytest.raises(InferenceFailed, match=r"more than 0\.1 s"):
        await transcriber.transcribe(Path(), b"x" * 1_000_000, "")

    assert not alive(started[0].pid)


@pytest.mark.anyio
@pytest.mark.parametrize("times", [1, 2])
async def test_nothing_is_left_when_nobody_waits_any_more(
    started: list[asyncio.subprocess.Process], times: int
) -> None:
    transcriber = Transcriber(lambda _: python(HANGS))
    asking = asyncio.create_task(transcriber.transcribe(Path(), b"x" * 1_000_000, ""))
    with anyio.fail_after(PATIENCE_S):
        while not started:
            await anyio.sleep(0.001)

        for _ in range(times):
            asking.cancel()
            await anyio.lowlevel.checkpoint()
        with pytest.raises(asyncio.CancelledError):
            await asking
        wait_until(lambda: not alive(started[0].pid))

    assert await says('{"text": "Next."}').transcribe(Path(), b"", "") == Transcript("Next.", "")


@pytest.mark.anyio
async def test_one_recording_is_heard_at_a_time(tmp_path: Path) -> None:
    transcriber = Transcriber(lambda _: command("lonely_transcriber", tmp_path / "lock"))

    with anyio.fail_after(PATIENCE_S):
        found = await asyncio.gather(*(transcriber.transcribe(Path(), b"", "") for _ in range(3)))

    assert [each.text for each in found] == ["alone"] * 3


def test_the_engines_side_has_no_native_code() -> None:
    assert modules_loaded_by("app.models.transcriber").isdisjoint({"numpy", "mlx", "mlx_audio"})


class Hears:
    """Says what it was told."""

    sample_rate = 8_000

    def __init__(self, language: Any = None) -> None:
        self.language = language
        self.config = SimpleNamespace(support_languages=["Chinese", "English", "German"])
        self.keywords: dict[str, Any] = {}
        self.shape: tuple[int, ...] = ()

    def generate(self, audio: Any, **keywords: Any) -> Any:
        self.keywords, self.shape = keywords, tuple(audio.shape)
        return SimpleNamespace(text=" Yes. ", language=self.language)


@pytest.mark.parametrize(
    ("family", "asked", "keywords"),
    [
        ("whisper", "de-AT", {"language": "de"}),
        ("whisper", "gsw", {}),
        ("whisper", "", {}),
        ("whisper", "auto", {}),
        ("qwen3_asr", "de", {"language": "German"}),
        ("qwen3_asr", "fr", {}),
        ("parakeet", "de", {}),
    ],
)
def test_a_model_is_told_the_language_if_it_can_be(family: str, asked: str, keywords: dict[str, str]) -> None:
    import numpy as np

    from app.workers.transcription import transcribed

    model = Hears()

    transcribed(model, family, np.zeros(24_000, np.float32), asked)

    assert model.keywords == keywords
    assert model.shape == (8_000,)


@pytest.mark.parametrize(
    ("said", "asked", "language"),
    [
        ("en", "de", "en"),
        ("English", "", "en"),
        (["German"], "", "de"),
        (None, "de", "de"),
        ([], "", ""),
        ("Klingon", "de", "de"),
        ("yue", "", "yue"),
    ],
)
def test_the_language_is_the_one_that_was_heard(said: Any, asked: str, language: str) -> None:
    import numpy as np

    from app.workers.transcription import transcribed

    found = transcribed(Hears(said), "parakeet", np.zeros(24_000, np.float32), asked)

    assert found == {"text": "Yes.", "language": language}
