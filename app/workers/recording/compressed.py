"""Reads FLAC, MP3, M4A and Ogg through FFmpeg's decoders, in the child process alone: they are native code, and the
bytes are untrusted.

FFmpeg is told what the file is and may not guess; it gets one demuxer and the decoders that belong to it, and opens
nothing else that a file may point to. Frames are taken one by one, so that a small file that unpacks to hours ends
early. Knows nothing of what a good recording is.
"""

from collections.abc import Generator
from io import BytesIO
from typing import NamedTuple

import av

# PyAV would import these with the first file, when this process can open none any more.
import av.audio.codeccontext  # pyright: ignore[reportUnusedImport]
import av.subtitles.codeccontext  # pyright: ignore[reportUnusedImport]
import av.subtitles.stream  # pyright: ignore[reportUnusedImport]
import av.video.codeccontext  # pyright: ignore[reportUnusedImport]
import av.video.stream  # pyright: ignore[reportUnusedImport]
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import EOFError as EndOfFile
from av.error import FFmpegError

from app.audio.recordings.reference import MAX_S, Container
from app.errors import InvalidAudio
from app.workers.recording.samples import DecodedFile, Samples, check_whole, too_long

#: Packets that cannot be decoded. The first ones of an MP3 file that was cut out of another are like that.
MAX_DAMAGED = 2

#: Seconds more than may be used, so that the length can be judged with the others.
_CAP_S = MAX_S + 1


class _Form(NamedTuple):
    demuxer: str
    decoders: frozenset[str]
    promises: bool  #: whether its head knows the length; that of an MP3 file is a guess


_FORMS = {
    Container.FLAC: _Form("flac", frozenset({"flac"}), promises=True),
    Container.MP3: _Form("mp3", frozenset({"mp3", "mp3float"}), promises=False),
    Container.M4A: _Form("mov", frozenset({"aac", "alac"}), promises=True),
    Container.OGG: _Form("ogg", frozenset({"vorbis", "opus"}), promises=True),
}


def read_compressed(data: bytes, kind: Container) -> DecodedFile:
    """What a file of this kind holds. Raises `InvalidAudio`, which says what would be right."""
    form = _FORMS[kind]
    options = {
        "codec_whitelist": ",".join(sorted(form.decoders)),
        "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2" if form.demuxer == "mov" else form.demuxer,
        "protocol_whitelist": "none",
    }
    try:
        with av.open(
            BytesIO(data), "r", format=form.demuxer, container_options=options, metadata_errors="replace"
        ) as container:
            return _read(container, form)
    except (FFmpegError, ValueError, MemoryError):
        raise InvalidAudio(
            f"the {kind} file is damaged and cannot be decoded; send another, or a WAV file"
        ) from None


def _read(container: InputContainer, form: _Form) -> DecodedFile:
    stream = next(iter(container.streams.audio), None)
    if stream is None or getattr(stream.codec_context, "name", None) not in form.decoders:  # may have no decoder
        raise InvalidAudio(
            "the file has no sound of a known kind; send FLAC, MP3, AAC or ALAC in M4A, Vorbis or Opus in Ogg"
        )
    promised = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
    if form.promises and promised > _CAP_S:
        raise too_long()
    pieces: list[Samples] = []
    frames = rate = channels = damaged = 0
    for frame in _frames(container, stream):
        if frame is None:
            damaged += 1
            continue
        here = frame.layout.nb_channels
        if not pieces:
            rate, channels = frame.sample_rate, here
            if channels not in (1, 2) or not 8_000 <= rate <= 192_000:
                raise InvalidAudio(
                    f"the recording has {channels} channels and {rate} Hz; send mono or stereo of 8 to 192 kHz"
                )
        elif (frame.sample_rate, here) != (rate, channels):
            raise InvalidAudio("the recording changes its form midway; send it in one piece")
        pieces.append(_samples(frame, channels))
        frames += frame.samples
        if frames > _CAP_S * rate:
            raise too_long()
    if not pieces or damaged > MAX_DAMAGED:
        raise ValueError
    if form.promises:
        check_whole(promised, frames / rate)
    notes = (f"damaged packets left out: {damaged}",) if damaged else ()
    return DecodedFile(np.concatenate(pieces), rate, notes)


def _frames(container: InputContainer, stream: AudioStream) -> Generator[AudioFrame | None]:
    """The frames of a stream; None for a packet that cannot be decoded."""
    stream.codec_context.thread_count = 1  # it is short, and threads would outlive no limit
    for packet in container.demux(stream):
        try:
            decoded = packet.decode()
        except EndOfFile:
            return
        except FFmpegError:
            yield None
            continue
        for frame in decoded:
            assert isinstance(frame, AudioFrame)
            if frame.samples:
                yield frame


def _samples(frame: AudioFrame, channels: int) -> Samples:
    """By time and channel, at full scale 1.0."""
    raw = frame.to_ndarray()
    by_time = raw.T if frame.format.is_planar else raw.reshape(-1, channels)
    if by_time.dtype.kind == "i":
        return by_time.astype(np.float32) * np.float32(2.0 ** (1 - 8 * by_time.dtype.itemsize))
    if by_time.dtype.kind != "f":
        raise ValueError
    return by_time.astype(np.float32)
