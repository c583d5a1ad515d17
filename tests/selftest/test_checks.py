"""The self-test: it passes where all is well, and where something is broken the check that is about it says so."""

import base64
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import time
import wave
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from app.audio.recordings.decoder import RecordingDecoder
from app.selftest import check, checks, database, encoders, ending, engine, folder, hearing, sidecar, speech
from app.selftest.check import Finding, Place, Wrong, place
from app.selftest.checks import NAMES
from app.selftest.sidecar import SidecarEngine
from app.store import schema
from tests.support.running import command, modules_loaded_by

#: 0.1 s of a loud tone, and of nothing.
LOUD, QUIET = b"\x00\x40\x00\xc0" * 1200, bytes(4800)


@pytest.fixture
def here() -> Generator[Place]:
    with place() as made:
        yield made


def user_cache(home: Path) -> Path:
    return home / ".cache" / "q3tts"


def found(name: str, here: Place) -> Finding:
    findings: list[Finding] = []
    checks.run([name], here, findings.append)
    return findings[0]


@pytest.mark.long
def test_all_is_well_from_source(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "app", "selftest", "--json"]
    environment = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path / "t")}
    (tmp_path / "t").mkdir()

    done = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment, check=False)

    told = json.loads(done.stdout)
    assert [(each["name"], each["ok"]) for each in told["checks"]] == [(name, True) for name in NAMES], done.stderr
    assert told["ok"] is True
    assert done.returncode == 0
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.parent for path in kept} <= {user_cache(tmp_path) / "blas"}, "the user's home folder has more"
    assert not [name for name in os.listdir(tmp_path / "t") if name.startswith("q3tts")]


def test_every_check_has_a_module_with_a_look() -> None:
    for name in NAMES:
        assert callable(getattr(__import__(f"app.selftest.{name}", fromlist=["look"]), "look", None)), name


def test_the_engine_never_loads_the_self_test() -> None:
    engine = ("app.engine.serving", "app.engine.start", "app.engine.lifecycle", "app.workers.synthesis.main")

    assert not [name for name in modules_loaded_by(*engine) if name.startswith("app.selftest")]


# The folder.


def test_a_folder_that_others_can_read_fails_the_check(here: Place) -> None:
    here.folder.chmod(0o755)

    assert "open to other users" in found("folder", here).saw


def test_a_full_disk_fails_the_check(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MIN_BYTES", 1 << 60)

    assert "room" in found("folder", here).remedy


def test_the_place_is_private_and_gone_afterwards() -> None:
    with place() as made:
        assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700
        assert len(os.fsencode(made.socket_path)) < 100

    assert not made.folder.exists()


def test_a_long_temporary_folder_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr(check.tempfile, "tempdir", str(long))

    with place() as made:
        assert len(os.fsencode(made.socket_path)) < 100


# The database.


def test_the_database_is_upgraded_from_the_first_schema(here: Place) -> None:
    finding = found("database", here)

    assert finding.ok, finding
    assert f"0001 upgraded to {schema.HEAD}" in finding.saw


@pytest.fixture
def migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that a test may spoil."""
    copy = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(schema, "MIGRATIONS", copy)
    return copy


@pytest.mark.parametrize("pattern", ["env.py", "versions/0001*", "versions/0002*"])
def test_a_missing_migration_file_fails_the_check(pattern: str, here: Place, migrations: Path) -> None:
    for path in migrations.glob(pattern):
        path.unlink()

    finding = found("database", here)

    assert not finding.ok
    assert finding.remedy


def test_an_upgrade_that_forgets_something_fails_the_check(here: Place, migrations: Path) -> None:
    (path,) = migrations.glob("versions/0002*")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.split("def upgrade", 1)[0] + "def upgrade() -> None:\n    pass\n", encoding="utf-8")

    assert "not like a new one" in found("database", here).saw


def test_the_databases_are_compared_by_all_columns(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "one.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE jobs (id TEXT, title TEXT)")
    connection.close()

    assert database._columns(path) == {("jobs", "id"), ("jobs", "title")}  # pyright: ignore[reportPrivateUsage]


# The engine.


def stand_in(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Another program in the place of the engine."""
    command_line(monkeypatch, sys.executable, "-c", program)


def command_line(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    def instead(*_: str) -> tuple[str, ...]:
        return words

    monkeypatch.setattr(sidecar, "program", instead)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (
            "raise SystemExit('no room for this')",
            "ended with 1 before it was ready; its last words: no room for this",
        ),
        ('print(\'{"event": "error", "message": "the port is taken"}\')', "the port is taken"),
        ("print('Traceback')", "no JSON"),
    ],
)
def test_an_engine_that_does_not_start_fails_the_check_and_says_why(
    program: str, words: str, here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, program)

    first, second = found("engine", here), found("ending", here)

    assert words in first.saw
    assert not second.ok
    assert "`engine`" in second.remedy


def test_an_engine_that_cannot_be_started_at_all_fails_the_check(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_line(monkeypatch, "/nowhere/qwen-tts")

    assert "/nowhere/qwen-tts" in found("engine", here).saw


class Answers(SidecarEngine):
    """An engine that answers as a test has it, and never runs."""

    def __init__(self, answers: dict[str, Any], events: Iterable[dict[str, Any]] = ()) -> None:
        super().__init__(Path("/"), Path("/"), Path("/"), Path("/"))
        self._answers, self._said = answers, events
        self.ready = {"version": answers.get("version", "0")}

    def ask(
        self, method: str, path: str, body: Any = None, *, status: int = 200, token: str | None = None
    ) -> tuple[Any, bytes]:
        answer = self._answers[path]
        if status != 200 and status != self._answers.get("status", 401):
            raise OSError(f"{method} {path} is answered with {self._answers['status']}")
        return (None, answer) if isinstance(answer, bytes) else (answer, b"")

    def events(self, job_id: str) -> Generator[dict[str, Any]]:
        yield from self._said

    def last_words(self) -> str:
        return ""


class Room(Place):
    """A place with such an engine."""

    def __init__(self, made: SidecarEngine) -> None:
        super().__init__(Path("/nowhere"))
        self._made = made

    def engine(self) -> SidecarEngine:
        return self._made


def test_an_engine_of_another_version_fails_the_check() -> None:
    with pytest.raises(Wrong, match=r"is 9\.9"):
        engine.look(Room(Answers({"/health": {"engine_version": "9.9"}, "version": "9.9"})))


def test_an_engine_that_lets_everybody_in_fails_the_check() -> None:
    answers = {"/health": {"engine_version": check_version()}, "version": check_version(), "status": 200}

    with pytest.raises(Wrong, match="does not refuse a missing token"):
        engine.look(Room(Answers(answers)))


def check_version() -> str:
    from app import __version__

    return __version__


# What is heard.


def wav(pcm: bytes, rate: int = 24_000) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return target.getvalue()


def chunk(pcm: bytes) -> dict[str, Any]:
    return {"type": "AUDIO_CHUNK", "audio": {"data_base64": base64.b64encode(pcm).decode()}}


def heard(file: bytes, *events: dict[str, Any], error: Any = None) -> hearing.SpokenJob:
    answers: dict[str, Any] = {"/jobs": {"job_id": "1"}, "/jobs/1/audio": file, "/jobs/1": {"error": error}}
    return hearing.spoken(Answers({**answers, "status": 201}, events), {})


def test_what_is_streamed_and_what_is_in_the_file_are_the_same() -> None:
    assert heard(wav(LOUD), chunk(LOUD[:1000]), chunk(LOUD[1000:])).seconds == pytest.approx(0.1)


def test_a_stream_that_lacks_samples_fails_the_check() -> None:
    with pytest.raises(Wrong, match="the stream has 500 samples and the file 2400"):
        heard(wav(LOUD), chunk(LOUD[:1000]))


def test_a_job_of_nothing_but_silence_fails_the_check() -> None:
    with pytest.raises(Wrong, match="silence"):
        heard(wav(QUIET), chunk(QUIET))


def test_a_file_of_another_rate_fails_the_check() -> None:
    with pytest.raises(Wrong, match="22050"):
        heard(wav(LOUD, 22_050), chunk(LOUD))


def test_a_job_that_fails_fails_the_check_and_says_why() -> None:
    with pytest.raises(Wrong, match="MODEL_NOT_READY: no room"):
        heard(b"", {"type": "JOB_ERROR"}, error={"code": "MODEL_NOT_READY", "message": "no room"})


def test_an_espeak_without_its_voices_fails_the_check() -> None:
    with pytest.raises(Wrong, match="no voice for en-GB"):
        speech.look(Room(Answers({"/voices?kind=preset&language=en-GB": {"voices": []}})))


def test_a_bundle_without_espeak_was_made_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(speech, "find_spec", {"espeakng_loader": None}.__getitem__)

    assert "on purpose" in speech.look(Room(Answers({"/voices?kind=preset&language=en-GB": {"voices": []}})))


# Files of sound.


def test_a_kind_that_is_not_read_is_named(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: Any, **__: Any) -> bytes:
        return b"fLaC but not more"

    monkeypatch.setattr(encoders, "_by_ffmpeg", damaged)

    assert found("encoders", here).saw.startswith("MP3 is not read")


def test_a_kind_that_comes_back_too_soft_is_named(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    listen = RecordingDecoder.listen

    async def softly(self: RecordingDecoder, source: bytes, *, normalize: bool) -> Any:
        recording = await listen(self, source, normalize=normalize)
        return type(recording)(bytes(len(recording.pcm)), recording.level_dbfs)

    monkeypatch.setattr(RecordingDecoder, "listen", softly)

    assert "dB off" in found("encoders", here).saw


def test_a_codec_that_is_missing_is_named(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, codec: str, **__: Any) -> bytes:
        raise ValueError(f"there is no codec {codec}")

    monkeypatch.setattr(encoders, "_by_ffmpeg", fail)

    assert found("encoders", here).saw == "MP3 cannot be written: there is no codec mp3"


# Models.


def test_a_library_that_is_missing_is_a_failed_check_and_no_more(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "app.selftest.listening", None)

    findings: list[Finding] = []
    well = checks.run(["listening", "folder"], here, findings.append)

    assert [finding.ok for finding in findings] == [False, True]
    assert not well
    assert "a part of the program is missing" in findings[0].saw


# The end.


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("leaves a child", "still runs"),
        ("fails", "ends with 5"),
        ("stays", "after its standard input was closed"),
        ("ends", ""),
    ],
)
def test_a_check_that_does_not_end_fails(
    way: str, words: str, here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_line(monkeypatch, *command("stand_in_engine", way))
    monkeypatch.setattr(sidecar, "END_S", 1.0)
    monkeypatch.setattr(ending, "GONE_S", 0.3)

    finding = found("ending", here)
    here.leave()

    assert finding.ok is (not words)
    assert words in finding.saw
    deadline = time.monotonic() + 10
    while here.engine().left_behind():
        assert time.monotonic() < deadline
