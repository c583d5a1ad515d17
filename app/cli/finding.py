"""Which job, voice or model is meant by what somebody types: an id, the beginning of one, or a name."""

from collections.abc import Iterable
from typing import Any, TypeAlias
from unicodedata import normalize
from urllib.parse import quote, urlencode
from uuid import UUID

from app.cli.command import USAGE, CommandFailed
from app.cli.engine import EngineClient
from app.cli.folders import absolute_folder
from app.cli.wording import for_people
from app.daemon.client import ask
from app.errors import perhaps

#: How many characters of an id are shown, and how many have to be given at least.
SHOWN, SHORTEST = 8, 4

#: How many jobs an answer may have.
PAGE = 200

Fields: TypeAlias = dict[str, Any]


def job_id_of(engine: EngineClient, given: str) -> str:
    """The id that begins like this. Raises `CommandFailed`."""
    if (whole := _uuid(given)) is not None:
        return whole
    beginning = given.lower()
    if len(beginning) < SHORTEST:
        raise CommandFailed(f"{given!r} is too short for a job's id; give {SHORTEST} characters or more", USAGE)
    every, _ = jobs_matching(engine, {}, None)
    found = [job["job_id"] for job in every if job["job_id"].startswith(beginning)]
    if not found:
        raise CommandFailed(f"there is no job {given}; see: q3tts jobs")
    if len(found) > 1:
        raise CommandFailed(f"{len(found)} jobs begin with {given}: {', '.join(found[:4])}")
    return found[0]


def job_ids_of(engine: EngineClient, given: Iterable[str]) -> list[str]:
    """All of them before anything is done: a mistake in one leaves the others as they are."""
    return list(dict.fromkeys(job_id_of(engine, job) for job in given))


def jobs_matching(engine: EngineClient, filters: Fields, limit: int | None) -> tuple[list[Fields], str | None]:
    """The newest jobs of the history, at most `limit`, None for all; and where the next ones are."""
    found: list[Fields] = []
    cursor: str | None = None
    while limit is None or len(found) < limit:
        size = PAGE if limit is None else min(limit - len(found), PAGE)
        page = engine.get(f"/jobs?{query(**filters, limit=size, cursor=cursor)}")
        found += page["jobs"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    return found, cursor


def voice_of(engine: EngineClient, given: str) -> Fields:
    """The one voice that the engine takes this for. Raises `CommandFailed` if there is none, or several."""
    if (whole := _uuid(given)) is not None:
        return engine.get(f"/voices/{whole}")
    found = engine.get(f"/voices?{query(named=given)}")["voices"]
    if not found:
        near = perhaps(given, (voice["display_name"] for voice in engine.get("/voices")["voices"]))
        raise CommandFailed(f"there is no voice {given!r}{near}; see: q3tts voices")
    if len(found) > 1:
        which = ", ".join(f"{voice['voice_id'][:SHOWN]} of {voice['tts_model_id']}" for voice in found[:4])
        raise CommandFailed(f"{len(found)} voices are called {given!r}; give the beginning of an id: {which}")
    return found[0]


def used_model(engine: EngineClient, given: str) -> Fields:
    """The model with this id, from this repository, or in this folder; to have that, the engine links to it."""
    if (path := absolute_folder(given)) is not None:
        answer = ask(engine.socket_path, {"action": "link", "folder": path})
        if answer["status"] != "ok":
            raise CommandFailed(for_people(answer["message"]))
        given = answer["model_id"]
    return model_of(engine, given)


def model_of(engine: EngineClient, given: str) -> Fields:
    """The model with this id, or from this repository."""
    models = engine.get("/models")["models"]
    wanted = normalize("NFC", given).casefold()  # as the engine has them; macOS completes names decomposed
    for model in models:
        if any(wanted == name.casefold() for name in (model["model_id"], model["repository"]) if name):
            return model
    near = perhaps(given, (model["model_id"] for model in models))
    raise CommandFailed(f"there is no model {given!r}{near}; see: q3tts models")


def model_path(model: Fields) -> str:
    """Where the engine has it."""
    return f"/models/{quote(model['model_id'], safe='')}"


def repository_path(engine: EngineClient, given: str) -> str:
    """Where the engine has a model that may have to be downloaded first: one that is listed, or any repository."""
    try:
        return model_path(model_of(engine, given))
    except CommandFailed:
        if given.count("/") != 1:
            raise
    return f"/models/{quote(given, safe='')}"


def query(**parameters: Any) -> str:
    """The query of an address: every value that is not None, and each item of a list."""
    given = {name: value for name, value in parameters.items() if value is not None}
    return urlencode(given, doseq=True, errors="replace")


def _uuid(given: str) -> str | None:
    try:
        return str(UUID(given)) if len(given) == 36 else None
    except ValueError:
        return None
