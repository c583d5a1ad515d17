"""`q3tts models`, with a real engine; what is downloaded comes from a hub on this machine."""

import re
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

from app.cli import progress
from app.cli.engine import EngineClient
from app.cli.models import words_for
from app.errors import SpeechError
from app.models.published import PUBLISHED
from tests.api.models import _WEIGHTS as WEIGHTS  # pyright: ignore[reportPrivateUsage]
from tests.api.models import broken, checkpoint
from tests.cli.commands import PATIENCE_S, Shell, assert_fits, daemon
from tests.models.hub import Hub
from tests.support.waiting import wait_until

#: Downloads and engines of their own take seconds each.
pytestmark = pytest.mark.long

MODEL = "whisper-large-v3-turbo"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Hub]:
    """One that has what passes for a model."""
    published = PUBLISHED[MODEL]
    with Hub(tmp_path / "hub") as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("NO_PROXY", "*")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)  # a test that has loaded a model has set it
        running.commits[published.repository] = published.revision
        running.add(
            published.repository, {"config.json": b'{"model_type": "whisper"}', "model.safetensors": WEIGHTS}
        )
        yield running


def test_models_are_a_table_that_fits(shell: Shell) -> None:
    title, *rows = assert_fits(shell.ok("models"))

    assert title.split() == ["ID", "STATE", "SIZE", "NAME"]
    assert rows[0].split()[:2] in (["espeak-ng", "active"], ["espeak-ng", "active,"])
    assert [row.split()[0] for row in rows[1:]] == list(PUBLISHED)
    assert "2.5 GB" in rows[1]


def test_json_is_what_the_engine_answers(shell: Shell, engine: EngineClient) -> None:
    assert shell.json("models") == engine.get("/models")
    assert shell.json("models", "show", MODEL) == engine.get(f"/models/{MODEL}")


def test_a_model_is_shown_with_everything_known_of_it(shell: Shell) -> None:
    lines = assert_fits(shell.ok("models", "show", "espeak-ng"))

    assert lines[0].split() == ["id", "espeak-ng"]
    assert any(line.startswith("does") and "turns text into speech, is heard while it" in line for line in lines)
    assert PUBLISHED[MODEL].repository in shell.ok("models", "show", MODEL)


def test_a_model_that_is_not_there_is_reported(shell: Shell) -> None:
    for action in ("show", "use", "unload", "delete", "download"):
        assert "no model 'nobody'" in shell.fails(1, "models", action, "nobody")


def test_models_whose_names_are_near_are_suggested(shell: Shell, engine: EngineClient) -> None:
    assert "perhaps espeak-ng is meant" in shell.fails(1, "models", "show", "espeakng")
    with pytest.raises(
        SpeechError, match="there is no model 'espeakng'; perhaps espeak-ng is meant; see q3tts models"
    ):
        engine.get("/models/espeakng")


def test_a_model_that_has_to_be_downloaded_first_says_so(shell: Shell) -> None:
    assert f"q3tts models download {MODEL}" in shell.fails(1, "models", "use", MODEL)


def test_models_are_used_unloaded_and_deleted(shell: Shell, engine: EngineClient) -> None:
    checkpoint(engine.data_dir / "models" / "mine", "whisper")

    assert shell.ok("models", "use", "mine") == "mine is active\n"
    assert "active" in shell.fails(1, "models", "delete", "mine")
    assert shell.ok("models", "unload", "mine") == "mine is installed, no longer active\n"
    assert shell.ok("models", "unload", "mine") == "mine was not loaded\n"
    assert shell.ok("models", "delete", "mine") == "mine is deleted\n"
    assert "built in" in shell.fails(1, "models", "delete", "espeak-ng")
    assert shell.json("models", "use", "espeak-ng")["state"] == "active"


def test_a_model_in_a_folder_is_used_by_its_path(nobody: Shell, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "my voice", "whisper")

    assert nobody.ok("models", "use", str(folder)) == "my voice is active\n"
    assert "there is no folder" in nobody.fails(2, "models", "use", str(tmp_path / "nowhere"))
    assert (nobody.socket_path.parent / "data" / "models" / "my voice").readlink() == folder


def test_a_model_that_is_of_no_use_says_why(shell: Shell, engine: EngineClient) -> None:
    broken(engine.data_dir / "models" / "bad")

    row = next(row for row in assert_fits(shell.ok("models")) if row.startswith("bad"))
    reason = engine.get("/models/bad")["reason"]

    assert row.split()[:2] == ["bad", "broken"]
    assert " ".join(row.split()[3:]).rstrip("…") in reason.replace("`", "`")
    assert "bad" in shell.fails(1, "models", "use", "bad")
    shell.ok("models", "delete", "bad")


def test_what_is_not_taken_for_a_model_is_printed_with_the_reason(shell: Shell, engine: EngineClient) -> None:
    file = engine.data_dir / "models" / "voice.gguf"
    file.touch()
    checkpoint(engine.data_dir / "models" / "org" / "my voice", "whisper")

    run = shell.run("models")
    shell.ok("models", "delete", "org/my voice")
    file.unlink()

    assert "skipped voice.gguf: it is a file" in run.stderr
    assert "org/my voice" in run.stdout


def test_a_download_arrives_and_says_what_to_do_with_it(nobody: Shell, hub: Hub) -> None:
    said = nobody.ok("models", "download", PUBLISHED[MODEL].repository)

    assert said == f"{MODEL} is installed; use it with: q3tts models use {MODEL}\n"
    assert (nobody.socket_path.parent / "data" / "models" / MODEL / "model.safetensors").exists()
    assert "is installed; delete it first" in nobody.fails(1, "models", "download", MODEL)
    assert nobody.ok("models", "check", MODEL) == f"{MODEL}: 2 files are as they were downloaded\n"
    assert hub.requests


def test_any_repository_of_a_family_that_can_be_loaded_is_downloaded(nobody: Shell, hub: Hub) -> None:
    hub.add("org/ears", {"config.json": b'{"model_type": "whisper"}', "model.safetensors": WEIGHTS})
    hub.add("org/text", {"config.json": b'{"model_type": "gemma"}', "model.safetensors": WEIGHTS})

    said = nobody.ok("models", "download", "org/ears")

    assert said == "org/ears is installed; use it with: q3tts models use org/ears\n"
    assert nobody.ok("models", "use", "org/ears") == "org/ears is active\n"
    assert "org/text is not a model that can be used" in nobody.fails(1, "models", "download", "org/text")
    assert "no model 'org/gone'" in nobody.fails(1, "models", "download", "org/gone")


def test_a_download_that_fails_says_why(nobody: Shell, hub: Hub) -> None:
    hub.corrupt.add("model.safetensors")

    assert nobody.fails(1, "models", "download", MODEL).startswith("the download failed: ")


def test_a_download_that_is_interrupted_goes_on_from_there(nobody: Shell, hub: Hub) -> None:
    hub.hold_after["model.safetensors"] = 20

    with nobody.start("models", "download", MODEL) as process:
        hub.wait_until_holding()
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=PATIENCE_S)

    assert (process.returncode, printed) == (130, "")
    assert said.splitlines()[-1] == "q3tts: interrupted; the same command goes on from there"
    hub.hold_after.clear()
    hub.release.set()
    assert nobody.json("models", "download", MODEL)["state"] == "installed"


def test_an_interruption_cancels_the_daemons_download(nobody: Shell, hub: Hub) -> None:
    hub.hold_after["model.safetensors"] = 20
    with daemon(nobody.socket_path, nobody.socket_path.parent / "data"):
        with nobody.start("models", "download", MODEL) as process:
            hub.wait_until_holding()
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE_S)

        assert process.returncode == 130
        assert nobody.json("models", "show", MODEL)["state"] == "absent"


def test_a_download_that_is_left_to_the_daemon_goes_on_without_the_command(nobody: Shell, hub: Hub) -> None:
    hub.hold_after["model.safetensors"] = 20
    with daemon(nobody.socket_path, nobody.socket_path.parent / "data"):
        assert nobody.ok("models", "download", MODEL, "--detach").endswith("see how far with: q3tts models\n")
        hub.wait_until_holding()
        assert re.search(f"^{MODEL} +downloading", nobody.ok("models"), re.MULTILINE)
        hub.release.set()
        wait_until(lambda: nobody.json("models", "show", MODEL)["state"] == "installed")


def test_the_progress_of_a_download_is_printed_now_and_then(
    nobody: Shell, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_S", 0.0)

    run = nobody.run("models", "download", MODEL)

    assert run.exit_code == 0
    assert "%  " in run.stderr
    assert hub.requests


@pytest.mark.parametrize(
    ("download", "total", "said"),
    [
        ({"bytes_done": 104_857_600, "bytes_per_second": 20_971_520.0, "seconds_left": 115.1}, 2_519_000_000,
         "105 MB of 2.5 GB, 21 MB/s, 1:56 left"),
        ({"bytes_done": 0, "bytes_per_second": None, "seconds_left": None}, None, "0 B"),
    ],
)  # fmt: skip
def test_the_words_beside_the_bar_tell_how_far_a_download_is(
    download: dict[str, float | None], total: int | None, said: str
) -> None:
    assert words_for(download, total) == said
