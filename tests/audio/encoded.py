"""Encoded audio, decoded by FFmpeg as any player would."""

import io
from pathlib import Path
from struct import unpack

import av


def decoded(made: bytes | Path, container: str | None = None) -> tuple[int, list[int]]:
    """The sample rate, and the samples."""
    source = io.BytesIO(made) if isinstance(made, bytes) else str(made)
    with av.open(source, "r", format=container) as file:
        rate = file.streams.audio[0].rate
        to_pcm = av.AudioResampler(format="s16", layout="mono", rate=rate)
        frames = [one for frame in file.decode(audio=0) for one in to_pcm.resample(frame)]
        pcm = b"".join(bytes(frame.planes[0])[: 2 * frame.samples] for frame in frames)
    return rate, list(unpack(f"<{len(pcm) // 2}h", pcm))


def metadata(made: bytes | Path) -> dict[str, str]:
    """What the file says about itself, wherever its container has it."""
    with av.open(io.BytesIO(made) if isinstance(made, bytes) else str(made), "r") as file:
        return {**file.metadata, **file.streams.audio[0].metadata}
