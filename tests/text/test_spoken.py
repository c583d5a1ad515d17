"""What a model is given to say."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text.spoken import spoken_text


@pytest.mark.parametrize(
    "space", ["\n", "\r\n", "\r", "\t", "\u2028", "\u3000", "\xa0", "\v", "\f", "  \n  ", "\x1c"]
)
def test_any_white_space_becomes_one_space(space: str) -> None:
    assert spoken_text(f"{space}It{space}began.{space}") == "It began."


def test_the_result_is_composed() -> None:
    assert spoken_text("cafe\u0301 \u1112\u1161\u11ab") == "caf\u00e9 한"


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("# One", "One"),
        ("  ### One ###", "One"),
        ("One\n===", "One"),
        ("One\r\n---\r\n", "One"),
        ("- milk", "milk"),
        ("  * milk\n  and cream", "milk and cream"),
        ("•milk", "milk"),
        ("+ milk\n+ eggs", "milk eggs"),
    ],
)
def test_marks_at_the_start_of_a_line_are_not_said(text: str, spoken: str) -> None:
    assert spoken_text(text) == spoken


@pytest.mark.parametrize(
    "text", ["1. milk", "2) milk", "#one is a tag", "-5 degrees", "It is #1", "C# and F#", "5 - 3", "a = b"]
)
def test_what_only_resembles_a_mark_is_said(text: str) -> None:
    assert spoken_text(text) == text


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("It **really** began.", "It really began."),
        ("It *really* began.", "It really began."),
        ("It __really__ began.", "It really began."),
        ("It _really_ began.", "It really began."),
        ("It ***really*** began.", "It really began."),
        ("It ~~really~~ began.", "It really began."),
        ("Call `run` now.", "Call run now."),
        ("**It *really*\nbegan.**", "It really began."),
        ("这是**重点**内容", "这是重点内容"),
        ("(*really*), *truly*.", "(really), truly."),
    ],
)
def test_paired_emphasis_is_not_said(text: str, spoken: str) -> None:
    assert spoken_text(text) == spoken


@pytest.mark.parametrize(
    "text",
    ["2*3*4", "2 * 3 * 4", "snake_case_name", "**unpaired", "a * b", "5**2**3", "`unpaired", "_x", "** x **"],
)
def test_what_is_not_clearly_paired_stays(text: str) -> None:
    assert spoken_text(text) == text


CONTROLS = ["\x00", "\x1b", "\x7f", "\xad", "\ufeff", "\u200b", "\u200c", "\u200d", "\u2060"]
BIDI_CONTROLS = ["\u200f", "\u202e", "\u2066"]
NO_CHARACTERS = ["\U000e0041", "\ud800", "\udfff", "\ue000"]


@pytest.mark.parametrize("char", [*CONTROLS, *BIDI_CONTROLS, *NO_CHARACTERS], ids=ascii)
def test_what_cannot_be_seen_is_dropped(char: str) -> None:
    assert spoken_text(f"It be{char}gan.{char}") == "It began."


def test_joiners_that_are_spelling_stay() -> None:
    assert spoken_text("می\u200cخواهم") == "می\u200cخواهم"
    assert spoken_text("क्\u200dष") == "क्\u200dष"


def test_arabic_signs_that_enclose_digits_stay() -> None:
    assert spoken_text("\u0600\u0661") == "\u0600\u0661"


@pytest.mark.parametrize(
    "text",
    ["", " \n ", "***", "* * *", "---", "===", "...", "?!", "“”", "\u200b", "\ud800", "- ", "#", "\u0301"],
    ids=ascii,
)
def test_what_has_nothing_to_say_is_empty(text: str) -> None:
    assert spoken_text(text) == ""


@pytest.mark.parametrize("text", ["😀", "5", "한", "€", "IV"])
def test_a_single_symbol_can_be_said(text: str) -> None:
    assert spoken_text(text) == text


@given(st.text(st.one_of(st.characters(), st.sampled_from(" \n\r#*_-`~•1.a\u200b\u202e\u0301\ud800"))))
def test_any_text_gives_one_clean_line(text: str) -> None:
    spoken = spoken_text(text)

    assert spoken == " ".join(spoken.split())
    assert unicodedata.is_normalized("NFC", spoken)
    assert not any(unicodedata.category(char) in ("Cc", "Cs") or char in "\u200b\u202e\ufeff" for char in spoken)


@pytest.mark.parametrize("mark", ["*a", "_a ", "`a", "**a ", "~", "#", "- ", "*", "* "])
def test_a_long_run_of_unpaired_marks_comes_to_an_end(mark: str) -> None:
    assert len(spoken_text(mark * 100_000)) <= len(mark) * 100_000
