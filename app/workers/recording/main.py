"""The process that reads one untrusted recording, and ends: `q3tts decode`.

It gets an order and the file on standard input and answers on standard output, as `decoder.py` expects it. Before
the first byte of the file is looked into it gives up what it does not need: it can open no file and no socket any
more, write no file, and have limited memory and time. Native code that a file breaks takes this process
with it, and nothing else.
"""

import os
import signal
from contextlib import suppress
from importlib import import_module
from traceback import format_exc
from typing import BinaryIO

import msgspec

from app.audio.recordings.reference import (
    MAX_TRACEBACK,
    Answer,
    Container,
    Crashed,
    Decoded,
    DecodeRequest,
    Recording,
    Rejected,
    kind_of,
)
from app.errors import InvalidAudio
from app.process.child import end_with_parent, own_pipes

#: Seconds on the clock. The engine waits no longer either; this is for a child whose engine has gone.
MAX_CLOCK_S = 15

#: Seconds of computing. An honest recording takes half of one.
MAX_CPU_S = 5

#: Of address space. Reading 30 s of stereo at 192 kHz takes 0.4 GB, of which 0.2 are the libraries.
MAX_MEMORY_BYTES = 1 << 30


def main() -> int:
    """Read the recording on standard input, answer on standard output; the exit code."""
    pipes = own_pipes()
    _die_in_time()
    with os.fdopen(pipes[0], "rb") as source, os.fdopen(pipes[1], "wb") as target:
        order = msgspec.json.decode(source.readline(), type=DecodeRequest)
        data = source.read(order.bytes)
        if len(data) < order.bytes:
            return 1  # the engine has gone, or does not want to know any more
        answer, pcm = _answer(data, normalize=order.normalize)
        with suppress(BrokenPipeError):
            _say(target, answer, pcm)
    return 0


def decoded(data: bytes, *, normalize: bool) -> Recording:
    """The recording in a file, checked and as it is kept. Raises `InvalidAudio`."""
    from app.workers.recording.checks import check

    kind = kind_of(data)
    if kind is None:
        raise InvalidAudio("send a recording as WAV, FLAC, MP3, M4A or Ogg file")
    if kind is Container.WAV:
        from app.workers.recording.wav import read_wav

        return check(read_wav(data), normalize=normalize)
    from app.workers.recording.compressed import read_compressed

    return check(read_compressed(data, kind), normalize=normalize)


def give_up_rights() -> None:
    """Limit this process to what reading a recording takes. All imports must have been made before."""
    import resource

    for limit, most in (
        (resource.RLIMIT_CPU, MAX_CPU_S),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_AS, MAX_MEMORY_BYTES),
    ):
        with suppress(ValueError, OSError):  # a platform may not have it, or may have a stricter one
            resource.setrlimit(limit, (most, most))


def _answer(data: bytes, *, normalize: bool) -> tuple[Answer, bytes]:
    # One thread is enough; a pool of them would take address space for each core of the machine.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import_module("app.workers.recording.checks")
    import_module(
        "app.workers.recording.wav" if kind_of(data) is Container.WAV else "app.workers.recording.compressed"
    )
    give_up_rights()
    try:
        recording = decoded(data, normalize=normalize)
    except InvalidAudio as error:
        return Rejected(error.message), b""
    except MemoryError:
        return Rejected("the recording is too large when it is unpacked; send 1 to 30 s of speech"), b""
    except Exception:
        # Told, because standard error may be a file, and this process can no longer write to files.
        return Crashed(format_exc()[-MAX_TRACEBACK:]), b""
    return Decoded(len(recording.pcm), recording.level_dbfs, recording.notes), recording.pcm


def _say(target: BinaryIO, answer: Answer, pcm: bytes) -> None:
    target.write(msgspec.json.encode(answer) + b"\n" + pcm)
    target.flush()


def _die_in_time() -> None:
    """End with the engine, as far as the kernel can see to that, and in any case after a while, also when native
    code hangs.
    """
    end_with_parent()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(MAX_CLOCK_S)
