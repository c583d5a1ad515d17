"""A model's folder, read with suspicion and without loading it: its files, their JSON, the names of its tensors.

It does not know what a model is made of. Nothing native is imported here.
"""

import os
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias, TypeVar, cast

from msgspec import DecodeError, Raw, Struct
from msgspec.json import decode

from app.inference.checkpoint.safetensors import BrokenFile, Tensor, check

T = TypeVar("T")

#: By relative name, sorted.
Files: TypeAlias = dict[str, os.stat_result]

#: By file, then by name.
Weights: TypeAlias = dict[str, dict[str, Tensor]]

MAX_CONFIG = 4 << 20
MAX_JSON = 40 << 20  #: the tokenizer.json of some language models has 33 MB
MAX_FILES = 4_000
MAX_DEPTH = 3

#: Code, and formats that hold code or that readers are known to trip over.
_REFUSED = (
    ".py .pyc .pyo .pyd .so .dylib .dll .exe .sh .whl .bin .pt .pth .pkl .pickle .joblib .dill .ckpt .nemo "
    ".npy .npz .h5 .hdf5 .keras .onnx .msgpack .gguf"
)
_CODE_KEYS = frozenset(
    ("auto_map", "model_file", "custom_pipelines", "custom_code", "custom_generate", "trust_remote_code")
)


class BrokenCheckpoint(Exception):
    """A folder that must not be loaded; the message says what is wrong, and what would be right."""

    def __init__(self, message: str) -> None:
        # A file's name may have bytes that no answer could be made of.
        super().__init__(message.encode("utf-8", "replace").decode())


class _Index(Struct):
    weight_map: dict[str, str]


def files_in(folder: Path) -> Files:
    """The files of a folder by their relative names, sorted. Links are followed: a hub's cache is made of those."""
    files: Files = {}
    try:
        _list(folder, "", files)
    except OSError as error:
        raise BrokenCheckpoint(f"the folder {folder.name!r} cannot be read: {error.strerror}") from error
    return files


def _list(folder: Path, below: str, files: Files) -> None:
    with os.scandir(folder) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        name = below + entry.name
        if entry.name.startswith(".") and (entry.is_dir() or not name.endswith(".safetensors")):
            continue  # a hub's bookkeeping, or a desktop's; but mlx-audio loads weights also from hidden files
        if entry.is_dir():
            if name.count("/") >= MAX_DEPTH:
                raise BrokenCheckpoint(f"{name} lies too deep; a model has at most {MAX_DEPTH} levels of folders")
            _list(folder / entry.name, f"{name}/", files)
            continue
        if os.path.splitext(name)[1].lower() in _REFUSED.split():
            raise BrokenCheckpoint(f"{name} is code or can hold code; remove it; weights come as *.safetensors")
        if not entry.is_file():
            raise BrokenCheckpoint(f"{name} is neither a file nor a link to one; put the file there, or remove it")
        files[name] = entry.stat()
        if len(files) > MAX_FILES:
            raise BrokenCheckpoint(f"there are more than {MAX_FILES} files; this is not the folder of one model")


def named(files: Files, ending: str, folder: str = "") -> list[str]:
    """The names that end like this."""
    return [name for name in files if name.endswith(ending) and name.startswith(folder)]


def read_json(folder: Path, files: Files, name: str, kind: type[T], limit: int = MAX_CONFIG) -> T:
    """What a file says, if it has this shape and at most `limit` bytes."""
    if name not in files:
        raise BrokenCheckpoint(f"{name} is missing; it belongs in the folder of a model")
    try:
        with open(folder / name, "rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise BrokenCheckpoint(f"{name} has more than {limit >> 20} MB, which is too large for such a file")
        return decode(data, type=kind)
    except OSError as error:
        raise BrokenCheckpoint(f"{name} cannot be read: {error.strerror}") from error
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BrokenCheckpoint(f"{name} is malformed: {error}") from error


def check_json(folder: Path, files: Files, name: str) -> None:
    """Refuse what asks for code to be run: anywhere in a configuration, at the top of a tokenizer's tables."""
    if "config" in name.rpartition("/")[2].lower():
        found = _code_key(read_json(folder, files, name, object))
    elif bytes(read_json(folder, files, name, Raw, MAX_JSON)).startswith(b"{"):
        found = _code_key(read_json(folder, files, name, dict[str, Raw], MAX_JSON))
    else:
        found = None
    if found is not None:
        raise BrokenCheckpoint(f"{name} has {found!r}, which asks for code to be run; no model needs that here")
    if name.endswith(".safetensors.index.json"):
        below = name[: name.rfind("/") + 1]
        for shard in read_json(folder, files, name, _Index, MAX_JSON).weight_map.values():
            if below + shard not in files:
                raise BrokenCheckpoint(f"{name} names {shard[:80]!r}, which is not there")


def _code_key(value: object) -> str | None:
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            pairs = cast(dict[str, object], item)
            for key in pairs.keys() & _CODE_KEYS:
                if pairs[key]:  # `"trust_remote_code": false` asks for nothing
                    return key
            todo.extend(pairs.values())
        elif isinstance(item, list):
            todo.extend(cast(list[object], item))
    return None


def tensors_in(folder: Path, files: Files) -> Weights:
    """The tensors in each file, all of which have been checked."""
    try:
        weights = {name: check(folder / name).tensors for name in named(files, ".safetensors")}
    except BrokenFile as error:
        raise BrokenCheckpoint(f"the weights are damaged: {error}") from error
    if all("/" in name for name in weights):
        raise BrokenCheckpoint("there are no weights; at least one *.safetensors belongs beside config.json")
    return weights


def fingerprint(files: Files) -> str:
    """Changes when any file is replaced, written to, or gone."""
    lines = (f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n" for name, stat in files.items())
    return sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:16]
