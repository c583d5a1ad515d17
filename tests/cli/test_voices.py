"""`q3tts voices`, `clone` and `design`, with a real engine that has the voices of espeak-ng."""

import shutil
from pathlib import Path

import pytest

from app.cli.engine import EngineClient
from tests.cli.commands import ENGLISH, Shell, assert_fits
from tests.support.checkpoint_folders import qwen3


def test_voices_are_a_table_that_fits(shell: Shell) -> None:
    title, *rows = assert_fits(shell.ok("voices"))

    assert title.split() == ["ID", "KIND", "LANGUAGE", "NAME", "MODEL"]
    assert len(rows) > 200
    assert f"{ENGLISH[:8]}  preset  en-GB" in "\n".join(rows)
    assert any(row.split()[2] == "any" for row in rows)


@pytest.mark.parametrize(
    ("options", "query"),
    [
        (("--language", "en"), "?language=en"),
        (("--language", "German"), "?language=de"),
        (("--kind", "clone"), "?kind=clone"),
        (("--model", "espeak-ng", "--language", "fr"), "?model_id=espeak-ng&language=fr"),
        ((), ""),
    ],
)
def test_json_is_what_the_engine_answers_to_the_same_filters(
    shell: Shell, engine: EngineClient, options: tuple[str, ...], query: str
) -> None:
    assert shell.json("voices", "list", *options) == engine.get(f"/voices{query}")


def test_nothing_found_is_said_to_the_person_alone(shell: Shell) -> None:
    run = shell.run("voices", "--kind", "design")

    assert (run.exit_code, run.stdout, run.stderr) == (0, "", "there are no such voices\n")


def test_a_voice_is_shown_by_its_name_or_the_beginning_of_its_id(shell: Shell, engine: EngineClient) -> None:
    lines = assert_fits(shell.ok("voices", "show", "whisper"))

    assert lines[0].split() == ["id", "8a133dee-ff13-5910-b287-40d158046207"]
    assert [line.split()[0] for line in lines] == ["id", "name", "kind", "language", "model"]
    assert shell.ok("voices", "show", "8a133dee") == shell.ok("voices", "show", "WHISPER")
    assert shell.json("voices", "show", ENGLISH) == engine.get(f"/voices/{ENGLISH}")


def test_a_voice_that_is_not_there_is_reported(shell: Shell) -> None:
    assert "no voice 'Nobody'" in shell.fails(1, "voices", "show", "Nobody")
    assert "there is no voice 'Whispr'; perhaps whisper is meant; see: q3tts" in shell.fails(
        1, "voices", "show", "Whispr"
    )
    assert "no such voice" in shell.fails(1, "voices", "show", "00000000-0000-4000-8000-000000000000")


def test_a_preview_is_a_file(shell: Shell, tmp_path: Path) -> None:
    target = tmp_path / "whisper.wav"

    assert shell.ok("voices", "preview", "whisper", "-o", target) == f"{target}\n"

    assert target.read_bytes()[:4] == b"RIFF"


def test_a_voice_that_is_built_in_cannot_be_deleted(shell: Shell) -> None:
    assert "preset" in shell.fails(1, "voices", "delete", "whisper")


def test_a_voice_that_is_built_in_keeps_its_name(shell: Shell) -> None:
    assert "cannot be renamed" in shell.fails(1, "voices", "rename", "whisper", "Murmur")


def test_a_clone_of_something_that_is_not_a_recording_is_reported(shell: Shell, tmp_path: Path) -> None:
    recording = tmp_path / "me.wav"
    recording.write_bytes(b"RIFF")

    said = shell.fails(2, "clone", recording)
    assert said == f"{recording} is too short for a recording, 4 bytes; give a WAV, FLAC, MP3, M4A or Ogg file"
    recording.write_bytes(b"Dear diary, " * 10)
    assert f"{recording} is not a recording of a known kind; give" in shell.fails(2, "clone", recording)
    recording.write_bytes(b"RIFF1234WAVE" * 10)
    assert "ref_audio" not in shell.fails(1, "clone", recording)
    assert shell.run("clone", tmp_path / "nowhere.wav").exit_code == 2


def test_a_model_that_cannot_clone_or_design_says_how_to_choose_one_that_can(shell: Shell, tmp_path: Path) -> None:
    recording, link = tmp_path / "me.wav", tmp_path / "link.wav"
    shell.ok("voices", "preview", ENGLISH, "-o", recording)
    link.symlink_to(recording)

    words = ("clone", link, "--transcript", "This is how I sound.")
    assert shell.fails(1, *words).endswith("can; get one with: q3tts models download qwen3-tts-12hz-0.6b-base")
    words = ("design", "an old man", "--name", "Grandpa")
    assert shell.fails(1, *words).endswith("q3tts models download qwen3-tts-12hz-1.7b-voicedesign")


def test_the_models_on_this_machine_that_can_clone_are_named(
    shell: Shell, engine: EngineClient, tmp_path: Path
) -> None:
    recording = tmp_path / "me.wav"
    shell.ok("voices", "preview", ENGLISH, "-o", recording)
    (engine.data_dir / "models" / "ada").mkdir(parents=True)
    folder = qwen3(engine.data_dir / "models" / "ada" / "small clone")

    said = shell.fails(1, "clone", recording, "--transcript", "This is how I sound.")

    shutil.rmtree(folder)
    assert said.endswith("cannot clone voices; choose one that can: q3tts models use 'ada/small clone'")


def test_a_design_without_a_name_is_refused(shell: Shell) -> None:
    assert "--name" in shell.run("design", "an old man").stderr
