"""The program that `bundle.py` has built, in a folder of its own: it needs no Python, no source and no network, and
nothing of it stays. `make bundle` builds it; with Q3TTS_NEEDS_BUNDLE=1 it must be there.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from app import __version__
from app.selftest.checks import NAMES
from frozen.triple import target_triple
from tests.support.running import command
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
PATIENCE_S = 60.0
TOKEN = "0123456789abcdef" * 4
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them")


class Program:
    """A bundle that was moved, with a home and a temporary folder for itself, and nothing on its path."""

    def __init__(self, path: Path, room: Path, *, single: bool) -> None:
        self.path, self.room, self.single = path, room, single
        for name in ("home", "temporary", "nothing"):
            (room / name).mkdir(mode=0o700)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.room / "home"),
            "TMPDIR": str(self.room / "temporary"),
            "PATH": str(self.room / "nothing"),
        }

    def run(
        self, *arguments: str, before: tuple[str, ...] = (), **options: Any
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*before, str(self.path), *arguments],
            env=self.environment,
            cwd=self.room,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            **options,
        )

    def unpacked(self) -> list[Path]:
        """What single files have unpacked."""
        return sorted((self.room / "temporary").glob("_MEI*"))

    def processes(self) -> list[int]:
        """Those that live and are this program, whoever their parent is."""
        found: list[int] = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                command = (path / "cmdline").read_bytes().split(b"\0")[0]
                state = (path / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if command == os.fsencode(self.path) and state != "Z":
                found.append(int(path.name))
        return sorted(found)

    def sidecar(self, **payload: Any) -> subprocess.Popen[bytes]:
        """An engine, as an app starts it; it is ready."""
        process = subprocess.Popen(
            [str(self.path), "serve", "--sidecar"],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        tell(process, {"v": 1, "token": TOKEN, "data_dir": str(self.room / "data"), **payload})
        ready(process)
        return process


def tell(process: subprocess.Popen[bytes], line: Any) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(line).encode() + b"\n")
    process.stdin.flush()


def ready(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stdout is not None
    for line in process.stdout:
        said = cast("dict[str, Any]", json.loads(line))
        if said["event"] == "ready":
            return said
    raise AssertionError(f"it ended with {process.wait(PATIENCE_S)}")


@pytest.fixture(scope="module")
def moved() -> Generator[Path]:
    """Both forms, where no path that was built in can find anything. The path is short: sockets go below it."""
    folder, file = DIST / "qwen-tts", DIST / f"qwen-tts-{target_triple()}"
    if not (folder.is_dir() and file.is_file()):
        if os.environ.get("Q3TTS_NEEDS_BUNDLE"):
            pytest.fail(f"there is no bundle in {DIST}: make bundle")
        pytest.skip("there is no bundle: make bundle")
    with tempfile.TemporaryDirectory(prefix="q3b-") as place:
        shutil.copytree(folder, Path(place) / "renamed", symlinks=True)
        shutil.copy2(file, Path(place) / "single")
        yield Path(place)


@pytest.fixture(params=["folder", "single file"])
def program(request: pytest.FixtureRequest, moved: Path) -> Generator[Program]:
    single = request.param == "single file"
    with tempfile.TemporaryDirectory(prefix="q3r-") as room:
        made = Program(moved / "single" if single else moved / "renamed" / "qwen-tts", Path(room), single=single)
        yield made
        for pid in made.processes():
            os.kill(pid, signal.SIGKILL)


def passed(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The report of a self-test, all of which must be well."""
    assert done.stdout, done.stderr
    report = cast("dict[str, Any]", json.loads(done.stdout))
    assert [each for each in report["checks"] if not each["ok"]] == [], done.stderr
    assert [each["name"] for each in report["checks"]] == list(NAMES)
    assert "dBFS" in next(each["saw"] for each in report["checks"] if each["name"] == "speech")
    assert done.returncode == 0
    return report


def test_it_tells_its_version(program: Program) -> None:
    assert program.run("--version").stdout == f"q3tts, version {__version__}\n"
    assert program.unpacked() == []


def test_its_self_test_passes_in_another_folder_with_an_empty_path(program: Program) -> None:
    report = passed(program.run("selftest", "--json"))

    assert report["form"] == ("single file" if program.single else "folder")
    assert not [each for each in report["checks"] if each["warning"]]
    if sys.platform == "linux":
        (computed,) = [each["saw"] for each in report["checks"] if each["name"] == "qwen3"]
        assert "CPU with OpenBLAS 0.3." in computed
    assert list((program.room / "home").iterdir()) == []
    assert list((program.room / "temporary").iterdir()) == [], "something stays in the temporary folder"


@ON_LINUX
def test_its_self_test_passes_without_a_network_or_any_python_to_be_seen(program: Program) -> None:
    unshare, shell, ip = shutil.which("unshare"), shutil.which("sh"), shutil.which("ip")
    as_root = () if os.geteuid() == 0 else ("--map-root-user",)
    alone = (str(unshare), *as_root, "--net", "--mount", str(shell), "-c")
    prefix = Path(sys.base_prefix)
    pythons = [prefix] if prefix != Path("/usr") else sorted(Path("/usr/lib").glob("python3*"))
    hidden = [str(ROOT), *map(str, pythons)]
    steps = " && ".join([f"{ip} link set lo up", *(f"mount -t tmpfs none {folder}" for folder in hidden)])
    if (
        not (unshare and shell and ip)
        or subprocess.run([*alone, steps], check=False, capture_output=True).returncode
    ):
        # Where CI asks for the bundle, this is what it asks for.
        (pytest.fail if os.environ.get("Q3TTS_NEEDS_BUNDLE") else pytest.skip)("no namespaces may be made here")
    # Checked there: nothing of Python or of the source can be seen, and nobody outside can be reached.
    empty = f'[ -z "$(ls {ROOT})" ] && [ -z "$({ip} route show default)" ]'
    path, narrow = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", f"export PATH={program.environment['PATH']}"
    script = f'{path}; {steps} && {empty} && {narrow} && exec "$@"'

    passed(program.run("selftest", "--json", before=(*alone, script, "sh")))


def test_a_document_is_rendered(program: Program) -> None:
    text = program.room / "story.txt"
    text.write_text((ROOT / "demo" / "lighthouse.md").read_text(encoding="utf-8"), encoding="utf-8")

    done = program.run("render", str(text), "-o", str(program.room / "story.wav"))

    assert done.returncode == 0, done.stderr
    assert (program.room / "story.wav").stat().st_size > 180 * 48_000
    assert "completed" in program.run("jobs").stdout


@ON_LINUX
@pytest.mark.parametrize("how", ["end of input", "shutdown", "SIGTERM"])
def test_it_ends_when_it_is_asked_to_and_leaves_nothing(how: str, program: Program) -> None:
    process = program.sidecar()
    assert process.stdin is not None
    assert process.stdout is not None
    assert len(program.unpacked()) == (1 if program.single else 0)

    match how:
        case "end of input":
            process.stdin.close()
        case "shutdown":
            tell(process, {"op": "shutdown"})
        case _:
            process.terminate()

    assert process.wait(PATIENCE_S) == 0
    process.stdin.close()
    process.stdout.close()
    assert program.processes() == []
    assert program.unpacked() == []


@ON_LINUX
def test_it_ends_with_an_app_that_is_killed(program: Program) -> None:
    payload = json.dumps({"v": 1, "token": TOKEN, "data_dir": str(program.room / "data")})
    app_command = command("app_of_engine", payload, program.path, "serve", "--sidecar")
    with subprocess.Popen(app_command, env=program.environment, stdout=subprocess.PIPE) as app:
        ready(app)
        app.kill()

    wait_until(lambda: not program.processes(), "the engine outlives its app")
    assert program.unpacked() == []


@ON_LINUX
def test_it_ends_when_the_process_that_was_started_is_killed(program: Program) -> None:
    """Of the single file that is the one that unpacked it: the pipe to the engine itself stays open."""
    process = program.sidecar()
    assert len(program.processes()) == (2 if program.single else 1)

    process.kill()
    process.wait(PATIENCE_S)

    wait_until(lambda: not program.processes(), "the engine outlives its bootloader")
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()


@ON_LINUX
def test_the_next_start_removes_what_a_killed_one_has_left(program: Program) -> None:
    other = program.room / "temporary" / "_MEIother"
    other.mkdir()
    killed = program.sidecar()
    for pid in program.processes():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not program.processes(), "an engine outlives SIGKILL")
    left = [folder for folder in program.unpacked() if folder != other]
    assert len(left) == (1 if program.single else 0)

    following = program.sidecar()

    wait_until(lambda: not any(folder.exists() for folder in left), "what was left is not removed")
    for process in (killed, following):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(PATIENCE_S)
        process.stdout.close()
    assert program.unpacked() == [other]


@ON_LINUX
def test_a_worker_uses_what_is_unpacked_already(program: Program) -> None:
    process = program.sidecar(socket=str(program.room / "sock"))
    assert process.stdin is not None

    said = program.run("--socket", str(program.room / "sock"), "-o", str(program.room / "said.wav"), "Good shoes.")
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in program.processes()}
    workers = [pid for pid, command in commands.items() if b"worker" in command]

    assert (program.room / "said.wav").is_file(), said.stderr
    assert len(workers) == 1
    assert len(program.unpacked()) == (1 if program.single else 0)
    if program.single:  # and it is the one folder
        assert str(program.unpacked()[0]) in Path(f"/proc/{workers[0]}/maps").read_text()
    process.stdin.close()
    assert process.wait(PATIENCE_S) == 0
    assert process.stdout is not None
    process.stdout.close()
    wait_until(lambda: not program.processes(), "a worker outlives its engine")


@ON_LINUX
def test_a_daemon_outlives_the_command_that_started_it(program: Program) -> None:
    started = program.run("serve", "--daemon", "--port", "0")
    assert started.returncode == 0, started.stderr
    running = program.processes()

    said = program.run("-o", str(program.room / "said.wav"), "Take good shoes.")
    status = program.run("status", "--json")
    stopped = program.run("stop")

    assert running
    assert (program.room / "said.wav").is_file(), said.stderr
    assert json.loads(status.stdout)["pid"] in running
    assert stopped.returncode == 0, stopped.stderr
    wait_until(lambda: not program.processes(), "the daemon does not end")
    assert program.unpacked() == []


def test_a_bundle_that_lacks_a_part_says_so(program: Program) -> None:
    if program.single:
        pytest.skip("it is one file")
    broken = program.room / "broken"
    shutil.copytree(program.path.parent, broken, symlinks=True)
    lacks = {
        "database": "migrations/versions/0001_*",
        "speech": "espeakng_loader/espeak-ng-data/phondata",
        "encoders": "av.libs/libmp3lame*",
        "qwen3": "mlx/lib/*",
    }
    for pattern in lacks.values():
        for path in (broken / "_internal").glob(pattern):
            path.unlink()
    program.path = broken / program.path.name

    for name in lacks:
        done = program.run("selftest", "--only", name)

        assert done.returncode == 1, done.stdout
        assert f"FAILED  {name}" in done.stdout
        assert "→" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr


def test_it_says_that_it_has_no_mcp(program: Program) -> None:
    done = program.run("mcp")

    assert done.returncode == 69
    assert "without MCP" in done.stderr


def test_it_reads_forms(program: Program) -> None:
    """Of two modules of one name, the one that Litestar reads them with."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    process = program.sidecar(port=port)
    job = httpx.post(
        f"http://127.0.0.1:{port}/v1/jobs",
        files={"text": ("tide.txt", b"The tide is out.", "text/plain")},
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=PATIENCE_S,
        trust_env=False,
    )
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()

    assert (job.status_code, job.json()["progress"]["characters_total"]) == (201, 16)


@ON_LINUX
def test_the_folder_has_no_links_for_an_app_to_turn_into_second_copies(moved: Path) -> None:
    links = [path for path in (moved / "renamed").rglob("*") if path.is_symlink()]

    assert (moved / "renamed" / "_internal").is_dir()
    assert not links


def test_its_sizes_are_printed_and_within_the_budget(moved: Path) -> None:
    from bundle import BUDGET_MB

    told = json.loads((DIST / "qwen-tts.sizes.json").read_text(encoding="utf-8"))

    folder_bytes = sum(path.stat().st_size for path in (moved / "renamed").rglob("*") if path.is_file())
    assert 0 < folder_bytes == told["folder_bytes"] <= BUDGET_MB * 1_000_000
    assert told["file_bytes"] == (moved / "single").stat().st_size
    assert {"mlx", "numpy", "av", "transformers", "q3tts"} <= told["packages"].keys()
    assert told["packages"]["numpy"]["version"]
    never = {"scipy", "torch", "faker", "polyfactory", "pydantic", "pytest", "uvloop", "PIL", "hypothesis", "mcp"}
    assert not never & told["packages"].keys()
