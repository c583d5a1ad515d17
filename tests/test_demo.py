"""The demo: its document, its words, and the whole of it in a folder of its own."""

import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile  # pyright: ignore[reportMissingTypeStubs]

from app.text.chunking import Boundary, chunk_text
from demo import demo, engine
from demo.demo import DOCUMENT, main, minutes, summary, words_for
from demo.engine import Engine, EngineFailed


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> "Generator[list[subprocess.Popen[bytes]]]":
    """Every process that the demo starts."""
    started: list[subprocess.Popen[bytes]] = []
    popen: type[subprocess.Popen[bytes]] = subprocess.Popen

    def noted(*args: Any, **kwargs: Any) -> "subprocess.Popen[bytes]":
        started.append(popen(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(engine.subprocess, "Popen", noted)
    on_term = signal.getsignal(signal.SIGTERM)
    yield started
    signal.signal(signal.SIGTERM, on_term)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; temporary files go beside it."""
    temporary, current = tmp_path / "temporary", tmp_path / "current"
    temporary.mkdir()
    current.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.chdir(current)
    return current


def assert_nothing_is_left(processes: "list[subprocess.Popen[bytes]]", folder: Path) -> None:
    """Neither the engine, nor its worker, which is in the same group, nor a file."""
    assert len(processes) == 1
    assert processes[0].poll() is not None
    with pytest.raises(ProcessLookupError):
        os.killpg(processes[0].pid, 0)
    assert not list((folder.parent / "temporary").iterdir())


def test_the_whole_demo_leaves_minutes_of_speech_and_nothing_else(
    folder: Path, processes: "list[subprocess.Popen[bytes]]", capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([])

    assert code == 0, capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["demo.wav"]
    said = capsys.readouterr()
    seconds = soundfile.info("demo.wav").duration
    assert re.fullmatch(
        rf"{seconds:.1f} s of speech, real-time factor \S+ \([\d,.]+ × real time\): {folder}/demo.wav\n", said.out
    )
    assert "100%" in said.err

    facts = soundfile.info("demo.wav")
    assert (facts.samplerate, facts.channels, facts.format, facts.subtype) == (24_000, 1, "WAV", "PCM_16")
    assert 5 * 60 < seconds < 15 * 60
    samples, _ = soundfile.read("demo.wav", dtype="float32")
    loudness = [float(np.sqrt(np.mean(part**2))) for part in np.array_split(samples, round(seconds / 10))]
    assert min(loudness) > 0.01  # speech in each ten seconds of it
    assert np.abs(samples).max() > 0.1

    assert_nothing_is_left(processes, folder)
    assert processes[0].returncode == 0


def test_an_interrupted_demo_leaves_nothing(
    folder: Path,
    processes: "list[subprocess.Popen[bytes]]",
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "_finished", interrupted)

    assert main([]) == 130

    assert "interrupted" in capsys.readouterr().err
    assert not list(folder.iterdir())
    assert_nothing_is_left(processes, folder)


def test_an_engine_that_does_not_start_is_reported_with_its_last_words(
    folder: Path, processes: "list[subprocess.Popen[bytes]]", capsys: pytest.CaptureFixture[str]
) -> None:
    program = folder.parent / "broken"
    program.write_text("#!/bin/sh\necho the cable is out >&2\nexit 7\n")
    program.chmod(0o700)

    assert main(["--engine", str(program)]) == 1

    said = capsys.readouterr().err
    assert "demo: the engine did not start; it ended with code 7" in said
    assert "the cable is out" in said
    assert_nothing_is_left(processes, folder)


def test_a_reason_why_the_engine_cannot_start_is_reported(
    folder: Path, processes: "list[subprocess.Popen[bytes]]", capsys: pytest.CaptureFixture[str]
) -> None:
    program = folder.parent / "refusing"
    program.write_text('#!/bin/sh\necho \'{"event": "error", "message": "the port is taken"}\'\nexit 69\n')
    program.chmod(0o700)

    assert main(["--engine", str(program)]) == 1

    assert "demo: the engine cannot start: the port is taken" in capsys.readouterr().err
    assert_nothing_is_left(processes, folder)


def test_an_engine_that_neither_answers_nor_ends_is_killed(
    folder: Path,
    processes: "list[subprocess.Popen[bytes]]",
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(engine, "STOP_S", 0.2)
    program = folder.parent / "deaf"
    program.write_text('#!/bin/sh\necho \'{"event": "ready", "port": 1}\'\nexec sleep 600\n')
    program.chmod(0o700)

    assert main(["--engine", str(program)]) == 1

    assert "demo: the engine does not answer" in capsys.readouterr().err
    assert_nothing_is_left(processes, folder)


def test_a_download_that_ends_too_early_leaves_no_file(folder: Path) -> None:
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nRIFF")

    thread = threading.Thread(target=answer)
    thread.start()
    with server, pytest.raises(EngineFailed):
        Engine(server.getsockname()[1], "token").download("/jobs/1/audio", folder / "demo.wav")
    thread.join(10)

    assert not list(folder.iterdir())


def test_a_program_that_is_not_there_is_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--engine", str(folder / "nothing")]) == 1

    assert "nothing" in capsys.readouterr().err


def test_the_summary_is_one_line_of_seconds_factor_and_place() -> None:
    line = summary({"audio_seconds": 493.42, "real_time_factor": 0.00184}, Path("/tmp/demo.wav"))

    assert line == "493.4 s of speech, real-time factor 0.0018 (543 × real time): /tmp/demo.wav"


def test_the_summary_of_a_slow_machine_has_no_rounded_away_factor() -> None:
    line = summary({"audio_seconds": 60.0, "real_time_factor": 0.8}, Path("/tmp/demo.wav"))

    assert "real-time factor 0.8 (1.2 × real time)" in line


@pytest.mark.parametrize(("seconds", "clock"), [(0, "0:00"), (59.4, "0:59"), (59.6, "1:00"), (3675, "61:15")])
def test_seconds_are_shown_as_on_a_clock(seconds: float, clock: str) -> None:
    assert minutes(seconds) == clock


def test_the_words_beside_the_bar_tell_what_is_left_while_something_is() -> None:
    assert words_for({"audio_seconds": 75.0, "seconds_left": None}) == "1:15 of speech"
    assert words_for({"audio_seconds": 75.0, "seconds_left": 0.2}) == "1:15 of speech, 0:01 left"
    assert words_for({"audio_seconds": 75.0, "seconds_left": 0.0}) == "1:15 of speech"


def test_the_document_is_about_1500_words() -> None:
    assert 1_400 <= len(DOCUMENT.read_text(encoding="utf-8").split()) <= 1_700


@pytest.mark.parametrize(
    "feature",
    [
        r"^# \w",
        r"^## \w",
        r"(?:^- .+\n){4}",
        r"\bDr\. [A-Z]",
        r"\be\.g\. ",
        r"\bi\.e\. ",
        r"\b3\.14",
        r"\b10:30\b",
        r"\b1,800\b",
        r"£\d",
        r"€\d",
        r"“[^”]*‘[^’]*[’][^”]*”",
        r"[Α-Ωα-ωά-ώ]+ [α-ωά-ώ]+ [α-ωά-ώ]+",
    ],
)
def test_the_document_has_what_a_text_to_speech_engine_trips_over(feature: str) -> None:
    assert re.search(feature, DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_document_is_cut_into_headings_and_paragraphs() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")

    boundaries = [chunk.boundary for chunk in chunk_text(text, language="en-GB")]

    assert boundaries.count(Boundary.HEADING) == len(re.findall("^#", text, re.MULTILINE))
    assert {Boundary.HEADING, Boundary.PARAGRAPH, Boundary.SENTENCE} <= set(boundaries)
