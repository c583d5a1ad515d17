"""A file is whole, or it is not there; and it is said soon when there can be none."""

import io
import os
from pathlib import Path
from typing import Any, cast

import pytest

from app.audio.wav import wav_header
from app.cli.command import CommandFailed
from app.cli.engine import EngineClient
from app.cli.saving import check, save
from app.errors import NotRunning


class Downloads:
    """In place of an engine: a file of these bytes, or what happens instead."""

    def __init__(self, *pieces: bytes, then: BaseException | None = None) -> None:
        self.pieces, self.then = pieces, then

    def download(self, _path: str, file: io.BytesIO, **_: Any) -> None:
        for piece in self.pieces:
            file.write(piece)
        if self.then is not None:
            raise self.then


def downloading(*pieces: bytes, then: BaseException | None = None) -> EngineClient:
    return cast("EngineClient", Downloads(*pieces, then=then))


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    save(downloading(b"RI", b"FF"), "/jobs/1/audio", tmp_path / "a.wav")

    assert (tmp_path / "a.wav").read_bytes() == b"RIFF"
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), NotRunning()])
def test_what_breaks_off_leaves_what_was_there_before(tmp_path: Path, error: BaseException) -> None:
    (tmp_path / "a.wav").write_bytes(b"before")

    with pytest.raises(type(error)):
        save(downloading(b"RI", then=error), "/jobs/1/audio", tmp_path / "a.wav")

    assert (tmp_path / "a.wav").read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    full = OSError(28, "No space left on device")

    with pytest.raises(CommandFailed, match=r"a\.wav cannot be written: No space left") as failed:
        save(downloading(b"RI", then=full), "/jobs/1/audio", tmp_path / "a.wav")

    assert failed.value.exit_code == 74
    assert not list(tmp_path.iterdir())


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link.wav").symlink_to("real.wav")

    save(downloading(b"RIFF"), "/jobs/1/audio", tmp_path / "link.wav")

    assert (tmp_path / "link.wav").is_symlink()
    assert (tmp_path / "real.wav").read_bytes() == b"RIFF"


def test_a_file_has_the_rights_that_new_files_have(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        save(downloading(b"RIFF"), "/jobs/1/audio", tmp_path / "a.wav")
    finally:
        os.umask(before)

    assert (tmp_path / "a.wav").stat().st_mode & 0o777 == 0o640


def test_what_cannot_be_a_file_is_said_before_anything_is_done(tmp_path: Path) -> None:
    for target, why, code in (
        (tmp_path, "not a regular file", 74),
        (Path("/dev/null"), "not a regular file", 74),
        (tmp_path / "nowhere" / "a.wav", "does not exist", 74),
        (tmp_path / "book.WMA", "it can be .wav or .wave or .flac or .mp3 or .opus or .ogg or .m4a", 2),
        (tmp_path / "a", "the ending says which kind of file it will be", 2),
    ):
        with pytest.raises(CommandFailed, match=why) as failed:
            check(target)
        assert failed.value.exit_code == code

    check(tmp_path / "a.wav")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "replaced"),
    [(b"", True), (wav_header(0, sample_rate=24_000), True), (b"RIFF0000AVI ", False), (b"notes", False)],
)
def test_only_audio_is_replaced(tmp_path: Path, content: bytes, replaced: bool) -> None:
    target, link = tmp_path / "a.wav", tmp_path / "b.wav"
    target.write_bytes(content)
    link.symlink_to(target)

    for name in (target, link):
        if replaced:
            check(name)
        else:
            with pytest.raises(CommandFailed, match="exists and is not an audio file") as failed:
                check(name)
            assert failed.value.exit_code == 74
    assert target.read_bytes() == content


def test_a_folder_that_may_not_be_written_to_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> bool:  # root may write everywhere
        return False

    monkeypatch.setattr(os, "access", forbidden)

    with pytest.raises(CommandFailed, match="is not writable"):
        check(tmp_path / "a.wav")


def test_a_terminal_gets_no_wav_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    with pytest.raises(CommandFailed, match="terminal"):
        check(Path("-"))
