"""Audio in other formats while it is made, decoded by FFmpeg, and by ffprobe where there is one."""

import shutil
import subprocess
from math import sin
from struct import pack

import pytest

from app.audio.export.formats import FORMATS, LIVE_FORMATS, encoding
from app.audio.export.stream_encoder import StreamEncoder
from app.errors import InvalidRequest
from tests.audio.encoded import decoded, metadata

RATE = 24_000
SAMPLES = 2 * RATE + 777
SPEECH = b"".join(pack("<h", int(9000 * sin(i * 0.05) * abs(sin(i * 0.0003)))) for i in range(SAMPLES))

#: How many samples there may be too many where a format has no field for it: the codec's delay, and the last frame.
LONGER = {"mp3": 3 * 576 + 1105, "aac": 3 * 1024}


def encoded(name: str, *, cut: int = 4_800, sample_rate: int | None = None) -> list[bytes]:
    """What came back of each push, and of the end."""
    encoder = StreamEncoder(encoding(name, sample_rate=sample_rate), {"title": "Früh am Morgen"})
    return [*(encoder.push(SPEECH[at : at + cut]) for at in range(0, len(SPEECH), cut)), encoder.finish()]


def container(name: str) -> str | None:
    """Of bare samples nothing tells what they are."""
    return "s16le" if name == "pcm" else None


@pytest.mark.parametrize("name", LIVE_FORMATS)
def test_what_is_decoded_is_as_long_as_what_was_spoken(name: str) -> None:
    rate, samples = decoded(b"".join(encoded(name)), container(name))

    due = SAMPLES * (48_000 if name == "opus" else RATE) // RATE
    assert rate in (48_000, RATE) or name == "pcm"
    assert due <= len(samples) <= due + LONGER.get(name, 0)


@pytest.mark.parametrize("name", ["wav", "pcm", "flac"])
def test_formats_without_loss_keep_every_sample(name: str) -> None:
    _, samples = decoded(b"".join(encoded(name)), container(name))

    assert pack(f"<{len(samples)}h", *samples) == SPEECH


@pytest.mark.parametrize(
    ("name", "rate"), [(name, rate) for name in LIVE_FORMATS for rate in FORMATS[name].sample_rates]
)
def test_every_sample_rate_of_the_table_is_encoded(name: str, rate: int) -> None:
    found, samples = decoded(b"".join(encoded(name, sample_rate=rate)), container(name))

    if name == "opus":  # is decoded at 48 kHz, whatever it was made from
        rate = 48_000
    assert found == rate or name == "pcm"
    assert len(samples) == pytest.approx(SAMPLES * rate / RATE, abs=2 + LONGER.get(name, 0) * 2)


@pytest.mark.parametrize("name", LIVE_FORMATS)
def test_the_bytes_do_not_depend_on_how_the_samples_come(name: str) -> None:
    assert b"".join(encoded(name, cut=200)) == b"".join(encoded(name, cut=len(SPEECH)))


@pytest.mark.parametrize(
    ("name", "within"), [("pcm", 0), ("wav", 0), ("opus", 30), ("mp3", 60), ("flac", 110), ("aac", 100)]
)
def test_the_first_bytes_come_with_the_codecs_first_frame(name: str, within: int) -> None:
    """In milliseconds of audio; a muxer that collects a page or a second would be far above."""
    cut = 2 * RATE // 100
    first = next(at for at, made in enumerate(encoded(name, cut=cut)) if made)

    assert 10 * first <= within


@pytest.mark.parametrize("name", LIVE_FORMATS)
def test_what_comes_out_keeps_up_with_what_goes_in(name: str) -> None:
    """Of each tenth of a second some bytes: nothing is collected for later."""
    made = encoded(name, cut=2 * RATE // 10)

    assert all(made[1:-1])


@pytest.mark.parametrize("name", LIVE_FORMATS)
def test_a_stream_of_nothing_ends_well(name: str) -> None:
    encoder = StreamEncoder(encoding(name))

    assert encoder.push(b"") == (b"" if name != "wav" else encoder_header())
    assert isinstance(encoder.finish(), bytes)


def encoder_header() -> bytes:
    return StreamEncoder(encoding("wav")).push(b"")


def test_the_header_of_a_live_wav_is_44_bytes() -> None:
    header = encoder_header()

    assert len(header) == 44
    assert header[:4] + header[8:16] + header[36:40] == b"RIFFWAVEfmt data"
    assert header[4:8] == header[40:44] == b"\xff\xff\xff\xff"


@pytest.mark.parametrize("name", ["mp3", "opus", "flac"])
def test_the_title_is_in_the_stream(name: str) -> None:
    assert metadata(b"".join(encoded(name)))["title"] == "Früh am Morgen"


def test_half_a_sample_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="even"):
        StreamEncoder(encoding("mp3")).push(b"\0")


@pytest.mark.parametrize("name", [name for name in LIVE_FORMATS if name != "pcm"])
def test_ffprobe_reads_every_format_without_a_complaint(name: str) -> None:
    if (ffprobe := shutil.which("ffprobe")) is None:
        pytest.skip("there is no ffprobe")
    made = b"".join(encoded(name))

    read = subprocess.run(
        [ffprobe, "-v", "warning", "-show_packets", "-"], input=made, capture_output=True, check=True, timeout=60
    )

    assert read.stderr == b""


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_has_defaults_that_it_accepts_itself(name: str) -> None:
    made = encoding(name)

    assert encoding(name, bit_rate=made.bit_rate, sample_rate=made.sample_rate) == made


@pytest.mark.parametrize(
    ("name", "bit_rate", "sample_rate", "field", "message"),
    [
        ("wma", None, None, "format", "there is no format 'wma'; there are wav, flac, mp3, opus, m4a, aac, pcm"),
        ("wav", None, 48_000, "sample_rate", "wav cannot have 48000 Hz; it can have 24000"),
        ("opus", None, 44_100, "sample_rate", "it can have 8000, 12000, 16000, 24000, 48000"),
        ("flac", 64_000, None, "bit_rate", "flac has no bit rate to choose; leave it out"),
        (
            "mp3",
            65_000,
            None,
            "bit_rate",
            "mp3 at 24000 Hz cannot have 65000 bits per second; it can have 8000, 16000",
        ),
        ("mp3", 320_000, None, "bit_rate", "144000, 160000"),
        ("mp3", 8_000, 48_000, "bit_rate", "mp3 at 48000 Hz cannot have 8000 bits per second; it can have 32000"),
        ("opus", 5_999, None, "bit_rate", "it can have 6000 to 256000"),
        ("m4a", 144_001, None, "bit_rate", "it can have 16000 to 144000"),
    ],
)
def test_what_a_format_cannot_do_is_refused_with_what_it_can(
    name: str, bit_rate: int | None, sample_rate: int | None, field: str, message: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        encoding(name, bit_rate=bit_rate, sample_rate=sample_rate)

    (about,) = refused.value.details["fields"]
    assert about["field"] == field
    assert message in about["message"]
