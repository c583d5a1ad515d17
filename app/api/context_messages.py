"""The messages of `WS /v1/speak`: what clients send, and what they are sent beside the events of their jobs."""

from typing import Annotated, Any, ClassVar
from uuid import UUID

import msgspec
from msgspec import Meta, Struct, field

from app.api.schemas import Language, ModelName, Seed, SpeakRequest, SpeechSettings, VoiceName
from app.errors import ErrorBody
from app.events import AudioChunk, Event, as_binary, as_json
from app.inference.model import Lane
from app.usecases.fields import wrong
from app.usecases.jobs import Request
from app.usecases.json_input import read_json

ContextId = Annotated[str, Meta(min_length=1, max_length=64, description="Any name that the client likes")]

#: Before the PCM of a binary message: this, the number of the context, then `BINARY_HEADER` without its magic.
CONTEXT_MAGIC = b"Q3C1"


class _Message(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    context_id: ContextId


class OpenContext(_Message, frozen=True, tag="OPEN"):
    """Begin a text. The fields are those of `POST /v1/speak`, without the text."""

    voice_id: UUID | None = None
    voice: VoiceName | None = None
    model: ModelName | None = None
    language: Language | None = None
    settings: SpeechSettings = field(default_factory=SpeechSettings)
    seed: Seed | None = None

    def request(self) -> Request:
        """As the use cases take it. Raises `InvalidRequest`."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__ if name != "context_id"}
        return SpeakRequest(text="", **fields).job(Lane.SPEAK)


class AppendText(_Message, frozen=True, tag="APPEND"):
    """More of the text."""

    text: str


class FlushText(_Message, frozen=True, tag="FLUSH"):
    """Speak what there is, without waiting for the end of the sentence."""


class EndText(_Message, frozen=True, tag="END"):
    """No more text comes."""


class CancelContext(_Message, frozen=True, tag="CANCEL"):
    """Stop speaking, and forget what was not sent."""


ClientMessage = OpenContext | AppendText | FlushText | EndText | CancelContext


class ContextOpened(Struct, frozen=True, kw_only=True, tag_field="type", tag="CONTEXT_OPENED"):
    """A context has a job. `number` stands for it in binary messages."""

    context_id: str
    number: int
    job_id: str
    voice_id: str


class ContextError(Struct, frozen=True, kw_only=True, tag_field="type", tag="ERROR"):
    """A message could not be carried out; `context_id` is null when it names none."""

    context_id: str | None
    error: ErrorBody


class _Envelope(Struct, frozen=True):
    kinds: ClassVar[dict[str, type[ClientMessage]]] = {
        "OPEN": OpenContext,
        "APPEND": AppendText,
        "FLUSH": FlushText,
        "END": EndText,
        "CANCEL": CancelContext,
    }

    type: str
    context_id: Any = None


def decoded(text: str) -> ClientMessage:
    """The message of a client. Raises `InvalidRequest`."""
    envelope = read_json(text, _Envelope, what="the message")
    kind = _Envelope.kinds.get(envelope.type)
    if kind is None:
        raise wrong("type", f"{envelope.type!r:.80} is not a message; send {', '.join(_Envelope.kinds)}")
    return read_json(text, kind, what="the message")


def context_named(text: str) -> str | None:
    """The context that a message names, even if it is not valid."""
    try:
        said = msgspec.json.decode(text, type=_Envelope).context_id
    except (msgspec.DecodeError, RecursionError):
        return None
    return said[:64] if isinstance(said, str) else None


def encoded(event: Event, context_id: str, number: int, *, binary: bool) -> str | bytes:
    """An event of a context's job: JSON that names the context, too; or the bytes of a binary message."""
    if binary and isinstance(event, AudioChunk):
        plain = as_binary(event)
        return CONTEXT_MAGIC + number.to_bytes(4, "little") + plain[len(CONTEXT_MAGIC) :]
    return f'{as_json(event)[:-1]},"context_id":{msgspec.json.encode(context_id).decode()}}}'
