"""Answers about models."""

from typing import Literal

from msgspec import Struct

from app.api.views.openai import OpenAIModel
from app.errors import ErrorBody
from app.inference.model import ModelCard
from app.models.downloads import Download
from app.models.listed import Listed


class Capabilities(Struct, frozen=True):
    """What a model can do."""

    supports_voice_clone: bool
    supports_voice_design: bool
    supports_instruct: bool
    supports_transcription: bool
    supports_audio_chunk_stream: bool
    supports_true_streaming_inference: bool
    languages: list[str]


class DownloadView(Struct, frozen=True, kw_only=True):
    """How far a download is, or how the last one failed."""

    state: Literal["downloading", "failed", "canceled", "done"]
    bytes_done: int
    bytes_total: int | None
    bytes_per_second: float | None
    seconds_left: float | None
    error: ErrorBody | None


class ModelView(Struct, frozen=True, kw_only=True):
    """A model, as it is now."""

    model_id: str
    display_name: str
    state: Literal["absent", "downloading", "installed", "loading", "active", "broken"]
    task: Literal["tts", "stt"]
    loaded: bool
    repository: str | None
    revision: str | None
    bytes: int | None
    capabilities: Capabilities | None
    download: DownloadView | None
    reason: str | None

    @classmethod
    def of(cls, listed: Listed) -> "ModelView":
        """From what the engine knows of it."""
        return cls(
            model_id=listed.model_id,
            display_name=listed.display_name,
            state=listed.state.value,
            task=listed.task.value,
            loaded=listed.loaded,
            repository=listed.repository or None,
            revision=listed.revision or None,
            bytes=listed.bytes,
            capabilities=None if listed.entry is None else capabilities_of(listed.entry.card),
            download=None if listed.download is None else _download_of(listed.download),
            reason=listed.reason or None,
        )


class SkippedView(Struct, frozen=True):
    """Something in the models folder, or in the hub's cache, that is not taken for a model."""

    name: str
    reason: str


class ModelList(Struct, frozen=True):
    """What is built in, what is on this machine, then what could be downloaded; and what was passed over."""

    models: list[ModelView]
    skipped: list[SkippedView]
    data: list[OpenAIModel]
    object: Literal["list"] = "list"


class CheckedModel(Struct, frozen=True):
    """A model whose files have been read again. Without recorded hashes, `files_checked` is 0."""

    model: ModelView
    files_checked: int


def capabilities_of(card: ModelCard, *, transcribes: bool = False) -> Capabilities:
    """From a model's card; `transcribes` when there is another model for that."""
    return Capabilities(
        supports_voice_clone=card.supports_clone,
        supports_voice_design=card.supports_design,
        supports_instruct=card.supports_instruct,
        supports_transcription=transcribes,
        supports_audio_chunk_stream=True,
        supports_true_streaming_inference=card.streams,
        languages=[*card.languages, "auto"],
    )


def _download_of(download: Download) -> DownloadView:
    error = download.error
    return DownloadView(
        state=download.state,
        bytes_done=download.bytes_done,
        bytes_total=download.bytes_total,
        bytes_per_second=download.bytes_per_second,
        seconds_left=download.seconds_left,
        error=None if error is None else ErrorBody(error.code, error.message),
    )
