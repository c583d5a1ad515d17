"""A model as lists show it: where it is, what it can do, and what is wrong with it."""

from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from app.errors import ModelNotReady
from app.inference.families import Task
from app.models.downloads import Download
from app.models.published import Published
from app.models.spec import ModelSpec


class State(StrEnum):
    """Where a model is."""

    ABSENT = "absent"  #: on the hub, not on this machine
    DOWNLOADING = "downloading"
    INSTALLED = "installed"
    LOADING = "loading"  #: its worker is on its way
    ACTIVE = "active"  #: the one that new voices are made for; it is loaded at first use
    BROKEN = "broken"  #: on this machine, and of no use; `reason` says why


class Listed(Struct, frozen=True, kw_only=True):
    """A model, as it is now."""

    model_id: str
    display_name: str
    state: State
    task: Task = Task.TTS
    entry: ModelSpec | None = None  #: None when it is not here, broken, or does not speak
    repository: str = ""  #: on the hub, if that is known
    revision: str = ""
    folder: Path | None = None
    bytes: int | None = None  #: on disk, or to download when it is absent
    loaded: bool = False
    download: Download | None = None  #: the one in work, or the last one that failed
    reason: str = ""

    @property
    def usable(self) -> ModelSpec:
        """The model, if it can speak. Raises `ModelNotReady`."""
        if self.entry is not None and not self.reason:
            return self.entry
        why = self.reason or f"it is {self.state}"
        if self.task is not Task.TTS and self.state is not State.ABSENT:
            why = "it turns speech into text"
        raise ModelNotReady(f"the model {self.model_id} cannot speak: {why}", model_id=self.model_id)


def absent(model: Published, download: Download | None) -> Listed:
    """A model of the hub that is not here; `download` is its last one, if there was any."""
    loading = download is not None and download.state == "downloading"
    return Listed(
        model_id=model.model_id,
        display_name=model.display_name,
        state=State.DOWNLOADING if loading else State.ABSENT,
        task=model.task,
        repository=model.repository,
        revision=model.revision,
        bytes=model.bytes or None,
        download=download if loading or (download and download.error) else None,
    )
