"""What a field may be, for an error that says so."""

import pytest

from app.api.schemas import SpeakRequest, SubmitRequest
from app.usecases.fields import choices_of


@pytest.mark.parametrize(
    ("path", "choices"),
    [
        ("settings.text_layout", ['"before"', '"beside"']),
        ("formats[0]", ['"flac"', '"m4a"', '"mp3"', '"opus"', '"wav"']),
        ("formats", []),
        ("settings.rate", []),
        ("settings.chunking.max_chars", []),
        ("nothing.of.that", []),
        ("", []),
    ],
)
def test_only_a_choice_has_choices(path: str, choices: list[str]) -> None:
    assert choices_of(SubmitRequest, path) == choices


def test_a_setting_has_the_same_choices_at_every_route() -> None:
    assert choices_of(SpeakRequest, "settings.text_layout") == choices_of(SubmitRequest, "settings.text_layout")
