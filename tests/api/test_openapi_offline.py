"""The OpenAPI document that the TypeScript client's types are made from, without an engine."""

import json
import subprocess
import sys
from typing import Any

import pytest

from app.api.app import make_app
from app.api.openapi import document
from tests.support.client import Engine

pytestmark = pytest.mark.anyio


async def test_it_is_what_an_engine_answers(shared: Engine) -> None:
    assert json.loads(json.dumps(document())) == await shared.get("/openapi.json")


def test_no_library_of_models_is_loaded_because_it_is_installed() -> None:
    nothing: Any = None
    plugins = {type(plugin).__module__ for plugin in make_app(nothing).plugins}

    assert not [name for name in plugins if "pydantic" in name or "attrs" in name]


def test_the_command_writes_it_and_nothing_else() -> None:
    said = subprocess.run([sys.executable, "-m", "app.api.openapi"], capture_output=True, check=True, timeout=60)

    assert json.loads(said.stdout) == json.loads(json.dumps(document()))
    assert said.stderr == b""
