"""A started engine: what it leaves on the disk, in the environment and in its log."""

import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.config import LOG_FILE
from app.engine.start import LOG_BYTES, LOGS_KEPT, bind
from app.errors import StartFailed
from tests.support.serving import Served, served
from tests.support.sidecar import sidecar, told
from tests.support.variants import in_test_long

TOKEN = "the-token-of-the-environment"

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def spoken(engine: Served, token: str) -> None:
    """Have something spoken, so that there is a worker, and files of a job."""
    voice = engine.ask("/voices?language=en-US", token)["voices"][0]["voice_id"]
    job_id = engine.ask("/jobs", token, {"voice_id": voice, "text": "Something."})["job_id"]
    while (job := engine.ask(f"/jobs/{job_id}", token))["status"] != "completed":
        assert job["status"] in ("queued", "running"), job["error"]


class Left(NamedTuple):
    """What an engine that has spoken has left."""

    data_dir: Path
    token: str
    modes: dict[Path, int]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    data_dir = tmp_path_factory.mktemp("left") / "data"
    with served(data_dir, umask=0) as engine:
        assert f"the token is in {data_dir / 'token'}" in engine.line()
        token = (data_dir / "token").read_text()
        spoken(engine, token)
        return Left(data_dir, token, {path: path.stat().st_mode for path in [data_dir, *data_dir.rglob("*")]})


def test_everything_it_leaves_on_the_disk_is_its_owners_alone(left: Left) -> None:
    assert {path.name for path in left.modes} >= {"data", "token", "engine.log", "q3tts.db", "jobs", "audio.wav"}
    for path, mode in left.modes.items():
        assert stat.S_IMODE(mode) == (0o700 if stat.S_ISDIR(mode) else 0o600), path


def test_a_new_token_is_made_at_every_start(left: Left) -> None:
    with served(left.data_dir) as engine:
        engine.line()
        token = (left.data_dir / "token").read_text()

    assert len(token) == len(left.token) >= 32
    assert token != left.token


@linux
def test_a_token_of_the_environment_is_used_and_handed_to_nobody(tmp_path: Path) -> None:
    with served(tmp_path, Q3TTS_TOKEN=TOKEN) as engine:
        spoken(engine, TOKEN)
        found = subprocess.run(["pgrep", "-P", str(engine.process.pid)], capture_output=True, text=True, check=True)
        (worker,) = found.stdout.split()

        environment = Path(f"/proc/{worker}/environ").read_bytes()
        command_lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in (worker, engine.process.pid)]

        assert b"PATH=" in environment
        assert TOKEN.encode() not in environment
        assert not any(TOKEN.encode() in line for line in command_lines)
    assert not (tmp_path / "token").exists()
    everything = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(TOKEN.encode() in content for content in everything)


@pytest.fixture(scope="module")
def app_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an app has started an engine whose log was full, and ended it."""
    folder = tmp_path_factory.mktemp("app")
    (folder / LOG_FILE).write_bytes(b"x" * LOG_BYTES)
    for number in range(1, LOGS_KEPT + 1):
        (folder / f"{LOG_FILE}.{number}").write_bytes(str(number).encode())
    with sidecar(folder, token=TOKEN) as engine:
        engine.ready()
        assert engine.end() == 0
    return folder


def test_the_token_of_an_app_is_written_nowhere(app_folder: Path) -> None:
    everything = [path.read_bytes() for path in app_folder.rglob("*") if path.is_file()]

    assert (app_folder / LOG_FILE) in app_folder.iterdir()
    assert not any(TOKEN.encode() in content for content in everything)


def test_the_log_file_does_not_grow_without_end(app_folder: Path) -> None:
    logs = sorted(path.name for path in app_folder.glob(f"{LOG_FILE}*"))

    assert logs == [LOG_FILE, *(f"{LOG_FILE}.{number}" for number in range(1, LOGS_KEPT + 1))]
    assert b"ready in" in (app_folder / LOG_FILE).read_bytes()
    assert (app_folder / f"{LOG_FILE}.1").stat().st_size == LOG_BYTES
    assert (app_folder / f"{LOG_FILE}.3").read_bytes() == b"2", "the oldest has gone"


@pytest.mark.parametrize("number", [signal.SIGTERM, *in_test_long(signal.SIGINT)])
def test_a_signal_ends_an_engine_that_has_nothing_to_do(tmp_path: Path, number: int) -> None:
    with served(tmp_path) as engine:
        engine.line()

        engine.process.send_signal(number)

        assert engine.process.wait(10) == 0


def test_it_listens_on_the_other_loopback_address_too(tmp_path: Path) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with served(tmp_path, "--host", "::1", Q3TTS_TOKEN=TOKEN) as engine:
        assert engine.url.startswith("http://[::1]:")
        assert engine.ask("/health", TOKEN)["active_model_id"] == "espeak-ng"


@linux
def test_it_answers_on_whatever_loopback_address_it_listens(tmp_path: Path) -> None:
    with served(tmp_path, "--host", "127.0.0.2", Q3TTS_TOKEN=TOKEN) as engine:
        assert engine.url.startswith("http://127.0.0.2:")
        assert engine.ask("/health", TOKEN)["active_model_id"] == "espeak-ng"


def test_a_client_that_connects_before_the_engine_is_ready_waits() -> None:
    sock = bind("127.0.0.1", 0)
    with socket.create_connection(sock.getsockname(), timeout=5) as client:
        assert client.getpeername() == sock.getsockname()
    sock.close()


def test_a_taken_port_is_reported_and_leaves_no_socket_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(StartFailed, match="choose another --port") as refused:
            bind("127.0.0.1", taken.getsockname()[1])

        assert refused.value.exit_code == 69


@pytest.mark.parametrize(
    "payload",
    [
        {"port": 70_000},
        {"port": -1},
        {"data_dir": "/tmp/with\0nul"},
    ],
)
def test_a_payload_that_cannot_be_used_is_reported_in_one_json_line(payload: dict[str, Any]) -> None:
    with told({"v": 1, "token": TOKEN, **payload}) as engine:
        while (line := engine.line())["event"] == "phase":
            pass

        assert line["event"] == "error"
        assert line["exit_code"] == engine.process.wait(10)
