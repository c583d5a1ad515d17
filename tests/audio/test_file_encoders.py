"""A log's files in other formats: whole, exact, the same whenever they are made, and none that is not finished."""

import shutil
import subprocess
import sys
from collections.abc import Iterable
from math import sin
from pathlib import Path
from struct import pack

import pytest

from app.audio.export.audio_file import is_replaceable
from app.audio.export.file_encoders import MAX_UNFRAGMENTED_CHARS, FileEncoders
from app.audio.export.formats import FILE_FORMATS, FORMATS, encoding
from app.audio.export.metadata import metadata_of
from app.errors import Overloaded
from tests.audio.encoded import decoded, metadata
from tests.support.descriptors import no_descriptors
from tests.support.variants import mostly_in_test_long

RATE = 24_000
SAMPLES = 12 * RATE + 777  # some pieces, and a part of one
SPEECH = b"".join(pack("<h", int(9000 * sin(i * 0.05) * abs(sin(i * 0.0003)))) for i in range(SAMPLES))
ENCODED = [name for name in FILE_FORMATS if name != "wav"]
ABOUT = metadata_of("Früh am Morgen", ["sea", "two words"], 1_795_000_000_000_000)


def encoders(folder: Path, names: Iterable[str] = ENCODED, *, characters: int = 100) -> FileEncoders:
    return FileEncoders(folder, [encoding(name) for name in names], ABOUT, characters=characters)


def exported(folder: Path, pcm: bytes = SPEECH, *, cut: int = len(SPEECH), characters: int = 100) -> list[Path]:
    """The files of samples that came in pieces of as many bytes."""
    files = encoders(folder, characters=characters)
    files.open()
    for at in range(0, len(pcm), cut):
        files.encode(pcm[at : at + cut])
    made = files.publish()
    assert [(file.format, file.bytes) for file in made] == [
        (name, (folder / f"audio.{name}").stat().st_size) for name in ENCODED
    ]
    files.discard()
    return [folder / file.file_name for file in made]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_format_at_once_has_exactly_the_samples_of_the_log(tmp_path: Path) -> None:
    for path in exported(tmp_path):
        rate, samples = decoded(path)

        assert rate == (48_000 if path.suffix == ".opus" else RATE)
        due = SAMPLES * rate // RATE
        if path.suffix == ".m4a":  # FFmpeg's reader heeds the beginning of the edit list, and not its end
            assert due <= len(samples) < due + 1024
        else:
            assert len(samples) == due
        if path.suffix == ".flac":
            assert pack(f"<{len(samples)}h", *samples) == SPEECH
    assert names(tmp_path) == sorted(f"audio.{name}" for name in ENCODED)


@pytest.mark.parametrize("characters", [100, MAX_UNFRAGMENTED_CHARS + 1])
def test_a_delay_of_the_codec_is_not_heard(tmp_path: Path, characters: int) -> None:
    """A click is where it was, within a millisecond: what the encoder puts in front is marked as such."""
    at = RATE + 100
    click = bytes(2 * at) + pack("<h", 20_000) * 20 + bytes(2 * RATE)

    for path in exported(tmp_path, click, characters=characters):
        rate, samples = decoded(path)
        loudest = max(range(len(samples)), key=lambda i: abs(samples[i]))
        assert loudest / rate == pytest.approx((at + 10) / RATE, abs=0.001), path.suffix


@pytest.mark.parametrize("cut", [30_000, 240_000])
def test_a_file_is_the_same_to_the_byte_however_its_samples_come(tmp_path: Path, cut: int) -> None:
    (tmp_path / "once").mkdir()
    (tmp_path / "pieces").mkdir()

    at_once, pieces = exported(tmp_path / "once"), exported(tmp_path / "pieces", cut=cut)

    assert [path.read_bytes() for path in pieces] == [path.read_bytes() for path in at_once]


def test_title_tags_and_date_are_in_every_file(tmp_path: Path) -> None:
    for path in exported(tmp_path):
        about = metadata(path)
        assert about["title"] == "Früh am Morgen", path
        assert about["keywords"] == "sea, two words", path
        assert about["date"] == "2026-11-18", path


def test_what_there_is_nothing_to_say_about_is_left_out() -> None:
    assert metadata_of(None, [], 0) == {"date": "1970-01-01"}


@pytest.mark.parametrize("pcm", [b"", bytes(2), bytes(2000)])
def test_a_log_without_sound_becomes_files_that_can_be_opened(tmp_path: Path, pcm: bytes) -> None:
    for path in exported(tmp_path, pcm):
        decoded(path)


def test_an_m4a_of_a_long_text_is_fragmented_and_has_the_same_samples(tmp_path: Path) -> None:
    (tmp_path / "short").mkdir()
    (tmp_path / "long").mkdir()

    short = exported(tmp_path / "short")[-1]
    long = exported(tmp_path / "long", characters=MAX_UNFRAGMENTED_CHARS + 1)[-1]

    assert b"moof" not in short.read_bytes()
    assert b"moof" in long.read_bytes()
    assert decoded(short) == decoded(long)


def test_files_that_are_not_finished_are_removed(tmp_path: Path) -> None:
    files = encoders(tmp_path)
    files.open()
    files.encode(SPEECH)
    assert len(names(tmp_path)) == len(ENCODED)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}

    files.discard()

    assert names(tmp_path) == []


def test_what_a_killed_engine_has_left_is_replaced(tmp_path: Path) -> None:
    killed = encoders(tmp_path)
    killed.open()
    killed.encode(SPEECH)
    (tmp_path / "undisturbed").mkdir()

    again = exported(tmp_path)

    undisturbed = exported(tmp_path / "undisturbed")
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in undisturbed]


def test_with_too_many_open_files_nothing_is_begun_and_it_can_be_tried_again(tmp_path: Path) -> None:
    files = encoders(tmp_path)
    with no_descriptors(), pytest.raises(Overloaded):
        files.open()
    assert names(tmp_path) == []

    files.open()
    files.encode(SPEECH)

    assert len(files.publish()) == len(ENCODED)
    files.discard()


@pytest.mark.parametrize("name", mostly_in_test_long(ENCODED, but=("mp3",)))
def test_a_full_disk_is_reported_and_leaves_no_file(tmp_path: Path, name: str) -> None:
    """In a process of its own, whose files may not grow beyond some bytes."""
    script = f"""
import resource, signal
from pathlib import Path
from app.errors import StorageFailed
from tests.audio.test_file_encoders import SPEECH, encoders
folder = Path({str(tmp_path)!r})
files = encoders(folder, [{name!r}])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    files.open()
    files.encode(SPEECH)
    files.publish()
except StorageFailed as error:
    print(error)
files.discard()
"""

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)

    assert said.stdout.startswith(f"the {name} file cannot be written: ")
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", mostly_in_test_long(ENCODED, but=("m4a",)))
def test_memory_does_not_grow_with_the_audio(tmp_path: Path, name: str) -> None:
    """In a process of its own: ten minutes more may not cost a megabyte."""
    script = f"""
import os, resource
from pathlib import Path
from tests.audio.test_file_encoders import MAX_UNFRAGMENTED_CHARS, encoders
files = encoders(Path({str(tmp_path)!r}), [{name!r}], characters=MAX_UNFRAGMENTED_CHARS + 1)
files.open()
minute = bytes(24_000 * 2 * 60)
def peak(minutes):
    for _ in range(minutes):
        files.encode(minute)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1 if os.uname().sysname == "Linux" else 1024)
before = peak(3)
print(peak(10) - before)
files.discard()
"""

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)

    assert int(said.stdout) < 1024


@pytest.mark.parametrize("characters", [100, MAX_UNFRAGMENTED_CHARS + 1])
def test_ffprobe_reads_every_file_without_a_complaint(tmp_path: Path, characters: int) -> None:
    if (ffprobe := shutil.which("ffprobe")) is None:
        pytest.skip("there is no ffprobe")
    for path in exported(tmp_path, characters=characters):
        read = subprocess.run(
            [ffprobe, "-v", "warning", "-show_packets", path], capture_output=True, check=True, timeout=60
        )
        assert read.stderr == b""


def test_a_file_of_every_format_may_be_replaced_by_audio_and_no_other(tmp_path: Path) -> None:
    for path in exported(tmp_path):
        assert is_replaceable(path), path
    for start, may in [
        (b"", True),
        (b"RIFF0000WAVE", True),
        (b"RIFF0000AVI ", False),
        (b"notes", False),
        (b"\xff\xfe", False),  # of a text in UTF-16
        (b"\xff\xfb\x90\xc0", True),
        (b"\xff\xf3\x64\xc4", True),
        (b"\xff\xd8\xff\xe0", False),  # of a picture
        (b"%PDF-1.7", False),
    ]:
        (tmp_path / "file").write_bytes(start)
        assert is_replaceable(tmp_path / "file") is may, start


def test_the_table_names_what_the_files_are_called() -> None:
    assert {name: FORMATS[name].suffix for name in FILE_FORMATS} == {name: f".{name}" for name in FILE_FORMATS}
