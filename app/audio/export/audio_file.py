"""A file of audio as it can be sent or copied, and which files may be replaced by one."""

from pathlib import Path

from msgspec import Struct

from app.audio.export.formats import FORMATS, WAV, ExportFormat


class AudioFile(Struct, frozen=True):
    """A file as it can be sent: `header`, then `size` bytes of the file at `path` from `offset` on."""

    header: bytes
    path: Path
    offset: int
    size: int
    version: str  #: changes when the bytes do
    format: str = WAV

    @property
    def about(self) -> ExportFormat:
        """What is known of its format."""
        return FORMATS[self.format]


def is_replaceable(path: Path) -> bool:
    """Whether a file may be replaced by audio: it is empty, or such a file itself. Blocks; raises OSError."""
    with path.open("rb") as file:
        start = file.read(12)
    if not start or start[:4] in (b"fLaC", b"OggS") or start[4:8] == b"ftyp":
        return True
    if start[:4] in (b"RIFF", b"RF64"):
        return start[8:] == b"WAVE"
    # ID3's mark, or the eleven bits that begin a frame of MPEG audio, whose layer III is 01.
    return start[:3] == b"ID3" or (len(start) > 1 and start[0] == 0xFF and start[1] & 0xE6 == 0xE2)
