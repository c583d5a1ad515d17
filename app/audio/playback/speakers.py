"""Plays speech on this machine, one text after the other, as it comes and as fast as it is heard.

What blocks is done in a thread (`output.py`), so that the event loop never waits for a device, and the engine's end
neither. It does not know what is spoken, or by what.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterable, Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import NamedTuple, ParamSpec, TypeVar

from app import SAMPLE_RATE
from app.audio.playback.output import Output, Playback, PlaybackStopped
from app.audio.playback.port_audio import PortAudio
from app.errors import NoSpeakers
from app.process.waiting import wait_uncancelled

#: How long a device has to be found and opened: a sound server may be on its way, or not answer.
FIND_S = 10.0

#: How long a device has to become silent, or to close, before it is given up with its thread.
GIVE_UP_S = 1.0

logger = logging.getLogger(__name__)

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Played(NamedTuple):
    """What was heard. An underrun is a gap because samples came too late."""

    seconds: float
    underruns: int


class Speakers:
    """Belongs to the event loop. No device is touched before one is needed."""

    def __init__(self) -> None:
        self._audio = PortAudio()
        self._output = Output(self._audio)
        self._turn = asyncio.Lock()
        self._thread: DeviceThread | None = None
        self._playback: Playback | None = None
        self._closed = False

    async def check(self) -> None:
        """Raise `NoSpeakers` unless there is a device."""
        self._refuse_when_closed()
        if self._output.is_open:  # and its thread busy with it, perhaps
            return
        finding = asyncio.wrap_future(self._submit(self._audio.find))
        thread = self._thread
        try:
            async with asyncio.timeout(FIND_S):
                await finding
        except TimeoutError:
            if self._playback is None:  # whoever plays sees to it himself
                self._give_up(thread)
            raise _unanswered() from None

    async def play(self, pcm: AsyncIterable[bytes]) -> Played:
        """Play samples as they come, 16 bits, mono; returns when the last has been heard.

        More is asked for when the device has taken what there was, which is up to a third of a second before that
        is heard. Whoever comes meanwhile waits for their turn. Canceled, it is silent at once. Raises `NoSpeakers`.
        """
        async with self._turn:
            self._refuse_when_closed()
            playback = self._playback = Playback()
            try:
                # Before the first samples are asked for: who waits for them need not wait for the device, too.
                await self._open()
                async for block in pcm:
                    self._refuse_when_closed()
                    await self._do(self._output.write, block, playback)
                await self._do(self._output.finish, playback)
            except PlaybackStopped:
                raise _closed() from None
            except BaseException:
                playback.stop.set()
                await wait_uncancelled(self._now(self._output.silence))
                raise
            finally:
                self._playback = None
            return Played(playback.samples / SAMPLE_RATE, playback.underruns)

    async def close(self) -> None:
        """Release the device for good; callers that still play get `NoSpeakers`."""
        self._closed = True
        if self._playback is not None:
            self._playback.stop.set()
        await wait_uncancelled(self._now(self._output.close))
        if self._thread is not None:
            self._thread.end()
            self._thread = None

    async def _open(self) -> None:
        try:
            async with asyncio.timeout(FIND_S):
                await self._do(self._output.open)
        except TimeoutError:
            raise _unanswered() from None

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise _closed()

    def _submit(self, work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Future[Result]:
        if self._thread is None:
            self._thread = DeviceThread()
        return self._thread.submit(partial(work, *args, **kwargs))

    async def _do(self, work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result:
        return await asyncio.wrap_future(self._submit(work, *args, **kwargs))

    async def _now(self, work: Callable[[], None]) -> None:
        """Do what never takes long, unless the device hangs: then it is given up with its thread, and the next text
        has others.
        """
        if (thread := self._thread) is None:
            return
        done, hanging = await asyncio.wait({asyncio.wrap_future(self._submit(work))}, timeout=GIVE_UP_S)
        for future in done:
            future.result()
        if hanging:
            self._give_up(thread)

    def _give_up(self, thread: "DeviceThread | None") -> None:
        """Unless somebody has done it before."""
        if thread is not None and self._thread is thread:
            logger.warning("the audio device does not answer; it is given up")
            thread.submit(self._output.close)  # should it ever come back
            thread.end()
            self._thread, self._output = None, Output(self._audio)


class DeviceThread:
    """Does one thing after the other. Nobody has to wait for it: an executor's thread, which hung, would keep the
    process from ending.
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._run, name="speakers", daemon=True).start()

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        """Queue a call after those that are already queued."""
        future: Future[Result] = Future()

        def do() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = work()
            except BaseException as error:  # whatever it is, somebody waits for it
                future.set_exception(error)
            else:
                future.set_result(result)

        self._work.put(do)
        return future

    def end(self) -> None:
        """End the thread after the queued calls."""
        self._work.put(None)

    def _run(self) -> None:
        while (do := self._work.get()) is not None:
            do()
            del do  # holds what was played


def _closed() -> NoSpeakers:
    return NoSpeakers("the speakers are closed: the engine stops")


def _unanswered() -> NoSpeakers:
    return NoSpeakers("the audio devices of this machine do not answer")
