"""One engine for a whole file of tests, where they do not disturb each other."""

import socket
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import pytest

from app.config import Config
from app.engine import build
from app.engine.serving import serving
from app.engine.start import bind
from app.models import spec
from app.models.spec import ModelSpec
from tests.api.models import Program
from tests.support.client import TOKEN, Engine, http_client
from tests.support.fakes import fake_entry

#: What is built in, by the control folder.
Builtin: TypeAlias = Callable[[Path], Sequence[ModelSpec]]
Opener: TypeAlias = Callable[[Callable[[ModelSpec], ModelSpec]], AbstractAsyncContextManager[Engine]]


class OpenerOfModels(Protocol):
    """Starts an engine with these models built in, and with one of them, or of the folders', as the active one."""

    def __call__(self, builtin: Builtin, *, model_id: str | None = None) -> AbstractAsyncContextManager[Engine]: ...


@asynccontextmanager
async def closing_socket(sock: socket.socket) -> AsyncGenerator[None]:
    """Also where the engine does not start, and leaves it open."""
    with sock:
        yield


@asynccontextmanager
async def opened(
    folder: Path,
    builtin: Builtin = lambda control: [fake_entry(control)],
    *,
    model_id: str | None = None,
    **settings: Any,
) -> AsyncGenerator[Engine]:
    """An engine in that folder, which may be that of one before, with the fake model or other ones; and with other
    settings.
    """
    control, data_dir = folder / "control", folder / "data"
    control.mkdir(exist_ok=True)
    data_dir.mkdir(exist_ok=True)
    sock = bind("127.0.0.1", 0)
    port: int = sock.getsockname()[1]
    async with (
        closing_socket(sock),
        serving(
            Config(data_dir=data_dir, token=TOKEN, model_id=model_id, hub_cache=folder / "hub", **settings),
            sock,
            builtin=builtin(control),
        ) as parts,
        http_client(port) as http,
    ):
        yield Engine(port, http, parts, control, data_dir)


@pytest.fixture(scope="module")
async def shared(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Engine]:
    """The engine of all tests of a file."""
    async with opened(tmp_path_factory.mktemp("shared")) as engine:
        yield engine


@pytest.fixture
def open_engine(tmp_path: Path) -> Opener:
    """Start an engine whose model is not quite the fake."""
    return lambda change: opened(tmp_path, lambda control: [change(fake_entry(control))])


@pytest.fixture
def open_models(tmp_path: Path) -> OpenerOfModels:
    """Start an engine with several models; on the same data folder each time, so that it can be restarted."""
    return partial(opened, tmp_path)


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> dict[str, Program]:
    """What is started for models that are not built in: `worker`, by family and folder; `fetch`, by repository,
    revision and folder.
    """
    programs: dict[str, Program] = {}

    def program(name: str, *arguments: str) -> Sequence[str]:
        return programs[name](*arguments)

    for user in (spec, build):
        monkeypatch.setattr(user, "program", program)
    return programs
