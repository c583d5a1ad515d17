"""Speech to text, as the engine has it: a process for each recording, which ends with it or is ended.

So a model that listens is in memory only while it does. This side knows the process's line of JSON, and neither MLX
nor samples.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from app.errors import InferenceFailed, ModelNotReady
from app.process import children

logger = logging.getLogger(__name__)


class Transcript(Struct, frozen=True):
    """What was heard."""

    text: str
    language: str  #: BCP 47: as the model heard it, else as it was asked for; may be empty


class _Answer(Struct):
    text: str = ""
    language: str = ""
    error: str = ""
    broken: str = ""  #: not empty when the model itself is of no use


class Transcriber:
    """Belongs to the event loop. One recording at a time, for each of them fills the memory with a model."""

    def __init__(self, command: Callable[[Path], Sequence[str]], *, limit_s: float = 120.0) -> None:
        self._command = command
        self._limit_s = limit_s
        self._turn = asyncio.Lock()

    async def transcribe(self, folder: Path, wav: bytes, language: str) -> Transcript:
        """What is said in a WAV file (24 kHz, mono, 16 bit, 30 s at most). `folder` is the model's; `language` is
        what should be spoken (BCP 47), or empty. Raises `InferenceFailed`, and `ModelNotReady` for
        a model that cannot be loaded.
        """
        request = json.dumps({"language": language}).encode() + b"\n" + wav
        async with self._turn:
            output, code = await self._ask(self._command(folder), request)
        try:
            answer = msgspec.json.decode(output, type=_Answer)
        except msgspec.DecodeError:
            raise _failed(f"its process ended with code {code}") from None
        if answer.broken:
            logger.warning("the model in %s is broken: %s", folder, answer.error)
            raise ModelNotReady(f"the speech-to-text model cannot be used: {answer.error}")
        if answer.error:
            raise _failed(answer.error)
        if not answer.text.strip():
            raise InferenceFailed(
                "no speech was recognized in the recording; say what is spoken in it as `ref_text`"
            )
        return Transcript(answer.text.strip(), answer.language)

    async def _ask(self, command: Sequence[str], request: bytes) -> tuple[bytes, int]:
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
        except OSError as error:
            raise _failed(f"its process does not start: {error.strerror}") from error
        try:
            async with asyncio.timeout(self._limit_s):
                output = await _said(process, request)
        except TimeoutError:
            raise _failed(f"it took more than {self._limit_s:g} s") from None
        finally:
            await children.end(process)
        assert process.returncode is not None
        return output, process.returncode


async def _said(process: asyncio.subprocess.Process, request: bytes) -> bytes:
    try:
        output, _ = await process.communicate(request)
    except asyncio.CancelledError:  # a time that is over comes as one, too
        children.kill(process)  # it would go on computing until it has its answer
        raise
    return output


def _failed(why: str) -> InferenceFailed:
    logger.warning("a recording could not be transcribed: %s", why)
    return InferenceFailed(f"the recording could not be transcribed: {why}")
