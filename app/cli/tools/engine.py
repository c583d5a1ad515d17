"""The engine that a language model's tools talk to: found at the first call, as every command finds it, and kept
while calls come. An engine of our own is let go after a rest, so that it does not hold the data folder for days.

Thread-safe: each call has a thread of its own.
"""

import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

from app.cli.command import Where
from app.cli.engine import EngineClient, connected
from app.errors import NotRunning, Unauthorized

#: How long an engine of our own lives on without a call, in seconds.
REST_S = 300.0


class EngineOnCall:
    """Closed with `close`."""

    def __init__(self, where: Where, *, rest_s: float = REST_S) -> None:
        self._where, self._rest_s = where, rest_s
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._engine: EngineClient | None = None
        self._callers = 0
        self._rest: threading.Timer | None = None

    @contextmanager
    def engine(self) -> Generator[EngineClient]:
        """An engine that answers, for the duration of the block. Raises what `connected` raises."""
        with self._lock:
            if self._rest is not None:
                self._rest.cancel()
            engine = self._engine = self._alive() or self._stack.enter_context(connected(*self._where))
            self._callers += 1
        try:
            yield engine
        finally:
            with self._lock:
                self._callers -= 1
                if not self._callers and engine.own:
                    self._rest = threading.Timer(self._rest_s, self._let_go)
                    self._rest.daemon = True
                    self._rest.start()

    def close(self) -> None:
        """Let the engine go."""
        with self._lock:
            if self._rest is not None:
                self._rest.cancel()
            self._engine = None
            self._stack.close()

    def _alive(self) -> EngineClient | None:
        """The one of the last call, unless it is gone: a daemon may have been started anew."""
        if self._engine is None:
            return None
        try:
            self._engine.get("/health")
        except (NotRunning, Unauthorized):
            self._engine = None
            if not self._callers:
                self._stack.close()
        return self._engine

    def _let_go(self) -> None:
        with self._lock:
            if not self._callers:
                self._engine = None
                self._stack.close()
