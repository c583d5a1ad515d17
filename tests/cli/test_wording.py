"""The engine's words for programs, as the command line prints them."""

from pathlib import Path

import pytest

from app.cli.wording import for_people
from tests.cli.commands import ENGLISH, Shell


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("ref_text must be exactly what is said in it", "--transcript must be exactly what is said in it"),
        ("say what is spoken in it as `ref_text`", "say what is spoken in it as --transcript"),
        ("it cannot be told how; leave settings.instruct out", "it cannot be told how; leave --instruct out"),
        ("the request is not valid: title: Expected `str`", "--title: Expected `str`"),
        ("the request is not valid: display_name: too long", "the request is not valid: --name: too long"),
        ("description: too long", "DESCRIPTION: too long"),
        (
            "language: 'x' is not known; list them with q3tts voices, or GET /v1/voices",
            "--language: 'x' is not known; list them with q3tts voices",
        ),
        ("there is no such job; see GET /v1/jobs", "there is no such job; see q3tts jobs"),
        ("send GET /v1/jobs/{id}", "send GET /v1/jobs/{id}"),
        ("there is no model 'ref_text_2'; its voice: none", "there is no model 'ref_text_2'; its voice: none"),
    ],
)
def test_fields_become_options_and_routes_become_commands(said: str, printed: str) -> None:
    assert for_people(said) == printed


def test_what_the_engine_refuses_names_options(shell: Shell, tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    text.write_text("Take good shoes.")

    assert shell.fails(1, "render", text, "--instruct", "softly").endswith("; leave --instruct out")
    said = shell.fails(1, "render", text, "--voice", "whispr")
    assert said == "there is no voice 'whispr'; perhaps whisper is meant; list them with q3tts voices"
    assert shell.fails(1, "render", text, "--voice", "nobody").endswith("; list them with q3tts voices")
    assert shell.fails(2, "render", text, "--language", "Dutsch").endswith("; list them with q3tts voices")
    assert shell.fails(1, "jobs", "show", ENGLISH).endswith("; see q3tts jobs")
