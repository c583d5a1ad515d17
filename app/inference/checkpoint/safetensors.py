"""Judges a safetensors file by its header, without reading its weights.

MLX maps such a file and believes what the header says of it, so this is read first: what passes here is
refused by no other reader of the format, and points at no byte outside the file. It knows nothing of
models, and imports nothing native.
"""

import os
from pathlib import Path
from stat import S_ISREG
from typing import Annotated

from msgspec import DecodeError, Meta, Raw, Struct
from msgspec.json import Decoder

#: The format allows 100 MB. The headers of speech models have less than 2 MB, and a parsed header takes
#: many times its length, so no more than this is ever read.
MAX_HEADER = 16 << 20

MAX_TENSORS = 100_000
MAX_DIMENSIONS = 16

#: No tensor has more elements; readers that count in 64 bits do not overflow below it.
_MAX_ELEMENTS = 1 << 48

_DTYPE_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 8),
}

#: MLX keeps a dimension in 32 bits.
_Dimension = Annotated[int, Meta(ge=0, le=2**31 - 1)]
_Offset = Annotated[int, Meta(ge=0, le=2**62)]


class BrokenFile(ValueError):
    """A safetensors file that must not be loaded; the message names it and says why."""


class Tensor(Struct, frozen=True):
    """What the header says of one tensor."""

    dtype: str
    shape: tuple[int, ...]


class Head(Struct, frozen=True):
    """What the header says."""

    tensors: dict[str, Tensor]
    bytes: int  #: of the whole file


class _Entry(Struct, frozen=True, forbid_unknown_fields=True):
    dtype: str
    shape: tuple[_Dimension, ...]
    data_offsets: tuple[_Offset, _Offset]


_HEADER = Decoder(dict[str, Raw])
_ENTRY = Decoder(_Entry)
_METADATA = Decoder(dict[str, str] | None)


def check(path: Path) -> Head:
    """The header of a file that is as it should be; else raises `BrokenFile`."""
    try:
        header, size = _read(path)
        entries = _entries(header)
        _check_data(entries, size - 8 - len(header))
    except BrokenFile as error:
        raise BrokenFile(f"{path.name}: {error}") from error
    except OSError as error:
        raise BrokenFile(f"{path.name}: cannot be read ({error.strerror})") from error
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BrokenFile(f"{path.name}: its header is not that of a safetensors file ({error})") from error
    return Head({name: Tensor(entry.dtype, entry.shape) for name, entry in entries.items()}, size)


def _read(path: Path) -> tuple[bytes, int]:
    """The header and the size of the whole file. A link to a file is followed: a hub's cache is made of those."""
    # A named pipe would keep the open waiting for whoever writes to it.
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        stat = os.fstat(file.fileno())
        if not S_ISREG(stat.st_mode):
            raise BrokenFile("is not a file")
        if stat.st_size < 8:
            raise BrokenFile(f"is too short for a safetensors file ({stat.st_size} bytes)")
        length = int.from_bytes(file.read(8), "little")
        if length > MAX_HEADER:
            raise BrokenFile(f"claims a header of {length} bytes; the limit is {MAX_HEADER}")
        if length > stat.st_size - 8:
            raise BrokenFile(f"is cut off: its header of {length} bytes does not fit into {stat.st_size} bytes")
        header = file.read(length)
    if len(header) != length:
        raise BrokenFile("became shorter while it was read")
    return header, stat.st_size


def _entries(header: bytes) -> dict[str, _Entry]:
    if not header.startswith(b"{"):
        raise BrokenFile("its header is not that of a safetensors file (it does not start with a brace)")
    if header.count(b":") > 5 * MAX_TENSORS:
        raise BrokenFile(f"has more than {MAX_TENSORS} tensors")
    values = _HEADER.decode(header)
    metadata: dict[str, str] = _METADATA.decode(values.pop("__metadata__", Raw(b"null"))) or {}  # as MLX says none
    entries = {name: _entry(name, value) for name, value in values.items()}
    if not entries:
        raise BrokenFile("has no tensors")
    _refuse_duplicates(header, entries, metadata)
    return entries


def _entry(name: str, value: Raw) -> _Entry:
    if b"-" in bytes(value):  # "-0" is a float to others, and nothing else in an entry has a minus
        raise BrokenFile(f"the tensor {name!r} has a negative number")
    try:
        return _ENTRY.decode(value)
    except DecodeError as error:
        raise BrokenFile(f"the tensor {name!r} is described wrongly ({error})") from error


def _refuse_duplicates(header: bytes, entries: dict[str, _Entry], metadata: dict[str, str]) -> None:
    """Refuse a key that comes twice: one reader takes the first, another the last.

    The decoder keeps the last and does not tell. But every key has a colon, so if there are more of them
    than keys, one was hidden. Colons within strings are counted too, and one that is spelled as an escape
    is refused, for it would make up for a hidden one.
    """
    if b"\\u003a" in header.lower():
        raise BrokenFile("its header spells a colon as an escape, which no known writer does")
    keys = len(entries) * 4 + len(metadata)
    within = sum(text.count(":") for pair in metadata.items() for text in pair)
    within += sum(name.count(":") for name in entries)
    colons = header.count(b":")
    if colons - keys - within not in ((1,) if b'"__metadata__"' in header else (0,)):
        raise BrokenFile("its header has the same key twice")


def _check_data(entries: dict[str, _Entry], size: int) -> None:
    """Check that the tensors fill the rest of the file, one after the other."""
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1].data_offsets):
        begin, stop = entry.data_offsets
        if begin != end or stop < begin:
            raise BrokenFile(f"the tensor {name!r} lies at {begin} to {stop}, where {end} is the next free byte")
        if stop - begin != _bytes(name, entry):
            raise BrokenFile(
                f"the tensor {name!r} has {stop - begin} bytes, "
                f"but {entry.dtype} of the shape {list(entry.shape)} has {_bytes(name, entry)}"
            )
        end = stop
    if end != size:
        what = "is cut off" if end > size else "has bytes that belong to no tensor"
        raise BrokenFile(f"{what}: its tensors end at byte {end} of {size}")


def _bytes(name: str, entry: _Entry) -> int:
    width = _DTYPE_BYTES.get(entry.dtype)
    if width is None:
        raise BrokenFile(f"the tensor {name!r} is of type {entry.dtype!r}; known are {', '.join(_DTYPE_BYTES)}")
    if len(entry.shape) > MAX_DIMENSIONS:
        raise BrokenFile(f"the tensor {name!r} has {len(entry.shape)} dimensions")
    elements = 1
    for dimension in entry.shape:
        elements *= dimension or 1  # a zero must not hide what overflows beside it
        if elements > _MAX_ELEMENTS:
            raise BrokenFile(f"the tensor {name!r} claims more than {_MAX_ELEMENTS} elements")
    return 0 if 0 in entry.shape else elements * width
