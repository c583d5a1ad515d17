"""The download's process and a hub on this machine: what it brings, what it refuses, and how it goes on."""

import hashlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.process.executable import program
from app.workers.download import fetch
from app.workers.download.hub import FetchFailed, explained, is_safe
from tests.models.hub import PATIENCE_S, Hub
from tests.support.downloads import FILES, MODEL, TOTAL, WEIGHTS, environment, files_in, whole
from tests.support.variants import in_test_long
from tests.support.waiting import wait_until

UNSAFE = {
    "modeling_voice.py": b"raise SystemExit",
    "pytorch_model.bin": b"pickle",
    "speaker.npz": b"zip",
    "README.md": b"# Voice",
    "q3tts.json": b'{"repository": "mine"}',
    "a/b/c.json": b"{}",
    ".hidden.json": b"{}",
}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with Hub(tmp_path / "hub") as running:
        running.add(MODEL, FILES)
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "model"


@contextmanager
def fetching(
    folder: Path, *, revision: str = "main", repository: str = MODEL, module: str = "", **settings: str
) -> Generator[subprocess.Popen[bytes]]:
    """The process; its standard input stays open until the end."""
    command = (sys.executable, "-P", "-m", module) if module else program("fetch")
    with subprocess.Popen(
        [*command, repository, revision, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(HF_HOME=str(folder.with_name("hf_home")), **settings),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: "subprocess.Popen[bytes]") -> list[dict[str, Any]]:
    """All that it says until it ends."""
    assert process.stdout is not None
    assert process.stderr is not None
    lines = [json.loads(line) for line in process.stdout]
    process.stderr.read()
    process.wait(PATIENCE_S)
    return lines


def fetched(hub: Hub, folder: Path, **options: str) -> list[dict[str, Any]]:
    with fetching(folder, **{"HF_ENDPOINT": hub.url, **options}) as process:
        return said(process)


def failure(lines: list[dict[str, Any]]) -> tuple[str, str]:
    assert lines[-1]["event"] == "failed"
    return lines[-1]["code"], lines[-1]["message"]


def part_of(folder: Path, name: str) -> Path:
    (part,) = (folder / ".parts").glob(f"{name}.*")
    return part


def test_a_model_comes_whole_with_a_manifest_and_without_what_could_be_code(hub: Hub, folder: Path) -> None:
    commit = hub.add(MODEL, UNSAFE)
    names = ("../evil.json", "/evil.json", "a\\..\\evil.json", "pipe/../evil.json", "C:evil.json")
    hub.foreign_files = [{"rfilename": name, "size": 1, "blobId": "0" * 40} for name in names]

    lines = fetched(hub, folder)

    whole(folder)
    assert lines[0] == {"event": "started", "bytes_total": TOTAL, "files": len(FILES), "revision": commit}
    progress = [line["bytes_done"] for line in lines if line["event"] == "progress"]
    assert (progress[0], progress[-1]) == (0, TOTAL)
    assert progress == sorted(progress)
    assert lines[-2:] == [{"event": "verifying"}, {"event": "done", "revision": commit}]
    manifest = json.loads((folder / "q3tts.json").read_text())
    assert (manifest["repository"], manifest["revision"]) == (MODEL, commit)
    assert {file["name"]: (file["size"], file["sha256"]) for file in manifest["files"]} == {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in FILES.items()
    }


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.model", "speech_tokenizer/a-1.of_2.json"])
def test_files_of_models_are_safe(name: str) -> None:
    assert is_safe(name)


@pytest.mark.parametrize(
    "name",
    [f"a.{kind}" for kind in ("py", "bin", "pt", "pth", "pkl", "npz", "md", "json.py", "json\n", "JSON")],
)
def test_files_of_other_kinds_are_not(name: str) -> None:
    assert not is_safe(name)


@pytest.mark.parametrize(
    "name",
    ["../a.json", "a/../b.json", "/a.json", "~/a.json", "a\\b.json", "c:a.json", "a//b.json", "a/b/c.json"],
)
def test_files_of_other_places_are_not(name: str) -> None:
    assert not is_safe(name)


@pytest.mark.parametrize("name", [".json", ".parts/a.json", "q3tts.json", "ä.json", "a@b.json"])
def test_names_that_mean_something_here_are_not(name: str) -> None:
    assert not is_safe(name)


def test_a_model_that_is_there_needs_no_hub(hub: Hub, folder: Path) -> None:
    fetched(hub, folder)
    hub.requests.clear()

    commit = hub.commit(MODEL)
    lines = fetched(hub, folder, revision=commit)

    assert lines == [{"event": "done", "revision": commit}]
    assert hub.requests == []


def test_of_files_that_are_there_without_a_manifest_only_the_list_is_asked_for(hub: Hub, folder: Path) -> None:
    commit = hub.commit(MODEL)
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

    fetched(hub, folder, revision=commit)

    whole(folder)
    assert [request.target.split("?")[0] for request in hub.requests] == [f"/api/models/{MODEL}/revision/{commit}"]


def test_a_cut_connection_is_taken_up_where_it_broke(hub: Hub, folder: Path) -> None:
    hub.cut_after["model.safetensors"] = 100_000

    fetched(hub, folder)

    whole(folder)
    assert hub.asked_for("model.safetensors") == [None, "bytes=100000-"]


def test_a_killed_download_is_taken_up_where_it_stopped(hub: Hub, folder: Path) -> None:
    hub.hold_after["model.safetensors"] = 150_000
    with fetching(folder, HF_ENDPOINT=hub.url) as process:
        hub.wait_until_holding()
        wait_until(lambda: part_of(folder, "model.safetensors").stat().st_size > 0)
        process.kill()
    hub.release.set()
    held = part_of(folder, "model.safetensors").stat().st_size
    hub.requests.clear()
    others = len(FILES["config.json"]) + len(FILES["merges.txt"])

    lines = fetched(hub, folder)

    whole(folder)
    assert lines[1] == {"event": "progress", "bytes_done": others + held}
    assert hub.asked_for("model.safetensors") == [f"bytes={held}-"]
    assert hub.asked_for("config.json") == []


def test_a_server_that_knows_no_ranges_sends_all_of_it_again(hub: Hub, folder: Path) -> None:
    hub.cut_after["model.safetensors"] = 100_000
    hub.ignore_range = True

    lines = fetched(hub, folder)

    whole(folder)
    assert max(line["bytes_done"] for line in lines if line["event"] == "progress") == TOTAL


def test_what_another_revision_has_left_is_not_taken(hub: Hub, folder: Path) -> None:
    (folder / ".parts").mkdir(parents=True)
    (folder / "config.json").write_bytes(b"{}")
    (folder / ".parts" / f"model.safetensors.{'0' * 64}").write_bytes(b"other")
    hub.hold_after["model.safetensors"] = 0

    with fetching(folder, HF_ENDPOINT=hub.url) as process:
        hub.wait_until_holding()
        parts = [path.name for path in (folder / ".parts").glob("model.safetensors.*")]
        hub.release.set()
        said(process)

    assert parts == [f"model.safetensors.{hashlib.sha256(WEIGHTS).hexdigest()}"]
    assert hub.asked_for("model.safetensors") == [None]
    whole(folder)


def test_a_file_with_other_bytes_is_removed_and_brought_anew_by_the_next_try(hub: Hub, folder: Path) -> None:
    hub.corrupt.add("model.safetensors")

    code, message = failure(fetched(hub, folder))

    assert (code, ": model.safetensors;" in message) == ("CORRUPT", True)
    assert not (folder / "q3tts.json").exists()
    assert not [name for name in files_in(folder) if "model.safetensors" in name and "@" not in name]
    hub.corrupt.clear()
    hub.requests.clear()
    fetched(hub, folder)
    whole(folder)
    assert [name for name in FILES if hub.asked_for(name)] == ["model.safetensors"]


@pytest.mark.parametrize(
    "length", [len(FILES["merges.txt"]) - 1, *in_test_long(None, len(FILES["merges.txt"]) + 1)]
)
def test_a_small_file_that_is_not_as_listed_is_not_kept(length: int | None, hub: Hub, folder: Path) -> None:
    if length is None:
        hub.corrupt.add("merges.txt")
    else:
        hub.lengths["merges.txt"] = length

    code, message = failure(fetched(hub, folder))

    assert (code, ": merges.txt;" in message) == ("CORRUPT", True)
    assert not [name for name in files_in(folder) if "merges" in name]


def test_a_model_that_does_not_fit_is_not_begun(hub: Hub, folder: Path) -> None:
    code, message = failure(fetched(hub, folder, module="tests.support.programs.fetch_without_space"))

    assert code == "DISK_FULL"
    assert "needs 100 MB of free disk, and there are 1 MB" in message
    assert all(hub.asked_for(name) == [] for name in FILES if name != "config.json")


@pytest.mark.parametrize(
    ("missing", "free", "fits"),
    [
        (0, 0, True),
        (1, 100_000_000, False),
        (1, 100_000_001, True),
        (4_000_000_000, 4_199_999_999, False),
        (4_000_000_000, 4_200_000_000, True),
    ],
)
def test_what_is_missing_must_fit_with_a_margin(missing: int, free: int, fits: bool, tmp_path: Path) -> None:
    if fits:
        fetch.check_disk(tmp_path, missing, lambda _: free)
    else:
        with pytest.raises(FetchFailed, match="free some space"):
            fetch.check_disk(tmp_path, missing, lambda _: free)


def test_a_disk_that_fills_up_is_named(tmp_path: Path) -> None:
    error = explained(OSError(28, "No space left on device"), MODEL, "main")

    assert error.code == "DISK_FULL"


def test_a_model_that_is_not_there_is_not_found(hub: Hub, folder: Path) -> None:
    code, message = failure(fetched(hub, folder, repository="acme/nothing"))

    assert (code, "'acme/nothing'" in message) == ("NOT_FOUND", True)
    assert not folder.exists()


def test_a_revision_that_is_not_there_is_not_found(hub: Hub, folder: Path) -> None:
    code, message = failure(fetched(hub, folder, revision="v9"))

    assert (code, "'v9'" in message) == ("NOT_FOUND", True)


def test_a_gated_model_needs_a_token_which_no_other_host_sees(hub: Hub, folder: Path) -> None:
    hub.gated.add(MODEL)

    code, message = failure(fetched(hub, folder))
    assert (code, "HF_TOKEN" in message) == ("REFUSED", True)

    hub.requests.clear()
    fetched(hub, folder, HF_TOKEN=hub.token)
    whole(folder)
    tokens = {(request.host, request.authorization) for request in hub.requests}
    assert tokens == {(f"127.0.0.1:{hub.port}", f"Bearer {hub.token}"), (f"localhost:{hub.port}", None)}


def test_a_refusal_says_so(hub: Hub, folder: Path) -> None:
    hub.statuses = [403]

    assert failure(fetched(hub, folder))[0] == "REFUSED"


def test_a_hub_that_stumbles_is_asked_again(hub: Hub, folder: Path) -> None:
    hub.statuses = [500]

    fetched(hub, folder)

    whole(folder)


def test_a_hub_that_is_not_there_is_unreachable(folder: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with fetching(folder, HF_ENDPOINT=f"http://127.0.0.1:{nobody.getsockname()[1]}") as process:
            code, message = failure(said(process))

    assert (code, "check the connection" in message) == ("UNREACHABLE", True)


def test_a_model_of_pickles_is_unsuitable(hub: Hub, folder: Path) -> None:
    hub.add("acme/pickles", UNSAFE)

    assert failure(fetched(hub, folder, repository="acme/pickles"))[0] == "UNSUITABLE"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (b'{"model_type": "gemma"}', "'gemma', which is neither a text-to-speech nor a speech-to-text model"),
        *in_test_long(
            (b'{"model_type": "llama"}', "'llama' is a text model"),
            (b"{", "config.json is malformed"),
            (None, "has no config.json"),
        ),
    ],
)
def test_a_model_that_does_not_speak_is_refused_before_its_weights_come(
    hub: Hub, folder: Path, config: bytes | None, words: str
) -> None:
    hub.add("org/other", {"model.safetensors": WEIGHTS} | ({} if config is None else {"config.json": config}))

    with fetching(folder, repository="org/other", HF_ENDPOINT=hub.url) as process:
        code, message = failure(said(process))

    assert code == "UNSUITABLE"
    assert message.startswith("org/other ")
    assert words in message
    assert hub.asked_for("model.safetensors") == []


def test_malformed_hashes_are_refused(hub: Hub, folder: Path) -> None:
    hub.foreign_files = [{"rfilename": "a.json", "size": 1, "blobId": "../../evil"}]

    assert failure(fetched(hub, folder))[0] == "UNREACHABLE"


def test_a_proxy_is_used_for_everything(hub: Hub, folder: Path) -> None:
    fetched(hub, folder, HF_ENDPOINT="http://hub.invalid", HTTP_PROXY=hub.url)

    whole(folder)
    assert all(request.target.startswith(("http://hub.invalid/", "http://localhost")) for request in hub.requests)


def test_the_process_ends_with_its_standard_input(hub: Hub, folder: Path) -> None:
    hub.hold_after["model.safetensors"] = 150_000
    with fetching(folder, HF_ENDPOINT=hub.url) as process:
        hub.wait_until_holding()
        assert process.stdin is not None
        process.stdin.close()

        assert process.wait(PATIENCE_S) == 3


def test_it_says_how_far_it_is_five_times_a_second_at_most() -> None:
    now = 0.0
    source, target = os.pipe()
    report = fetch.Report(target, clock=lambda: now)

    for number in range(100):
        now = number * 0.0201
        report.progress(number)
    os.close(target)

    with open(source, "rb") as lines:
        assert [json.loads(line)["bytes_done"] for line in lines] == list(range(0, 100, 10))
