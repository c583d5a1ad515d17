"""From a document to a WAV file, as an app would do it: start an engine, submit a render job over HTTP, watch it,
download the audio, end the engine. Run it with `make demo`, or `python -m demo`.
"""

import argparse
import math
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from demo.engine import COMMAND, Engine, EngineFailed, running

DOCUMENT = Path(__file__).with_name("lighthouse.md")
LANGUAGE = "en-GB"

#: Between two looks at the job; between two lines where no bar can be drawn. In seconds.
LOOK_S, LINE_S = 0.1, 2.0

#: Takes the part that is done, from 0 to 1, and words for the rest.
Show = Callable[[float, str], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; the exit code."""
    parser = argparse.ArgumentParser(prog="demo", description=f"Turn {DOCUMENT.name} into speech.")
    parser.add_argument("--engine", metavar="PROGRAM", help="a q3tts to run  [default: that of this checkout]")
    parser.add_argument(
        "--output", metavar="FILE", type=Path, default=Path("demo.wav"), help="[default: %(default)s]"
    )
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console(stderr=True)
    console.print("starting the engine")
    try:
        with tempfile.TemporaryDirectory(prefix="q3tts-demo-") as folder:
            command = (given.engine,) if given.engine else COMMAND
            with running(Path(folder) / "engine", command=command) as engine:
                job = _rendered(engine, given.output, console)
    except KeyboardInterrupt:
        print("demo: interrupted; the engine has ended", file=sys.stderr)
        return 130
    except (EngineFailed, OSError) as error:
        for line in (f"demo: {error}", *getattr(error, "__notes__", [])):
            print(line, file=sys.stderr)
        return 1
    print(summary(job["progress"], given.output.resolve()))
    return 0


def summary(progress: dict[str, Any], path: Path) -> str:
    """What came out, in one line."""
    factor: float = progress["real_time_factor"]
    times = 1 / factor
    return (
        f"{progress['audio_seconds']:.1f} s of speech, real-time factor {factor:.2g} "
        f"({times:,.{0 if times >= 10 else 1}f} × real time): {path}"
    )


def minutes(seconds: float) -> str:
    """As a clock has it: 75 seconds are 1:15."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}"


def words_for(progress: dict[str, Any]) -> str:
    """How much can be heard already, and how long the rest will take."""
    left = progress["seconds_left"]
    # Rounded up: nothing is left only when it is done.
    wait = f", {minutes(math.ceil(left))} left" if left else ""
    return f"{minutes(progress['audio_seconds'])} of speech{wait}"


def _rendered(engine: Engine, target: Path, console: Console) -> dict[str, Any]:
    """The job, once its audio is in the file."""
    voice = _voice(engine)
    text = DOCUMENT.read_text(encoding="utf-8")
    job = engine.post("/jobs", {"voice_id": voice["voice_id"], "text": text, "title": DOCUMENT.stem, "seed": 1})
    console.print(f"{len(text.split()):,} words, spoken by {voice['display_name']}", highlight=False)
    with _shown(console) as show:
        job = _finished(engine, job["job_id"], show)
    engine.download(f"/jobs/{job['job_id']}/audio", target)
    return job


def _voice(engine: Engine) -> dict[str, Any]:
    voices: list[dict[str, Any]] = engine.get(f"/voices?kind=preset&language={LANGUAGE}")["voices"]
    for voice in voices:
        if voice["language_hint"] == LANGUAGE:
            return voice
    raise EngineFailed(f"the model has no voice for {LANGUAGE}")


def _finished(engine: Engine, job_id: str, show: Show) -> dict[str, Any]:
    """Watch the job to its end."""
    while True:
        job: dict[str, Any] = engine.get(f"/jobs/{job_id}")
        progress = job["progress"]
        show(progress["characters_done"] / progress["characters_total"], words_for(progress))
        match job["status"]:
            case "completed":
                return job
            case "failed":
                raise EngineFailed(f"the job failed: {job['error']['message']}")
            case "canceled":
                raise EngineFailed("somebody canceled the job")
            case _:
                time.sleep(LOOK_S)


@contextmanager
def _shown(console: Console) -> Generator[Show]:
    """A progress bar on a terminal; elsewhere a line now and then."""
    if not console.is_terminal:
        yield _lines()
        return
    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda done, words: bar.update(task, completed=done, description=words)


def _lines() -> Show:
    last = time.monotonic()

    def show(done: float, words: str) -> None:
        nonlocal last
        now = time.monotonic()
        if done == 1 or now - last >= LINE_S:
            print(f"{100 * done:3.0f}%  {words}", file=sys.stderr, flush=True)
            last = now

    return show


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
