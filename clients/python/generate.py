"""Writes what is not written by hand: the shapes of answers and requests, from the engine's OpenAPI document, and
`sync/`, from `aio/`. With `--check` it compares, and changes nothing. The engine need not run.

    .venv/bin/python clients/python/generate.py [--check]
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias, cast

import unasync  # pyright: ignore[reportMissingTypeStubs] - it has none

Node: TypeAlias = dict[str, Any]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGE = HERE / "src" / "q3tts_client"
CONFIG = ROOT / "pyproject.toml"
SCHEMAS = "#/components/schemas/"

#: Where a shape has another name than in the engine, as in the TypeScript client; a `View` at the end goes.
RENAMED = {"Cloned": "NewVoice", "Heard": "Transcript"}
#: The engine checks limits and says what would be right. A client that checked them too would refuse what a newer
#: engine takes.
LIMITS = {"maxLength", "minLength", "maxItems", "minItems", "maximum", "minimum", "exclusiveMinimum", "pattern"}
#: Of bodies, what methods take by place; the rest is named, and its shape is called `SpeakArguments` and so on.
BY_PLACE: dict[str, set[str]] = {
    "SpeakRequest": {"text"},
    "SubmitRequest": {"text"},
    "CloneRequest": {"display_name", "ref_audio"},
    "TranscribeRequest": {"ref_audio"},
    "DesignRequest": {"display_name", "description"},
    "PruneRequest": set(),
}
#: Of queries, what their shape is called, and what methods take by themselves.
FILTERS: dict[str, tuple[str, set[str]]] = {
    "listJobs": ("JobFilter", set()),
    "listChunks": ("ChunkFilter", set()),
    "listVoices": ("VoiceFilter", set()),
    "getStats": ("StatsFilter", set()),
    "exportJobs": ("ExportFilter", {"format"}),
    "deleteJobs": ("DeletionFilter", {"dry_run", "expected"}),
}

#: What `aio/` calls differently from `sync/`. How a socket is read and a time is waited for is written twice.
NAMES = {
    **{f"Async{name}": name for name in ("Client", "Http", "Jobs", "Models", "Socket", "Speech", "Voices")},
    **{f"Async{name}": name for name in ("BaseTransport", "ExitStack", "Iterator")},
    "aio": "sync",
    "aclose": "close",
    "aread": "read",
    "aiter_bytes": "iter_bytes",
    "push_async_callback": "callback",
}
BY_HAND = "transport.py"


def document() -> Node:
    """What a running engine answers at `/v1/openapi.json`."""
    said = subprocess.run([sys.executable, "-m", "app.api.openapi"], cwd=ROOT, capture_output=True, check=True)
    return json.loads(said.stdout)


def renamed(name: str) -> str:
    """As users of the client read it."""
    return RENAMED.get(name, name.removesuffix("View"))


def plain(node: Any) -> Any:
    """Without limits, of which each makes a type of its own, and with the names that users read."""
    if isinstance(node, list):
        return [plain(each) for each in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    fields = cast("Node", node)
    if isinstance(target := fields.get("$ref"), str) and target.startswith(SCHEMAS):
        return {"$ref": SCHEMAS + renamed(target.removeprefix(SCHEMAS))}
    return {key: plain(value) for key, value in fields.items() if key not in LIMITS}


def references(node: Any) -> Iterator[str]:
    """The names of the shapes that this has in it."""
    if isinstance(node, list):
        for each in cast("list[Any]", node):
            yield from references(each)
    elif isinstance(node, dict):
        for key, value in cast("Node", node).items():
            if key == "$ref" and str(value).startswith(SCHEMAS):
                yield str(value).removeprefix(SCHEMAS)
            else:
                yield from references(value)


def reached(schemas: Node, node: Any) -> Node:
    """All shapes that are needed for this one."""
    found: set[str] = set()
    waiting = list(references(node))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += references(schemas[name])
    return {name: schemas[name] for name in sorted(found)}


def operations(api: Node) -> list[Node]:
    """What can be asked of the engine."""
    every = [each for path in api["paths"].values() for each in path.values()]
    return [each for each in every if isinstance(each, dict) and "operationId" in each]


def answers(api: Node) -> Node:
    """The shapes that the engine sends. It sends all fields."""
    schemas = api["components"]["schemas"]
    sent = reached(schemas, [operation["responses"] for operation in operations(api)])
    return {name: {**shape, "required": list(shape["properties"])} for name, shape in sent.items()}


def requests(api: Node) -> Node:
    """The shapes that the engine takes: of bodies, and of the filters of lists."""
    schemas = api["components"]["schemas"]
    bodies = {
        name.replace("Request", "Arguments"): named(schemas[name], places) for name, places in BY_PLACE.items()
    }
    recording = {"RefAudio": schemas["RefAudio"]}
    return {**reached(schemas, list(bodies.values())), **recording, **bodies, **filters(api)}


def named(shape: Node, places: set[str]) -> Node:
    """What of a body is not taken by place."""
    fields = {name: field for name, field in shape["properties"].items() if name not in places}
    return {**shape, "properties": fields, "required": [name for name in shape["required"] if name not in places]}


def filters(api: Node) -> Node:
    """The queries of what has some, as shapes without what methods take by themselves."""
    found: Node = {}
    for operation in operations(api):
        name, apart = FILTERS.get(operation["operationId"], ("", set[str]()))
        every = {each["name"]: each["schema"] for each in operation.get("parameters", []) if each["in"] == "query"}
        if name:
            fields = {key: schema for key, schema in every.items() if key not in apart}
            found[name] = {"type": "object", "properties": fields, "required": []}
    return found


def written(shapes: Node, kind: str, *options: str) -> str:
    """Python, made by datamodel-code-generator and formatted by ruff, as the repository has it."""
    api = {
        "openapi": "3.1.0",
        "info": {"title": "q3tts", "version": "1"},
        "paths": {},
        "components": {"schemas": shapes},
    }
    command = [
        *(str(Path(sys.executable).with_name("datamodel-codegen")), "--input-file-type=openapi"),
        *(f"--output-model-type={kind}", "--target-python-version=3.11", "--output-datetime-class=datetime"),
        *("--formatters", "ruff-check", "ruff-format"),
        *("--disable-timestamp", "--enum-field-as-literal=all", "--use-schema-description", "--use-double-quotes"),
        *("--custom-file-header", f'"""{HEADER}"""', *options),
    ]
    made = subprocess.run(command, input=json.dumps(api), cwd=ROOT, capture_output=True, text=True, check=False)
    if made.returncode:
        raise SystemExit(made.stderr)
    return made.stdout


HEADER = "Made by generate.py from the engine's OpenAPI document. Do not edit."


def generated() -> dict[Path, str]:
    """Every file that is not written by hand."""
    api = plain(document())
    api["components"]["schemas"] = {renamed(name): shape for name, shape in api["components"]["schemas"].items()}
    return {
        PACKAGE / "answers.py": written(answers(api), "msgspec.Struct", "--keyword-only"),
        PACKAGE / "requests.py": written(requests(api), "typing.TypedDict", "--no-use-closed-typed-dict"),
        **synchronous(),
    }


def synchronous() -> dict[Path, str]:
    """`sync/`, made from `aio/` by unasync."""
    sources = [path for path in sorted((PACKAGE / "aio").glob("*.py")) if path.name != BY_HAND]
    with tempfile.TemporaryDirectory() as folder:
        rule = unasync.Rule(str(PACKAGE / "aio"), folder, additional_replacements=NAMES)
        unasync.unasync_files([str(path) for path in sources], [rule])  # pyright: ignore[reportUnknownMemberType]
        for command in (("check", "--quiet", "--select=I", "--fix"), ("format", "--quiet")):
            subprocess.run([sys.executable, "-m", "ruff", *command, f"--config={CONFIG}", folder], check=True)
        return {PACKAGE / "sync" / path.name: (Path(folder) / path.name).read_text("utf-8") for path in sources}


def main() -> int:
    """Write the files, or compare them."""
    made = generated()
    differing = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in differing:
            print(
                f"{path.relative_to(ROOT)} is not current; run: python clients/python/generate.py", file=sys.stderr
            )
        return 1 if differing else 0
    for path in differing:
        path.write_text(made[path], "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
