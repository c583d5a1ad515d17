"""Where one paragraph ends and the next begins."""

import pytest

from app.text.paragraphs import ParagraphKind, paragraphs


def pieces(text: str) -> list[str]:
    return [text[paragraph.start : paragraph.end] for paragraph in paragraphs(text)]


def headings(text: str) -> list[str]:
    return [text[p.start : p.end].strip() for p in paragraphs(text) if p.kind is ParagraphKind.HEADING]


@pytest.mark.parametrize(
    "gap", ["\n\n", "\r\n\r\n", "\r\r", "\n \t \n", "\n\r", "\x85\x85", "\f", "\u2029", "\n\f"]
)
def test_a_blank_line_in_any_convention_parts_two_paragraphs(gap: str) -> None:
    text = f"One went.{gap}Two came."

    found = pieces(text)

    assert found == [f"One went.{gap}", "Two came."]


@pytest.mark.parametrize("wrap", ["\n", "\r\n", "\r", "\u2028", "\x85", "\v", "\n   "])
def test_a_single_line_break_only_wraps_a_paragraph(wrap: str) -> None:
    text = f"One went{wrap}and two came."

    found = pieces(text)

    assert found == [text]


def test_the_indentation_of_a_paragraph_belongs_to_the_one_before_it() -> None:
    text = "One went.\n\n    Two came."

    found = pieces(text)

    assert found == ["One went.\n\n    ", "Two came."]


@pytest.mark.parametrize("text", ["", " ", "\n\n\n", "\r\n\f\u2029\u3000"])
def test_white_space_alone_has_no_paragraph(text: str) -> None:
    assert pieces(text) == []


def test_each_item_of_a_list_is_a_paragraph_with_its_wrapped_lines() -> None:
    text = "We need:\n- milk\n  and cream\n* eggs\n• salt\n1. one\n2) two\n"

    found = [piece.strip() for piece in pieces(text)]

    assert found == ["We need:", "- milk\n  and cream", "* eggs", "• salt", "1. one", "2) two"]


def test_a_numbered_list_can_follow_its_introduction_directly() -> None:
    text = "We need:\n1. milk\n2. eggs"

    assert pieces(text) == ["We need:\n", "1. milk\n", "2. eggs"]


def test_a_year_at_the_start_of_a_wrapped_line_begins_no_list() -> None:
    text = "She was born in\n1984. Then she left."

    found = pieces(text)

    assert found == [text]


def test_a_hyphen_without_a_space_is_not_a_list_marker() -> None:
    text = "It was cold:\n-5 degrees."

    assert pieces(text) == [text]


def test_a_line_after_hashes_is_a_heading_even_without_blank_lines() -> None:
    text = "# One\nIt began.\n### Two. Three.\nIt ended."

    assert headings(text) == ["# One", "### Two. Three."]
    assert len(pieces(text)) == 4


def test_a_hashtag_is_not_a_heading() -> None:
    assert headings("#one is a tag\n\nIt began.") == ["#one is a tag"]
    assert headings("#one is a tag.\n\nIt began.") == []


@pytest.mark.parametrize("underline", ["==", "=====", "---", "--------"])
def test_an_underlined_line_is_a_heading_with_its_underline(underline: str) -> None:
    text = f"It is, in short.\n{underline}\nIt began."

    assert headings(text) == [f"It is, in short.\n{underline}"]


def test_a_rule_below_several_lines_ends_the_paragraph_and_makes_no_heading() -> None:
    text = "It began\nand ended.\n---\nIt began again."

    assert headings(text) == []
    assert pieces(text) == ["It began\nand ended.\n---\n", "It began again."]


@pytest.mark.parametrize("rule", ["***", "* * *", "---", "- - -", "___", "====="])
def test_a_rule_between_two_scenes_is_a_paragraph_of_its_own(rule: str) -> None:
    text = f"It ended.\n\n{rule}\nIt began."

    assert pieces(text) == ["It ended.\n\n", f"{rule}\n", "It began."]
    assert headings(text) == []


def test_a_short_line_alone_between_blank_lines_is_a_heading() -> None:
    text = "Chapter One\n\nIt began.\n\n“The End” (almost)\n\nIt ended."

    assert headings(text) == ["Chapter One", "“The End” (almost)"]


@pytest.mark.parametrize(
    "line",
    [
        "It ended.",
        "Who?",
        "Go!",
        "And then…",
        "We need:",
        "Yes,",
        "结束了。",
        "为什么？",
        "He said “stop.”",  # english: ok
        "But—",
    ],
)
def test_a_short_line_with_the_end_of_a_sentence_is_not_a_heading(line: str) -> None:
    assert headings(f"It began.\n\n{line}\n\nIt went on.") == []


@pytest.mark.parametrize(
    "text",
    [
        "It began.\n\nThe End",  # nothing follows
        "It began.\n\nThe End\n\n \n",
        "It began.\nThe End\n\nIt went on.",  # something stands directly above
        "# One.\nThe End\n\nIt went on.",
        "Shopping list\n- milk",  # something stands directly below
        "1984\n\nIt began.",  # no letter
        "- milk\n\nIt began.",  # an item
        "x" * 81 + "\n\nIt began.",  # too long
        "One line\nand two\n\nIt began.",
    ],
)
def test_a_line_that_does_not_stand_alone_and_short_above_text_is_not_a_heading(text: str) -> None:
    assert [heading for heading in headings(text) if not heading.startswith("#")] == []


def test_a_line_of_eighty_characters_can_be_a_heading() -> None:
    assert headings("x" * 80 + "\n\nIt began.") == ["x" * 80]


def test_a_space_that_carries_a_combining_mark_begins_the_paragraph() -> None:
    text = "It began.\n\n \u0301x"

    assert pieces(text) == ["It began.\n\n", " \u0301x"]
