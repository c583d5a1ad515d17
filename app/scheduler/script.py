"""What a job says: its text, and the chunks that it is cut into. Of a text that is still being written these are
those that are certain so far.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from app.store.rows import ChunkRow


class Script:
    """Belongs to the event loop. A text that is `whole` does not change any more.

    `lock` is held by whoever changes text and plan together with their rows, or reads them again.
    """

    def __init__(
        self,
        text: str,
        plan: Sequence[ChunkRow],
        *,
        whole: bool = True,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.text, self.plan, self.whole = text, list(plan), whole
        self.lock = asyncio.Lock()
        self.starved = False  #: all of it is spoken, and there will be more
        self.starved_s = 0.0  #: how long it has been, by now
        self._on_change = on_change
        self._changed = asyncio.Event()

    def extend(self, text: str, rows: Sequence[ChunkRow]) -> None:
        """More of the text is certain; its rows are committed."""
        self.text += text
        self.plan += rows
        self._announce()

    def end(self) -> None:
        """No more comes."""
        self.whole = True
        self._announce()

    def wake(self) -> None:
        """Let everybody who waits look again."""
        # Whoever waits holds the old event; whoever comes later gets the new one.
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        """Wait until somebody calls `wake`."""
        await self._changed.wait()

    async def more(self) -> None:
        """Wait until somebody calls `wake`. Meanwhile the job is `starved`: others may have its turns."""
        self.starved, since = True, time.monotonic()
        self._on_change()
        try:
            await self._changed.wait()
        finally:
            self.starved = False
            self.starved_s += time.monotonic() - since

    def _announce(self) -> None:
        self.wake()
        self._on_change()


class Scripts:
    """The scripts that are still being written, by job. Belongs to the event loop."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._open: dict[str, Script] = {}
        self._on_change = on_change

    def __len__(self) -> int:
        return len(self._open)

    def open(self, job_id: str) -> Script:
        """That of a job which is about to be queued."""
        script = self._open[job_id] = Script("", [], whole=False, on_change=self._on_change)
        return script

    def close(self, job_id: str) -> None:
        """No more text comes for a job; nothing happens when its script is not open."""
        if (script := self._open.pop(job_id, None)) is not None:
            script.end()

    def of(self, job_id: str) -> Script:
        """That of a job: the one that is being written, or a new one, which is empty and whole."""
        return self._open.get(job_id) or Script("", [])

    def starved(self, job_id: str) -> bool:
        """The job waits for more text."""
        script = self._open.get(job_id)
        return script is not None and script.starved
