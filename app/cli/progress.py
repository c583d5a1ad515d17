"""How far something is: a bar on a terminal, a line now and then elsewhere. On standard error, so that what a
command prints can be piped. It does not know what it is that goes on.
"""

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeAlias

from app.cli.terminal import note

#: Between two lines where no bar can be drawn, in seconds.
LINE_S = 5.0

#: Between two looks at what goes on: soon at first, for what is done at once.
FIRST_LOOK_S, LAST_LOOK_S = 0.03, 0.5

#: Takes the part that is done, from 0 to 1, and words for the rest.
Show: TypeAlias = Callable[[float, str], None]


@contextmanager
def shown(*, quiet: bool = False) -> Generator[Show]:
    """Show it for as long as the block runs, from the first time that there is something to show; not at all with
    `quiet`.
    """
    if quiet:
        yield lambda _done, _words: None
    elif not sys.stderr.isatty():
        yield _lines()
    else:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TextColumn("{task.description}"))
        bar = Progress(*columns, console=Console(stderr=True))
        task = bar.add_task("", total=1.0)

        def show(done: float, words: str) -> None:
            bar.update(task, completed=done, description=words)
            bar.start()

        try:
            yield show
        finally:
            if bar.live.is_started:
                bar.stop()


def looks() -> Generator[None]:
    """Whoever iterates over this waits a moment each time, at first a short one."""
    pause = FIRST_LOOK_S
    while True:
        yield
        time.sleep(pause)
        pause = min(1.3 * pause, LAST_LOOK_S)


def _lines() -> Show:
    last = time.monotonic()

    def show(done: float, words: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= LINE_S:
            note(f"{100 * done:3.0f}%  {words}")
            last = now

    return show
