"""One engine for a whole file of tests, found as a user's program would find it, and a connection that breaks."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.config import EngineKind
from app.daemon.presence import Presence, announce
from q3tts_client import AsyncClient
from tests.api.conftest import opened
from tests.support.client import TOKEN, Engine


@pytest.fixture(scope="module")
async def shared(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Engine]:
    """The engine of all tests of a file."""
    async with opened(tmp_path_factory.mktemp("shared")) as engine:
        yield engine


@pytest.fixture
async def client(shared: Engine) -> AsyncGenerator[AsyncClient]:
    async with AsyncClient(f"http://127.0.0.1:{shared.port}/v1", TOKEN) as client:
        yield client


@pytest.fixture
def found(shared: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The engine, announced as a daemon in a data folder that the environment names."""
    (tmp_path / "token").write_text(TOKEN)
    announce(
        Presence(
            kind=EngineKind.DAEMON,
            pid=1,
            version="0.1.0",
            started_at=datetime.now(UTC).isoformat(),
            url=f"http://127.0.0.1:{shared.port}/v1",
            data_dir=str(tmp_path),
            token_file=str(tmp_path / "token"),
        )
    )
    monkeypatch.setenv("Q3TTS_SOCKET", str(tmp_path / "none.sock"))
    monkeypatch.setenv("Q3TTS_DATA_DIR", str(tmp_path))
    return shared


class Line:
    """A TCP port in front of an engine, whose connections a test can break."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self._engine = port
        self._ends: set[asyncio.StreamWriter] = set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._engine)
        self._ends |= {writer, there_writer}
        # The engine answers to its own address alone.
        names = (b"127.0.0.1:%d" % self.port, b"127.0.0.1:%d" % self._engine)
        await asyncio.gather(_copy(reader, there_writer, names), _copy(there_reader, writer))

    def cut(self) -> None:
        """Break every connection, as when a network goes."""
        while self._ends:
            self._ends.pop().transport.abort()


async def _copy(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, names: tuple[bytes, bytes] = (b"", b"")
) -> None:
    with suppress(OSError):
        while data := await source.read(65_536):
            target.write(data.replace(*names) if names[0] else data)
            await target.drain()
    target.close()


@asynccontextmanager
async def line_to(port: int) -> AsyncGenerator[Line]:
    line = Line(port)
    server = await asyncio.start_server(line.carry, "127.0.0.1", 0)
    async with server:
        line.port = server.sockets[0].getsockname()[1]
        yield line
        line.cut()
