"""Where models lie in a folder that programs fill: a folder for each, as here; `publisher/model`, as LM Studio has
it; and the cache of the Hugging Face hub, `models--org--name/snapshots/commit`
(https://huggingface.co/docs/huggingface_hub/guides/manage-cache).

It looks at names and opens no file but a cache's `refs/main`. Nothing is passed over in silence: what is not taken
for a model is returned with the reason. Which folders hold a model that can be loaded is for `inspect.py`.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from unicodedata import category, normalize

from msgspec import Struct

#: How the hub's cache names the folder of a repository.
_HUB = "models--"
_HUB_OTHERS = {"datasets--": "a data set", "spaces--": "a space"}
#: What people take for a model, and is one file.
_WEIGHTS = tuple(
    [".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".npz", ".nemo", ".zip", ".tar", ".gz"]
)

MAX_COMMIT = 100


class ModelPlace(Struct, frozen=True, kw_only=True):
    """A folder that was to be a model's."""

    model_id: str  #: NFC: macOS returns the names of some file systems decomposed
    folder: Path  #: with `config.json` in it, if all is well
    root: Path  #: what has to be removed for the model to be gone
    repository: str = ""  #: ORG/NAME on the hub, if the layout says so
    commit: str = ""  #: in the hub's cache
    unfinished: str = ""  #: why the download into the hub's cache is not complete


class Skipped(Struct, frozen=True):
    """Something that was passed over."""

    name: str
    reason: str


def find_models(folder: Path) -> Iterator[ModelPlace | Skipped]:
    """What lies in a models folder or a hub's cache, by name. Raises `OSError` if it cannot be read."""
    for path in sorted(path for path in folder.iterdir() if not path.name.startswith(".")):
        if why := _unusable(path.name):
            yield Skipped(_printable(path.name), why)
        elif not path.is_dir():
            if path.is_symlink() and not path.exists():
                yield Skipped(path.name, "it is a link to nothing; link it to a model's folder again")
            elif path.suffix.lower() in _WEIGHTS:
                yield Skipped(path.name, "it is a file; a model is a folder with config.json and *.safetensors")
        elif other := next((kind for name, kind in _HUB_OTHERS.items() if path.name.startswith(name)), None):
            yield Skipped(path.name, f"it is {other} of the hub's cache, not a model")
        else:
            yield from _in_folder(path)


def models_at(path: Path) -> list[ModelPlace]:
    """The models in a folder that somebody names: a model's own, a publisher's, or part of a hub's cache."""
    if path.parent.name == "snapshots":
        name = repository_name(path)
        return [ModelPlace(model_id=name, folder=path, root=path, repository=_repository(path.parent.parent.name))]
    return [place for place in _in_folder(path) if isinstance(place, ModelPlace)]


def repository_name(folder: Path) -> str:
    """What a model is called that lies in this folder: in the hub's cache not a commit, but ORG/NAME."""
    if folder.parent.name == "snapshots":
        return _repository(folder.parent.parent.name) or folder.parent.parent.name
    return folder.name


def hub_cache(environment: Mapping[str, str]) -> Path:
    """Where the tools of the hub keep what they have downloaded, unless they are told otherwise."""
    if cache := environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE"):
        return Path(cache).expanduser()
    if home := environment.get("HF_HOME"):
        return Path(home).expanduser() / "hub"
    caches = environment.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(caches).expanduser() / "huggingface" / "hub"


def _in_folder(path: Path) -> Iterator[ModelPlace | Skipped]:
    name = normalize("NFC", path.name)
    if (path / "snapshots").is_dir() or _repository(path.name):
        yield _in_cache(path)
    elif group := _group(path):
        for model in group:
            if why := _unusable(model.name):
                yield Skipped(f"{name}/{_printable(model.name)}", why)
            elif _repository(model.name):
                yield _in_cache(model)
            else:
                model_id = f"{name}/{normalize('NFC', model.name)}"
                yield ModelPlace(model_id=model_id, folder=model, root=model, repository=model_id)
    else:
        yield ModelPlace(model_id=name, folder=path, root=path)


def _group(path: Path) -> list[Path]:
    """The folders of models in a folder that is none itself."""
    entries = _entries(path)
    if any(entry.name == "config.json" or entry.suffix.lower() in _WEIGHTS for entry in entries):
        return []
    folders = [entry for entry in entries if entry.is_dir()]
    if any(entry.name == "speech_tokenizer" for entry in folders):
        return []  # a Qwen3-TTS checkpoint that lacks its other files
    return folders if any(_looks_like_model(entry) for entry in folders) else []


def _looks_like_model(path: Path) -> bool:
    names = [entry.name for entry in _entries(path)]
    return "config.json" in names or "snapshots" in names or any(name.lower().endswith(_WEIGHTS) for name in names)


def _in_cache(path: Path) -> ModelPlace:
    """A repository of the hub's cache: the commit that `main` is, else the newest one."""
    repository = _repository(path.name)
    snapshots = [entry for entry in _entries(path / "snapshots") if entry.is_dir()]
    current = next((entry for entry in snapshots if entry.name == _main(path)), None)
    snapshot = current or max(snapshots, key=lambda entry: entry.stat().st_mtime, default=None)
    waiting = [entry for entry in _entries(path / "blobs") if entry.name.endswith(".incomplete")]
    unfinished = ""
    if snapshot is None:
        unfinished = "there is no snapshot of it"
    elif waiting:
        unfinished = f"{len(waiting)} of its files are not complete"
    return ModelPlace(
        model_id=repository or normalize("NFC", path.name),
        folder=snapshot or path / "snapshots",
        root=path,
        repository=repository,
        commit="" if snapshot is None else snapshot.name,
        unfinished=unfinished,
    )


def _repository(name: str) -> str:
    """ORG/NAME of the hub, or NAME for one without an owner, by the name of its folder; else empty."""
    if not name.startswith(_HUB) or name == _HUB:
        return ""
    return name.removeprefix(_HUB).replace("--", "/", 1)


def _main(path: Path) -> str:
    try:
        with open(path / "refs" / "main", encoding="ascii", errors="replace") as file:
            return file.read(MAX_COMMIT).strip()
    except OSError:
        return ""


def _entries(folder: Path) -> list[Path]:
    """What is in a folder and not hidden, sorted; nothing if it cannot be read: its inspection will say so."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []


def _unusable(name: str) -> str:
    """Why a folder's name cannot be the id of a model; empty if it can."""
    if _printable(name) != name:
        return "its name is not UTF-8; rename it"
    if any(category(character)[0] == "C" and category(character) != "Cf" for character in name):
        return "its name has control characters; rename it"
    return ""


def _printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")
