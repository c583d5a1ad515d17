"""`q3tts models`: which there are, getting them, and which one is active."""

import math
from contextlib import suppress

import click

from app.cli import completion
from app.cli.command import INTERRUPTED, CommandFailed, Group, Where, as_json, which_engine
from app.cli.engine import LOADING_S, EngineClient, connected
from app.cli.finding import Fields, model_of, model_path, repository_path, used_model
from app.cli.progress import Show, looks, shown
from app.cli.terminal import (
    Column,
    clock,
    note,
    print_facts,
    print_json,
    print_table,
    say,
    size,
)
from app.errors import SpeechError

#: A slow disk reads 5 GB in this time.
CHECKING_S = 600.0

COLORS = {"active": "green", "downloading": "yellow", "loading": "yellow", "broken": "red"}

COLUMNS = (
    Column("ID"),
    Column("STATE", colors=COLORS),
    Column("SIZE", right=True),
    Column("NAME", cut=True),
)

one_model = click.argument("model", metavar="ID", shell_complete=completion.models)


@click.group(cls=Group)
def models() -> None:
    """List models, download them, and choose the active one.

    \b
    Examples:
      q3tts models
      q3tts models download qwen3-tts-12hz-0.6b-customvoice
      q3tts models use qwen3-tts-12hz-0.6b-customvoice
    """


@models.command("list")
@as_json
@which_engine
def list_(as_json: bool, where: Where) -> None:
    """List models: built in, on this machine, to download.

    \b
    Examples:
      q3tts models list
      q3tts models --json | jq -r '.models[].model_id'
    """
    with connected(*where) as engine:
        found = engine.get("/models")
    if as_json:
        print_json(found)
    else:
        print_table(COLUMNS, [_row(model) for model in found["models"]])
        for skipped in found["skipped"]:
            note(f"skipped {skipped['name']}: {skipped['reason']}")


@models.command()
@one_model
@as_json
@which_engine
def show(model: str, as_json: bool, where: Where) -> None:
    """Show everything about a model.

    \b
    Examples:
      q3tts models show espeak-ng
    """
    with connected(*where) as engine:
        found = model_of(engine, model)
    if as_json:
        print_json(found)
        return
    capabilities: Fields = found["capabilities"] or {}
    failure = _failure(found)
    facts = {
        "id": found["model_id"],
        "name": found["display_name"],
        "state": _state(found),
        "broken": found["reason"] or "",
        "download": f"failed: {failure}" if failure else "",
        "does": ", ".join(_abilities(found["task"], capabilities)),
        "languages": ", ".join(capabilities.get("languages", ())),
        "size": size(found["bytes"]),
        "repository": found["repository"] or "",
        "revision": found["revision"] or "",
    }
    print_facts(facts)


@models.command()
@click.argument("model", metavar="ID|REPOSITORY", shell_complete=completion.models)
@click.option("--detach", is_flag=True, help="Leave the download to the daemon.")
@as_json
@which_engine
def download(model: str, detach: bool, as_json: bool, where: Where) -> None:
    """Download a model. Ctrl-C stops that; the same command goes on from there.

    REPOSITORY is any on the Hugging Face hub whose model can be loaded: ORG/NAME.

    \b
    Examples:
      q3tts models download qwen3-tts-12hz-0.6b-customvoice
      q3tts models download Qwen/Qwen3-TTS-12Hz-0.6B-Base --detach
      q3tts models download mlx-community/Kokoro-82M-bf16
    """
    with connected(*where, daemon_only=detach) as engine:
        path = repository_path(engine, model)
        found = engine.post(f"{path}/download") if detach else _downloaded(engine, path, quiet=as_json)
    if as_json:
        print_json(found)
    elif detach:
        say(f"{found['model_id']} is being downloaded; see how far with: q3tts models")
    else:
        say(f"{found['model_id']} is {found['state']}; use it with: q3tts models use {found['model_id']}")


@models.command()
@one_model
@as_json
@which_engine
def check(model: str, as_json: bool, where: Where) -> None:
    """Compare a model's files with what was downloaded.

    \b
    Examples:
      q3tts models check qwen3-tts-12hz-0.6b-base
    """
    with connected(*where) as engine:
        found = engine.post(f"{model_path(model_of(engine, model))}/check", answer_s=CHECKING_S)
    if as_json:
        print_json(found)
        return
    name, files = found["model"]["model_id"], found["files_checked"]
    if found["model"]["state"] == "broken":
        raise CommandFailed(f"{name} is broken: {found['model']['reason']}")
    if not files:
        say(f"{name}: no hashes are recorded, so only the layout of its files was checked")
    else:
        say(f"{name}: {files} files are as they were downloaded")


@models.command()
@click.argument("model", metavar="ID|REPOSITORY|FOLDER")
@as_json
@which_engine
def use(model: str, as_json: bool, where: Where) -> None:
    """Load a model and make it the active one. New voices are made for it, or it transcribes.

    \b
    Examples:
      q3tts models use qwen3-tts-12hz-0.6b-customvoice
      q3tts models use ~/Downloads/my-voice
    """
    with connected(*where) as engine:
        chosen = used_model(engine, model)
        if chosen["state"] == "absent":
            why = f"{chosen['model_id']} is not on this machine"
            raise CommandFailed(f"{why}; get it with: q3tts models download {chosen['model_id']}")
        found = engine.post(f"{model_path(chosen)}/activate", answer_s=LOADING_S)
    print_json(found) if as_json else say(f"{found['model_id']} is {found['state']}")


@models.command()
@one_model
@which_engine
def unload(model: str, where: Where) -> None:
    """Free the memory that a model takes. It is loaded again when it is needed.

    \b
    Examples:
      q3tts models unload qwen3-tts-12hz-0.6b-base
    """
    with connected(*where) as engine:
        before = model_of(engine, model)
        after = engine.post(f"{model_path(before)}/unload")
    if before["loaded"]:
        outcome = "is unloaded"
    else:  # what transcribes is loaded for as long as it listens, and unloading it means not to use it
        outcome = (
            "was not loaded" if before["state"] == after["state"] else f"is {after['state']}, no longer active"
        )
    say(f"{after['model_id']} {outcome}")


@models.command()
@click.argument("models", metavar="ID...", nargs=-1, required=True, shell_complete=completion.models)
@which_engine
def delete(models: tuple[str, ...], where: Where) -> None:
    """Remove models, and what downloads have left of them.

    \b
    Examples:
      q3tts models delete qwen3-tts-12hz-0.6b-base
    """
    with connected(*where) as engine:
        for model in [model_of(engine, model) for model in models]:
            engine.delete(model_path(model))
            say(f"{model['model_id']} is deleted")


def _downloaded(engine: EngineClient, path: str, *, quiet: bool) -> Fields:
    """The model, once it is on this machine."""
    try:
        with shown(quiet=quiet) as show:
            engine.post(f"{path}/download")
            model = _arrived(engine, path, show)
    except KeyboardInterrupt:
        with suppress(SpeechError):  # it may just have come
            engine.post(f"{path}/cancel")
        raise CommandFailed("interrupted; the same command goes on from there", INTERRUPTED) from None
    if model["state"] == "absent":
        failure = _failure(model)
        raise CommandFailed(f"the download failed: {failure}" if failure else "somebody canceled the download")
    if model["state"] == "broken":
        raise CommandFailed(f"{model['model_id']} was downloaded and cannot be used: {model['reason']}")
    return model


def _arrived(engine: EngineClient, path: str, show: Show) -> Fields:
    """Watch the download to its end."""
    for _ in looks():
        model = engine.get(path)
        if model["state"] != "downloading":
            return model
        download = model["download"]
        total = download["bytes_total"] or model["bytes"]
        show(min(1.0, download["bytes_done"] / total) if total else 0.0, words_for(download, total))
    raise AssertionError("there is always another look")


def _failure(model: Fields) -> str:
    """Why the last download failed, if it did."""
    download: Fields = model["download"] or {}
    error: Fields = download.get("error") or {}
    return error.get("message", "")


def words_for(download: Fields, total: int | None) -> str:
    """How far a download is, beside its bar."""
    words = [f"{size(download['bytes_done'])} of {size(total)}" if total else size(download["bytes_done"])]
    if download["bytes_per_second"]:
        words.append(f"{size(round(download['bytes_per_second']))}/s")
    if download["seconds_left"]:
        words.append(f"{clock(math.ceil(download['seconds_left']))} left")
    return ", ".join(words)


def _row(model: Fields) -> list[str]:
    return [model["model_id"], _state(model), size(model["bytes"]), model["reason"] or model["display_name"]]


def _state(model: Fields) -> str:
    download = model["download"]
    if model["state"] == "downloading" and download["bytes_total"]:
        return f"downloading {100 * download['bytes_done'] // download['bytes_total']}%"
    return f"{model['state']}, loaded" if model["loaded"] else model["state"]


def _abilities(task: str, capabilities: Fields) -> list[str]:
    if task == "stt":
        return ["turns speech into text"]
    descriptions = {
        "supports_voice_clone": "clones voices",
        "supports_voice_design": "makes voices from descriptions",
        "supports_instruct": "listens to --instruct",
        "supports_true_streaming_inference": "is heard while it still speaks",
    }
    return ["turns text into speech", *(words for name, words in descriptions.items() if capabilities.get(name))]
