"""`q3tts render`: a text becomes a file of audio. The engine does it as a job of its queue; here it is submitted
and watched, and its file is fetched.
"""

import shlex
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from app.audio.export.formats import FILE_FORMATS, FORMATS, WAV, format_of
from app.cli.command import (
    INTERRUPTED,
    UNAVAILABLE,
    USAGE,
    Command,
    CommandFailed,
    Where,
    as_json,
    which_engine,
)
from app.cli.engine import EngineClient, RequestRefused, connected
from app.cli.finding import SHOWN, Fields, used_model
from app.cli.progress import shown
from app.cli.reading import encoding, read_text
from app.cli.saving import STDOUT, check, output, save
from app.cli.speaking import job_of, no_sound, speaking
from app.cli.terminal import note, print_json, say, speed
from app.cli.watching import ended
from app.errors import JobNotFound, NotRunning, SpeechError
from app.store.rows import JobStatus

MAX_TITLE = 200

#: How many files an error names.
MAX_NAMED = 5

#: A job that was being submitted when it was interrupted may appear a moment later.
WITHDRAWALS, WITHDRAWAL_S = 5, 0.1


@click.command(cls=Command)
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
)
@output(required=False)
@speaking
@encoding
@click.option(
    "--format",
    type=click.Choice(FILE_FORMATS),
    help="The format of files without -o, and of standard output.  [default: wav]",
)
@click.option("--title", help="What the job is called in the history.  [default: the file's name]")
@click.option("--detach", is_flag=True, help="Leave the job to the daemon: its id is printed, no file is written.")
@as_json
@which_engine
def render(
    files: tuple[Path, ...],
    output: Path | None,
    encoding: str | None,
    format: str | None,
    title: str | None,
    detach: bool,
    as_json: bool,
    where: Where,
    **speech: Any,
) -> None:
    """Turn texts into audio files. Each FILE gets one beside it, or a single one that of -o; - is standard input.

    Ctrl-C cancels the job and leaves no file.

    \b
    Examples:
      q3tts render story.txt             makes story.wav
      q3tts render chapters/*.txt --voice Vivian --rate 1.1
      q3tts render story.txt -o read.mp3
      q3tts render chapters/*.txt --format opus
      fortune | q3tts render - -o - | aplay
      q3tts render long.txt --detach     then: q3tts jobs save ID -o long.wav
    """
    format = _format(output, format)
    outputs = [None] * len(files) if detach else _checked_outputs(files, output, format, as_json=as_json)
    requests = [
        job_of(
            speech,
            text=read_text(file, encoding),
            title=(title or _title(file))[:MAX_TITLE] or None,
            formats=[format],
        )
        for file in files
    ]
    jobs: list[Fields] = []
    with connected(where.socket, where.data_dir, daemon_only=detach) as engine:
        if (model := speech["model"]) is not None:
            model_id = used_model(engine, model)["model_id"]
            requests = [{**request, "model": model_id} for request in requests]
        for number, (request, target) in enumerate(zip(requests, outputs, strict=True), 1):
            with _named(files[number:]):
                jobs.append(_made(engine, request, target, quiet=as_json))
    if as_json:
        print_json(jobs[0] if len(jobs) == 1 else jobs)
    elif detach and output is not None:
        again = f"q3tts jobs save {jobs[0]['job_id'][:SHOWN]} -o {output}"
        note(f"no file is written now; when the job is completed, do that with: {again}")


def _format(output: Path | None, wanted: str | None) -> str:
    """That of the files. Raises `CommandFailed` when it is said twice, and differently."""
    ending = None if output is None or output == STDOUT else format_of(output)
    if ending is not None and wanted not in (None, ending):
        raise CommandFailed(
            f"the ending of {output} says {ending}, and --format {wanted}; leave --format out", USAGE
        )
    return ending or wanted or WAV


def _checked_outputs(files: tuple[Path, ...], output: Path | None, format: str, *, as_json: bool) -> list[Path]:
    """Where each file's audio goes. Raises before anything is spoken when there is no place for one of them."""
    if output is not None and len(files) > 1:
        raise click.UsageError("-o names one file; leave it out to get a file beside each text.")
    if output is None and STDOUT in files:
        raise click.UsageError("Missing option '-o' / '--output'.")
    outputs = [file.with_suffix(FORMATS[format].suffix) if output is None else output for file in files]
    for place in outputs:
        if output is None and (place.exists() or outputs.count(place) > 1):
            why = "two files would become it" if outputs.count(place) > 1 else "it exists"
            raise CommandFailed(f"{place} is not written, {why}; name another file with -o", USAGE)
        check(place)
    if as_json and output == STDOUT:
        raise CommandFailed("--json and the file cannot both have standard output", USAGE)
    return outputs


def _made(engine: EngineClient, request: Fields, output: Path | None, *, quiet: bool) -> Fields:
    """The job of a text: with its file written, or without `output` left to the daemon."""
    if output is None:
        job = engine.post("/jobs", request)
        if not quiet:
            say(job["job_id"])
        return job
    job = _rendered(engine, request, output, quiet=quiet)
    _save(engine, job, output)
    _print_summary(job, output, quiet=quiet)
    return job


def _title(file: Path) -> str:
    """A file name may have bytes that are not text."""
    return "" if file == STDOUT else file.stem.encode(errors="replace").decode()


@contextmanager
def _named(rest: Sequence[Path]) -> Generator[None]:
    """What fails says which files were still to come."""
    try:
        yield
    except CommandFailed as error:
        if not rest:
            raise
        more = len(rest) - MAX_NAMED
        names = ", ".join(map(str, rest[:MAX_NAMED])) + (f" and {more} more" if more > 0 else "")
        raise CommandFailed(f"{error.message}; not begun: {names}", error.exit_code) from error


def _rendered(engine: EngineClient, request: Fields, output: Path, *, quiet: bool) -> Fields:
    """The job, once it is completed. The id is chosen here, so that it can be canceled at any moment."""
    job_id = str(uuid4())
    try:
        with shown(quiet=quiet) as show:
            engine.put(f"/jobs/{job_id}", request)
            job = ended(engine, job_id, show)
    except KeyboardInterrupt:
        raise CommandFailed("; ".join(["interrupted", *_withdrawn(engine, job_id, output)]), INTERRUPTED) from None
    except NotRunning as error:
        again = f"q3tts jobs save {job_id[:SHOWN]} -o FILE"
        raise CommandFailed(
            f"{error.message}; the job goes on with the next engine, then: {again}", UNAVAILABLE
        ) from error
    if job["status"] == JobStatus.FAILED:
        raise CommandFailed(f"the job failed: {job['error']['message']}")
    if job["status"] == JobStatus.CANCELED:
        raise CommandFailed("somebody canceled the job")
    return job


def _withdrawn(engine: EngineClient, job_id: str, output: Path) -> list[str]:
    """Cancel the job; what has become of it, and how to get its file all the same."""
    save_it = f"q3tts jobs save {job_id[:SHOWN]} -o {'FILE' if output == STDOUT else shlex.quote(str(output))}"
    for _ in range(WITHDRAWALS):
        try:
            job = engine.post(f"/jobs/{job_id}/cancel")
        except RequestRefused as error:
            if error.word != JobNotFound.code:
                break
            time.sleep(WITHDRAWAL_S)
        except SpeechError:
            break
        else:
            if job["status"] == JobStatus.COMPLETED:
                return [f"the job was just completed; {save_it}"]
            retrying = f"go on with: q3tts jobs retry {job_id[:SHOWN]}, then: {save_it}"
            return [f"the job is {job['status']}", retrying]
    return []


def _save(engine: EngineClient, job: Fields, output: Path) -> None:
    """Write the job's file. Raises `CommandFailed`, which says how to try that again."""
    try:
        save(engine, f"/jobs/{job['job_id']}/audio", output)
    except CommandFailed as error:
        raise CommandFailed(
            f"{error.message}; q3tts jobs save {job['job_id'][:SHOWN]} still can", error.exit_code
        ) from error


def _print_summary(job: Fields, output: Path, *, quiet: bool) -> None:
    """What came out; `quiet`: only what is wrong with it."""
    if not job["progress"]["audio_seconds"]:
        note(no_sound(output))
    refused = len(job["warnings"])
    if refused:
        which = f"q3tts jobs show {job['job_id'][:SHOWN]}"
        note(f"{refused} warnings, of takes that were spoken again or left out; see: {which}")
    if quiet:
        return
    progress = job["progress"]
    facts = [f"{progress['audio_seconds']:.1f} s of speech", speed(progress["real_time_factor"])]
    line = ", ".join(filter(None, facts))
    note(line) if output == STDOUT else say(f"{line}: {output}")
