"""The log on disk, held against a plain list: whatever happens, it is a gapless beginning of what was written."""

import errno
import io
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import soundfile  # pyright: ignore[reportMissingTypeStubs]
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.audio.log.log_file import INDEX_NAME, PCM_NAME, WAV_NAME, LogFile, Record
from app.audio.wav import HEADER_BYTES, wav_header
from app.errors import StorageFailed

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

Said = tuple[int, int, int, bytes]

INDEX_HEAD, ENTRY = 16, 32


def everything(log: LogFile, *, max_bytes: int = 1 << 30) -> list[Record]:
    """All records, read as a subscriber would read them."""
    found: list[Record] = []
    while len(found) < log.records:
        batch = log.read(len(found), until_seq=log.records, max_bytes=max_bytes)
        assert batch, "a reader would wait for ever"
        found += batch
    return found


def check(log: LogFile, said: list[Said], *, max_bytes: int = 1 << 30) -> None:
    """The log holds exactly this."""
    records = everything(log, max_bytes=max_bytes)
    assert [(r.chunk_index, r.start_char, r.end_char, r.pcm) for r in records] == said
    assert [r.seq for r in records] == list(range(1, len(said) + 1))
    end = 0
    for record in records:
        end += len(record.pcm) // 2
        assert record.end_sample == end
    assert (log.records, log.samples) == (len(said), end)


def wav_of(parts: tuple[bytes, Path, int, int]) -> bytes:
    head, path, offset, size = parts
    return head + path.read_bytes()[offset : offset + size]


def samples_of(wav: bytes) -> bytes:
    return soundfile.read(io.BytesIO(wav), dtype="int16")[0].tobytes()


PCM = st.integers(0, 40).flatmap(lambda samples: st.binary(min_size=2 * samples, max_size=2 * samples))


class LogMachine(RuleBasedStateMachine):
    """Appends, syncs, cuts, publishes, and crashes that tear what was written after the last sync."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp()) / "job"
        self.log = LogFile(self.folder)
        self.said: list[Said] = []
        self.synced = 0
        self.wav = False

    @rule(chunk=st.integers(0, 9), pcms=st.lists(PCM, max_size=5))
    def append(self, chunk: int, pcms: list[bytes]) -> None:
        start = len(self.said)

        added = self.log.append(chunk, start, start + 7, pcms)

        self.said += [(chunk, start, start + 7, pcm) for pcm in pcms]
        assert [record.pcm for record in added] == pcms
        assert [record.seq for record in added] == list(range(start + 1, len(self.said) + 1))

    @rule()
    def sync(self) -> None:
        self.log.sync()
        self.synced = len(self.said)

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def cut(self, data: st.DataObject) -> None:
        records = data.draw(st.integers(0, len(self.said)))

        self.log.cut(records)

        del self.said[records:]
        self.synced = min(self.synced, records)

    @rule()
    def reopen(self) -> None:
        self.log.close()
        self.log = LogFile(self.folder)

    @rule()
    def publish(self) -> None:
        name, size = self.log.publish()

        self.wav = True
        assert name == WAV_NAME
        file = (self.folder / WAV_NAME).read_bytes()
        assert len(file) == size
        assert samples_of(file) == b"".join(pcm for *_, pcm in self.said)

    @rule(data=st.data())
    def snapshot(self, data: st.DataObject) -> None:
        records = data.draw(st.integers(0, len(self.said)))

        file = wav_of(self.log.snapshot(records))

        assert samples_of(file) == b"".join(pcm for *_, pcm in self.said[:records])

    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        """A power cut: after the last sync anything may have become of the files."""
        self.log.close()
        samples = sum(len(pcm) // 2 for *_, pcm in self.said[: self.synced])
        safe = {
            WAV_NAME if self.wav else PCM_NAME: HEADER_BYTES + 2 * samples,
            INDEX_NAME: INDEX_HEAD + ENTRY * self.synced,
        }
        for name, start in safe.items():
            path = self.folder / name
            content = bytearray(path.read_bytes())
            if len(content) <= start:
                continue
            for _ in range(data.draw(st.integers(0, 3), label=f"flips in {name}")):
                place = data.draw(st.integers(start, len(content) - 1))
                content[place] ^= data.draw(st.integers(1, 255))
            content = content[: data.draw(st.integers(start, len(content)), label=f"length of {name}")]
            path.write_bytes(content)

        self.log = LogFile(self.folder)

        assert self.synced <= self.log.records <= len(self.said)
        del self.said[self.log.records :]

    @invariant()
    def the_log_is_what_was_said(self) -> None:
        check(self.log, self.said)
        check(self.log, self.said, max_bytes=50)

    def teardown(self) -> None:
        self.log.close()
        shutil.rmtree(self.folder.parent)


LogMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
TestTheLogIsAGaplessBeginningOfWhatWasSaid = LogMachine.TestCase


class Disk:
    """Writes go through until `bytes_left` are written; then short, then the disk is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pwrite = os.pwrite
        self.bytes_left: int | None = None
        self.max_at_once = 1 << 30
        monkeypatch.setattr(os, "pwrite", self.write)

    def write(self, fd: int, data: memoryview | bytes, offset: int) -> int:
        most = self.max_at_once if self.bytes_left is None else min(self.max_at_once, self.bytes_left)
        if not most:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._pwrite(fd, memoryview(data)[:most], offset)
        if self.bytes_left is not None:
            self.bytes_left -= written
        return written


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


FIRST = [bytes([1]) * 20, bytes([2]) * 6]
LOST = [bytes([3]) * 10, bytes([4]) * 12, bytes([5]) * 8]
THEN = [bytes([6]) * 10]


def said(chunk: int, pcms: list[bytes]) -> list[Said]:
    return [(chunk, 0, 1, pcm) for pcm in pcms]


@pytest.mark.parametrize("bytes_left", range(30 + 3 * ENTRY))
def test_an_append_that_finds_the_disk_full_adds_nothing_and_leaves_nothing(
    tmp_path: Path, disk: Disk, bytes_left: int
) -> None:
    log = LogFile(tmp_path / "job")
    log.append(0, 0, 1, FIRST)

    disk.bytes_left = bytes_left
    with pytest.raises(StorageFailed, match="No space left"):
        log.append(1, 0, 1, LOST)

    check(log, said(0, FIRST))
    disk.bytes_left = None
    log.append(2, 0, 1, THEN)
    check(log, said(0, FIRST) + said(2, THEN))
    log.close()
    again = LogFile(tmp_path / "job")
    check(again, said(0, FIRST) + said(2, THEN))
    again.close()


@pytest.mark.parametrize("bytes_left", range(0, 30 + 3 * ENTRY, 5))
def test_a_crash_after_a_failed_append_leaves_a_beginning_of_it(
    tmp_path: Path, disk: Disk, bytes_left: int
) -> None:
    log = LogFile(tmp_path / "job")
    log.append(0, 0, 1, FIRST)
    disk.bytes_left = bytes_left
    with pytest.raises(StorageFailed):
        log.append(1, 0, 1, LOST)
    log.close()
    disk.bytes_left = None

    again = LogFile(tmp_path / "job")

    whole = (said(0, FIRST) + said(1, LOST))[: again.records]
    assert again.records >= 2
    check(again, whole)
    again.append(2, 0, 1, THEN)
    again.close()
    last = LogFile(tmp_path / "job")
    check(last, whole + said(2, THEN))
    last.close()


@pytest.mark.parametrize("max_at_once", [1, 3, 7, 1000])
def test_short_writes_are_gone_on_with(tmp_path: Path, disk: Disk, max_at_once: int) -> None:
    disk.max_at_once = max_at_once
    log = LogFile(tmp_path / "job")

    log.append(0, 0, 1, FIRST)
    log.append(1, 0, 1, LOST)
    log.publish()

    check(log, said(0, FIRST) + said(1, LOST))
    log.close()
    assert samples_of((tmp_path / "job" / WAV_NAME).read_bytes()) == b"".join(FIRST + LOST)


def test_records_that_a_torn_one_hides_do_not_come_back_when_it_is_written_anew(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "job")
    log.append(0, 0, 1, [b"aa" * 4, b"bb" * 4, b"cc" * 4])
    log.close()
    path = tmp_path / "job" / PCM_NAME
    content = bytearray(path.read_bytes())
    content[HEADER_BYTES + 8] ^= 1  # the second of the three
    path.write_bytes(content)

    log = LogFile(tmp_path / "job")
    assert log.records == 1
    log.append(5, 0, 1, [b"dd" * 2])
    log.close()

    log = LogFile(tmp_path / "job")
    check(log, [(0, 0, 1, b"aa" * 4), (5, 0, 1, b"dd" * 2)])
    log.close()


@pytest.mark.parametrize("place", range(ENTRY))
def test_a_torn_entry_at_the_end_costs_its_own_record_and_no_other(tmp_path: Path, place: int) -> None:
    log = LogFile(tmp_path / "job")
    log.append(0, 0, 1, FIRST)
    log.close()
    path = tmp_path / "job" / INDEX_NAME
    content = bytearray(path.read_bytes())
    content[INDEX_HEAD + ENTRY + place] ^= 0xFF
    path.write_bytes(content)

    log = LogFile(tmp_path / "job")

    check(log, said(0, FIRST)[: log.records])
    assert log.records == (1 if place < ENTRY - 4 else 2), "the last four bytes mean nothing"
    log.close()


def test_an_index_of_another_format_is_refused_and_kept(tmp_path: Path) -> None:
    LogFile(tmp_path / "job").close()
    path = tmp_path / "job" / INDEX_NAME
    path.write_bytes(b"Q3TTSIDX" + b"\x09" + bytes(70))
    before = path.read_bytes()
    open_before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    with pytest.raises(StorageFailed, match="another version"):
        LogFile(tmp_path / "job")

    assert path.read_bytes() == before
    if open_before:
        assert len(os.listdir("/proc/self/fd")) == open_before


def test_the_files_of_a_job_are_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        log = LogFile(tmp_path / "job")
    finally:
        os.umask(before)

    log.close()
    assert (tmp_path / "job").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "job").iterdir()} == {0o600}


def test_publishing_again_changes_nothing_and_a_reader_notices_nothing(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "job")
    log.append(0, 0, 1, FIRST)
    log.publish()
    before = (tmp_path / "job" / WAV_NAME).read_bytes()

    assert log.publish() == (WAV_NAME, len(before))

    check(log, said(0, FIRST))
    log.close()
    assert (tmp_path / "job" / WAV_NAME).read_bytes() == before
    assert not (tmp_path / "job" / PCM_NAME).exists()


@linux
def test_a_sync_reaches_both_files_and_the_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []

    def note(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))

    log = LogFile(tmp_path / "job")
    log.append(0, 0, 1, FIRST)
    monkeypatch.setattr("app.audio.log.log_file.sync", note)
    monkeypatch.setattr(os, "fsync", note)

    log.sync()
    log.sync()

    job = str(tmp_path / "job")
    both = [f"{job}/{PCM_NAME}", f"{job}/{INDEX_NAME}"]
    assert synced == [*both, job, str(tmp_path), *both]
    log.close()


def test_a_file_is_on_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    log = LogFile(tmp_path / "job")
    log.append(0, 0, 1, FIRST)
    rename = os.rename

    def note(step: str, then: Callable[..., None] | None = None) -> Callable[..., None]:
        def noted(*args: object) -> None:
            steps.append(step)
            if then is not None:
                then(*args)

        return noted

    monkeypatch.setattr("app.audio.log.log_file.sync", note("sync"))
    monkeypatch.setattr(os, "rename", note("rename", rename))
    monkeypatch.setattr(os, "fsync", note("sync folder"))

    log.publish()

    assert steps == ["sync", "rename", "sync folder"]
    log.close()


@contextmanager
def slow_read(monkeypatch: pytest.MonkeyPatch) -> Generator[tuple[threading.Event, threading.Event]]:
    """A thread that reads stops in the middle, until it is let go."""
    inside, go_on = threading.Event(), threading.Event()
    pread = os.pread

    def wait(fd: int, count: int, offset: int) -> bytes:
        if threading.current_thread() is not threading.main_thread():
            inside.set()
            assert go_on.wait(10)
        return pread(fd, count, offset)

    monkeypatch.setattr(os, "pread", wait)
    try:
        yield inside, go_on
    finally:
        go_on.set()


def test_closing_while_a_thread_reads_does_not_hand_its_descriptor_to_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = LogFile(tmp_path / "job")
    log.append(0, 0, 1, FIRST)
    found: list[Record] = []
    with slow_read(monkeypatch) as (inside, go_on):
        reader = threading.Thread(target=lambda: found.extend(log.read(0, until_seq=2, max_bytes=1000)))
        reader.start()
        assert inside.wait(10)

        log.close()
        decoys = [os.open(tmp_path / f"decoy {number}", os.O_RDWR | os.O_CREAT) for number in range(4)]
        for decoy in decoys:
            os.write(decoy, b"x" * 10_000)
        go_on.set()
        reader.join(10)

    assert [record.pcm for record in found] == FIRST
    for decoy in decoys:
        os.close(decoy)
    with pytest.raises(ValueError, match="closed"):
        log.read(0, until_seq=2, max_bytes=1000)


@linux
def test_the_last_reader_of_a_closed_log_closes_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def open_files() -> int:
        return sum(str(tmp_path) in os.readlink(f"/proc/self/fd/{fd}") for fd in descriptors())

    def descriptors() -> list[str]:
        return [fd for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")]

    log = LogFile(tmp_path / "job")
    log.append(0, 0, 1, FIRST)
    with slow_read(monkeypatch) as (inside, go_on):
        reader = threading.Thread(target=lambda: log.read(0, until_seq=2, max_bytes=1000))
        reader.start()
        assert inside.wait(10)
        log.close()
        assert open_files() == 4  # samples, index and two folders

        go_on.set()
        reader.join(10)

    assert open_files() == 0


def test_readers_see_whole_records_while_a_writer_appends(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "job")
    random_bytes = random.Random(1).randbytes
    pcms = [random_bytes(2 * size) for size in range(1, 200)]
    deadline = time.monotonic() + 20
    seen: list[list[bytes]] = []

    def read() -> None:
        found: list[Record] = []
        while len(found) < len(pcms) and time.monotonic() < deadline:
            if log.records > len(found):
                found += log.read(len(found), until_seq=log.records, max_bytes=1000)
        seen.append([record.pcm for record in found])

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for pcm in pcms:
        log.append(0, 0, 1, [pcm])
    for reader in readers:
        reader.join(30)

    assert seen == [pcms] * 3
    log.close()


def as_version_1(folder: Path) -> None:
    """Make a log what it was when every file had 80 bytes in front of its samples."""
    pcm, index = folder / PCM_NAME, bytearray((folder / INDEX_NAME).read_bytes())
    pcm.write_bytes(bytes(36) + pcm.read_bytes())
    index[8] = 1
    (folder / INDEX_NAME).write_bytes(index)


def test_a_log_of_the_version_before_is_gone_on_with_and_gets_a_plain_header(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    log = LogFile(folder)
    log.append(0, 0, 1, FIRST)
    log.close()
    as_version_1(folder)

    log = LogFile(folder)
    log.append(1, 0, 1, LOST)
    check(log, said(0, FIRST) + said(1, LOST))
    name, size = log.publish()

    assert (name, size) == (WAV_NAME, (folder / WAV_NAME).stat().st_size)
    assert samples_of((folder / WAV_NAME).read_bytes()) == b"".join(FIRST + LOST)
    assert (folder / WAV_NAME).read_bytes()[36:40] == b"data"
    assert sorted(file.name for file in folder.iterdir()) == [INDEX_NAME, WAV_NAME]
    assert (folder / WAV_NAME).stat().st_mode & 0o777 == 0o600
    check(log, said(0, FIRST) + said(1, LOST))
    log.close()
    log = LogFile(folder)
    check(log, said(0, FIRST) + said(1, LOST))
    assert wav_of(log.snapshot(2)) == wav_header(13, sample_rate=24_000) + b"".join(FIRST)
    log.close()


def test_a_file_that_was_published_with_80_bytes_is_still_read(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    log = LogFile(folder)
    log.append(0, 0, 1, FIRST)
    log.close()
    as_version_1(folder)
    published = b"RIFF" + bytes(4) + b"WAVE" + b"JUNK" + bytes(64) + b"".join(FIRST)
    (folder / WAV_NAME).write_bytes(published)
    (folder / PCM_NAME).unlink()

    log = LogFile(folder, create=False)

    check(log, said(0, FIRST))
    log.close()


def test_a_log_becomes_rf64_when_its_sizes_do_not_fit_into_32_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a small limit in place of 4 GB. What is read meanwhile comes from the file that is there."""
    monkeypatch.setattr("app.audio.wav.MAX_SIZE", 60)
    folder = tmp_path / "job"
    log = LogFile(folder)
    log.append(0, 0, 1, FIRST)
    log.append(1, 0, 1, LOST)

    _, size = log.publish()

    content = (folder / WAV_NAME).read_bytes()
    assert len(content) == size == 80 + len(b"".join(FIRST + LOST))
    assert content[:4] + content[8:16] == b"RF64WAVEds64"
    assert samples_of(content) == b"".join(FIRST + LOST)
    check(log, said(0, FIRST) + said(1, LOST))
    assert log.publish() == (WAV_NAME, size)
    log.close()
    log = LogFile(folder)
    check(log, said(0, FIRST) + said(1, LOST))
    assert not (folder / PCM_NAME).exists()
    log.close()


def test_a_log_that_cannot_be_copied_stays_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.audio.wav.MAX_SIZE", 60)
    folder = tmp_path / "job"
    log = LogFile(folder)
    log.append(0, 0, 1, FIRST + LOST)
    os.truncate(folder / PCM_NAME, 70)

    with pytest.raises(StorageFailed, match="not whole"):
        log.publish()

    assert sorted(file.name for file in folder.iterdir()) == [INDEX_NAME, PCM_NAME]
    log.close()
