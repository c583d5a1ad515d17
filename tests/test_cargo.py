"""The Rust workspace, which has no lock: what it uses is pinned, and an app that uses the plugin is not."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
TAURI = ROOT / "tauri"
WORKSPACE: dict[str, Any] = tomllib.loads((TAURI / "Cargo.toml").read_text())["workspace"]
MEMBERS: list[str] = WORKSPACE["members"]
PINS: dict[str, Any] = WORKSPACE["dependencies"]
#: A table for a platform that is none: it is resolved and never built.
NOWHERE = "cfg(any())"


def manifest(member: str) -> dict[str, Any]:
    return tomllib.loads((TAURI / member / "Cargo.toml").read_text())


def dependencies(of: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The kind, the name and the details of each."""
    for kind in ("dependencies", "build-dependencies", "dev-dependencies"):
        for name, how in of.get(kind, {}).items():
            yield kind, name, {"version": how} if isinstance(how, str) else how
    for target in of.get("target", {}).values():
        yield from dependencies(target)


def used(member: str) -> set[str]:
    """The crates of others that a member names."""
    return {name for _, name, how in dependencies(manifest(member)) if "path" not in how}


def pinned() -> set[str]:
    """Those that a member takes in the workspace's version: what cargo resolves for one holds for all."""
    return {name for member in MEMBERS for _, name, how in dependencies(manifest(member)) if how.get("workspace")}


def test_what_is_published_says_what_it_is_and_brings_its_license() -> None:
    """Crates and npm packages are published from their own folders, where the license of the repository is not."""
    license = (ROOT / "LICENSE").read_text()
    crate = manifest("plugin")["package"]
    assert {"/LICENSE", "/README.md"} <= set(crate["include"])
    assert (crate["readme"], crate["license"], crate["repository"]) == (
        "README.md",
        {"workspace": True},
        {"workspace": True},
    )
    for folder in ("plugin", "client"):
        package = json.loads((TAURI / folder / "package.json").read_text())
        assert package["repository"]["url"] == f"git+{WORKSPACE['package']['repository']}.git"
        assert package["repository"]["directory"] == f"tauri/{folder}"
        assert package["license"] == WORKSPACE["package"]["license"] == "MIT"
        assert package["description"]
        assert (TAURI / folder / "LICENSE").read_text() == license
        assert (TAURI / folder / "README.md").is_file()


def test_every_pin_is_exact() -> None:
    versions = {name: pin if isinstance(pin, str) else pin["version"] for name, pin in PINS.items()}
    assert {
        name: version for name, version in versions.items() if not re.fullmatch(r"=\d+\.\d+\.\d+", version)
    } == {}


@pytest.mark.parametrize("member", MEMBERS)
def test_every_crate_that_a_member_names_is_pinned(member: str) -> None:
    assert used(member) - PINS.keys() == set()
    assert used(member) - pinned() == set()


def test_no_pin_is_left_over() -> None:
    assert PINS.keys() == set[str]().union(*(used(member) for member in MEMBERS))


def test_an_app_that_uses_the_plugin_is_not_bound_by_the_pins() -> None:
    plugin = manifest("plugin")
    seen_by_apps = [how for kind, _, how in dependencies(plugin) if kind != "dev-dependencies"]
    assert seen_by_apps
    assert [how for how in seen_by_apps if "workspace" in how or "=" in how["version"]] == []
    assert plugin["target"][NOWHERE].keys() == {"dev-dependencies"}


def test_the_oldest_rust_is_the_one_in_the_docs_and_in_the_workflow() -> None:
    oldest = WORKSPACE["package"]["rust-version"]
    assert all(f"Rust {oldest}" in (ROOT / "docs" / page).read_text() for page in ("development.md", "tauri.md"))
    assert f'"{oldest}"' in (ROOT / ".github/workflows/ci.yml").read_text()
    assert all(manifest(member)["package"]["rust-version"] == {"workspace": True} for member in MEMBERS)
