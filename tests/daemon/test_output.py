"""The file that a client wants: as a whole, or not at all, and never over something else."""

import os
import stat
import struct
from pathlib import Path
from typing import Any

import pytest

from app.audio.export.audio_file import AudioFile
from app.daemon import output
from app.daemon.output import checked_output, save
from app.errors import InvalidRequest, StorageFailed
from tests.audio.encoded import decoded
from tests.daemon.asking import ok, refused
from tests.daemon.conftest import Opener, Running

TEXT = "The lamp was lit."
PROSE = TEXT + "\n\n" + "A second paragraph, which says little. " * 30

anyio = pytest.mark.anyio


@pytest.fixture
def there(tmp_path: Path) -> Path:
    made = tmp_path / "there"
    made.mkdir()
    return made.resolve()


@pytest.fixture
def wav(tmp_path: Path) -> AudioFile:
    path = tmp_path / "audio.wav"
    path.write_bytes(b"HEADsamples of some length, and more")
    return AudioFile(b"", path, 0, path.stat().st_size, "1")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@anyio
async def test_a_file_has_the_bytes_that_http_gives(running: Running, there: Path) -> None:
    answer = await ok(running.path, text=PROSE, output=str(there / "out.wav"))

    assert answer["output"] == str(there / "out.wav")
    assert (there / "out.wav").read_bytes() == await running.engine.wav(answer["job_id"])
    assert answer["underruns"] == 0
    assert names(there) == ["out.wav"]
    assert running.speakers.heard == [], "a file is not played"
    job = await running.engine.get(f"/jobs/{answer['job_id']}")
    assert (job["lane"], job["status"]) == ("render", "completed")


@anyio
async def test_a_file_is_made_where_there_are_no_speakers(running: Running, there: Path) -> None:
    running.speakers.missing = True

    await ok(running.path, text=TEXT, output=str(there / "out.wav"))


@anyio
async def test_whoever_wants_both_hears_it_and_has_the_file(running: Running, there: Path) -> None:
    await ok(running.path, text=TEXT, output=str(there / "out.wav"), play=True)

    assert running.speakers.heard == [(there / "out.wav").read_bytes()[44:]]


@anyio
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o644), (0o027, 0o640)])
async def test_a_file_may_be_read_by_whom_the_users_own_mask_lets(
    opened: Opener, there: Path, umask: int, mode: int
) -> None:
    async with opened(umask=umask) as running:
        await ok(running.path, text=TEXT, output=str(there / "out.wav"))

    assert stat.S_IMODE((there / "out.wav").stat().st_mode) == mode


@anyio
async def test_a_failed_job_leaves_the_old_file_as_it_is(running: Running, there: Path) -> None:
    (there / "out.wav").write_text("old")

    await refused(running.path, text="[error]", output=str(there / "out.wav"))

    assert (there / "out.wav").read_text() == "old"
    assert names(there) == ["out.wav"]


@anyio
@pytest.mark.parametrize("wanted", ["out.wav", "./out.wav", "/tmp/q3tts.wma", "/tmp", "/nowhere/at/all/out.wav"])
async def test_what_cannot_be_written_is_reported_before_anything_is_spoken(running: Running, wanted: str) -> None:
    answer = await refused(running.path, text=TEXT, output=wanted)

    assert answer["code"] == "INVALID_REQUEST"
    assert answer["message"].startswith("output: ")
    assert answer["details"]["fields"][0]["field"] == "output"
    assert (await running.engine.get("/jobs"))["jobs"] == []


@anyio
async def test_a_disk_that_is_full_at_the_end_is_reported_and_leaves_nothing(
    running: Running, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full(monkeypatch)

    answer = await refused(running.path, text=TEXT, output=str(there / "out.wav"))

    assert answer["code"] == "STORAGE_FAILED"
    assert "No space left" in answer["message"]
    assert names(there) == []


def full(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output.os, "fsync", fails)


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ("", "relative"),
        ("out.wav", "relative"),
        ("~/out.wav", "relative"),
        ("/FOLDER/out.wma", "it can be .wav or .wave or .flac or .mp3 or .opus or .ogg or .m4a"),
        ("/FOLDER/out", "has no ending that says which kind of file it will be"),
        ("/FOLDER/a.wav", "is a folder"),
        ("/FOLDER/missing/out.wav", "does not exist"),
        ("/FOLDER/file/out.wav", "does not exist"),
        ("/FOLDER/pipe.wav", "not a regular file"),
        ("/FOLDER/loop.wav", "not a regular file"),
        ("/FOLDER/notes.wav", "exists and is not an audio file"),
        ("/FOLDER/" + "x" * 300 + ".wav", "too long"),
        ("/FOLDER/nul\0.wav", "null"),
        ("/FOLDER/\ud800.wav", "surrogates"),
        ("/proc/out.wav", "cannot be written"),
        ("/dev/full/out.wav", "does not exist"),
    ],
)
def test_a_place_where_nothing_can_be_written_is_refused(there: Path, wanted: str, why: str) -> None:
    (there / "a.wav").mkdir()
    (there / "file").touch()
    os.mkfifo(there / "pipe.wav")
    (there / "notes.wav").write_text("Dear reader")
    (there / "loop.wav").symlink_to(there / "loop.wav")
    before = names(there)

    with pytest.raises(InvalidRequest, match=why) as refused:
        checked_output(wanted.replace("/FOLDER", str(there)))

    assert refused.value.details["fields"][0]["field"] == "output"
    assert names(there) == before


@pytest.mark.parametrize("name", ["out.wav", "OUT.WAV", "ümläut 声.wav", ".wav", "x" * 251 + ".wav"])
def test_looking_at_a_place_leaves_nothing_there(there: Path, name: str) -> None:
    assert checked_output(str(there / name))[0] == there / name
    assert names(there) == []


def test_a_folder_that_may_not_be_written_is_refused(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(output.os, "open", denied)

    with pytest.raises(InvalidRequest, match="Permission denied"):
        checked_output(str(there / "out.wav"))


def test_a_link_stays_and_what_it_leads_to_is_written(there: Path, wav: AudioFile) -> None:
    (there / "real").mkdir()
    (there / "link.wav").symlink_to(there / "real" / "out.wav")

    path, _ = checked_output(str(there / "link.wav"))
    save(wav, path, umask=0o022)

    assert (there / "link.wav").is_symlink()
    assert (there / "real" / "out.wav").read_bytes() == wav.path.read_bytes()


def test_a_file_is_copied_as_it_would_be_sent(there: Path, wav: AudioFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "COPIED_AT_ONCE", 5)
    part = AudioFile(b"another head ", wav.path, 4, 22, "1")

    save(part, there / "out.wav", umask=0)

    assert (there / "out.wav").read_bytes() == b"another head samples of some length"


def test_the_old_file_is_there_until_the_new_one_is(
    there: Path, wav: AudioFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    (there / "out.wav").write_text("old")
    seen: list[str] = []
    really = os.fsync

    def watched(fd: int) -> None:
        seen.append((there / "out.wav").read_text())
        really(fd)

    monkeypatch.setattr(output.os, "fsync", watched)

    save(wav, there / "out.wav", umask=0)

    assert seen[0] == "old", "on the disk before it is in place"
    assert (there / "out.wav").read_bytes() == wav.path.read_bytes()


def test_a_copy_that_fails_leaves_the_old_file_and_nothing_else(
    there: Path, wav: AudioFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    (there / "out.wav").write_text("old")
    full(monkeypatch)

    with pytest.raises(StorageFailed, match="No space left"):
        save(wav, there / "out.wav", umask=0)

    assert names(there) == ["out.wav"]
    assert (there / "out.wav").read_text() == "old"


@pytest.mark.parametrize("size", [37, 1_000_000])
def test_audio_that_is_shorter_than_it_should_be_is_not_saved(there: Path, wav: AudioFile, size: int) -> None:
    with pytest.raises(StorageFailed, match="incomplete"):
        save(AudioFile(b"", wav.path, 0, size, "1"), there / "out.wav", umask=0)

    assert names(there) == []


def test_audio_that_is_gone_is_reported(there: Path, wav: AudioFile) -> None:
    wav.path.unlink()

    with pytest.raises(StorageFailed, match="No such file"):
        save(wav, there / "out.wav", umask=0)

    assert names(there) == []


@anyio
@pytest.mark.parametrize(("name", "rate"), [("out.mp3", 24_000), ("OUT.OGG", 48_000), ("out.m4a", 24_000)])
async def test_the_ending_decides_the_format(running: Running, there: Path, name: str, rate: int) -> None:
    answer = await ok(running.path, text=TEXT, output=str(there / name))

    found, samples = decoded(there / name)
    assert found == rate
    assert len(samples) / rate == pytest.approx(answer["audio_seconds"], abs=0.05)
    assert names(there) == [name]
    await ok(running.path, text=TEXT, output=str(there / name))  # it may be replaced


@anyio
async def test_what_is_played_can_be_saved_in_any_format(running: Running, there: Path) -> None:
    answer = await ok(running.path, text=TEXT, output=str(there / "out.flac"), play=True)

    _, samples = decoded(there / "out.flac")
    assert running.speakers.heard == [struct.pack(f"<{len(samples)}h", *samples)]
    assert (await running.engine.get(f"/jobs/{answer['job_id']}"))["formats"] == ["flac"]
