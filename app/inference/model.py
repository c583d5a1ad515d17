"""What a model is: utterances in, frames out, one bounded step at a time.

This is the seam between the engine and whatever speaks. It knows nothing of jobs, chunks, files or
sockets: the worker drives one `Model`, and the wire carries these same structs. A new family of models
is a new class with these five methods.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal, Protocol

from msgspec import Struct

from app import SAMPLE_RATE as SAMPLE_RATE
from app.inference.processor import Processor

#: Where a model that speaks in codes finds the text: all of it before them, or token by token beside them.
TextLayout = Literal["before", "beside"]


class Lane(StrEnum):
    """What a job is spoken for; the first is served first."""

    SPEAK = "speak"  #: someone is listening
    RENDER = "render"  #: into a file


class VoiceKind(StrEnum):
    """How a voice was made."""

    PRESET = "preset"  #: part of its model
    CLONE = "clone"  #: from a recording
    DESIGN = "design"  #: from a description


class FinishReason(StrEnum):
    """Why an utterance has no more frames."""

    STOP = "stop"  #: the text was spoken to its end
    LENGTH = "length"  #: the model hit its limit before it came to an end
    CANCELED = "canceled"
    ERROR = "error"


class VoiceSpec(Struct, frozen=True):
    """A speaker, in the model's own terms."""

    kind: VoiceKind
    name: str = ""  #: the model's name of a preset
    folder: str = ""  #: of a clone: holds `reference.wav`, and what a model works out from it
    transcript: str = ""  #: what is said in the reference
    description: str = ""  #: of a design
    language: str = ""  #: its own, BCP 47; spoken when the utterance names none


class Sampling(Struct, frozen=True):
    """How a model that samples chooses its next code. None leaves it to the checkpoint."""

    temperature: float | None = None  #: 0 takes the likeliest
    top_k: int | None = None  #: 0 takes all
    top_p: float | None = None
    repetition_penalty: float | None = None


class Utterance(Struct, frozen=True):
    """One stretch of text for a model to speak in one go.

    `rate` and `pitch` are factors, 1.0 is the voice as it is; they differ from 1.0 only for a model
    whose card names them as its own (`ModelCard.native_settings`). The engine applies the volume.
    """

    text: str
    voice: VoiceSpec
    lane: Lane
    seed: int
    language: str = ""  #: BCP 47, or empty for the voice's own
    rate: float = 1.0
    pitch: float = 1.0
    sampling: Sampling = Sampling()
    text_layout: TextLayout = "before"  #: for a model that has more than one
    instruct: str = ""  #: how to speak, for a model whose card says that it listens to that
    max_seconds: float = 0.0  #: of audio, then it ends with `LENGTH`; 0 leaves the limit to the model
    id: int = 0  #: given when it is submitted; unique in its worker
    after: int = (
        0  #: the id of the utterance that is heard before this one; until that has ended, this one can wait
    )


class Frame(Struct, frozen=True):
    """The next stretch of an utterance's audio: signed 16-bit little-endian mono PCM at `SAMPLE_RATE`.

    The last frame of an utterance is `final` and tells the reason; it may be empty. After a final
    frame the model has forgotten the utterance.
    """

    id: int
    pcm: bytes
    final: bool = False
    finish_reason: FinishReason | None = None
    error: str = ""


class ModelCard(Struct, frozen=True):
    """What the engine knows of a model without starting it."""

    model_id: str
    languages: tuple[str, ...]
    native_settings: frozenset[str]  #: of "rate", "pitch": those that the model applies itself
    supports_clone: bool
    streams: bool  #: frames come while the utterance is still being spoken
    supports_design: bool = False  #: it makes a voice from a description
    supports_instruct: bool = False  #: it can be told how to speak
    #: (rate, factor) pairs, rates ascending: how pauses inside its speech scale; empty if they scale like words.
    pauses_at: tuple[tuple[float, float], ...] = ()


class Model(Protocol):
    """Turns utterances into frames. Belongs to the worker's one thread; every method is called there.

    `step` does one bounded piece of work, so that new utterances, cancels and pings are seen between
    steps. Utterances of lane `speak` are served before those of lane `render`, also when they come
    later: a render gives way at the next step and goes on afterwards without loss.

    The same utterance gives the same bytes, whatever was spoken before it or is spoken beside it.
    """

    @property
    def capacity(self) -> int:
        """How many utterances of lane `render` can be in work at once; `speak` is admitted beyond it."""
        ...

    @property
    def processor(self) -> Processor:
        """What it computes on."""
        ...

    def add(self, utterances: Sequence[Utterance]) -> None:
        """Take utterances in; their frames come from later steps. Never blocks."""
        ...

    def cancel(self, utterance_id: int) -> None:
        """Stop an utterance: its next frame is final with `CANCELED`. Unknown ids are ignored."""
        ...

    def step(self) -> Sequence[Frame]:
        """One bounded piece of work. Empty only when nothing is in work."""
        ...

    def close(self) -> None:
        """Give everything back. Called once, at the end."""
        ...
