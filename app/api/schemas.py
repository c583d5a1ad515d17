"""Requests of the HTTP API, as the API specifies them. Shapes only; the answers are in `views.py`."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, field

from app.errors import InvalidRequest
from app.inference.model import Lane, TextLayout
from app.store.rows import Settings, Webhook
from app.usecases.fields import wrong
from app.usecases.formats import EncodingChoice
from app.usecases.jobs import MAX_TEXT_CHARS, Request
from app.webhooks.addresses import MAX_URL_CHARS

FileFormat = Literal["wav", "flac", "mp3", "opus", "m4a"]
Factor = Annotated[float, Meta(ge=0.5, le=2.0)]
Volume = Annotated[float, Meta(ge=0.0, le=2.0)]
Language = Annotated[
    str, Meta(max_length=100, description="A name, such as Dutch, or a BCP 47 tag, such as nl-BE; or auto")
]
VoiceName = Annotated[
    str, Meta(min_length=1, max_length=200, description="An id, a name, or the beginning of an id")
]
ModelName = Annotated[
    str,
    Meta(min_length=1, max_length=512, description="An id, or a repository of the hub; whose voice it should be"),
]
DisplayName = Annotated[str, Meta(min_length=1, max_length=200)]
#: Whole numbers that JavaScript keeps exactly.
Seed = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Tag = Annotated[str, Meta(min_length=1, max_length=64)]


class _Body(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What clients send: a field that is not known is a mistake that should be heard of."""


class Chunking(_Body, frozen=True):
    """How the text is cut."""

    max_chars: Annotated[int, Meta(ge=100, le=2000)] = 400


class SpeechSettings(_Body, frozen=True):
    """How to speak. Factors are 1.0 for the voice as it is; what is null is left to the model."""

    rate: Factor = 1.0
    pitch: Factor = 1.0
    volume: Volume = 1.0
    chunking: Chunking = field(default_factory=Chunking)
    temperature: Annotated[float, Meta(ge=0.0, le=2.0)] | None = None
    top_k: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    top_p: Annotated[float, Meta(gt=0.0, le=1.0)] | None = None
    repetition_penalty: Annotated[float, Meta(ge=1.0, le=2.0)] | None = None
    text_layout: TextLayout = "before"
    max_seconds: Annotated[float, Meta(ge=1.0, le=600.0)] | None = None
    instruct: Annotated[str, Meta(max_length=1000)] = ""
    allow_gaps: bool = False

    def plain(self) -> Settings:
        """As the store keeps them."""
        fields = msgspec.structs.asdict(self)
        del fields["chunking"]
        fields.update(max_chars=self.chunking.max_chars, instruct=self.instruct.strip())
        return Settings(**fields)

    @classmethod
    def of(cls, settings: Settings) -> "SpeechSettings":
        """As they are answered."""
        fields = msgspec.structs.asdict(settings)
        return cls(chunking=Chunking(max_chars=fields.pop("max_chars")), **fields)


class SpeakRequest(_Body, frozen=True):
    """Start speaking to a listener."""

    text: Annotated[str, Meta(max_length=MAX_TEXT_CHARS)]
    voice_id: UUID | None = None
    voice: VoiceName | None = None
    model: ModelName | None = None
    language: Language | None = None
    settings: SpeechSettings = field(default_factory=SpeechSettings)
    seed: Seed | None = None

    def job(self, lane: Lane) -> Request:
        """As the use cases take it. Raises `InvalidRequest`."""
        if self.voice is not None and self.voice_id is not None:
            raise both_voices()
        return Request(
            lane=lane,
            voice=self.voice if self.voice_id is None else str(self.voice_id),
            model=UNSET if self.model is None else self.model,
            text=self.text,
            language=self.language or "",
            settings=self.settings.plain(),
            seed=self.seed,
        )


class CancelRequest(_Body, frozen=True):
    """Which job to cancel."""

    job_id: UUID


class Notify(_Body, frozen=True):
    """The receiver of the message that a job has ended, and the secret to sign it with; see docs/webhooks.md."""

    url: Annotated[str, Meta(min_length=1, max_length=MAX_URL_CHARS)]
    secret: Annotated[str, Meta(min_length=1, max_length=100)]


class FormatOptions(_Body, frozen=True):
    """How a format is encoded; what is null is left to the engine."""

    bit_rate: Annotated[int, Meta(ge=1, description="Bits per second")] | None = None
    sample_rate: Annotated[int, Meta(ge=1, description="In Hertz")] | None = None


class FormatsOptions(_Body, frozen=True):
    """How each of the formats is encoded, but for WAV, which has nothing to choose."""

    flac: FormatOptions | None = None
    mp3: FormatOptions | None = None
    opus: FormatOptions | None = None
    m4a: FormatOptions | None = None


class SubmitRequest(SpeakRequest, frozen=True):
    """Render text into files."""

    formats: Annotated[list[FileFormat], Meta(min_length=1, max_length=8)] = field(default_factory=lambda: ["wav"])
    encoding: FormatsOptions | None = None
    title: Annotated[str, Meta(max_length=200)] | None = None
    tags: Annotated[list[Tag], Meta(max_length=16)] = field(default_factory=list[Tag])
    notify: Notify | None = None

    def job(self, lane: Lane) -> Request:
        """As the use cases take it. Raises `InvalidRequest`."""
        asked = super().job(lane)
        given = {} if self.encoding is None else msgspec.structs.asdict(self.encoding)
        encoding = {
            name: EncodingChoice(how.bit_rate, how.sample_rate) for name, how in given.items() if how is not None
        }
        return msgspec.structs.replace(
            asked,
            formats=self.formats,
            encoding=encoding or UNSET,
            title=self.title,
            tags=self.tags,
            notify=UNSET if self.notify is None else Webhook(url=self.notify.url, secret=self.notify.secret),
        )


class PruneRequest(_Body, frozen=True):
    """What is kept of the jobs that have ended; without any limit, what the engine's settings say."""

    keep_days: Annotated[float, Meta(gt=0)] | None = None
    keep_jobs: Annotated[int, Meta(ge=1)] | None = None
    keep_bytes: Annotated[int, Meta(ge=1)] | None = None
    dry_run: bool = False


class RefAudio(_Body, frozen=True):
    """A recording: a WAV, FLAC, MP3, M4A or Ogg file on this machine, or the bytes of one as base64."""

    path: Annotated[str, Meta(min_length=1, max_length=4096)] | None = None
    wav_base64: Annotated[str, Meta(min_length=1)] | None = None


class CloneOptions(_Body, frozen=True):
    """How the recording is prepared: with `normalize_audio` its level is set, and silence around it is cut."""

    normalize_audio: bool = True


class CloneRequest(_Body, frozen=True):
    """Make a voice from a recording."""

    display_name: DisplayName
    ref_audio: RefAudio
    ref_text: Annotated[str, Meta(max_length=4000)] | None = None
    language: Language | None = None
    options: CloneOptions = field(default_factory=CloneOptions)


class DesignRequest(_Body, frozen=True):
    """Make a voice from a description of its sound."""

    display_name: DisplayName
    description: Annotated[str, Meta(min_length=1, max_length=2000)]
    language: Language | None = None


class RenameRequest(_Body, frozen=True):
    """Give a voice another name."""

    display_name: DisplayName


class TranscribeRequest(_Body, frozen=True):
    """Find out what is said in a recording."""

    ref_audio: RefAudio
    language: Language | None = None


def both_voices() -> InvalidRequest:
    """The error about a request that names its voice twice."""
    return wrong("voice", "voice_id is given as well; leave one of the two out")
