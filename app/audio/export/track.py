"""Audio on its way into a container, by FFmpeg through PyAV, which is imported with the first track.

Knows nothing of where the bytes go: to a path, or to an object with a `write`.
"""

# PyAV's own types are generic, or take any option.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from app.audio.export.formats import Encoding
from app.audio.pcm import SAMPLE_RATE, sample_count, silence

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame


#: What a track without samples becomes, a tenth of a second.
EMPTY_SAMPLES = SAMPLE_RATE // 10


class Sink(Protocol):
    """Takes a container's bytes in their order."""

    def write(self, made: bytes, /) -> int:
        """Take all of them."""
        ...


class Track:
    """A container with one encoded stream. Used by one thread at a time; it computes, and a path blocks.

    The same samples make the same bytes, however they are cut: nothing in a container is random, and none of its
    bytes depends on the time. Raises `FFmpegError`, which for a path that cannot be written is an OSError, too.
    """

    def __init__(
        self,
        target: Sink | Path,
        encoding: Encoding,
        metadata: Mapping[str, str],
        *,
        muxer_options: Mapping[str, str],
        codec_options: Mapping[str, str],
    ) -> None:
        import av

        about = encoding.about
        assert about.codec is not None
        self._container = av.open(
            str(target) if isinstance(target, Path) else target,
            "w",
            format=about.container,
            container_options={
                "fflags": "+bitexact",
                "flush_packets": "1",
                "metadata_header_padding": "0",
                **muxer_options,
            },
        )
        self._container.metadata.update(metadata)
        self._stream = self._container.add_stream(about.codec, rate=encoding.sample_rate, layout="mono")
        self._stream.options = {"flags": "+bitexact", **codec_options}
        self._stream.codec_context.thread_count = 1
        if encoding.bit_rate is not None:
            self._stream.bit_rate = encoding.bit_rate
        self._samples = 0

    def encode(self, pcm: bytes) -> None:
        """Add samples; none is allowed."""
        if pcm:
            self._mux(self._frame(pcm))

    def close(self) -> None:
        """Encode what is left, and end the container. A track without samples becomes a moment of silence, since
        readers take a file without any frame for a broken one.
        """
        try:
            if not self._samples:
                self.encode(silence(EMPTY_SAMPLES))
            self._mux(None)
        finally:
            self._container.close()

    def drop(self) -> None:
        """Let go of the file, whatever is in it."""
        with suppress(OSError, ValueError):  # FFmpeg ends it as well as it can
            self._container.close()

    def _mux(self, frame: "AudioFrame | None") -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def _frame(self, pcm: bytes) -> "AudioFrame":
        from av.audio.frame import AudioFrame

        frame = AudioFrame(format="s16", layout="mono", samples=sample_count(pcm))
        frame.sample_rate, frame.time_base, frame.pts = SAMPLE_RATE, Fraction(1, SAMPLE_RATE), self._samples
        frame.planes[0].update(pcm)
        self._samples += frame.samples
        return frame
