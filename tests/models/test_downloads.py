"""Downloads and their processes: what is known of them, how they end, and what they leave."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel
import pytest

from app.errors import Conflict, InvalidRequest, WrongState
from app.models.downloads import Download, Downloads
from app.process import children
from app.process.executable import program
from tests.models.hub import PATIENCE_S, Hub
from tests.support.downloads import FILES, MODEL, TOTAL, WEIGHTS, environment, whole
from tests.support.running import command, modules_loaded_by
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

Made: TypeAlias = AbstractAsyncContextManager[Downloads]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that the children of this process find."""
    for name in os.environ.keys() - environment().keys():
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf_home"))
    with Hub(tmp_path / "hub") as running:
        running.add(MODEL, FILES)
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


def real(repository: str, revision: str, folder: Path) -> Sequence[str]:
    return program("fetch", repository, revision, str(folder))


def scripted(way: str) -> Callable[[str, str, Path], Sequence[str]]:
    return lambda repository, revision, folder: command("scripted_download", way, folder)


def nowhere(repository: str, revision: str, folder: Path) -> Sequence[str]:
    return ["/nowhere/python"]


@pytest.fixture
def make(models: Path) -> Callable[..., Made]:
    @asynccontextmanager
    async def made(command: Callable[[str, str, Path], Sequence[str]], **options: Any) -> AsyncGenerator[Downloads]:
        """Downloads that leave nothing behind: no process, no zombie, no task."""
        before = tasks()
        async with Downloads(command, models / ".downloads", **options) as downloads:
            yield downloads
        assert tasks() <= before
        no_process()

    return made


def tasks() -> set["asyncio.Task[Any]"]:
    return {task for task in asyncio.all_tasks() if "TestRunner" not in repr(task)}


def no_process() -> None:
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def partial_bytes(models: Path) -> int:
    """What an unfinished download of `voice` takes on disk."""
    found = 0
    for path in (models / ".downloads" / "voice").rglob("*"):
        with suppress(FileNotFoundError):  # it was only just given its place
            found += path.stat().st_size if path.is_file() else 0
    return found


async def over(download: Download) -> Download:
    with anyio.fail_after(PATIENCE_S):
        await download.ended()
    return download


async def test_a_model_that_is_downloaded_is_in_its_place_and_nowhere_else(
    hub: Hub, make: Callable[..., Made], models: Path
) -> None:
    async with make(real) as downloads:
        download = downloads.start("voice", MODEL, "main", models / "voice")
        assert (download.state, download.bytes_total) == ("downloading", None)
        await over(download)

        assert (download.state, download.error) == ("done", None)
        assert (download.bytes_done, download.bytes_total) == (TOTAL, TOTAL)
        no_process()
    whole(models / "voice")
    assert list((models / ".downloads").iterdir()) == []


async def test_a_canceled_download_leaves_no_process_and_the_next_one_asks_for_the_rest_only(
    hub: Hub, make: Callable[..., Made], models: Path
) -> None:
    hub.hold_after["model.safetensors"] = 200_000
    async with make(real) as downloads:
        download = downloads.start("voice", MODEL, "main", models / "voice")
        await until(lambda: partial_bytes(models) > 190_000)
        assert downloads.get("voice") is download

        await downloads.cancel("voice")
        no_process()
        assert (download.state, download.error) == ("canceled", None)
        kept = partial_bytes(models)
        part = next((models / ".downloads" / "voice" / ".parts").glob("model.safetensors.*"))
        held = part.stat().st_size
        assert kept > held > 0
        assert part.read_bytes() == WEIGHTS[:held]

        hub.release.set()
        hub.requests.clear()
        again = await over(downloads.start("voice", MODEL, "main", models / "voice"))
        assert (again.state, again is download) == ("done", False)
        assert hub.asked_for("model.safetensors") == [f"bytes={held}-"]
        assert hub.asked_for("config.json") == []
        assert partial_bytes(models) == 0
    whole(models / "voice")


async def test_what_the_process_calls_wrong_is_the_downloads_error(make: Callable[..., Made], models: Path) -> None:
    async with make(scripted("refused")) as downloads:
        download = await over(downloads.start("voice", MODEL, "main", models / "voice"))

        assert (download.state, download.error) == ("failed", ("REFUSED", "it is gated"))
        assert partial_bytes(models) == 4


async def test_a_process_that_dies_without_a_word_fails_its_download(
    make: Callable[..., Made], models: Path
) -> None:
    async with make(scripted("dies")) as downloads:
        download = await over(downloads.start("voice", MODEL, "main", models / "voice"))

        assert download.state == "failed"
        assert download.error is not None
        assert "ended with code 9 and said nothing" in download.error.message
        assert not (models / "voice").exists()


async def test_a_process_that_cannot_be_started_fails_its_download(make: Callable[..., Made], models: Path) -> None:
    async with make(nowhere) as downloads:
        download = await over(downloads.start("voice", MODEL, "main", models / "voice"))

        assert download.error is not None
        assert "cannot be started" in download.error.message


async def test_lines_that_nobody_understands_are_passed_over(make: Callable[..., Made], models: Path) -> None:
    async with make(scripted("confused")) as downloads:
        download = await over(downloads.start("voice", MODEL, "main", models / "voice"))

        assert (download.state, download.bytes_done, download.bytes_total) == ("done", 4, 8)


async def test_a_download_in_work_is_not_begun_twice(make: Callable[..., Made], models: Path) -> None:
    async with make(scripted("wait")) as downloads:
        download = downloads.start("voice", MODEL, "main", models / "voice")
        other = downloads.start("other", MODEL, "main", models / "other")

        assert downloads.start("voice", MODEL, "main", models / "voice") is download
        assert other is not download
        await until(lambda: download.bytes_done == other.bytes_done == 4)
        assert downloads.start("voice", MODEL, "main", models / "voice") is download
    assert (download.state, other.state) == ("canceled", "canceled")


async def test_what_is_here_is_not_downloaded(make: Callable[..., Made], models: Path) -> None:
    (models / "voice").mkdir(parents=True)
    async with make(scripted("done")) as downloads:
        with pytest.raises(Conflict, match="here already"):
            downloads.start("voice", MODEL, "main", models / "voice")
        assert downloads.get("voice") is None


async def test_what_came_into_the_place_meanwhile_is_not_overwritten(
    make: Callable[..., Made], models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with make(scripted("done")) as downloads:
        download = downloads.start("voice", MODEL, "main", models / "voice")
        (models / "voice").mkdir(parents=True)
        await over(download)

        assert download.error is not None
        assert (download.state, download.error.code) == ("failed", "CONFLICT")
        assert list((models / "voice").iterdir()) == []
        assert partial_bytes(models) == 4


@pytest.mark.parametrize("way", ["wait", "stubborn", "talkative"])
async def test_leaving_ends_every_process_and_keeps_what_it_has_brought(
    way: str, make: Callable[..., Made], models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "GRACE_S", 0.1)
    async with make(scripted(way)) as downloads:
        download = downloads.start("voice", MODEL, "main", models / "voice")
        await until(lambda: download.bytes_done >= 4)

    assert download.state == "canceled"
    assert (models / ".downloads" / "voice" / "a.txt").read_text() == "half"


async def test_an_obedient_process_is_not_killed(
    make: Callable[..., Made], models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "GRACE_S", PATIENCE_S)
    async with make(scripted("wait")) as downloads:
        download = downloads.start("voice", MODEL, "main", models / "voice")
        await until(lambda: download.bytes_done == 4)
        await downloads.cancel("voice")

    assert (models / ".downloads" / "voice" / "obeyed").exists()


async def test_a_download_that_is_canceled_at_once_has_an_end(make: Callable[..., Made], models: Path) -> None:
    async with make(scripted("wait")) as downloads:
        download = downloads.start("voice", MODEL, "main", models / "voice")
        await downloads.cancel("voice")

        assert download.state == "canceled"
        await over(download)


async def test_canceling_what_is_not_in_work_changes_nothing(make: Callable[..., Made], models: Path) -> None:
    async with make(scripted("done")) as downloads:
        await downloads.cancel("voice")
        download = await over(downloads.start("voice", MODEL, "main", models / "voice"))
        await downloads.cancel("voice")

        assert download.state == "done"


async def test_a_cancel_that_comes_while_the_model_is_put_into_its_place_comes_too_late(
    make: Callable[..., Made], models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    putting, go_on = threading.Event(), threading.Event()
    rename = Path.rename

    def held(path: Path, target: Path) -> Path:
        putting.set()
        assert go_on.wait(PATIENCE_S)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", held)
    async with make(scripted("done")) as downloads:
        download = downloads.start("voice", MODEL, "main", models / "voice")
        await until(putting.is_set)
        canceling = asyncio.create_task(downloads.cancel("voice"))
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        assert not canceling.done()
        go_on.set()
        await canceling

        assert download.state == "done"
    assert (models / "voice" / "a.txt").exists()


async def test_what_an_interrupted_download_has_left_can_be_removed(
    make: Callable[..., Made], models: Path
) -> None:
    async with make(scripted("wait")) as downloads:
        assert partial_bytes(models) == 0
        download = downloads.start("voice", MODEL, "main", models / "voice")
        await until(lambda: download.bytes_done == 4)
        with pytest.raises(WrongState, match="cancel that first"):
            await downloads.discard("voice")
        await downloads.cancel("voice")
        assert partial_bytes(models) == 4

        await downloads.discard("voice")

        assert partial_bytes(models) == 0
        assert downloads.get("voice") is None
        assert not (models / ".downloads" / "voice").exists()
        await downloads.discard("voice")


@pytest.mark.parametrize("model_id", ["", ".", "..", "../voice", "/voice", "a//b", "a/../b", "a\0b"])
async def test_a_name_that_leads_elsewhere_is_refused(
    model_id: str, make: Callable[..., Made], models: Path
) -> None:
    async with make(scripted("done")) as downloads:
        with pytest.raises(InvalidRequest):
            downloads.start(model_id, MODEL, "main", models / "voice")
        with pytest.raises(InvalidRequest):
            await downloads.discard(model_id)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_speed_and_time_left_are_those_of_the_last_ten_seconds() -> None:
    clock = Clock()
    download = Download("voice", clock)
    assert (download.bytes_per_second, download.seconds_left) == (0.0, None)

    download.progress(1_000)  # of an earlier try
    assert (download.bytes_per_second, download.seconds_left) == (0.0, None)
    download.bytes_total = 10_000
    for _ in range(5):
        clock.now += 1
        download.progress(download.bytes_done + 100)
    assert (download.bytes_per_second, download.seconds_left) == (100.0, 85.0)

    for _ in range(10):
        clock.now += 1
        download.progress(download.bytes_done + 500)
    assert (download.bytes_per_second, download.seconds_left) == (500.0, 7.0)

    clock.now += 5
    assert download.bytes_per_second == 250.0
    clock.now += 6
    assert (download.bytes_per_second, download.seconds_left) == (0.0, None)


async def test_what_has_ended_has_no_speed() -> None:
    clock = Clock()
    download = Download("voice", clock)
    download.bytes_total = 100
    download.progress(0)
    clock.now += 1
    download.progress(10)
    assert download.seconds_left == 9.0

    download.end("canceled")

    assert (download.bytes_per_second, download.seconds_left) == (0.0, None)


def test_the_engine_does_not_load_the_hubs_library() -> None:
    assert not [name for name in modules_loaded_by("app.models.downloads") if "huggingface" in name]
