"""Fixtures: a daemon of a few lines for what is the server's own affair, and the whole engine with one."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast

import pytest

from app.audio.playback.speakers import Played
from app.config import Config
from app.daemon.binding import bind_socket
from app.daemon.engine import DaemonContext as Asked
from app.daemon.reloading import Handlers
from app.daemon.server import Daemon
from app.engine.serving import serving
from app.engine.start import bind
from app.errors import NoSpeakers
from app.models.spec import ModelSpec
from tests.daemon import small_handlers
from tests.daemon.asking import jobs_of
from tests.support.client import TOKEN, Engine, http_client
from tests.support.fakes import fake_entry

HANDLERS = Path(small_handlers.__file__).read_text()


@pytest.fixture
def folder() -> Generator[Path]:
    """A folder with a short name: a socket's path has little room, and on macOS a test's folder has a long one."""
    with tempfile.TemporaryDirectory(prefix="q3", dir="/tmp") as made:
        yield Path(made).resolve()


class Fake:
    """What the small handlers see instead of an engine."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.waiting = self.ended = 0
        self.stop_requested = False


class Small(NamedTuple):
    """A daemon with the small handlers."""

    path: Path
    source: Path
    engine: Fake
    daemon: Daemon
    stopped: asyncio.Event


@pytest.fixture
async def small(folder: Path) -> AsyncGenerator[Small]:
    source = folder / "handlers.py"
    source.write_text(HANDLERS)
    engine, stopped = Fake(), asyncio.Event()
    bound = bind_socket(folder / "sock")
    daemon = Daemon(bound, cast(Asked, engine), on_stop=stopped.set, handlers=Handlers(source))
    await daemon.open()
    try:
        yield Small(bound.path, source, engine, daemon, stopped)
    finally:
        daemon.close()
        await daemon.closed()


class FakeSpeakers:
    """Speakers that are as fast as one likes; what came out of them is kept."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Be as new, whatever was played or broken before."""
        self.heard: list[bytes] = []
        self.silenced = 0
        self.closed = False
        self.missing = self.breaking = False
        self.underruns = 0
        self.allowed_bytes = 0  #: may be played although they are not `going`
        self.going = asyncio.Event()
        self.going.set()
        self._turn = asyncio.Lock()

    async def check(self) -> None:
        if self.missing:
            raise NoSpeakers

    async def play(self, pcm: AsyncIterable[bytes]) -> Played:
        async with self._turn:
            self.heard.append(b"")
            try:
                async for block in pcm:
                    self.heard[-1] += block
                    if len(self.heard[-1]) > self.allowed_bytes:
                        await self.going.wait()
                    if self.breaking:
                        raise NoSpeakers("they were unplugged")
            except BaseException:
                self.silenced += 1
                raise
        return Played(len(self.heard[-1]) / 48_000, self.underruns)

    def go_on_to(self, count: int) -> None:
        """Play up to this many bytes, and stop there."""
        self.allowed_bytes = count
        self.going.set()
        self.going.clear()

    async def close(self) -> None:
        self.closed = True


class Running(NamedTuple):
    """The whole engine, and its other interface."""

    path: Path
    engine: Engine
    speakers: FakeSpeakers
    stopped: asyncio.Event


Opener: TypeAlias = Callable[..., AbstractAsyncContextManager[Running]]


@asynccontextmanager
async def both_doors(
    home: Path, path: Path, builtin: Sequence[ModelSpec] = (), **settings: Any
) -> AsyncGenerator[Running]:
    """The engine in that folder, with the fake model or others."""
    control, data_dir = home / "control", home / "data"
    control.mkdir(exist_ok=True)
    data_dir.mkdir(exist_ok=True)
    sock = bind("127.0.0.1", 0)
    port: int = sock.getsockname()[1]
    config = Config(data_dir=data_dir, token=TOKEN, socket_path=path, **settings)
    speakers, stopped = FakeSpeakers(), asyncio.Event()
    async with (
        serving(
            config, sock, builtin=builtin or [fake_entry(control)], speakers=speakers, on_stop=stopped.set
        ) as parts,
        http_client(port) as http,
    ):
        yield Running(path, Engine(port, http, parts, control, data_dir), speakers, stopped)


@pytest.fixture
def opened(tmp_path: Path, folder: Path) -> Opener:
    """Start an engine; with the same data folder each time, so that it can be restarted."""
    return partial(both_doors, tmp_path, folder / "sock")


@pytest.fixture(scope="module")
async def shared(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Running]:
    with tempfile.TemporaryDirectory(prefix="q3", dir="/tmp") as made:
        async with both_doors(tmp_path_factory.mktemp("shared"), Path(made) / "sock") as engine:
            yield engine


@pytest.fixture
async def running(shared: Running) -> Running:
    """The engine of all tests of a file, with nothing of the one before."""
    for job in await jobs_of(shared.engine):
        await shared.engine.delete(f"/jobs/{job['job_id']}")
    for file in shared.engine.control.iterdir():
        file.unlink()
    shared.speakers.reset()
    shared.stopped.clear()
    return shared
