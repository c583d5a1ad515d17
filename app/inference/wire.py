"""What goes through the pipe between the engine and the worker: a length, four bytes big endian, then msgpack.

Both ends use these structs and this framing. PCM travels as raw bytes.
"""

import struct

import msgspec
from msgspec import Struct

from app.inference.model import Frame, Utterance
from app.inference.processor import Processor

_LENGTH = struct.Struct(">I")
LENGTH_BYTES = _LENGTH.size

#: No message is larger; a length beyond it means that the stream is out of step.
MAX_BYTES = 64 * 1024 * 1024


class Add(Struct, frozen=True, tag=True):
    """To the worker: speak these."""

    utterances: list[Utterance]


class Cancel(Struct, frozen=True, tag=True):
    """To the worker: stop this one; it answers with the final frame."""

    utterance_id: int


class Ping(Struct, frozen=True, tag=True):
    """To the worker: answer between two steps."""


class Ready(Struct, frozen=True, tag=True):
    """From the worker, first: the model is loaded."""

    capacity: int
    processor: Processor


class LoadFailed(Struct, frozen=True, tag=True):
    """From the worker, instead of `Ready`: the model cannot be loaded, and trying again will not help."""

    message: str


class Frames(Struct, frozen=True, tag=True):
    """From the worker: frames, in the order in which the model gave them."""

    frames: list[Frame]


class Pong(Struct, frozen=True, tag=True):
    """From the worker: alive."""


ToWorker = Add | Cancel | Ping
FromWorker = Ready | LoadFailed | Frames | Pong

_encoder = msgspec.msgpack.Encoder()
_to_worker = msgspec.msgpack.Decoder(ToWorker)
_from_worker = msgspec.msgpack.Decoder(FromWorker)


def packed(message: ToWorker | FromWorker) -> bytes:
    """The message with its length in front."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def body_bytes(length: bytes) -> int:
    """How many bytes follow; raises ValueError when the stream is out of step."""
    (count,) = _LENGTH.unpack(length)
    if count > MAX_BYTES:
        raise ValueError(f"a message of {count} bytes: the stream is out of step")
    return count


def to_worker(body: bytes) -> ToWorker:
    """A message as the worker reads it; raises msgspec.DecodeError."""
    return _to_worker.decode(body)


def from_worker(body: bytes) -> FromWorker:
    """A message as the engine reads it; raises msgspec.DecodeError."""
    return _from_worker.decode(body)
