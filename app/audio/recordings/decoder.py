"""Has a recording read by a process of its own (`workers/recording`), which ends with it or is ended.

Decoders are native code and the bytes are untrusted: what breaks there must not break the engine. This side
holds neither a decoder nor NumPy, and believes of the answer only what can be checked.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from app.audio.recordings.reference import Crashed, Decoded, DecodeRequest, Recording, Rejected
from app.errors import InvalidAudio
from app.process import children

#: On the clock: a busy machine takes longer over it than the child may compute.
LIMIT_S = 10.0

#: The most children at once; the others wait.
AT_ONCE = 2

logger = logging.getLogger(__name__)

_decoder = msgspec.json.Decoder(Decoded | Rejected | Crashed)


class RecordingDecoder:
    """Belongs to the event loop. `command` starts a child."""

    def __init__(self, command: Sequence[str], *, limit_s: float = LIMIT_S) -> None:
        self._command, self._limit_s = command, limit_s
        self._room = asyncio.Semaphore(AT_ONCE)

    async def listen(self, source: bytes, *, normalize: bool) -> Recording:
        """The recording in a file, checked and as it is kept. With `normalize`, its level is the one that serves
        best, and silence around the speech is cut off. Raises `InvalidAudio`.
        """
        async with self._room:
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
                )
            except OSError as error:
                logger.error("the process that reads recordings cannot be started: %s", error)
                raise InvalidAudio(
                    "the recording cannot be read now, this machine is too busy; try again"
                ) from error
            try:
                async with asyncio.timeout(self._limit_s):
                    return await _answer(process, source, normalize=normalize)
            except TimeoutError:
                why = f"it took more than {self._limit_s:g} s"
            except (asyncio.IncompleteReadError, ValueError) as error:  # half an answer, or one without sense
                why = f"its answer: {error}"
            finally:
                await children.end(process)
            raise _broken(f"{why}; code {process.returncode}")


async def _answer(process: asyncio.subprocess.Process, source: bytes, *, normalize: bool) -> Recording:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # it has its reasons, which it says, or it is dead
            process.stdin.write(msgspec.json.encode(DecodeRequest(len(source), normalize)) + b"\n" + source)
            await process.stdin.drain()
        process.stdin.close()
        answer = _decoder.decode(await process.stdout.readline())
        if isinstance(answer, Rejected):
            raise InvalidAudio.about("ref_audio", answer.message)
        if isinstance(answer, Crashed):
            raise _broken(answer.traceback)
        return Recording(await process.stdout.readexactly(answer.pcm_bytes), answer.level_dbfs, answer.notes)
    except asyncio.CancelledError:  # a time that is over comes as one, too
        children.kill(process)
        raise


def _broken(why: str) -> InvalidAudio:
    logger.warning("a process has failed to read a recording: %s", why)
    return InvalidAudio.about(
        "ref_audio", "the recording cannot be read: it is damaged, or not what it says; send it as a WAV file"
    )
