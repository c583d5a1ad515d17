"""The model's own process: one thread that reads the pipe, steps the model and writes frames, in turn.

It ends when its pipe closes, for whatever reason; there is no other way to stop it. Native code may end it at any
time, and the supervisor at the other end of the pipe is prepared for that.
"""

import os
import select
import time
from collections.abc import Callable

from app.errors import SpeechError
from app.inference import wire
from app.inference.checkpoint.folder import BrokenCheckpoint
from app.inference.model import Frame, Model
from app.process.child import end_with_parent, own_pipes

#: Frames of a fast model are collected for this long, so that each message carries several. The first frame after
#: a pause is sent at once.
GATHER_S = 0.005


class _PipeClosed(Exception):
    """The engine is gone."""


class Pipe:
    """The worker's end of the pipe. Writes block on purpose: a model must not get ahead of its readers."""

    def __init__(self, source: int, target: int) -> None:
        self._source, self._target = source, target
        self._unread = bytearray()
        self._poll = select.poll()
        self._poll.register(source, select.POLLIN | select.POLLHUP)

    def receive(self, *, wait: bool) -> list[wire.ToWorker]:
        """The messages that have arrived; with `wait` at least one."""
        messages: list[wire.ToWorker] = []
        while not messages:
            if not self._poll.poll(None if wait else 0):
                break
            data = os.read(self._source, 1 << 20)
            if not data:
                raise _PipeClosed
            self._unread += data
            messages = self._take_messages()
            if not wait:
                break
        return messages

    def _take_messages(self) -> list[wire.ToWorker]:
        messages: list[wire.ToWorker] = []
        while len(self._unread) >= wire.LENGTH_BYTES:
            end = wire.LENGTH_BYTES + wire.body_bytes(bytes(self._unread[: wire.LENGTH_BYTES]))
            if len(self._unread) < end:
                break
            messages.append(wire.to_worker(bytes(self._unread[wire.LENGTH_BYTES : end])))
            del self._unread[:end]
        return messages

    def send(self, message: wire.FromWorker) -> None:
        """Write a message, however long the engine takes to read it."""
        view = memoryview(wire.packed(message))
        while view:
            try:
                view = view[os.write(self._target, view) :]
            except BrokenPipeError:
                raise _PipeClosed from None


def work(pipe: Pipe, model: Model) -> None:
    """Serve the pipe until it closes."""
    busy: set[int] = set()
    unsent: list[Frame] = []
    sent_at = 0.0
    while True:
        for message in pipe.receive(wait=not busy):
            match message:
                case wire.Add(utterances):
                    model.add(utterances)
                    busy.update(utterance.id for utterance in utterances)
                case wire.Cancel(utterance_id):
                    model.cancel(utterance_id)
                case wire.Ping():
                    pipe.send(wire.Pong())
        if busy:
            frames = model.step()
            unsent += frames
            busy.difference_update(frame.id for frame in frames if frame.final)
        now = time.monotonic()
        if unsent and (not busy or now - sent_at >= GATHER_S):
            pipe.send(wire.Frames(unsent))
            unsent, sent_at = [], now


def main(load: Callable[[], Model]) -> int:
    """Run as the worker process; the exit code.

    The pipe is standard input and output.
    """
    pipe = Pipe(*own_pipes())
    end_with_parent()  # even while native code keeps it from reading the pipe
    try:
        try:
            model = load()
        except Exception as error:
            known = isinstance(error, BrokenCheckpoint | SpeechError)
            pipe.send(wire.LoadFailed(str(error) if known else f"{type(error).__name__}: {error}"))
            return 1
        try:
            pipe.send(wire.Ready(model.capacity, model.processor))
            work(pipe, model)
        finally:
            model.close()
    except _PipeClosed:
        pass
    return 0
