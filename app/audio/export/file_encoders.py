"""A job's files in other formats, encoded from its samples while these come.

Blocking; knows nothing of logs and events. Memory does not grow with the audio.
"""

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from app.audio.export.formats import Encoding
from app.audio.export.track import Track
from app.errors import StorageFailed, cannot_open

#: FFmpeg's muxer keeps 64 bytes in memory for each frame of an MP4 file until its end. The file of a longer text,
#: of more than some two hours, is written in fragments of ten seconds instead; not every player can seek in those.
MAX_UNFRAGMENTED_CHARS = 100_000

_PLAIN = {"movflags": "+faststart"}
_FRAGMENTED = {"movflags": "+delay_moov+default_base_moof", "frag_duration": "10000000"}


class ExportedFile(Struct, frozen=True):
    """A file that is on the disk under its name."""

    format: str
    file_name: str
    bytes: int


class _Begun(Struct):
    """A file that is being written. The descriptor is there before it is needed to flush the file."""

    encoding: Encoding
    path: Path
    fd: int
    track: Track | None = None


class FileEncoders:
    """One for each run of a job. Used from any thread, one call at a time. Raises `StorageFailed`.

    Each run begins anew at the first sample of the log: an encoder's state cannot be kept over a restart, and what
    it makes of the same samples is the same to the byte.
    """

    def __init__(
        self, folder: Path, encodings: Sequence[Encoding], metadata: Mapping[str, str], *, characters: int
    ) -> None:
        """`characters` is how long the job's text is."""
        self._folder, self._encodings, self._metadata = folder, encodings, metadata
        self._fragmented = characters > MAX_UNFRAGMENTED_CHARS
        self._begun: list[_Begun] = []
        self._folder_fd = -1

    def open(self) -> None:
        """Begin the files, in a folder that is there. Raises `Overloaded`, too, and can be called again then."""
        try:
            self._folder_fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            for encoding in self._encodings:
                self._begin(encoding)
        except OSError as error:
            self.discard()
            raise cannot_open("a file of the job", error) from error

    def encode(self, pcm: bytes) -> None:
        """Add the next samples."""
        for each in self._begun:
            with _writing(each):
                if each.track is not None:
                    each.track.encode(pcm)

    def publish(self) -> list[ExportedFile]:
        """End the files, flush them to the disk and give them their names."""
        made = [self._published(each) for each in self._begun]
        os.fsync(self._folder_fd)
        return made

    def discard(self) -> None:
        """Remove what has not got its name, and let go of everything."""
        for each in self._begun:
            if each.track is not None:
                each.track.drop()
            os.close(each.fd)
            with suppress(FileNotFoundError):
                each.path.unlink()
        self._begun.clear()
        if self._folder_fd >= 0:
            os.close(self._folder_fd)
            self._folder_fd = -1

    def _begin(self, encoding: Encoding) -> None:
        path = self._folder / f".audio{encoding.about.suffix}.partial"
        path.unlink(missing_ok=True)  # of an engine that was killed
        begun = _Begun(encoding, path, os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        self._begun.append(begun)
        options = {"flush_packets": "0"}
        if encoding.about.codec == "aac":
            options |= _FRAGMENTED if self._fragmented else _PLAIN
        begun.track = Track(path, encoding, self._metadata, muxer_options=options, codec_options={})

    def _published(self, begun: _Begun) -> ExportedFile:
        target = self._folder / f"audio{begun.encoding.about.suffix}"
        with _writing(begun):
            if begun.track is not None:
                track, begun.track = begun.track, None
                track.close()
            os.fsync(begun.fd)
            begun.path.replace(target)
            return ExportedFile(begun.encoding.format, target.name, os.fstat(begun.fd).st_size)


@contextmanager
def _writing(begun: _Begun) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(f"the {begun.encoding.format} file cannot be written: {error.strerror}") from error
