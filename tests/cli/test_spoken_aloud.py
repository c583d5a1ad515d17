"""Text as a command that is heard: the real command, a real daemon, espeak-ng, PortAudio, and a sound server."""

import json
import signal
import subprocess
import sys
import wave
from collections.abc import Generator
from pathlib import Path

import pytest

from app import SAMPLE_RATE
from app.daemon.client import ask
from tests.audio.pulse import Pulse, pulse, skip_without_speakers, wait_until
from tests.cli.commands import environment

pytestmark = pytest.mark.long

LONG = "They walked to the harbour, and nobody said a word. " * 400

#: Until the sound has stopped, in seconds: what the command, the daemon and the sound server need together.
SILENT_S = 0.4


@pytest.fixture(scope="module")
def server() -> Generator[Pulse]:
    skip_without_speakers()
    with pulse() as running:
        yield running


def q3tts(home: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-P", "-m", "app", *arguments]
    return subprocess.Popen(
        command, env=environment(home), cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )


def said_by(running: "subprocess.Popen[bytes]") -> bytes:
    """What it says, once it has ended well."""
    out, _ = running.communicate(timeout=120)
    assert running.returncode == 0
    return out


@pytest.mark.parametrize("daemon", [True, False])
def test_a_text_is_heard_as_it_is_saved(server: Pulse, home: Path, daemon: bool) -> None:
    if daemon:
        said_by(q3tts(home, "serve", "--daemon", "--port", "0"))
    recording = server.recording()

    answer = json.loads(said_by(q3tts(home, "-o", "shoes.wav", "--play", "--json", "Take good shoes.")))

    with wave.open(str(home / "shoes.wav")) as wav:
        saved = wav.readframes(wav.getnframes())
    wait_until(lambda: saved.strip(b"\0")[:-1] in recording.pcm, "what was saved is not heard")
    assert answer["underruns"] == 0
    assert answer["audio_seconds"] == pytest.approx(len(saved) / 2 / SAMPLE_RATE, abs=0.001)


def test_a_long_text_begins_to_sound_before_it_is_finished_and_ends_with_ctrl_c(server: Pulse, home: Path) -> None:
    said_by(q3tts(home, "serve", "--daemon", "--port", "0"))
    path = home / ".q3tts.sock"
    for last in (False, False, True):  # a busy machine has more chances
        recording = server.recording()
        with q3tts(home, LONG) as speaking:
            wait_until(lambda: recording.sound_end() > SAMPLE_RATE, "nothing is heard")  # noqa: B023
            assert ask(path, {"action": "status"}, timeout_s=5)["speaking"] == 1, "it is not finished"

            at_order = recording.samples
            speaking.send_signal(signal.SIGINT)
            assert speaking.wait(20) == 130

        wait_until(lambda: recording.samples > at_order + 2 * SAMPLE_RATE, "the device stands still")  # noqa: B023
        if recording.sound_end() - at_order < SILENT_S * SAMPLE_RATE:
            break
        assert not last, "it goes on sounding"
    wait_until(lambda: not ask(path, {"action": "status"}, timeout_s=5)["speaking"], "it goes on speaking")
    jobs = json.loads(said_by(q3tts(home, "jobs", "list", "--json")))["jobs"]
    assert {job["status"] for job in jobs} == {"canceled"}
    assert all(job["progress"]["characters_done"] < len(LONG) for job in jobs), "no more is spoken than is heard"


def test_two_texts_are_heard_one_after_the_other(server: Pulse, home: Path) -> None:
    said_by(q3tts(home, "serve", "--daemon", "--port", "0"))
    recording = server.recording()

    both = [q3tts(home, "--json", text) for text in ("Take good shoes.", "And take an umbrella.")]
    seconds = [json.loads(said_by(one))["audio_seconds"] for one in both]

    together = 0.8 * sum(seconds)  # there is silence around what is said
    assert max(seconds) < together
    wait_until(lambda: len(recording.sound()) / 2 / SAMPLE_RATE > together, "one is not heard, or beside the other")


def test_a_text_of_a_minute_is_heard_without_a_gap(server: Pulse, home: Path) -> None:
    said_by(q3tts(home, "serve", "--daemon", "--port", "0"))
    text = "They walked to the harbour, and nobody said a word. " * 20
    for last in (False, False, True):  # a busy machine has more chances
        recording = server.recording()
        answer = json.loads(said_by(q3tts(home, "-o", "minute.wav", "--play", "--json", text)))
        if answer["underruns"] == 0:
            break
        assert not last, f"{answer['underruns']} gaps"

    with wave.open(str(home / "minute.wav")) as wav:
        saved = wav.readframes(wav.getnframes())
    assert answer["audio_seconds"] > 50
    wait_until(lambda: saved.strip(b"\0")[:-1] in recording.pcm, "what was saved is not what is heard")
