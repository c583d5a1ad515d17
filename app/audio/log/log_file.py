"""A job's audio on disk: samples in one file, the records they came in in another. Blocking; no event loop here.

`audio.pcm` holds the samples after the room for a WAV header; publishing writes that header and gives the file its
name, `audio.wav`. Nothing is copied, unless the header needs other room than there is: past 4 GB, or in a log of
version 1. `audio.idx` has one entry of fixed size for each record, so that any of them is found at once. An entry
counts only when its samples are there: samples are written first, and what a crash leaves behind the last whole
record is cut off.
"""

import os
import struct
import threading
import zlib
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from app import SAMPLE_RATE
from app.audio.log.descriptors import open_file, sync, write_all
from app.audio.wav import HEADER_BYTES, RF64_HEADER_BYTES, header_bytes, wav_header
from app.errors import StorageFailed
from app.process.files import atomic_write

PCM_NAME, WAV_NAME, INDEX_NAME = "audio.pcm", "audio.wav", "audio.idx"

#: Magic, version, sample rate.
_INDEX_HEAD = struct.Struct("<8sII")
_INDEX_MAGIC, _INDEX_VERSION = b"Q3TTSIDX", 2

#: The bytes in front of the samples of a log that is not published, by the version of its index.
_ROOM = {1: RF64_HEADER_BYTES, _INDEX_VERSION: HEADER_BYTES}

#: Chunk index, start and end character, samples, end sample, CRC-32 of the foregoing and the samples, zero.
_ENTRY = struct.Struct("<IIIIQII")
_ENTRY_FIELDS = struct.Struct("<IIIIQ")

#: How many records at the end of a log are compared with their checksums before it is written again: more than a
#: chunk can have. Whatever is older was synced before the row that speaks of it was committed.
CHECKED_RECORDS = 2048

#: And when it is only read.
READ_CHECKED_RECORDS = 1

#: Bytes, where a file has to be copied.
COPIED_AT_ONCE = 1 << 20


class Record(Struct, frozen=True):
    """A stretch of a job's audio: what one AUDIO_CHUNK carries."""

    seq: int  #: 1, 2, 3 …
    chunk_index: int
    start_char: int
    end_char: int
    end_sample: int
    pcm: bytes


class _Samples(NamedTuple):
    """The file of the samples. Replaced as a whole, since readers in other threads may be using it."""

    path: Path
    fd: int
    start: int  #: the bytes in front of the first sample


class LogFile:
    """One writer at a time, any number of readers; a reader needs nothing but the sequence number.

    Used from any thread. Every method but `close` may block, and raises `StorageFailed` when the disk is full
    or fails.
    """

    def __init__(self, folder: Path, *, create: bool = True) -> None:
        """Open the files. A reader does not `create` them: FileNotFoundError then means that there is no audio."""
        self._folder = folder
        self.records = 0
        self.samples = 0
        self._lock = threading.Lock()
        self._busy = 0
        self._folder_synced = False
        self._closing = False
        self._tidy = False  #: nothing lies after the last record
        if create:
            folder.mkdir(mode=0o700, exist_ok=True)
        how = os.O_RDWR | (os.O_CREAT if create else 0)
        published = folder / WAV_NAME
        path = published if published.exists() else folder / PCM_NAME
        with ExitStack() as opened:
            # Everything that writing needs: what has begun does not fail because others have opened files since.
            pcm = open_file(path, how, opened)
            self._index = open_file(folder / INDEX_NAME, how, opened)
            head = os.pread(pcm, 16, 0) if path == published else b""
            self._pcm = _Samples(path, pcm, header_bytes(head) if head else _ROOM[self._version()])
            self._folders = [
                open_file(path, os.O_RDONLY | os.O_DIRECTORY, opened) for path in (folder, folder.parent)
            ]
            self.settle(CHECKED_RECORDS if create else READ_CHECKED_RECORDS)
            self._files = opened.pop_all()

    def _version(self) -> int:
        """Of the index, which gets its head if it has none."""
        head = os.pread(self._index, _INDEX_HEAD.size, 0)
        if len(head) < _INDEX_HEAD.size:
            head = _INDEX_HEAD.pack(_INDEX_MAGIC, _INDEX_VERSION, SAMPLE_RATE)
            write_all(self._index, head, 0)
        magic, version, rate = _INDEX_HEAD.unpack(head)
        if (magic, rate) != (_INDEX_MAGIC, SAMPLE_RATE) or version not in _ROOM:
            raise StorageFailed("the job's audio log is damaged or was written by another version")
        return version

    def settle(self, checked: int = CHECKED_RECORDS) -> None:
        """Find the last whole record with `checked` whole ones before it; forget what lies after it."""
        self._version()
        entries = (os.fstat(self._index).st_size - _INDEX_HEAD.size) // _ENTRY.size
        sound = 0
        for seq in range(entries, 0, -1):
            if sound == checked:
                break
            if self._whole(seq):
                sound += 1
            else:
                entries, sound = seq - 1, 0
        self.records = entries
        self.samples = self._end_sample(entries)

    def _whole(self, seq: int) -> bool:
        entry = os.pread(self._index, _ENTRY.size, self._entry_at(seq))
        if len(entry) < _ENTRY.size:
            return False
        *_, count, end, crc, _zero = _ENTRY.unpack(entry)
        if count > end or 2 * end > self._size(self._pcm):
            return False
        pcm = os.pread(self._pcm.fd, 2 * count, self._pcm.start + 2 * (end - count))
        return len(pcm) == 2 * count and crc == zlib.crc32(pcm, zlib.crc32(entry[: _ENTRY_FIELDS.size]))

    def _size(self, pcm: _Samples) -> int:
        """The bytes after the header."""
        return max(0, os.fstat(pcm.fd).st_size - pcm.start)

    def _entry_at(self, seq: int) -> int:
        return _INDEX_HEAD.size + (seq - 1) * _ENTRY.size

    def _end_sample(self, seq: int) -> int:
        if seq == 0:
            return 0
        entry = os.pread(self._index, _ENTRY.size, self._entry_at(seq))
        return _ENTRY.unpack(entry)[4]

    def append(self, chunk_index: int, start_char: int, end_char: int, pcms: Sequence[bytes]) -> list[Record]:
        """Add records, all of them or none. They survive a kill from now on, a power cut after `sync`."""
        added: list[Record] = []
        entries = bytearray()
        end = self.samples
        for pcm in pcms:
            end += len(pcm) // 2
            fields = _ENTRY_FIELDS.pack(chunk_index, start_char, end_char, len(pcm) // 2, end)
            entries += fields + struct.pack("<II", zlib.crc32(pcm, zlib.crc32(fields)), 0)
            seq = self.records + len(added) + 1
            added.append(Record(seq, chunk_index, start_char, end_char, end, pcm))
        with self._in_use("the job's audio cannot be written"):
            if not self._tidy:
                # What a crash or a failed append left here would count again once there are records before it.
                os.ftruncate(self._index, self._entry_at(self.records + 1))
            self._tidy = False
            try:
                write_all(self._pcm.fd, b"".join(pcms), self._pcm.start + 2 * self.samples)
                write_all(self._index, bytes(entries), self._entry_at(self.records + 1))
            except OSError:
                with suppress(OSError):  # the room is needed for the row that says that the disk is full
                    os.ftruncate(self._pcm.fd, self._pcm.start + 2 * self.samples)
                raise
            self._tidy = True
        self.records += len(added)
        self.samples = end
        return added

    def sync(self) -> None:
        """Flush everything appended so far to the disk."""
        with self._in_use("the job's audio cannot be synced"):
            sync(self._pcm.fd)
            sync(self._index)
            if not self._folder_synced:
                for folder in self._folders:
                    os.fsync(folder)
                self._folder_synced = True

    def cut(self, records: int) -> None:
        """Drop everything after the first `records` records."""
        assert records <= self.records
        with self._in_use("the job's audio cannot be cut"):
            self.samples = self._end_sample(records)
            self.records = records
            os.ftruncate(self._index, self._entry_at(records + 1))
            os.ftruncate(self._pcm.fd, self._pcm.start + 2 * self.samples)

    def read(self, after_seq: int, *, until_seq: int, max_bytes: int) -> list[Record]:
        """Records after `after_seq`, up to `until_seq`; at least one if there is one, else as fit."""
        found: list[Record] = []
        total = 0
        with self._in_use("the job's audio cannot be read"):
            pcms = self._pcm
            size = self._size(pcms)
            wanted = min(until_seq - after_seq, 1024)
            entries = os.pread(self._index, wanted * _ENTRY.size, self._entry_at(after_seq + 1))
            for seq, fields in enumerate(_ENTRY.iter_unpack(entries), after_seq + 1):
                chunk_index, start_char, end_char, count, end, crc, _zero = fields
                total += 2 * count
                if found and total > max_bytes:
                    break
                if 2 * end > size:
                    raise StorageFailed(f"the job's audio is damaged at record {seq}")
                pcm = os.pread(pcms.fd, 2 * count, pcms.start + 2 * (end - count))
                if crc != zlib.crc32(pcm, zlib.crc32(_ENTRY_FIELDS.pack(*fields[:5]))):
                    raise StorageFailed(f"the job's audio is damaged at record {seq}")
                found.append(Record(seq, chunk_index, start_char, end_char, end, pcm))
        return found

    def read_samples(self, first: int, count: int, *, records: int | None = None) -> bytes:
        """At most `count` samples from the first on, within the first records, or in all of them."""
        with self._in_use("the job's audio cannot be read"):
            end = self.samples if records is None else self._end_sample(records)
            count, pcm = max(0, min(count, end - first)), self._pcm
            found = os.pread(pcm.fd, 2 * count, pcm.start + 2 * first)
        if len(found) < 2 * count:
            raise StorageFailed("the job's audio is not whole: its file is shorter than its log says")
        return found

    def snapshot(self, records: int) -> tuple[bytes, Path, int, int]:
        """The first `records` records as a WAV file: a head, and the path, offset and bytes of what follows it."""
        with self._in_use("the job's audio cannot be read"):
            samples = self._end_sample(records)
        return wav_header(samples, sample_rate=SAMPLE_RATE), self._pcm.path, self._pcm.start, 2 * samples

    def publish(self) -> tuple[str, int]:
        """Make the audio a WAV file, under its name and flushed to disk: the name and the size in bytes.

        Doing it again changes nothing.
        """
        header = wav_header(self.samples, sample_rate=SAMPLE_RATE)
        with self._in_use("the WAV file cannot be written"):
            if len(header) == self._pcm.start:
                self._name(header)
            else:
                self._copy(header)
            os.fsync(self._folders[0])
        return WAV_NAME, len(header) + 2 * self.samples

    def _name(self, header: bytes) -> None:
        """Make the file a WAV file where it is."""
        target, pcm = self._folder / WAV_NAME, self._pcm
        write_all(pcm.fd, header, 0)
        os.ftruncate(pcm.fd, pcm.start + 2 * self.samples)
        sync(pcm.fd)
        if pcm.path != target:
            os.rename(pcm.path, target)
            self._pcm = pcm._replace(path=target)

    def _copy(self, header: bytes) -> None:
        """Make a WAV file with room for another header. Whoever reads the old one may go on."""
        target, pcm, left = self._folder / WAV_NAME, self._pcm, 2 * self.samples
        with atomic_write(target, mode=0o600) as file:
            file.write(header)
            while left and (
                block := os.pread(pcm.fd, min(left, COPIED_AT_ONCE), pcm.start + 2 * self.samples - left)
            ):
                file.write(block)
                left -= len(block)
            if left:
                raise StorageFailed("the job's audio is not whole: its file is shorter than its log says")
        self._pcm = _Samples(target, open_file(target, os.O_RDWR, self._files), len(header))
        if pcm.path != target:
            pcm.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the files; at once, or when the thread that still reads them is done."""
        with self._lock:
            self._closing = True
            if not self._busy:
                self._files.close()

    @contextmanager
    def _in_use(self, failure: str) -> Generator[None]:
        """Keep the files open meanwhile: whoever awaited a thread may be canceled, the thread goes on."""
        with self._lock:
            if self._closing:
                raise ValueError("the log is closed")
            self._busy += 1
        try:
            yield
        except OSError as error:
            raise StorageFailed(f"{failure}: {error.strerror}") from error
        finally:
            with self._lock:
                self._busy -= 1
                if self._closing and not self._busy:
                    self._files.close()
