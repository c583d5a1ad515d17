"""How a text is spoken: the options that `q3tts TEXT` and `q3tts render` have in common, in the same words."""

from pathlib import Path
from typing import Any

import click

from app.cli import completion
from app.cli.command import Callback, language
from app.cli.folders import folder_or_name

#: Those that the engine has among a job's settings.
SETTINGS = ("instruct", "rate", "pitch", "volume")

_OPTIONS = (
    click.option(
        "--voice",
        metavar="VOICE",
        shell_complete=completion.voices,
        help="A voice's name, or the beginning of its id.  [default: one of the active model's]",
    ),
    click.option(
        "--model",
        metavar="MODEL",
        shell_complete=completion.models,
        callback=folder_or_name,
        help="Whose voice it should be: an id, a repository, or a folder.  [default: the active model]",
    ),
    language("The text's language, by name or tag, or auto.  [default: the voice's own, at first English]"),
    click.option("--rate", type=click.FloatRange(0.5, 2.0), help="How fast to speak.  [default: 1.0]"),
    click.option("--pitch", type=click.FloatRange(0.5, 2.0), help="How high to speak.  [default: 1.0]"),
    click.option("--volume", type=click.FloatRange(0.0, 2.0), help="How loud to speak.  [default: 1.0]"),
    click.option("--instruct", metavar="WORDS", help="How to speak or sound, if the model takes instructions."),
    click.option("--seed", type=click.IntRange(0, 2**53 - 1), help="The same seed speaks in the same way."),
)


def speaking(callback: Callback) -> Callback:
    """Add the options; the callback gets them under their names."""
    for option in reversed(_OPTIONS):
        callback = option(callback)
    return callback


def no_sound(file: Path | None) -> str:
    """A warning for a text that has nothing in it to say, such as a line of dashes."""
    silent = "" if file is None else f"; {'the file' if str(file) == '-' else file} has no sound"
    return f"nothing in this text is spoken{silent}"


def given(**fields: Any) -> dict[str, Any]:
    """Those that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def job_of(speech: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A request for a job, of the options as the callback got them."""
    settings = given(**{name: speech[name] for name in SETTINGS})
    return given(
        voice=speech["voice"],
        model=speech["model"],
        language=speech["language"],
        seed=speech["seed"],
        settings=settings,
        **fields,
    )
