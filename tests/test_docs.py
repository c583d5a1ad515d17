"""What the documentation says is held to the code: nothing is left out, and nothing is named that is not there."""

import ast
import re
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import click
import pytest
from litestar.handlers import WebsocketRouteHandler

from app import errors
from app.api import sockets, stream
from app.api.app import make_app
from app.api.context_messages import CONTEXT_MAGIC, ClientMessage, ContextError, ContextOpened
from app.api.problems import HTTP_CODES, status_of
from app.api.schemas import Chunking, SpeechSettings
from app.api.views.models import DownloadView, ModelView
from app.cli.main import cli
from app.daemon.handlers import ACTIONS, Generate
from app.engine.sidecar import Payload
from app.events import BINARY_HEADER, BINARY_MAGIC, Event
from app.models.listed import State
from tests.support.pages import PAGE_NAMES, section_of, text_of

ROOT = Path(__file__).resolve().parents[1]
NOTHING: Any = object()  # of a description nothing is asked


# Asked of the code.


def http_routes() -> list[tuple[str, str]]:
    app = make_app(NOTHING)
    return sorted(
        (method, path)
        for path, item in (app.openapi_schema.paths or {}).items()
        for method in ("get", "head", "put", "post", "delete", "patch")
        if getattr(item, method) is not None
    )


def websocket_routes() -> list[str]:
    app = make_app(NOTHING)
    return sorted(
        re.sub(r":\w+}", "}", route.path)
        for route in app.routes
        if any(isinstance(handler, WebsocketRouteHandler) for handler in route_handlers(route))
    )


def route_handlers(route: Any) -> list[Any]:
    return getattr(route, "route_handlers", [getattr(route, "route_handler", None)])


def error_classes(parent: type[errors.SpeechError] = errors.SpeechError) -> Iterator[type[errors.SpeechError]]:
    """Of the engine: the command line has some for what it is told."""
    yield parent
    for child in parent.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from error_classes(child)


def error_codes() -> list[str]:
    return sorted({kind.code for kind in error_classes()} | set(HTTP_CODES.values()))


def options() -> list[tuple[str, click.Option]]:
    return [
        (name, parameter)
        for name, command in cli.commands.items()
        if not command.hidden
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
    ]


def commands(
    group: click.Group = cli, path: str = "q3tts", parent: click.Context | None = None
) -> Iterator[tuple[str, click.Command]]:
    """Those that are loaded when they are called, with their paths; the one that speaks text has no name."""
    context = click.Context(group, parent=parent, info_name=path)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if name == "say":
            yield "q3tts TEXT", command
        elif not command.hidden and name != "serve":
            yield f"{path} {name}", command
            if isinstance(command, click.Group):
                yield from commands(command, f"{path} {name}", context)


def options_of_commands() -> list[tuple[str, str]]:
    return [
        (path, option.opts[-1])
        for path, command in commands()
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden
    ]


def exit_codes() -> list[int]:
    """Every `exit_code=…` with a number in the engine's own source, and the one for a forced end."""
    found = {0, 2, 3}  # a stop in order; click's own; `engine/lifecycle.py`, when something hangs
    for path in ROOT.glob("app/**/*.py"):
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)) if "exit_code" in source else ():
            if isinstance(node, ast.keyword) and node.arg == "exit_code" and isinstance(node.value, ast.Constant):
                found.add(cast("int", node.value.value))
    return sorted(found)


def folder_of_app() -> list[str]:
    return sorted(
        f"app/{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in (ROOT / "app").iterdir()
        if entry.name != "__pycache__"
    )


def versioned_top_level() -> list[str]:
    """What git knows at the top, but what every repository has."""
    try:
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return sorted({name.partition("/")[0] for name in listed.splitlines()} - {".gitignore", ".github", "README.md"})


# Routes, events, codes.


@pytest.mark.parametrize(("method", "path"), http_routes())
def test_every_http_route_has_a_heading_of_its_own(method: str, path: str) -> None:
    assert f"### `{method.upper()} {path}`" in text_of("docs/http.md").splitlines()


def test_every_http_route_that_has_a_heading_is_there() -> None:
    told = re.findall(r"^### `(\w+) (\S+)`$", text_of("docs/http.md"), re.MULTILINE)

    assert {(method.lower(), path) for method, path in told} == {*http_routes(), ("get", "/v1/openapi.json")}


@pytest.mark.parametrize("path", websocket_routes())
def test_every_websocket_route_is_documented(path: str) -> None:
    assert f"`{path}`" in text_of("docs/websocket.md")


def test_there_are_four_websocket_routes() -> None:
    assert websocket_routes() == ["/v1/audio/speech/stream", "/v1/events", "/v1/speak", "/v1/stream/{job_id}"]


@pytest.mark.parametrize("parameter", ["after_seq", "format"])
def test_every_parameter_of_the_stream_is_documented(parameter: str) -> None:
    assert parameter in stream.stream.fn.__annotations__
    assert f"| `{parameter}` |" in text_of("docs/websocket.md")


@pytest.mark.parametrize("event", [*Event.__args__, ContextOpened, ContextError], ids=lambda event: event.__name__)
def test_every_event_has_a_heading_and_an_example(event: Any) -> None:
    tag = event.__struct_config__.tag

    section = section_of(text_of("docs/websocket.md"), f"### {tag}")

    assert f'"type": "{tag}"' in section
    for field in event.__struct_encode_fields__:
        assert f'"{field}"' in section


def test_the_binary_header_is_documented_as_it_is() -> None:
    page = text_of("docs/websocket.md")

    assert f"{BINARY_HEADER.size} bytes of header" in page
    assert f'struct.unpack("{BINARY_HEADER.format}", message[:{BINARY_HEADER.size}])' in page
    assert f"`{BINARY_MAGIC.decode()}`" in page


@pytest.mark.parametrize("message", ClientMessage.__args__, ids=lambda message: message.__name__)
def test_every_message_of_a_client_is_documented_with_its_fields(message: Any) -> None:
    section = section_of(text_of("docs/websocket.md"), "## Text that is still being written")

    assert f'"type": "{message.__struct_config__.tag}"' in section
    for field in message.__struct_encode_fields__:
        assert f'"{field}"' in section or f"`{field}`" in section


def test_the_binary_header_of_contexts_is_documented_as_it_is() -> None:
    section = section_of(text_of("docs/websocket.md"), "## Text that is still being written")

    assert f'struct.unpack("<4sI{BINARY_HEADER.format[3:]}", message[:{BINARY_HEADER.size + 4}])' in section
    assert f"`{CONTEXT_MAGIC.decode()}`" in section


@pytest.mark.parametrize(
    "code",
    [
        value
        for name, value in sorted(vars(sockets).items())
        if name.startswith("CLOSE_") and isinstance(value, int)
    ],
)
def test_every_close_code_is_documented(code: int) -> None:
    assert f"| {code} |" in text_of("docs/websocket.md")


@pytest.mark.parametrize("code", error_codes())
def test_every_error_code_is_documented(code: str) -> None:
    assert f"`{code}`" in section_of(text_of("docs/http.md"), "## Errors")


@pytest.mark.parametrize("kind", [*error_classes()], ids=lambda kind: kind.__name__)
def test_every_error_is_documented_with_the_status_that_it_gets(kind: type[errors.SpeechError]) -> None:
    if kind in (errors.StartFailed, errors.NotRunning, errors.NoSpeakers):
        return  # never answered over HTTP

    row = re.search(rf"^\| `{kind.code}` \| ([\d, ]+) \|", text_of("docs/http.md"), re.MULTILINE)

    assert row is not None
    assert str(status_of(kind())) in row[1].split(", ")


@pytest.mark.parametrize(("status", "code"), HTTP_CODES.items())
def test_every_status_of_a_failure_before_the_engine_is_documented(status: int, code: str) -> None:
    row = re.search(rf"^\| `{code}` \| ([\d, ]+) \|", text_of("docs/http.md"), re.MULTILINE)

    assert row is not None
    assert str(status) in row[1].split(", ")


# Settings.


@pytest.mark.parametrize(("command", "option"), options(), ids=lambda value: getattr(value, "name", value))
def test_every_option_is_documented_with_its_variable(command: str, option: click.Option) -> None:
    section = section_of(text_of("docs/settings.md"), f"## `q3tts {command}`")
    given = option.envvar or f"Q3TTS_{command}_{option.name}".upper()

    assert f"| `{option.opts[0]}` | `{given}` |" in section


def test_the_variables_are_those_that_the_command_line_reads() -> None:
    variables = re.findall(r"Q3TTS_\w+", text_of("docs/settings.md"))
    context = click.Context(cli, info_name="q3tts", **cast("Any", cli.context_settings))

    read = {
        variable
        for name, command in cli.commands.items()
        for parameter in command.params
        for variable in variables_of(click.Context(command, parent=context, info_name=name), parameter)
    }

    assert variables
    assert set(variables) <= read


# Commands.


@pytest.mark.parametrize("path", [path for path, _ in commands()])
def test_every_command_has_a_heading_an_explanation_and_an_example(path: str) -> None:
    level = "##" if path.count(" ") == 1 else "###"

    section = section_of(text_of("docs/cli.md"), f"{level} `{path}`")

    assert len(section.split()) > 8
    assert f"\n{path.removesuffix(' TEXT')}" in section


def test_every_command_that_has_a_heading_is_there() -> None:
    told = re.findall(r"^###? `(q3tts .+)`$", text_of("docs/cli.md"), re.MULTILINE)

    assert told == [path for path, _ in sorted(commands(), key=lambda each: each[0] != "q3tts TEXT")]


@pytest.mark.parametrize(("path", "option"), options_of_commands())
def test_every_option_of_a_command_is_documented(path: str, option: str) -> None:
    page = text_of("docs/cli.md")
    level = "##" if path.count(" ") == 1 else "###"
    common = section_of(page, "## Common options")
    own = section_of(page, f"{level} `{path}`")

    assert re.search(rf"^\| (`-\w`, )?`{option}` \|", own + common, re.MULTILINE)


@pytest.mark.parametrize("code", [0, 1, 2, 69, 74, 130])
def test_every_exit_code_of_a_command_is_documented(code: int) -> None:
    assert f"| {code} |" in section_of(text_of("docs/cli.md"), "## Exit codes")


# The Unix socket.


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_of_the_socket_has_a_heading(action: str) -> None:
    assert re.search(rf"^## .*`{action}`", text_of("docs/socket.md"), re.MULTILINE)


@pytest.mark.parametrize("field", Generate.__struct_fields__)
def test_every_field_of_a_generate_request_is_documented(field: str) -> None:
    assert f"| `{field}` |" in section_of(text_of("docs/socket.md"), "## `generate`")


# Settings: the sidecar.


@pytest.mark.parametrize("key", Payload.__struct_fields__)
def test_every_key_of_the_sidecar_is_documented(key: str) -> None:
    assert f"| `{key}` |" in section_of(text_of("docs/settings.md"), "## Sidecar")


@pytest.mark.parametrize("code", exit_codes())
def test_every_exit_code_is_documented(code: int) -> None:
    assert f"| {code} |" in section_of(text_of("docs/settings.md"), "## Exit codes")


def test_no_exit_code_is_documented_that_is_never_used() -> None:
    told = re.findall(r"^\| (\d+) \|", section_of(text_of("docs/settings.md"), "## Exit codes"), re.MULTILINE)

    assert [int(code) for code in told] == exit_codes()


# Tauri.


def rust_variants(name: str) -> list[str]:
    """Of an enum in the plugin's errors, as they are sent."""
    body = re.search(rf"pub enum {name} {{(.*?)^}}", text_of("tauri/plugin/src/error.rs"), re.MULTILINE | re.DOTALL)
    assert body is not None
    variants = re.findall(r"^    (\w+),$", body[1], re.MULTILINE)
    return [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", variant).upper() for variant in variants]


def plugin_settings() -> list[str]:
    body = re.search(r"pub struct Config {(.*?)^}", text_of("tauri/plugin/src/config.rs"), re.MULTILINE | re.DOTALL)
    assert body is not None
    fields = re.findall(r"^    pub (\w+):", body[1], re.MULTILINE)
    return [re.sub(r"_(\w)", lambda match: match[1].upper(), field) for field in fields]


def plugin_commands() -> list[str]:
    return re.findall(r'"(\w+_qwen_\w+)"', text_of("tauri/plugin/build.rs"))


@pytest.mark.parametrize("page", ["docs/tauri.md", "tauri/plugin/README.md"])
def test_every_error_of_the_plugin_is_documented_and_no_other(page: str) -> None:
    heading = "## Errors and their remedies" if page.startswith("docs") else "## Errors"

    told = re.findall(r"^\| `([A-Z_]+)` \|", section_of(text_of(page), heading), re.MULTILINE)

    assert "BINARY_MISSING" in told
    in_typescript = text_of("tauri/plugin/guest-js/types.ts").partition("SidecarErrorCode =")[2].partition(";")[0]
    assert sorted(told) == sorted(re.findall(r'"([A-Z_]+)"', in_typescript))
    assert sorted(told) == sorted([*rust_variants("ErrorCode"), "NOT_ALLOWED"])


def test_every_setting_of_the_plugin_is_documented_and_no_other() -> None:
    section = section_of(text_of("tauri/plugin/README.md"), "## Configuration")

    told = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)

    assert "startTimeoutMs" in told
    assert told == plugin_settings()


@pytest.mark.parametrize("command", plugin_commands())
def test_every_command_of_the_plugin_is_documented(command: str) -> None:
    section = section_of(text_of("tauri/plugin/README.md"), "## Commands and permissions")

    assert f"| `{command}` |" in section


def test_the_plugin_has_the_commands_that_apps_know() -> None:
    assert {"start_qwen_sidecar", "stop_qwen_sidecar", "get_qwen_status"} <= set(plugin_commands())


def test_every_option_of_the_bundle_is_documented() -> None:
    options = re.findall(r'add_argument\(\s*"(--[\w-]+)"', text_of("bundle.py"))

    assert "--onefile" in options
    section = section_of(text_of("docs/tauri.md"), "## A folder or a single file")
    for option in options:
        assert f"`{option}`" in section


# Files and links.


@pytest.mark.parametrize("path", folder_of_app())
def test_every_part_of_the_engine_is_in_the_file_map(path: str) -> None:
    assert f"`{path}`" in section_of(text_of("README.md"), "## File map")


@pytest.mark.parametrize("name", versioned_top_level())
def test_every_top_level_entry_is_in_the_file_map(name: str) -> None:
    assert re.search(rf"`{re.escape(name)}[`/]", section_of(text_of("README.md"), "## File map"))


@pytest.mark.parametrize("page", [name for name in PAGE_NAMES if name.startswith("docs/")])
def test_every_page_is_linked_from_the_readme(page: str) -> None:
    assert re.search(rf"\]\({re.escape(page)}[)#]", text_of("README.md"))


def test_every_setting_of_a_request_is_documented() -> None:
    speak, settings = section_of(text_of("docs/http.md"), "### `POST /v1/speak`"), SpeechSettings.__struct_fields__

    assert "allow_gaps" in settings
    for name in settings:
        within = f".{Chunking.__struct_fields__[0]}" if name == "chunking" else ""
        assert f"| `settings.{name}{within}` |" in speak


@pytest.mark.parametrize("state", [*State])
def test_every_state_of_a_model_is_documented(state: State) -> None:
    assert f"| `{state}` |" in section_of(text_of("docs/http.md"), "## Models")


def test_the_example_of_a_model_has_every_field_of_one() -> None:
    section = section_of(text_of("docs/http.md"), "## Models")

    for name in (*ModelView.__struct_fields__, *DownloadView.__struct_fields__):
        assert f'"{name}":' in section


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors_of(file.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_no_file_is_named_that_is_not_there(page: str) -> None:
    folders = "app|bench|demo|docs|frozen|migrations|requirements|tests|tauri|\\.ci"
    named = re.findall(rf"`((?:{folders})/[\w./*-]*)`", text_of(page))
    named += re.findall(r"`([\w-]+\.(?:toml|ini|md))`", text_of(page))

    missing = [path for path in named if not (ROOT / path).exists()]

    assert not missing


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_every_target_of_make_is_in_the_makefile(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))

    assert set(re.findall(r"(?:`|^    )make ([a-z-]+)", text_of(page), re.MULTILINE)) <= targets


def test_every_target_of_make_is_documented() -> None:
    for target in re.findall(r"^([a-z-]+):.*##", text_of("Makefile"), re.MULTILINE):
        if target != "help":
            assert f"| `make {target}` |" in text_of("docs/development.md")


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_no_page_skips_a_level_of_headings(page: str) -> None:
    levels = [len(match[1]) for match in re.finditer(r"^(#+) ", without_code(text_of(page)), re.MULTILINE)]

    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_glossary_has_the_words_that_the_code_uses() -> None:
    section = section_of(text_of("docs/architecture.md"), "## Words")

    words = ("engine", "worker", "model", "voice", "job", "chunk", "take", "frame", "log", "event", "artifact")
    for word in words:
        assert f"| {word} |" in section


def test_the_changelog_has_an_unreleased_section() -> None:
    assert "## [Unreleased]" in text_of("CHANGELOG.md").splitlines()


# How the pages are read.


def without_code(page: str) -> str:
    return re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)


def anchors_of(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", without_code(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def variables_of(context: click.Context, parameter: click.Parameter) -> list[str]:
    if parameter.envvar:
        return [parameter.envvar] if isinstance(parameter.envvar, str) else list(parameter.envvar)
    return [f"{context.auto_envvar_prefix}_{parameter.name}".upper()]
