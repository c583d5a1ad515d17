"""The order of the house: one word for each thing, short files, and import rules by folder."""

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "app").rglob("*.py"))
CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]["contracts"]
LAYERS = [contract for contract in CONTRACTS if contract["type"] == "layers"]
FORBIDDEN = [contract for contract in CONTRACTS if contract["type"] == "forbidden"]

MAX_LINES = 300
MAX_MEDIAN_LINES = 110

# Limits are `max_` and `min_`; a function is named by a verb in its plain form.
SUPERLATIVE = re.compile(r"_*(most|least|longest|shortest|greatest|faintest)_", re.IGNORECASE)
# Words that this code once used in a meaning of its own, with the term that took their place.
RETIRED = {
    "tick": "step",
    "hello": "Ready",
    "news": "changed",
    "objection": "rejection_reason",
    "tell": "notify, send",
    "told": "message",
    "to_the_end": "wait_uncancelled",
    "AtWork": "ActiveJob",
    "Shelf": "InstalledModels",
    "parked": "preempted",
    "unpark": "swap_in",
    "go_on": "advance",
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def names_defined(tree: ast.Module) -> Iterator[str]:
    """Classes, functions, parameters, variables, and attributes that are assigned or declared."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case _:
                pass


@cache
def names_in(path: Path) -> frozenset[str]:
    return frozenset(names_defined(tree_of(path)))


def folders_and_modules(package: str) -> set[str]:
    folder = ROOT / package.replace(".", "/")
    return {
        path.stem
        for path in folder.iterdir()
        if path.name != "__init__.py" and (path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py"))))
    }


def is_folder(package: str) -> bool:
    return (ROOT / package.replace(".", "/")).is_dir()


def named(contract: dict[str, Any]) -> str:
    return contract["id"]


# Words.


def test_no_two_public_classes_have_one_name() -> None:
    classes = Counter(
        node.name
        for path in FILES
        for node in tree_of(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )

    assert {name for name, count in classes.items() if count > 1} == set()


def test_a_limit_is_named_max_or_min() -> None:
    found = {f"{name_of(path)}: {name}" for path in FILES for name in names_in(path)}

    assert sorted(entry for entry in found if SUPERLATIVE.match(entry.partition(": ")[2])) == []


@pytest.mark.parametrize(("word", "term"), RETIRED.items())
def test_a_retired_word_names_nothing(word: str, term: str) -> None:
    found = [name_of(path) for path in FILES if word in {name.lstrip("_") for name in names_in(path)}]

    assert not found, f"it is called {term}"


# Files.


def test_no_file_has_more_than_300_lines() -> None:
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}

    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_half_of_the_files_have_at_most_110_lines() -> None:
    lengths = (len(path.read_text(encoding="utf-8").splitlines()) for path in FILES if path.name != "__init__.py")

    assert median(lengths) <= MAX_MEDIAN_LINES


# Import rules.


def test_every_folder_and_module_of_app_has_a_layer() -> None:
    assert any(contract["containers"] == ["app"] for contract in LAYERS)


@pytest.mark.parametrize("contract", LAYERS, ids=named)
def test_layers_name_everything_in_their_folder(contract: dict[str, Any]) -> None:
    layers = {name.strip(" ()") for layer in contract["layers"] for name in re.split("[|:]", layer)}

    assert contract["exhaustive"]
    assert "exhaustive_ignores" not in contract
    for container in contract["containers"]:
        assert layers == folders_and_modules(container)


@pytest.mark.parametrize("contract", FORBIDDEN, ids=named)
def test_what_is_forbidden_is_forbidden_to_a_folder(contract: dict[str, Any]) -> None:
    [source] = contract["source_modules"]

    assert is_folder(source)


@pytest.mark.parametrize("contract", FORBIDDEN, ids=named)
def test_an_exception_is_made_for_a_folder(contract: dict[str, Any]) -> None:
    sources = [entry.partition(" -> ")[0] for entry in contract.get("ignore_imports", [])]

    assert [source for source in sources if not (source.endswith(".**") and is_folder(source[: -len(".**")]))] == []


# Tests.


def test_no_test_imports_from_another_test() -> None:
    found = {
        name_of(path)
        for path in (ROOT / "tests").rglob("*.py")
        if re.search(r"^\s*from\s.*test_", path.read_text(encoding="utf-8"), re.MULTILINE)
        for node in ast.walk(tree_of(path))  # it may be a program in a string
        if isinstance(node, ast.ImportFrom) and re.search(r"(^|\.)test_\w+$", node.module or "")
    }

    assert found == set()


def test_what_make_test_fast_runs_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    listed = re.findall(r"^FAST := (.+)$", makefile, re.MULTILINE)[0].split()

    assert [name for name in listed if not (ROOT / name).exists()] == []
