"""The header of a WAV file, compared with two readers that others wrote."""

import io
import os
import wave
from pathlib import Path

import pytest
import soundfile  # pyright: ignore[reportMissingTypeStubs]

from app.audio.wav import HEADER_BYTES, RF64_HEADER_BYTES, header_bytes, wav_header

#: The samples of the longest plain file.
MOST = (2**32 - 1 - (HEADER_BYTES - 8)) // 2


@pytest.mark.parametrize("samples", [0, 1, 2, 1_920, 24_000, 100_001])
@pytest.mark.parametrize("rate", [24_000, 44_100])
def test_other_readers_find_rate_length_and_samples(samples: int, rate: int) -> None:
    pcm = bytes(range(256)) * (samples // 128 + 1)
    pcm = pcm[: 2 * samples]

    file = wav_header(samples, sample_rate=rate) + pcm

    with wave.open(io.BytesIO(file)) as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) == (rate, 1, 2)
        assert reader.getnframes() == samples
        assert reader.readframes(samples) == pcm
    info = soundfile.info(io.BytesIO(file))
    assert (info.frames, info.samplerate, info.channels, info.subtype) == (samples, rate, 1, "PCM_16")
    read, _ = soundfile.read(io.BytesIO(file), dtype="int16")
    assert read.tobytes() == pcm


@pytest.mark.parametrize("samples", [0, 1, MOST, MOST + 1, 2**33])
def test_a_plain_header_has_the_44_bytes_that_every_reader_knows_and_that_of_rf64_has_80(samples: int) -> None:
    header = wav_header(samples, sample_rate=24_000)

    assert len(header) == header_bytes(header[:16]) == (44 if samples <= MOST else 80)
    assert header[:4] == (b"RIFF" if samples <= MOST else b"RF64")
    assert header[12:16] == (b"fmt " if samples <= MOST else b"ds64")
    assert header[-8:-4] == b"data"


@pytest.mark.parametrize(
    ("samples", "header"),
    [(MOST, HEADER_BYTES), (MOST + 1, RF64_HEADER_BYTES), (2**31 + 12_345, RF64_HEADER_BYTES)],
)
def test_a_file_around_and_beyond_4_gigabytes_is_read_to_its_end(tmp_path: Path, samples: int, header: int) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(wav_header(samples, sample_rate=24_000))
    os.truncate(path, header + 2 * samples)
    if path.stat().st_blocks * 512 > 1 << 20:
        path.unlink()
        pytest.skip("THE FILE SYSTEM HAS NO SPARSE FILES: RF64 IS NOT TESTED")
    with path.open("r+b") as file:
        file.seek(-2, os.SEEK_END)
        file.write(b"\x39\x30")

    with soundfile.SoundFile(path) as reader:
        assert reader.frames == samples
        reader.seek(samples - 2)
        tail = reader.read(4, dtype="int16").tolist()

    assert tail == [0, 12345]
