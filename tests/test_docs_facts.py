"""Numbers and lists that a page quotes are those of the code: each fact is a sentence made from the constant."""

import inspect
import re
import tomllib

import msgspec
import pytest

from app.api import guard, schemas, sockets
from app.api.views.jobs import JobView
from app.audio import wav
from app.audio.export import job_export
from app.audio.log import log, logs
from app.audio.recordings import reference
from app.config import DEFAULT_HOST, DEFAULT_IDLE_UNLOAD_S, DEFAULT_PORT
from app.daemon import engine as daemon_engine
from app.daemon import protocol, server
from app.engine import http, lifecycle, sidecar, websocket
from app.engine.http import DeadlineHttp
from app.engine.start import LOG_BYTES, LOGS_KEPT
from app.engine.websocket import AcknowledgedWebSocket
from app.inference.model import Model
from app.inference.processor import SLOW_GFLOPS
from app.models import spec
from app.models.worker import dispatch, residency, runner
from app.scheduler import attempts, delivery, fairness, feed, finisher, job_run
from app.scheduler.pauses import LEFT_MS, PAUSE_MS
from app.store.chunks import MAX_WARNINGS
from app.store.history import MIN_SEARCH, MIN_UNSPACED
from app.store.schema import BACKUPS_KEPT
from app.store.tables import SEARCHED_CHARS
from app.text.chunking import Boundary
from app.usecases.jobs import MAX_TEXT_CHARS
from app.usecases.voice_names import MIN_ID_CHARS
from app.webhooks import addresses, sender, signing
from tests.support.pages import PAGE_NAMES, section_of, text_of

WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
DEFAULTS = schemas.SpeechSettings()
ANSWER_S: float = next(each.default for each in msgspec.structs.fields(spec.ModelSpec) if each.name == "answer_s")


def members(*, properties: bool) -> int:
    """How many methods, or properties, the model protocol has."""
    return sum(
        isinstance(value, property) if properties else inspect.isfunction(value)
        for name, value in vars(Model).items()
        if not name.startswith("_")
    )


def millis_of(rust: str, constant: str) -> float:
    """A duration in the plugin's source, in seconds."""
    found = re.search(rf"const {constant}: Duration = Duration::from_millis\(([\d_]+)\)", text_of(rust))
    assert found is not None
    return int(found[1]) / 1000


ARCHITECTURE = [
    f"writing and syncing audio, up to {logs.WRITERS} |",
    f"encoding the files of jobs, up to {job_export.ENCODING_THREADS} |",
    f"{WORDS[members(properties=False)]} methods and {WORDS[members(properties=True)]} properties",
    f"after {wav.HEADER_BYTES} bytes that are kept free",
    f"The newest {log.KEPT_RECORDS} records are kept in memory",
    f"{log.BATCH_BYTES >> 10} KiB at a time",
    f"is silent for {ANSWER_S:.0f} s",
    f"a chunk crashes {WORDS[dispatch.MAX_KILLS]} workers",
    f"the worker does not start, {WORDS[runner.MAX_FAILED_STARTS]} times",
    f"the same, in order, within {lifecycle.DRAIN_S:.0f} seconds",
    f"is tried again every {finisher.STORAGE_RETRY_S:.0f} seconds",
    f"lane up to {fairness.MAX_ACTIVE} jobs take turns",
    f"A render job has at most {delivery.RENDER_AHEAD} chunks in progress, a speak job {delivery.LISTENER_AHEAD}.",
    f"{WORDS[int(attempts.RUNAWAY_S)]} seconds, plus {WORDS[int(attempts.RUNAWAY)]} times what a calm speaker",
    f"all of the pause but {LEFT_MS} ms is added at once",
    f"has held the residency for {residency.SLICE_S:.0f} seconds, after all chunks",
    f"until {residency.LINGER_S:.0f} seconds after its last listener",
    f"begins more than {job_run.MAX_UNHEARD_CHARS:,} characters after the playhead",
]
HTTP = [
    f"The port is {DEFAULT_PORT} unless another was set",
    f"It may have {guard.MAX_BODY_BYTES >> 20} MiB",
    f"| `TOO_LARGE` | 413 | the body has more than {guard.MAX_BODY_BYTES >> 20} MiB |",
    f"can be used again for {http.KEEP_ALIVE_S} seconds",
    f"A header must be complete after {DeadlineHttp.header_s:.0f} seconds; a body must go on after "
    f"{DeadlineHttp.body_silence_s:.0f} seconds, and be complete after {DeadlineHttp.body_s:.0f}; else 408",
    f"no valid token yet there are {http.MAX_UNAUTHORIZED} at most",
    f"of idle ones that have, {http.MAX_IDLE}:",
    f"string, 1 to {MAX_TEXT_CHARS:,} characters",
    f"the first {SEARCHED_CHARS:,} characters of the text",
    f"{MIN_SEARCH} characters or more, or {MIN_UNSPACED} of a script without spaces",
    f"| `settings.chunking.max_chars` | 100 to 2000 | {DEFAULTS.chunking.max_chars} |",
    f"`message`; the latest {MAX_WARNINGS} |",
    f"{PAUSE_MS[Boundary.CLAUSE]} ms after a clause, {PAUSE_MS[Boundary.SENTENCE]} after a sentence, "
    f"{PAUSE_MS[Boundary.ITEM]} after a list item, {PAUSE_MS[Boundary.PARAGRAPH]} after a paragraph, "
    f"{PAUSE_MS[Boundary.HEADING]} after a heading",
    f"The recording has {reference.MIN_S:.0f} to {reference.MAX_S:.0f} seconds and at most "
    f"{reference.MAX_BYTES >> 20} MB",
    f"Below {SLOW_GFLOPS:.0f} there is an entry in `warnings`",
]
SETTINGS = [
    f"| `{DEFAULT_HOST}` | the address to listen on",
    f"| `Q3TTS_SERVE_PORT` | `{DEFAULT_PORT}` |",
    f"| `Q3TTS_SERVE_IDLE_UNLOAD` | `{DEFAULT_IDLE_UNLOAD_S:.0f}` |",
    f"The line may have {sidecar.MAX_BYTES >> 10} KiB and has to come within {sidecar.PATIENCE_S:.0f} seconds",
    f"the process is gone within {lifecycle.DRAIN_S:.0f} seconds",
    f"did not shut down within {lifecycle.DRAIN_S:.0f} seconds",
    f"at {LOG_BYTES >> 20} MiB it becomes `engine.log.1`, and so on up to `engine.log.{LOGS_KEPT}`",
    f"the last {WORDS[BACKUPS_KEPT]} |",
    f"| body of a request | {guard.MAX_BODY_BYTES >> 20} MiB |",
    f"| text of a job | {MAX_TEXT_CHARS:,} characters |",
    f"| jobs of one lane that take turns | {fairness.MAX_ACTIVE};",
    f"makes much too short | {attempts.ATTEMPTS_ALLOWED}: each with its own seed",
    f"| worker processes that one chunk may crash | {dispatch.MAX_KILLS}, then",
    f"| {ANSWER_S:.0f} s, then it is replaced; for a large model "
    f"{spec.GPU_ANSWER_S:.0f} s on a GPU, {spec.CPU_ANSWER_S / 60:.0f} minutes on a CPU",
    f"by default {attempts.RUNAWAY_S:.0f} s plus {WORDS[int(attempts.RUNAWAY)]} times",
    f"| recording of a voice | {reference.MIN_S:.0f} to {reference.MAX_S:.0f} s, {reference.MAX_BYTES >> 20} MB |",
]
SOCKET = [
    f"A request may have {protocol.MAX_BYTES >> 20} MiB and must arrive within "
    f"{server.REQUEST_PATIENCE_S:.0f} seconds",
    f"its first {MIN_ID_CHARS} characters",
    f"The engine accepts {WORDS[daemon_engine.MAX_ALOUD]} at a time",
    f"is gone within {lifecycle.DRAIN_S:.0f} seconds",
    f"Of more than {server.MAX_REQUESTS} requests at",
]
WEBSOCKET = [
    f"a ping after every {websocket.STEP_BYTES >> 10} KiB, "
    f"and every {AcknowledgedWebSocket.ping_interval_s:.0f} seconds",
    f"It has {websocket.WINDOW_BYTES >> 10} KiB on their way",
    f"answers no ping for {AcknowledgedWebSocket.max_silence_s:.0f} seconds",
    f"you read nothing for {sockets.SEND_TIMEOUT_S:.0f} seconds; or you fell behind by {feed.KEPT_EVENTS:,} events",
]
WEBHOOK_WAITS = ", ".join(
    f"{wait_s} seconds" if wait_s < 60 else f"{wait_s // 60} minutes" for wait_s in sender.WAITS_S[:4]
)
WEBHOOK_HOURS = [str(wait_s // 3600) for wait_s in sender.WAITS_S[5:]]
WEBHOOKS = [
    f"base64 of {signing.MIN_KEY_BYTES} to {signing.MAX_KEY_BYTES} bytes",
    f"{WEBHOOK_WAITS}, half an hour, {', '.join(WEBHOOK_HOURS[:-1])} and {WEBHOOK_HOURS[-1]} hours",
    *(f"{network}" for network in addresses.LOCAL if network.prefixlen < 128),
]
EXIT_S = millis_of("tauri/plugin/src/ladder.rs", "HURRY"), millis_of("tauri/plugin/src/sidecar.rs", "PATIENCE")
TAURI = [f"all within {EXIT_S[0]:g} s; the app waits at most {EXIT_S[1]:g} s for that"]
PLUGIN = [f"the same steps within {EXIT_S[0]:g} seconds; the app waits at most {EXIT_S[1]:g} seconds for them"]

QUOTED = [
    (page, fact)
    for page, facts in (
        ("docs/architecture.md", ARCHITECTURE),
        ("docs/http.md", HTTP),
        ("docs/settings.md", SETTINGS),
        ("docs/socket.md", SOCKET),
        ("docs/websocket.md", WEBSOCKET),
        ("docs/webhooks.md", WEBHOOKS),
        ("docs/tauri.md", TAURI),
        ("tauri/plugin/README.md", PLUGIN),
    )
    for fact in facts
]


@pytest.mark.parametrize(("page", "fact"), QUOTED)
def test_a_number_that_a_page_quotes_is_the_codes(page: str, fact: str) -> None:
    assert " ".join(fact.split()) in " ".join(text_of(page).split())


@pytest.mark.parametrize("page", [name for name in PAGE_NAMES if "](#" in text_of(name)])
def test_the_table_of_contents_of_a_page_is_its_headings(page: str) -> None:
    text = text_of(page)
    listed = re.findall(r"^- \[(.+?)\]\(#", text.partition("\n## ")[0], re.MULTILINE)
    headings = re.findall(
        r"^## (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )

    assert not listed or without_commands(listed) == without_commands(headings)


def without_commands(titles: list[str]) -> list[str]:
    """One line of the contents may stand for all commands."""
    return [title for title in titles if "`q3tts " not in title and title != "The commands"]


def test_the_layers_of_the_architecture_are_those_of_the_import_contract() -> None:
    contracts = tomllib.loads(text_of("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (stages,) = [contract["layers"] for contract in contracts if contract["id"] == "stages"]
    drawn = re.search(
        r"```text\n(.*?)```", section_of(text_of("docs/architecture.md"), "## Import rules"), re.DOTALL
    )

    assert drawn is not None
    assert re.split(r"\s\s+|\n", drawn[1].strip()) == stages


def test_every_room_of_the_engine_is_in_the_table_of_rooms() -> None:
    contracts = tomllib.loads(text_of("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (stages,) = [contract["layers"] for contract in contracts if contract["id"] == "stages"]
    rooms = {name for layer in stages for name in layer.split(" | ")} - {
        "__main__",
        "errors",
        "events",
        "metering",
        "config",
    }

    named = re.findall(r"`app/(\w+)/`", section_of(text_of("docs/architecture.md"), "## Rooms"))

    assert rooms == set(named)


def test_the_example_of_a_job_has_every_field_of_one_and_all_settings() -> None:
    example = section_of(text_of("docs/http.md"), "## Jobs").partition("```json")[2].partition("```")[0]

    for name in (*JobView.__struct_fields__, *schemas.SpeechSettings.__struct_fields__):
        assert f'"{name}":' in example
