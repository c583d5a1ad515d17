"""How a recording comes in, by path or as base64, and how it is kept."""

import base64
import io
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import anyio
import anyio.to_thread
import numpy as np
import pytest
import soundfile  # pyright: ignore[reportMissingTypeStubs]

from app.audio.recordings import reference
from app.audio.recordings.reference import Container, Recording, from_base64, from_path, kind_of, write_voice
from app.errors import InvalidAudio, StorageFailed
from tests.audio.recordings import KINDS, file, tone
from tests.support.running import command

pytestmark = pytest.mark.anyio

PATIENCE_S = 20.0
WORDS = "ref_audio.path must be the absolute path of a readable WAV, FLAC, MP3, M4A or Ogg file of at most 20 MB"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.wav"
    path.write_bytes(file(tone()))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_any_kind_is_known_by_its_first_bytes_and_read_whole(kind: str, tmp_path: Path) -> None:
    data = KINDS[kind](tone(1.0, rate=48_000), rate=48_000)
    path = tmp_path / "with a space and \u00e9.any"
    path.write_bytes(data)

    assert from_path(str(path)) == data
    assert (kind_of(data) or "").lower() == kind.partition(" ")[0]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xfb\x90\x00", Container.MP3),
        (b"\xff\xf3\x90\x00", Container.MP3),
        (b"\xff\xe3\x90\x00", Container.MP3),
        (b"ID3\x04", Container.MP3),
        (b"\0\0\0\x20ftypM4A ", Container.M4A),
        (b"\xff\xf1\x50\x80", None),  # AAC without a container
        (b"\xff\xfd\x90\x00", None),  # layer II
        (b"\xff\xeb\x90\x00", None),  # a version that is reserved
        (b"\xff\xfb\xf0\x00", None),  # no bit rate
        (b"\xff\xfb\x9c\x00", None),  # no rate of samples
        (b"\xff\xfe\x41\x00", None),  # text in UTF-16
        (b"\xff\xff\xff\xff", None),
        (b"RF64\0\0\0\0WAVE", None),
        (b"RIFF\0\0\0\0AVI ", None),
        (b"\x1aE\xdf\xa3", None),
        (b"#EXTM3U\nfile:///etc/passwd", None),
        (b"\xff\xfb", None),
        (b"", None),
    ],
)
def test_nothing_else_is_taken_for_a_recording(head: bytes, kind: Container | None) -> None:
    assert kind_of(head) == kind


def link(good: Path) -> Path:
    path = good.with_name("link.wav")
    path.symlink_to(good)
    return path


def fifo(good: Path) -> Path:
    path = good.with_name("fifo.wav")
    os.mkfifo(path)
    return path


def text(good: Path) -> Path:
    path = good.with_name("text.wav")
    path.write_bytes(b"This is no recording. " * 10)
    return path


def empty(good: Path) -> Path:
    path = good.with_name("empty.wav")
    path.touch()
    return path


def sparse(good: Path) -> Path:
    path = good.with_name("sparse.wav")
    path.write_bytes(good.read_bytes())
    os.truncate(path, 2 << 30)
    return path


def a_byte_too_large(good: Path) -> Path:
    path = good.with_name("large.wav")
    path.write_bytes(good.read_bytes())
    os.truncate(path, 20 * 1024 * 1024 + 1)
    return path


def folder(good: Path) -> Path:
    return good.parent


BAD: dict[str, Callable[[Path], Path | str]] = {
    "nothing there": lambda good: good.with_name("missing.wav"),
    "a symlink": link,
    "a FIFO": fifo,
    "text": text,
    "empty": empty,
    "2 GB without content": sparse,
    "a byte more than 20 MB": a_byte_too_large,
    "a folder": folder,
    "the root": lambda good: "/",
    "a file as folder": lambda good: f"{good}/",
    "a relative path": lambda good: os.path.relpath(good),
    "a NUL": lambda good: f"{good}\0",
    "half a character": lambda good: f"{good}\udcff\ud800",
    "an address": lambda good: good.as_uri(),
    "a long name": lambda good: "/" + "x" * 5_000,
    "what this process was told": lambda good: "/proc/self/environ",
    "its memory": lambda good: "/proc/self/mem",
    "what a kernel makes up": lambda good: "/proc/cpuinfo",
    "a device": lambda good: "/dev/zero",
    "a terminal": lambda good: "/dev/tty",
    "standard input": lambda good: "/dev/stdin",
}


@pytest.mark.parametrize("name", BAD)
async def test_whatever_is_wrong_with_a_path_the_words_are_the_same_and_come_at_once(name: str, good: Path) -> None:
    path = str(BAD[name](good))

    with anyio.fail_after(PATIENCE_S), pytest.raises(InvalidAudio) as refused:
        await anyio.to_thread.run_sync(from_path, path, abandon_on_cancel=True)

    assert refused.value.message == WORDS


@pytest.mark.parametrize("name", ["a FIFO", "a folder", "a device", "a symlink"])
def test_what_was_exchanged_after_the_first_look_is_refused_at_the_second(
    name: str, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, harmless = str(BAD[name](good)), os.stat(good)

    def deceived(_: str) -> os.stat_result:
        return harmless

    monkeypatch.setattr(reference.os, "lstat", deceived)
    assert from_path(str(good))

    with pytest.raises(InvalidAudio, match="absolute path"):
        from_path(bad)


def test_a_device_is_not_even_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def noted(path: str, flags: int) -> int:
        opened.append(path)
        raise PermissionError

    monkeypatch.setattr(reference.os, "open", noted)
    with pytest.raises(InvalidAudio):
        from_path("/dev/zero")

    assert opened == []


def test_a_socket_is_refused_like_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as door:
        door.bind("s")

        with pytest.raises(InvalidAudio, match="absolute path"):
            from_path(str(tmp_path / "s"))


@pytest.fixture
def open_folder() -> Generator[Path]:
    """A folder that others may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def test_a_file_that_may_not_be_read_is_refused_like_the_rest(open_folder: Path) -> None:
    readable, unreadable = open_folder / "a.wav", open_folder / "b.wav"
    for path, mode in ((readable, 0o644), (unreadable, 0o200)):
        path.write_bytes(file(tone()))
        path.chmod(mode)

    said = subprocess.run(
        command("reference", readable, unreadable),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )

    assert said.stdout == WORDS + "\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only there can it be seen which files are open")
@pytest.mark.parametrize("name", ["text", "a folder", "2 GB without content", "empty"])
def test_no_file_stays_open(name: str, good: Path) -> None:
    before = os.listdir("/proc/self/fd")
    from_path(str(good))

    with pytest.raises(InvalidAudio):
        from_path(str(BAD[name](good)))

    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("kind", KINDS)
def test_base64_brings_any_recording_in_every_usual_writing(kind: str) -> None:
    data = KINDS[kind](tone(), rate=24_000)
    plain = base64.b64encode(data).decode()
    lines = base64.encodebytes(data).decode()
    url = base64.urlsafe_b64encode(data).decode().rstrip("=")

    for text in (
        plain,
        lines,
        lines.replace("\n", "\r\n"),
        url,
        f"data:audio/x;base64,{plain}",
        f"DATA:;base64,{url}",
    ):
        assert from_base64(text) == data


def test_base64_brings_a_wav_file() -> None:
    wav = file(tone())

    assert from_base64(base64.b64encode(wav).decode()) == wav


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("!!!!", "is not base64"),
        ("AAAAA", "is not base64"),
        ("data:audio/wav,UklGRg", "a data URI that is not base64"),
        ("UklG Rg==", "is too short for a recording, 4 bytes"),
        ("\u00e9\u00e9\u00e9\u00e9", "is not base64"),
        ("", "is too short for a recording, 0 bytes"),
        (base64.b64encode(file(tone())[:43]).decode(), "is too short for a recording, 43 bytes"),
        (
            base64.b64encode(b"This is no recording." * 9).decode(),
            "not a recording of a known kind; send a WAV, FLAC",
        ),
        (base64.b64encode(b"\x1aE\xdf\xa3" + bytes(99)).decode(), "is WebM or Matroska; send a WAV, FLAC"),
        (base64.b64encode(b"FORM" + bytes(99)).decode(), "is AIFF; send"),
    ],
)
def test_base64_brings_nothing_else(sent: str, said: str) -> None:
    with pytest.raises(InvalidAudio, match=said):
        from_base64(sent)


def test_base64_that_is_too_long_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference.base64, "b64decode", None)

    with pytest.raises(InvalidAudio, match="more than 20 MB"):
        from_base64("A" * (28 * 1024 * 1024))


def recording() -> Recording:
    return Recording((32767 * tone()).astype("<i2").tobytes(), -23.0)


def test_a_voice_is_kept_as_a_wav_file_that_its_owner_alone_may_read(tmp_path: Path) -> None:
    folder = tmp_path / "voice"

    write_voice(folder, recording())

    assert [path.name for path in folder.iterdir()] == ["reference.wav"]
    kept = folder / "reference.wav"
    assert (folder.stat().st_mode & 0o777, kept.stat().st_mode & 0o777) == (0o700, 0o600)
    facts = soundfile.info(str(kept))
    assert (facts.samplerate, facts.channels, facts.subtype, facts.frames) == (24_000, 1, "PCM_16", 48_000)
    assert np.asarray(soundfile.read(str(kept), dtype="int16")[0]).tobytes() == recording().pcm
    assert kept.read_bytes() == recording().wav
    assert recording().seconds == 2.0


def test_a_recording_is_a_wav_file_to_whoever_reads_it() -> None:
    samples, rate = soundfile.read(io.BytesIO(recording().wav), dtype="int16")

    assert (np.asarray(samples).tobytes(), rate) == (recording().pcm, 24_000)


def test_the_file_and_both_folders_are_synced_in_this_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    sync = os.fsync

    def noted(fd: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{fd}")).name)
        sync(fd)

    monkeypatch.setattr(os, "fsync", noted)
    write_voice(tmp_path / "voice", recording())

    assert synced == [".reference.wav.partial", "voice", tmp_path.name]


def failing(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("where", "broken"), [(os, "fsync"), (Path, "replace"), (reference, "sync_folder")])
def test_a_voice_that_cannot_be_kept_leaves_nothing(
    where: object, broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, broken, failing)

    with pytest.raises(StorageFailed, match="No space left on device"):
        write_voice(tmp_path / "voice", recording())

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def full(path: str | Path, flags: int, mode: int = 0o777, **where: int | None) -> int:
        return real("/dev/full", os.O_WRONLY) if "reference" in str(path) else real(path, flags, mode, **where)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", full)
        with pytest.raises(StorageFailed, match="No space left on device"):
            write_voice(tmp_path / "voice", recording())

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_already_is_left_alone(tmp_path: Path) -> None:
    write_voice(tmp_path / "voice", recording())

    with pytest.raises(StorageFailed, match="File exists"):
        write_voice(tmp_path / "voice", recording())

    assert (tmp_path / "voice" / "reference.wav").read_bytes() == recording().wav


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="No such file"):
        write_voice(tmp_path / "missing" / "voice", recording())
