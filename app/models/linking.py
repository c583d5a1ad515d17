"""A folder from elsewhere becomes a model by a link to it in the models folder. Files are not moved, nor copied.

Everything here blocks.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from app.errors import InvalidRequest, ModelNotReady, StorageFailed
from app.inference.checkpoint.inspect import BrokenCheckpoint, read_checkpoint
from app.inference.checkpoint.layouts import ModelPlace, models_at


def model_at(path: Path) -> ModelPlace:
    """The one model that lies there, in whatever layout. Raises `InvalidRequest`, `ModelNotReady`."""
    if not path.is_dir():
        raise InvalidRequest(f"there is no folder {path}; give the folder of a model, with config.json in it")
    places = models_at(path)
    if len(places) != 1:
        found = f"several models: {', '.join(place.model_id for place in places)}" if places else "no model"
        raise InvalidRequest(f"{path} holds {found}; give the folder of one, with config.json in it")
    (place,) = places
    try:
        read_checkpoint(place.folder, place.model_id)
    except BrokenCheckpoint as error:
        why = f" (its download is not complete: {place.unfinished})" if place.unfinished else ""
        raise ModelNotReady(f"the model in {path} cannot be used: {error}{why}", model_id=place.model_id) from error
    return place


def link_model(place: ModelPlace, models: Path) -> Path:
    """Put a link to a model into the models folder, under a free name. Raises `StorageFailed`."""
    # A repository of the hub's cache is linked to as a whole: it goes on with its newest commit.
    target = (place.root if place.commit else place.folder).absolute()
    try:
        for name in _names(target.name if place.commit else _free_of_others(place.model_id, models)):
            link = models / name
            if not os.path.lexists(link):
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(target, target_is_directory=True)
                return link
    except OSError as error:
        raise StorageFailed(
            f"no link to {target} can be put into {models}: {error.strerror}; put the model there yourself"
        ) from error
    raise AssertionError("there is always another name")


def _free_of_others(model_id: str, models: Path) -> str:
    """A name that leads into no folder but one that is a publisher's already."""
    publisher, slash, name = model_id.rpartition("/")
    folder = models / publisher
    return name if slash and (folder.is_symlink() or (folder / "config.json").exists()) else model_id


def _names(wanted: str) -> Iterator[str]:
    wanted = wanted.lstrip(".") or "model"
    yield wanted
    number = 2
    while True:
        yield f"{wanted}-{number}"
        number += 1
