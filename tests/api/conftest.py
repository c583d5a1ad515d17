"""One engine for a whole file of tests, where they do not disturb each other."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from app.config import Config
from app.inference.catalogue import Entry
from app.server import serving
from app.start import bind
from tests.client import PATIENCE_S, TOKEN, Engine
from tests.fakes import fake_entry

Opener: TypeAlias = Callable[[Callable[[Entry], Entry]], AbstractAsyncContextManager[Engine]]


@asynccontextmanager
async def opened(folder: Path, change: Callable[[Entry], Entry] = lambda entry: entry) -> AsyncGenerator[Engine]:
    """An engine in that folder, with the fake model as `change` makes it."""
    control, data_dir = folder / "control", folder / "data"
    control.mkdir()
    data_dir.mkdir()
    sock = bind("127.0.0.1", 0)
    port: int = sock.getsockname()[1]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        serving(Config(data_dir=data_dir, token=TOKEN), sock, model=change(fake_entry(control))) as speech,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=PATIENCE_S, trust_env=False
        ) as http,
    ):
        yield Engine(port, http, speech, control, data_dir)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def shared(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Engine]:
    """The engine of all tests of a file."""
    async with opened(tmp_path_factory.mktemp("shared")) as engine:
        yield engine


@pytest.fixture
def open_engine(tmp_path: Path) -> Opener:
    """Start an engine whose model is not quite the fake."""
    return lambda change: opened(tmp_path, change)
