"""What the Tab key offers besides commands and options: voices, jobs and models, as the engine has them, and
languages. It is loaded when the key is pressed. An engine that does not answer has nothing to offer: a message
would spoil the line that somebody types.
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from click import Context, Parameter
from click.shell_completion import BashComplete, CompletionItem, ShellComplete, get_completion_class

from app.cli.command import Where
from app.cli.completion import VARIABLE
from app.cli.engine import EngineClient, connected
from app.cli.finding import PAGE, SHOWN
from app.config import DATABASE_FILE, default_data_dir
from app.daemon.protocol import default_socket
from app.errors import SpeechError
from app.inference.language_names import LANGUAGE_NAMES

Offer = tuple[str, str]  # a word, and what it is


class Bash(BashComplete):
    """Words with spaces and brackets, such as names of voices, are escaped; other shells do that themselves."""

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """As the script of click reads it."""
        # Two backslashes for each: the script's `read` takes one away.
        value = re.sub(r"([^\w@%+=:,./-])", r"\\\\\1", item.value) if item.type == "plain" else item.value
        return f"{item.type},{value}"


def script_for(shell: str, program: str) -> str:
    """What the shell has to run once, to complete the words of the program."""
    from app.cli.main import cli

    found: type[ShellComplete] | None = get_completion_class(shell)
    assert found is not None
    return found(cli, {}, program, VARIABLE).source()


def offer_voices(context: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem[Any]]:
    """Names of voices."""
    return _offered(context, incomplete, _voices)


def offer_jobs(context: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem[Any]]:
    """Ids of the newest jobs."""
    return _offered(context, incomplete, _jobs)


def offer_models(context: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem[Any]]:
    """Ids of models."""
    return _offered(context, incomplete, _models)


def offer_languages(context: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem[Any]]:
    """English names of languages."""
    return _matching({names[0]: tag for tag, names in LANGUAGE_NAMES.items()}, incomplete)


def _voices(engine: EngineClient) -> Iterable[Offer]:
    for voice in engine.get("/voices")["voices"]:
        yield voice["display_name"], f"{voice['language_hint'] or 'any language'}, {voice['tts_model_id']}"


def _jobs(engine: EngineClient) -> Iterable[Offer]:
    for job in engine.get(f"/jobs?limit={PAGE}")["jobs"]:
        yield job["job_id"][:SHOWN], f"{job['status']} {job['title'] or ''}".strip()


def _models(engine: EngineClient) -> Iterable[Offer]:
    for model in engine.get("/models")["models"]:
        yield model["model_id"], f"{model['state']}, {model['display_name']}"


def _offered(
    context: Context, incomplete: str, offers: Callable[[EngineClient], Iterable[Offer]]
) -> list[CompletionItem[Any]]:
    where = _where(context)
    if not where.socket.exists() and not ((where.data_dir or default_data_dir()) / DATABASE_FILE).exists():
        return []  # nothing was ever made here, and nothing is made for a key
    try:
        with connected(*where) as engine:
            every = dict(offers(engine))
    except (SpeechError, OSError, KeyError, TypeError):
        return []
    return _matching(every, incomplete)


def _matching(offers: Mapping[str, str], incomplete: str) -> list[CompletionItem[Any]]:
    """Those that begin like this. One with a comma is left out: the script for fish would cut it there."""
    typed = incomplete.casefold()
    return [
        CompletionItem(word, help=what)
        for word, what in offers.items()
        if word.casefold().startswith(typed) and "," not in word
    ]


def _where(context: Context) -> Where:
    socket_path: Path | None = context.params.get("socket_path")
    data_dir: Path | None = context.params.get("data_dir")
    return Where(socket_path or default_socket(), None if data_dir is None else data_dir.absolute())


def program_name() -> str:
    """What this program is called: q3tts, or what a bundle calls it."""
    name = Path(sys.argv[0]).name
    return "q3tts" if name in ("__main__.py", "") else name
