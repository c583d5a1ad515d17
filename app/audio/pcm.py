"""What every piece of audio is once it has left the models: signed 16-bit little-endian mono samples, as bytes.

A few facts and small operations on such bytes, without NumPy. Knows nothing of files, logs or effects.
"""

import struct

from app import SAMPLE_RATE as SAMPLE_RATE

#: Of one sample.
SAMPLE_BYTES = 2

#: A sample of less than -42 dB of full scale is within 255 of zero, so its upper byte is one of these two. To strip
#: bytes is much quicker than to read samples.
_SILENT = b"\x00\xff"


def sample_count(pcm: bytes | bytearray) -> int:
    """How many samples these bytes are. Half a sample is a mistake of the caller: `ValueError`."""
    samples, half = divmod(len(pcm), SAMPLE_BYTES)
    if half:
        raise ValueError(f"PCM of 16-bit samples has an even number of bytes, not {len(pcm)}")
    return samples


def silence(samples: int) -> bytes:
    """Digital silence; none for a count of zero or less."""
    return bytes(SAMPLE_BYTES * max(0, samples))


def fade_out(pcm: bytes, samples: int) -> bytes:
    """The same audio with its last `samples` samples, or all if there are fewer, going to zero on a line.

    The very last sample keeps one part in `samples`, so that a fade of one sample changes nothing.
    """
    fading = min(samples, sample_count(pcm))
    kept = len(pcm) - SAMPLE_BYTES * fading
    layout = f"<{fading}h"
    faded = (value * (fading - i) // fading for i, value in enumerate(struct.unpack(layout, pcm[kept:])))
    return pcm[:kept] + struct.pack(layout, *faded)


def silent_start(pcm: bytes) -> int:
    """How many samples there are before the first that can be heard; all of them if none can."""
    upper = pcm[1::2]
    return len(upper) - len(upper.lstrip(_SILENT))


def silent_end(pcm: bytes) -> int:
    """How many samples there are after the last that can be heard; all of them if none can."""
    upper = pcm[1::2]
    return len(upper) - len(upper.rstrip(_SILENT))
