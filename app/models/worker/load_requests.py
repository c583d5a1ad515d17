"""Requests to have a model in memory without anything being spoken, as its activation makes them."""

import asyncio

from app.errors import ModelNotReady


class LoadRequests:
    """Those who wait for the model to be loaded. Belongs to the event loop."""

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []
        self.error = ""  #: why the model could not be loaded, until somebody wants it again or it has been loaded

    @property
    def pending(self) -> bool:
        """Somebody waits."""
        return any(not waiter.done() for waiter in self._waiters)

    def add(self) -> asyncio.Future[None]:
        """A request, to be awaited: it raises `ModelNotReady`. One that is canceled is forgotten."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        waiter.add_done_callback(self._forget)
        return waiter

    def succeed(self) -> None:
        """The model is loaded."""
        self.error = ""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    def fail(self, error: ModelNotReady) -> None:
        """The model cannot be loaded."""
        self.error = error.message
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)
        self._waiters.clear()

    def _forget(self, waiter: asyncio.Future[None]) -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)
