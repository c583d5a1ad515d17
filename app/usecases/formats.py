"""Which files a job will have, and how each is encoded."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from app.audio.export.formats import WAV, encoding
from app.errors import InvalidRequest
from app.store.rows import EncoderSettings
from app.usecases.fields import wrong


class EncodingChoice(Struct, frozen=True):
    """How somebody wants a format to be encoded; what is None is left to the engine."""

    bit_rate: int | None = None  #: bits per second
    sample_rate: int | None = None  #: in Hertz


def encoder_settings(formats: Sequence[str], asked: Mapping[str, EncodingChoice]) -> dict[str, EncoderSettings]:
    """How each of the formats that have an encoder is made. Raises `InvalidRequest` about what cannot be."""
    if unused := [name for name in asked if name not in formats]:
        raise wrong(
            f"encoding.{unused[0]}", f"the formats of the job are {', '.join(formats)}; add it, or leave this out"
        )
    found: dict[str, EncoderSettings] = {}
    for name in formats:
        if name == WAV:
            continue
        choice = asked.get(name, EncodingChoice())
        try:
            made = encoding(name, bit_rate=choice.bit_rate, sample_rate=choice.sample_rate)
        except InvalidRequest as error:
            (about,) = error.details["fields"]
            raise wrong(f"encoding.{name}.{about['field']}", about["message"]) from error
        found[name] = EncoderSettings(made.sample_rate, made.bit_rate)
    return found
