"""Which words of `q3tts "text"` are text, and which are options."""

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from app.cli import say as say_module
from app.cli.main import cli
from app.cli.render import render
from app.cli.say import say

#: What only one of the two commands has.
OWN = {"words", "files", "play", "title", "detach", "output", "format"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a daemon is asked for."""
    requests: list[dict[str, Any]] = []

    def ask(_path: Path, request: dict[str, Any]) -> dict[str, Any]:
        requests.append(request)
        return {"status": "ok"}

    monkeypatch.setattr(say_module, "ask", ask)
    return requests


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands run, with two texts in it."""
    for name in ("page.txt", "my page.md"):
        (tmp_path / name).write_text("Take good shoes.")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-ology is a suffix"], "-ology is a suffix"),
        (["--", "-ology"], "-ology"),
        (["-5 degrees", "--volume", "1.5", "-- and falling"], "-5 degrees -- and falling"),
        (["--seed", "7", "--voice", "-a b", "-o x.wav"], "-o x.wav"),
        (["--instruct=in a whisper", "Good shoes."], "Good shoes."),
        (["Good", "shoes.", "--", "- one", "-o two"], "Good shoes. - one -o two"),
        (["--", "help"], "help"),
    ],
)
def test_words_that_begin_with_a_dash_are_text_if_they_have_spaces(
    asked: list[dict[str, Any]], words: list[str], text: str
) -> None:
    run = CliRunner().invoke(cli, words)

    assert (run.exit_code, run.stderr) == (0, "")
    assert [request["text"] for request in asked] == [text]
    assert "output" not in asked[0]


def test_options_reach_the_daemon_under_their_names(asked: list[dict[str, Any]]) -> None:
    options = {
        "voice": "x y",
        "language": "nl",
        "rate": 1.5,
        "pitch": 0.5,
        "volume": 0.0,
        "instruct": "x",
        "seed": 7,
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]

    assert CliRunner().invoke(cli, [*words, "-o", "a.wav", "--play", "Hello."]).exit_code == 0

    (request,) = asked
    assert request == {
        "action": "generate",
        "text": "Hello.",
        "play": True,
        "output": str(Path("a.wav").absolute()),
        **options,
    }


def test_both_ways_to_speak_have_the_same_options_in_the_same_words() -> None:
    def options(command: click.Command) -> dict[str, str | None]:
        return {
            option.name or "": option.help
            for option in command.params
            if isinstance(option, click.Option) and option.name not in OWN
        }

    assert options(say) == options(render)
    assert {"voice", "language", "rate", "pitch", "volume", "seed", "instruct"} < set(options(say))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-ology"], "put -- before it"),
        (
            ["--hello"],
            "no such option '--hello', did you mean '--help'?; text that begins with a dash goes after --",
        ),
        (["--rate", "9", "x"], "q3tts say --help"),
        (["--language", "Dutsch", "x"], "perhaps Deutsch or Dutch is meant"),
        (["render"], "missing argument 'FILE...'; see: q3tts render --help"),
        (["render", "-x", "y"], "put -- before what begins with a dash and is not an option"),
        (["jobs", "shw"], "no such command 'shw', did you mean 'show'?; see: q3tts jobs --help"),
        (["completion"], "q3tts: missing argument SHELL: bash, zsh or fish; see: q3tts completion --help"),
        (["help", "rendr"], "no such command 'rendr'"),
        (["serve", "--daemon", "--sidecar"], "exclude each other"),
    ],
)
def test_a_usage_error_is_one_line_with_a_hint(asked: list[dict[str, Any]], words: list[str], said: str) -> None:
    run = CliRunner().invoke(cli, words)

    assert (run.exit_code, run.stdout) == (2, "")
    (line,) = run.stderr.splitlines()
    assert line.startswith("q3tts: ")
    assert said in line
    assert not asked


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["page.txt"], "page.txt is a file; to hear it: q3tts < page.txt"),
        (["say", "./page.txt"], "to make a file of it: q3tts render ./page.txt; to say its name: q3tts -- ./p"),
        (
            ["-o", "a b.wav", "page.txt"],
            "page.txt is a file; to make a file of it: q3tts render page.txt -o 'a",
        ),
        (["page.txt", "my page.md"], "to make a file of it: q3tts render page.txt 'my page.md'"),
        (["pgae.txt"], "there is no file pgae.txt"),
        (["job"], "there is no command 'job', did you mean 'jobs'?; to say it: q3tts -- job"),
        (["voice", "--language", "nl"], "did you mean 'voices'?"),
        (["stats"], "did you mean 'status'?"),
        (["rendr", "page.txt", "-o", "a.wav"], "did you mean 'render'?"),
        (["model", "download", "x"], "did you mean 'models'?"),
    ],
)
def test_the_name_of_a_file_and_nearly_a_command_are_not_spoken(
    asked: list[dict[str, Any]], folder: Path, words: list[str], said: str
) -> None:
    run = CliRunner().invoke(cli, words)

    assert (run.exit_code, run.stdout) == (2, "")
    (line,) = run.stderr.splitlines()
    assert said in line
    assert not asked


@pytest.mark.parametrize(
    "words",
    [
        ["Hello"],
        ["Stop"],
        ["close"],
        ["gender"],
        ["say", "job"],
        ["Open", "the", "door."],
        ["job", "well", "done"],
        ["Read page.txt"],
        ["Read", "page.txt"],
        ["--", "page.txt"],
        ["--", "job"],
        ["x" * 5000],
    ],
)
def test_all_other_words_are_spoken(asked: list[dict[str, Any]], folder: Path, words: list[str]) -> None:
    run = CliRunner().invoke(cli, words)

    assert (run.exit_code, run.stderr) == (0, "")
    assert [request["text"] for request in asked] == [" ".join(w for w in words if w not in ("--", "say"))]


@pytest.mark.parametrize("path", [[], ["render"], ["jobs", "list"], ["say"]])
def test_the_command_help_is_the_option(path: list[str]) -> None:
    shown = CliRunner().invoke(cli, ["help", *path])

    assert shown.exit_code == 0
    assert shown.stdout.startswith("Usage: ")
    assert shown.stdout == CliRunner().invoke(cli, [*path, "--help"]).stdout


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "the PortAudio library is missing",
            "the PortAudio library is missing; or save a file: q3tts -o FILE TEXT",
        ),
        ("save a file: q3tts -o FILE TEXT", "save a file: q3tts -o FILE TEXT"),
    ],
)
def test_whoever_has_no_speakers_is_told_of_a_file(
    monkeypatch: pytest.MonkeyPatch, message: str, said: str
) -> None:
    def ask(_path: Path, _request: dict[str, Any]) -> dict[str, Any]:
        return {"status": "error", "code": "NO_SPEAKERS", "message": message}

    monkeypatch.setattr(say_module, "ask", ask)

    run = CliRunner().invoke(cli, ["Hello."])

    assert (run.exit_code, run.stderr) == (1, f"q3tts: {said}\n")


def test_an_ending_of_no_format_is_refused_before_anybody_is_asked(asked: list[dict[str, Any]]) -> None:
    run = CliRunner().invoke(cli, ["-o", "a.wma", "Take good shoes."])

    assert run.exit_code == 2
    assert ".wav or .wave or .flac or .mp3 or .opus or .ogg or .m4a" in " ".join(run.stderr.split())
    assert asked == []
