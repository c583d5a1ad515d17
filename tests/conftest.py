"""Fixtures: an engine on its real sockets. No test sleeps for a time; each wait has an end."""

import gc
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import hypothesis
import pytest

from app.config import Config
from app.engine.serving import serving
from app.engine.start import bind
from tests.support.client import TOKEN, Engine, http_client
from tests.support.fakes import fake_entry

# With these set, pytest shows every difference in full; between two recordings it does not find them in hours.
for name in ("CI", "BUILD_NUMBER"):
    os.environ.pop(name, None)

# No test sees what the user of this machine has downloaded from the hub.
os.environ["HF_HUB_CACHE"] = os.devnull

# How long an example takes says nothing on a busy machine. `make test-long` asks for the second profile.
hypothesis.settings.register_profile("q3tts", deadline=None)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=1_000)
hypothesis.settings.load_profile("q3tts")

# These take longest. They begin first, so that no process of the test run is still busy when the others have ended.
BEGIN_FIRST = (
    *("tests/test_qwen3.py", "tests/test_every_model.py", "tests/engine/test_engine_process.py"),
    *("tests/workers/test_qwen3", "tests/scheduler/", "tests/api/", "tests/workers/", "tests/models/"),
)


# Thousands of modules and tests come into being, and nothing of them goes: there is no garbage to look for.
gc.disable()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Of several processes, each begins with its share of the modules: it finds the others as their processes have
    compiled them, which in a new clone is half of what comes before the first test.
    """
    config: Any = session.config
    if (worker := getattr(config, "workerinput", None)) is None:
        return
    asked = [config.invocation_params.dir / argument.partition("::")[0] for argument in config.args]
    paths = sorted({path for one in asked for path in (one.rglob("test_*.py") if one.is_dir() else [one])})
    for path in paths[int(worker["workerid"].removeprefix("gw")) :: worker["workercount"]]:
        with suppress(Exception, pytest.skip.Exception):  # pytest says so when it comes to the module
            import_module(".".join(path.relative_to(config.rootpath).with_suffix("").parts))


def pytest_collection_finish() -> None:
    gc.enable()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(
        key=lambda item: next(
            (rank for rank, start in enumerate(BEGIN_FIRST) if item.nodeid.startswith(start)), len(BEGIN_FIRST)
        )
    )


Starter: TypeAlias = Callable[..., AbstractAsyncContextManager[Engine]]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """For the fixtures of any scope."""
    return "asyncio"


@pytest.fixture
def start(tmp_path: Path) -> Starter:
    """Start an engine with the fake model; the same data folder each time, so that it can be restarted."""
    control, data_dir = tmp_path / "control", tmp_path / "data"
    control.mkdir()
    data_dir.mkdir()

    @asynccontextmanager
    async def engine(*, idle_unload_s: float = 60.0, **entry: Any) -> AsyncGenerator[Engine]:
        sock = bind("127.0.0.1", 0)
        port: int = sock.getsockname()[1]
        config = Config(
            data_dir=data_dir, token=TOKEN, idle_unload_s=idle_unload_s, hub_cache=data_dir.with_name("hub")
        )
        async with (
            serving(config, sock, builtin=[fake_entry(control, **entry)]) as parts,
            http_client(port) as http,
        ):
            yield Engine(port, http, parts, control, data_dir)

    return engine


@pytest.fixture
async def engine(start: Starter) -> AsyncGenerator[Engine]:
    async with start() as running:
        yield running
