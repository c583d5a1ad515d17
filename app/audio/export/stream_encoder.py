"""Samples in, the bytes of a file out, as they are made: audio for a client that listens over HTTP.

Knows nothing of jobs and sockets. What comes out can be sent at once: nothing is written a second time, and
nothing is kept but what the codec needs for its next frame. The price is that a header cannot tell the length.
"""

from collections.abc import Mapping

from app.audio.export.formats import Encoding
from app.audio.export.track import Track
from app.audio.pcm import sample_count
from app.audio.wav import endless_wav_header

#: Options of FFmpeg's muxers that keep nothing back: an Ogg page for each packet instead of one for each second,
#: and no index in front of an MP3, which would have to be filled in at the end.
_MUXER = {"page_duration": "1", "write_xing": "0"}

#: LAME's reservoir keeps a frame back until later ones have used what it has left over, which takes 50 ms.
_CODEC = {"libmp3lame": {"reservoir": "0"}}


class StreamEncoder:
    """One stream of 16-bit mono PCM at 24 kHz, in another format. Used by one thread at a time; it computes.

    An error of FFmpeg is an `FFmpegError` of PyAV.
    """

    def __init__(self, encoding: Encoding, metadata: Mapping[str, str] | None = None) -> None:
        """`metadata` is what FFmpeg calls so: `title`, `date` and others."""
        self._made = _Made()
        self._track: Track | None = None
        codec = encoding.about.codec
        if codec is not None:
            self._track = Track(
                self._made,
                encoding,
                metadata or {},
                muxer_options=_MUXER,
                codec_options=_CODEC.get(codec, {}),
            )
        elif encoding.format == "wav":
            self._made.write(endless_wav_header(sample_rate=encoding.sample_rate))

    def push(self, pcm: bytes) -> bytes:
        """Take whole samples in; what has become ready comes back, or nothing."""
        sample_count(pcm)
        if self._track is None:
            self._made.write(pcm)
        else:
            self._track.encode(pcm)
        return self._made.take()

    def finish(self) -> bytes:
        """The rest. Nothing can be pushed after it."""
        if self._track is not None:
            self._track.close()
        return self._made.take()


class _Made:
    """What a muxer has written, until it is taken. It cannot seek."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def write(self, made: bytes) -> int:
        self._bytes += made
        return len(made)

    def take(self) -> bytes:
        taken = bytes(self._bytes)
        self._bytes.clear()
        return taken
