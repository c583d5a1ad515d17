"""`q3tts voices`, `clone` and `design`: list voices and make new ones."""

import os
import shlex
from pathlib import Path

import click

from app.audio.export.formats import WAV
from app.audio.recordings.reference import MAX_BYTES, MIN_BYTES, described, kind_of
from app.cli import completion
from app.cli.command import USAGE, Command, CommandFailed, Group, Where, as_json, language, which_engine
from app.cli.engine import LOADING_S, EngineClient, RequestRefused, connected
from app.cli.finding import SHOWN, Fields, query, voice_of
from app.cli.saving import STDOUT, check, output, save
from app.cli.terminal import Column, local_time, note, print_facts, print_json, print_table, say
from app.errors import ModelNotReady, TranscriptRequired
from app.inference.model import VoiceKind

COLUMNS = (
    Column("ID"),
    Column("KIND"),
    Column("LANGUAGE", cut=True),
    Column("NAME", cut=True),
    Column("MODEL", cut=True),
)

#: What a model must be able to do, for each way to make a voice, and one of the hub's that can.
ABILITY = {"/voices/clone": "supports_voice_clone", "/voices/design": "supports_voice_design"}
USUAL = {
    "supports_voice_clone": "qwen3-tts-12hz-0.6b-base",
    "supports_voice_design": "qwen3-tts-12hz-1.7b-voicedesign",
}

#: As much of a file as shows what it is.
HEAD_BYTES = 4096

#: How many models are named at most.
MAX_NAMED = 3

one_voice = click.argument("voice", metavar="VOICE", shell_complete=completion.voices)


@click.group(cls=Group)
def voices() -> None:
    """List voices, listen to them, rename and delete them.

    A VOICE is given by its name, or by the beginning of its id, 4 characters or more.

    \b
    Examples:
      q3tts voices --language en
      q3tts voices preview whisper -o whisper.wav
    """


@voices.command("list")
@language("Of this language; en finds en-GB, too.")
@click.option("--model", metavar="ID", shell_complete=completion.models, help="Of this model.")
@click.option("--kind", type=click.Choice([kind.value for kind in VoiceKind]), help="Kind of voice.")
@as_json
@which_engine
def list_(language: str | None, model: str | None, kind: str | None, as_json: bool, where: Where) -> None:
    """List voices: first those made here, then the models' own.

    \b
    Examples:
      q3tts voices list --kind clone
      q3tts voices --json | jq -r '.voices[].display_name'
    """
    with connected(*where) as engine:
        found = engine.get(f"/voices?{query(language=language, model_id=model, kind=kind)}")
    if as_json:
        print_json(found)
    elif found["voices"]:
        print_table(COLUMNS, [_row(voice) for voice in found["voices"]])
    else:
        note("there are no such voices")


@voices.command()
@one_voice
@as_json
@which_engine
def show(voice: str, as_json: bool, where: Where) -> None:
    """Show everything about a voice.

    \b
    Examples:
      q3tts voices show f7615947
    """
    with connected(*where) as engine:
        found = voice_of(engine, voice)
    if as_json:
        print_json(found)
        return
    facts = {
        "id": found["voice_id"],
        "name": found["display_name"],
        "kind": found["kind"],
        "language": found["language_hint"] or "any",
        "model": found["tts_model_id"],
        "made": "" if found["kind"] == VoiceKind.PRESET else local_time(found["created_at"], exact=True),
        "recording": found["ref_text"] or "",
        "description": found["description"] or "",
    }
    print_facts(facts)


@voices.command()
@click.argument("voices", metavar="VOICE...", nargs=-1, required=True, shell_complete=completion.voices)
@which_engine
def delete(voices: tuple[str, ...], where: Where) -> None:
    """Delete voices that were made here. Jobs that still need them fail; others keep their audio.

    \b
    Examples:
      q3tts voices delete Me
    """
    with connected(*where) as engine:
        for voice in [voice_of(engine, voice) for voice in voices]:
            engine.delete(f"/voices/{voice['voice_id']}")
            say(f"{voice['display_name']} is deleted")


@voices.command()
@one_voice
@click.argument("name", metavar="NAME")
@which_engine
def rename(voice: str, name: str, where: Where) -> None:
    """Give a voice that was made here another NAME.

    \b
    Examples:
      q3tts voices rename recording-3 Me
    """
    with connected(*where) as engine:
        found = voice_of(engine, voice)
        renamed = engine.patch(f"/voices/{found['voice_id']}", {"display_name": name})
    say(f"{found['display_name']} is now called {renamed['display_name']}")


@voices.command()
@one_voice
@output(help_text="The WAV file to write; - is standard output.")
@which_engine
def preview(voice: str, output: Path, where: Where) -> None:
    """Save a short WAV file in which a voice speaks. The first time that may take as long as loading its model.

    \b
    Examples:
      q3tts voices preview whisper -o whisper.wav
      q3tts voices preview whisper -o - | aplay
    """
    check(output, formats=(WAV,))
    with connected(*where) as engine:
        found = voice_of(engine, voice)
        save(engine, f"/voices/{found['voice_id']}/preview", output, answer_s=LOADING_S)
    if output != STDOUT:
        say(str(output))


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--name", help="The voice's name.  [default: the file's name]")
@click.option("--transcript", metavar="WORDS", help="Exactly what is said in it.  [default: what a model hears]")
@language("The language that is spoken in it, such as en-GB.")
@as_json
@which_engine
def clone(
    file: Path, name: str | None, transcript: str | None, language: str | None, as_json: bool, where: Where
) -> None:
    """Make a voice from a recording. FILE has 1 to 30 seconds of speech; the voice is for the active model.

    \b
    Examples:
      q3tts clone me.flac --name Me --transcript "The tide is out. Take shoes."
    """
    _check_recording(file)
    request = {
        "display_name": name or file.stem,
        # The engine follows no links; here the user has named the file.
        "ref_audio": {"path": str(file.resolve())},
        "ref_text": transcript,
        "language": language,
    }
    _make("/voices/clone", request, where, as_json=as_json)


@click.command(cls=Command)
@click.argument("description")
@click.option("--name", required=True, help="The voice's name.")
@language("The language that it will speak, such as en-GB.")
@as_json
@which_engine
def design(description: str, name: str, language: str | None, as_json: bool, where: Where) -> None:
    """Make a voice from a DESCRIPTION of its sound. It is for the active model.

    \b
    Examples:
      q3tts design "an old man with a deep, warm voice" --name Grandpa
    """
    request = {"display_name": name, "description": description, "language": language}
    _make("/voices/design", request, where, as_json=as_json)


def _row(voice: Fields) -> list[str]:
    return [
        voice["voice_id"][:SHOWN],
        voice["kind"],
        voice["language_hint"] or "any",
        voice["display_name"],
        voice["tts_model_id"],
    ]


def _check_recording(file: Path) -> None:
    """Raises `CommandFailed` with what the file is: the engine does not tell its clients what they cannot see."""
    try:
        with file.open("rb") as recording:
            size, data = os.fstat(recording.fileno()).st_size, recording.read(HEAD_BYTES)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}", USAGE) from error
    if size > MAX_BYTES:
        raise CommandFailed(f"{file} has {size / 1_000_000:,.0f} MB; give 1 to 30 seconds of speech", USAGE)
    if len(data) < MIN_BYTES or kind_of(data) is None:
        raise CommandFailed(f"{file} is {described(data)}; give a WAV, FLAC, MP3, M4A or Ogg file", USAGE)


def _make(route: str, request: Fields, where: Where, *, as_json: bool) -> None:
    """Have the engine make a voice, and show it. Raises `CommandFailed`."""
    with connected(*where) as engine:
        try:
            made = engine.post(route, request, answer_s=LOADING_S)
        except RequestRefused as error:
            raise _plainly(engine, route, error) from error
        if as_json:
            print_json(engine.get(f"/voices/{made['voice_id']}"))
        else:
            say(f"{made['display_name']} ({made['voice_id'][:SHOWN]}) speaks with {made['tts_model_id']}")


def _plainly(engine: EngineClient, route: str, error: RequestRefused) -> CommandFailed:
    """The engine's message for programs, reworded for people."""
    if error.word == TranscriptRequired.code:
        return CommandFailed(
            "no model that turns speech into text is active; say what is said in it with --transcript"
        )
    if error.word == ModelNotReady.code:
        return CommandFailed(f"{error.message}; {_alternative(engine, ABILITY[route])}")
    return CommandFailed(error.message)


def _alternative(engine: EngineClient, ability: str) -> str:
    """What to type for a model that can do it."""
    every: list[Fields] = engine.get("/models")["models"]
    usable = [model for model in every if model["capabilities"] and not model["reason"]]
    able = [model["model_id"] for model in usable if model["capabilities"][ability]][:MAX_NAMED]
    if not able:
        return f"no model on this machine can; get one with: q3tts models download {USUAL[ability]}"
    return f"choose one that can: {' or '.join(f'q3tts models use {shlex.quote(name)}' for name in able)}"
