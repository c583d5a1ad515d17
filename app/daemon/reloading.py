"""The handlers as they are in their file now: an edit is in force with the next request, without a restart.

Not `importlib.reload`, for two reasons. It takes a compiled file for current when size and second of the source are
the same, and so misses the second of two quick edits: here the source itself is compared. And it fills the old
module with the new code, under the feet of running requests; here each edit is a module of its own.
"""

import importlib.util
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from app.daemon import handlers
from app.daemon.engine import DaemonContext
from app.errors import SpeechError
from app.process.executable import is_frozen

Handle: TypeAlias = Callable[[DaemonContext, dict[str, Any]], Awaitable[dict[str, Any]]]

logger = logging.getLogger(__name__)


class Handlers:
    """Belongs to the event loop. Without a path they stay as they were imported."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._source: bytes | None = None  # what was imported may be older than the file by now
        self._handle: Handle = handlers.handle

    @classmethod
    def of_this_program(cls) -> "Handlers":
        """From their source, where the program has it; a frozen one has not."""
        path = Path(handlers.__file__ or "")
        from_source = not is_frozen() and path.suffix == ".py" and path.is_file()
        return cls(path if from_source else None)

    def current(self) -> Handle:
        """What handles the next request. Raises `SpeechError` as long as the file is broken."""
        if self._path is None:
            return self._handle
        try:
            source = self._path.read_bytes()
            if source != self._source:
                self._handle, self._source = _loaded(self._path, source), source
        except (Exception, SystemExit) as error:
            logger.exception("%s cannot be used", self._path)
            why = f"{self._path} cannot be used: {type(error).__name__}: {error}"
            raise SpeechError(why) from error
        return self._handle


def _loaded(path: Path, source: bytes) -> Handle:
    spec = importlib.util.spec_from_file_location(handlers.__name__, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module  # where its classes look for the names that they use
    try:
        exec(compile(source, path, "exec", dont_inherit=True), vars(module))
        return _handle_of(module)
    except BaseException:
        if before is not None:
            sys.modules[module.__name__] = before
        raise


def _handle_of(module: ModuleType) -> Handle:
    return module.handle
