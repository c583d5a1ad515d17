"""One real engine for all tests of a file, with the voices of espeak-ng, and a daemon that says where it is."""

import tempfile
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import pytest

from app.cli.engine import EngineClient, connected
from app.daemon.client import ask
from app.errors import SpeechError
from tests.cli.commands import Shell, daemon


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Generator[Shell]:
    with tempfile.TemporaryDirectory() as folder:  # the name of a socket must be short
        socket_path = Path(folder) / "sock"
        with daemon(socket_path, tmp_path_factory.mktemp("data") / "data"):
            yield Shell(socket_path)


@pytest.fixture(scope="module")
def engine(shell: Shell) -> Generator[EngineClient]:
    with connected(shell.socket_path, None) as found:
        yield found


@pytest.fixture
def home(tmp_path: Path) -> Generator[Path]:
    """A home folder; a daemon that is left in it is stopped."""
    folder = tmp_path / "h"
    folder.mkdir()
    yield folder
    with suppress(SpeechError):
        ask(folder / ".q3tts.sock", {"action": "stop"}, timeout_s=5)


@pytest.fixture
def nobody(tmp_path: Path) -> Shell:
    """There is no daemon; an engine of a command's own has its data in a new folder."""
    return Shell(tmp_path / "sock", Q3TTS_DATA_DIR=str(tmp_path / "data"))
