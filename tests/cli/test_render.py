"""`q3tts render`, with a real engine: what comes out, and what is left when nothing does."""

import io
import json
import os
import signal
import subprocess
import wave
from pathlib import Path
from typing import Any

import pytest

from app.audio.wav import write_wav
from app.cli import progress, render
from app.cli.engine import EngineClient
from app.cli.watching import words_for
from tests.audio.encoded import decoded
from tests.cli.commands import ENGLISH, LONG, PATIENCE_S, Shell
from tests.support.waiting import wait_until


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_text("The tide is out. Take good shoes.", encoding="utf-8")
    return path


def seconds_of(wav: bytes) -> float:
    with wave.open(io.BytesIO(wav)) as file:
        return file.getnframes() / file.getframerate()


def newest(engine: EngineClient) -> dict[str, Any]:
    return engine.get("/jobs?limit=1")["jobs"][0]


def test_a_text_becomes_a_file_and_one_line_says_so(shell: Shell, story: Path, engine: EngineClient) -> None:
    target = story.with_name("story.wav")

    said = shell.ok("render", story, "-o", target)

    seconds = seconds_of(target.read_bytes())
    assert 1 < seconds < 5
    assert said.startswith(f"{seconds:.1f} s of speech, real-time factor ")
    assert said.endswith(f" × real time): {target}\n")
    job = newest(engine)
    assert (job["title"], job["lane"]) == ("story", "render")
    assert engine.get(f"/voices/{job['voice_id']}")["language_hint"].startswith("en")


def test_a_file_that_was_there_is_replaced(shell: Shell, story: Path) -> None:
    target = story.with_name("story.wav")
    shell.ok("render", story, "-o", target, "--seed", "1")
    before = target.read_bytes()

    shell.ok("render", story, "-o", target, "--seed", "1", "--rate", "2.0")

    assert 44 < len(target.read_bytes()) < len(before)
    assert sorted(path.name for path in story.parent.iterdir()) == ["story.txt", "story.wav"]


def test_what_is_asked_for_reaches_the_engine(shell: Shell, story: Path) -> None:
    target = story.with_name("story.wav")

    job = shell.json(
        "render", story, "-o", target, "--voice", ENGLISH[:8], "--language", "English", "--rate", "1.5",
        "--seed", "7", "--title", "Tide",
    )  # fmt: skip

    assert (job["voice_id"], job["language"], job["seed"], job["title"]) == (ENGLISH, "en", 7, "Tide")
    assert job["settings"]["rate"] == 1.5
    assert job["status"] == "completed"
    assert target.exists()


def test_the_same_seed_gives_the_same_bytes(shell: Shell, story: Path) -> None:
    for name in ("a.wav", "b.wav"):
        shell.ok("render", story, "-o", story.with_name(name), "--seed", "3")

    assert story.with_name("a.wav").read_bytes() == story.with_name("b.wav").read_bytes()


def test_standard_input_becomes_standard_output(shell: Shell) -> None:
    run = shell.run("render", "-", "-o", "-", input="\ufeffTake good shoes.".encode())

    assert run.exit_code == 0
    assert 0.5 < seconds_of(run.stdout_bytes) < 3
    assert run.stderr.startswith(f"{seconds_of(run.stdout_bytes):.1f} s of speech")


def test_the_mark_at_the_beginning_of_a_text_is_not_spoken(shell: Shell, story: Path) -> None:
    story.write_bytes(b"\xef\xbb\xbfShoes.")

    job = shell.json("render", story, "-o", story.with_name("a.wav"))

    assert job["progress"]["characters_total"] == len("Shoes.")


def test_a_text_in_another_encoding_is_reported_with_its_first_wrong_byte(shell: Shell, story: Path) -> None:
    story.write_bytes("Größe".encode("latin-1"))

    said = shell.fails(2, "render", story, "-o", story.with_name("a.wav"))

    assert said.startswith(f"{story} is not text in UTF-8 (byte 2 is 0xf6); say which encoding it has")
    remedy = said.partition("convert it: ")[2]
    subprocess.run(remedy, shell=True, check=True)
    assert story.with_name("story.utf8.txt").read_text(encoding="utf-8") == "Größe"
    shell.ok("render", story, "-o", story.with_name("a.wav"), "--encoding", "windows-1252")
    assert "standard input is not text" in shell.fails(
        2, "render", "-", "-o", story.with_name("a.wav"), input=b"\xff"
    )


def test_a_text_with_nothing_to_say_is_not_passed_over_in_silence(
    shell: Shell, story: Path, engine: EngineClient
) -> None:
    target = story.with_name("a.wav")
    story.write_text("... --- !!!")

    run = shell.run("render", story, "-o", target)

    assert (run.exit_code, run.stdout) == (0, f"0.0 s of speech: {target}\n")
    assert run.stderr == f"nothing in this text is spoken; {target} has no sound\n"
    assert seconds_of(target.read_bytes()) == 0
    run = shell.run("jobs", "save", newest(engine)["job_id"], "-o", target)
    assert (run.exit_code, run.stderr) == (0, f"nothing in this text is spoken; {target} has no sound\n")


@pytest.mark.parametrize("suffix", [".epub", ".PDF", ".docx"])
def test_a_book_is_refused_as_not_supported_yet(shell: Shell, tmp_path: Path, suffix: str) -> None:
    book = tmp_path / f"book{suffix}"
    book.write_bytes(b"PK")

    assert "books are not supported yet" in shell.fails(2, "render", book, "-o", tmp_path / "a.wav")


def test_what_the_engine_refuses_is_reported(shell: Shell, story: Path) -> None:
    target = story.with_name("a.wav")
    empty = story.with_name("empty.txt")
    empty.write_text(" \n")

    assert "empty" in shell.fails(1, "render", empty, "-o", target)
    assert "no voice 'Nobody'" in shell.fails(1, "render", story, "-o", target, "--voice", "Nobody")
    assert "instruct" in shell.fails(1, "render", story, "-o", target, "--instruct", "in a whisper")
    assert "speaks en-GB, not 'fr'" in shell.fails(
        1, "render", story, "-o", target, "--voice", ENGLISH, "--language", "fr"
    )
    assert not target.exists()


@pytest.mark.parametrize(
    "wrong", [("--rate", "9"), ("--seed", "-1"), ("--nonsense",), ("--json", "-o", "-"), ("-o", "a.wma")]
)
def test_what_makes_no_sense_is_refused_before_an_engine_is_started(
    nobody: Shell, story: Path, wrong: tuple[str, ...]
) -> None:
    run = nobody.run("render", story, "-o", story.with_name("a.wav"), *wrong)

    assert run.exit_code == 2
    assert not (nobody.socket_path.parent / "data").exists()


def test_a_place_that_cannot_be_written_to_is_reported_before_anything_is_spoken(
    nobody: Shell, story: Path
) -> None:
    assert "does not exist" in nobody.fails(74, "render", story, "-o", story.parent / "nowhere" / "a.wav")
    assert not (nobody.socket_path.parent / "data").exists()


def test_a_place_that_is_lost_meanwhile_leaves_the_job_to_be_saved_elsewhere(
    shell: Shell, story: Path, engine: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unchecked(_: Path) -> None:
        """It was all right when it was looked at."""

    monkeypatch.setattr(render, "check", unchecked)

    said = shell.fails(74, "render", story, "-o", story.parent / "nowhere" / "a.wav")

    assert said.endswith(f"; q3tts jobs save {newest(engine)['job_id'][:8]} still can")


def test_a_job_that_is_left_to_the_daemon_is_named_by_its_id(
    shell: Shell, story: Path, engine: EngineClient
) -> None:
    target = story.with_name("a.wav")

    job_id = shell.ok("render", story, "--detach").strip()

    assert wait_until(lambda: engine.get(f"/jobs/{job_id}")["status"] == "completed")
    assert shell.json("render", story, "--detach")["status"] in ("queued", "running", "completed")
    run = shell.run("render", story, "-o", target, "--detach")
    assert run.exit_code == 0
    assert run.stderr.endswith(f"q3tts jobs save {run.stdout[:8]} -o {target}\n")
    assert not target.exists()


def test_what_is_not_audio_is_not_replaced_and_the_text_itself_least_of_all(nobody: Shell, story: Path) -> None:
    letter, text = story.with_name("letter.wav"), story.with_name("text.wav")
    letter.write_text("Dear reader")
    text.write_text("Read me.")

    assert "letter.wav exists and is not an audio file" in nobody.fails(74, "render", story, "-o", letter)
    assert "text.wav exists and is not an audio file" in nobody.fails(74, "render", text, "-o", text)
    assert "the ending says which kind of file it will be" in nobody.fails(2, "render", story, "-o", story)
    assert (letter.read_text(), text.read_text()) == ("Dear reader", "Read me.")
    assert story.read_text().startswith("The tide")


def test_without_a_name_each_file_is_written_beside_its_text(shell: Shell, story: Path) -> None:
    other = story.with_name("other.txt")
    other.write_text("Nobody came.")

    said = shell.ok("render", story, other)

    assert [line.split(": ")[-1] for line in said.splitlines()] == [
        f"{story.parent}/{n}.wav" for n in ("story", "other")
    ]
    for text in (story, other):
        assert 0.3 < seconds_of(text.with_suffix(".wav").read_bytes()) < 5
    assert "story.wav is not written, it exists" in shell.fails(2, "render", story)
    assert len(shell.json("render", story, other, "--detach")) == 2


def test_what_cannot_be_written_is_refused_before_anything_is_spoken(nobody: Shell, story: Path) -> None:
    namesake = story.with_name("story.md")
    namesake.write_text("Another one.")

    assert "two files would become it" in nobody.fails(2, "render", story, namesake)
    assert "-o names one file" in nobody.run("render", story, namesake, "-o", story.with_name("a.wav")).stderr
    assert "-o" in nobody.run("render", "-", input=b"Shoes.").stderr
    assert not (nobody.socket_path.parent / "data").exists()


def test_a_job_cannot_be_left_to_a_daemon_that_is_not_there(nobody: Shell, story: Path) -> None:
    assert "no daemon" in nobody.fails(69, "render", story, "-o", story.with_name("a.wav"), "--detach")
    assert not (nobody.socket_path.parent / "data").exists()


def test_without_a_daemon_it_renders_all_the_same(nobody: Shell, story: Path) -> None:
    target = story.with_name("a.wav")

    nobody.ok("render", story, "-o", target)

    assert 1 < seconds_of(target.read_bytes()) < 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_cancels_the_job_and_leaves_no_file(
    shell: Shell, tmp_path: Path, engine: EngineClient, number: int
) -> None:
    text, target = tmp_path / f"long-{number}.txt", tmp_path / "long.wav"
    text.write_text(LONG)
    write_wav(target, b"before")

    with shell.start("render", text, "-o", target) as process:
        job = wait_until(lambda: [job for job in running(engine) if job["title"] == text.stem])[0]
        process.send_signal(number)
        printed, said = process.communicate(timeout=PATIENCE_S)

    assert (process.returncode, printed) == (130, "")
    short = job["job_id"][:8]
    assert said.splitlines()[-1] == (
        f"q3tts: interrupted; the job is canceled; go on with: q3tts jobs retry {short}, "
        f"then: q3tts jobs save {short} -o {target}"
    )
    assert engine.get(f"/jobs/{job['job_id']}")["status"] == "canceled"
    assert target.read_bytes().endswith(b"before")
    assert sorted(path.name for path in tmp_path.iterdir()) == [text.name, "long.wav"]


def test_an_interruption_of_several_files_names_those_that_were_not_begun(
    shell: Shell, tmp_path: Path, engine: EngineClient
) -> None:
    first, *later = [tmp_path / f"{name}.txt" for name in ("first-of-many", *"abcdefg")]
    first.write_text(LONG)
    for text in later:
        text.write_text("Shoes.")

    with shell.start("render", first, *later) as process:
        wait_until(lambda: [job for job in running(engine) if job["title"] == first.stem])
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 130
    assert said.splitlines()[-1].endswith(f"; not begun: {', '.join(map(str, later[:5]))} and 2 more")
    assert not list(tmp_path.glob("*.wav"))


@pytest.mark.long
def test_ctrl_c_in_a_terminal_reaches_everybody_and_the_job_is_canceled_all_the_same(
    nobody: Shell, tmp_path: Path
) -> None:
    text = tmp_path / "long.txt"
    text.write_text(LONG)

    with nobody.start("render", text, "-o", tmp_path / "long.wav") as process:
        wait_until(
            lambda: [path for path in tmp_path.glob("data/jobs/*/audio.pcm") if path.stat().st_size > 100_000]
        )
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)

    assert said.splitlines()[-1].startswith(
        "q3tts: interrupted; the job is canceled; go on with: q3tts jobs retry "
    )
    assert [job["status"] for job in nobody.json("jobs")["jobs"]] == ["canceled"]


def running(engine: EngineClient) -> list[dict[str, Any]]:
    return engine.get("/jobs?status=running")["jobs"]


def test_a_job_that_somebody_else_cancels_is_reported(shell: Shell, tmp_path: Path, engine: EngineClient) -> None:
    text = tmp_path / "elsewhere.txt"
    text.write_text(LONG)

    with shell.start("render", text, "-o", tmp_path / "long.wav") as process:
        job = wait_until(lambda: [job for job in running(engine) if job["title"] == text.stem])[0]
        engine.post(f"/jobs/{job['job_id']}/cancel")
        _, said = process.communicate(timeout=PATIENCE_S)

    assert (process.returncode, said.splitlines()[-1]) == (1, "q3tts: somebody canceled the job")


@pytest.mark.long
def test_without_a_terminal_a_line_now_and_then_tells_how_far_it_is(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_S", 0.0)
    text = tmp_path / "some.txt"
    text.write_text(LONG[:20_000])

    run = shell.run("render", text, "-o", tmp_path / "a.wav")

    assert run.exit_code == 0
    assert run.stderr.splitlines()[-1].startswith("100%  ")
    assert " of speech, factor 0." in run.stderr
    assert shell.run("render", text, "-o", tmp_path / "a.wav", "--json").stderr == ""


def test_on_a_terminal_there_is_a_bar(shell: Shell, story: Path) -> None:
    code, seen = shell.on_terminal("render", story, "-o", story.with_name("a.wav"))

    assert code == 0
    assert "━" in seen
    assert "100%" in seen
    assert "s of speech, real-time factor" in seen
    assert "\x1b[" in seen


def test_an_error_known_at_once_is_wrapped_on_a_terminal_and_has_no_bar(shell: Shell, story: Path) -> None:
    code, seen = shell.on_terminal("render", story, "-o", story.with_name("a.wav"), "--voice", "x" * 60)

    assert code == 1
    first, *more = seen.splitlines()
    assert first.startswith("q3tts: there is no voice")
    assert more
    assert max(map(len, seen.splitlines())) <= 80


def progress_of(**facts: Any) -> dict[str, Any]:
    usual = {"audio_seconds": 75.0, "real_time_factor": None, "seconds_left": None, "queue_position": None}
    return {"status": facts.pop("status", "running"), "progress": {**usual, **facts}}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, "1:15 of speech"),
        ({"real_time_factor": 0.00213, "seconds_left": 0.2}, "1:15 of speech, factor 0.0021, 0:01 left"),
        ({"seconds_left": 0.0}, "1:15 of speech"),
        ({"status": "queued", "queue_position": 3}, "waiting, position 3 in the queue"),
        ({"status": "paused"}, "paused"),
    ],
)
def test_the_words_beside_the_bar_tell_how_far_it_is(facts: dict[str, Any], said: str) -> None:
    assert words_for(progress_of(**facts)) == said


def test_json_is_the_job_as_the_engine_has_it(shell: Shell, story: Path, engine: EngineClient) -> None:
    job = json.loads(shell.ok("render", story, "-o", story.with_name("a.wav"), "--json"))

    assert job == engine.get(f"/jobs/{job['job_id']}")


def test_the_ending_or_an_option_decides_the_format(shell: Shell, story: Path, engine: EngineClient) -> None:
    shell.ok("render", story, "-o", story.with_name("book.opus"))
    job = newest(engine)
    shell.ok("render", story, "--format", "mp3")
    shell.ok("jobs", "save", job["job_id"], "-o", story.with_name("again.ogg"))
    refused = shell.fails(1, "jobs", "save", job["job_id"], "-o", story.with_name("again.mp3"))

    assert job["formats"] == ["opus"]
    assert "the job is not made as mp3; it has opus" in refused
    for name in ("book.opus", "story.mp3"):
        rate, samples = decoded(story.with_name(name))
        assert len(samples) / rate == pytest.approx(job["progress"]["audio_seconds"], rel=0.3)
    assert story.with_name("again.ogg").read_bytes() == story.with_name("book.opus").read_bytes()
    assert not story.with_name("again.mp3").exists()


def test_a_format_that_is_said_twice_and_differently_is_refused(shell: Shell, story: Path) -> None:
    said = shell.fails(2, "render", story, "-o", story.with_name("a.mp3"), "--format", "opus")

    assert "says mp3, and --format opus; leave --format out" in said


def test_an_ending_of_no_format_is_refused_before_anything_is_spoken(
    shell: Shell, story: Path, engine: EngineClient
) -> None:
    before = engine.get("/jobs?limit=1")["jobs"]

    said = shell.fails(2, "render", story, "-o", story.with_name("a.wma"))

    assert "it can be .wav or .wave or .flac or .mp3 or .opus or .ogg or .m4a" in said
    assert engine.get("/jobs?limit=1")["jobs"] == before
