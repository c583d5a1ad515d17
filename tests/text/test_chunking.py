"""Chunks: whole sentences as far as they fit, never across a paragraph."""

import pytest

from app.text.chunking import Boundary, Chunk, chunk_text

SENTENCE = "The old man went down to the sea again today. "  # 46 code points
LONG_WORDS = "word " * 60  # 300 code points without an end of a clause


def pieces(text: str, max_chars: int = 400, language: str = "en") -> list[str]:
    return [
        text[chunk.start_char : chunk.end_char]
        for chunk in chunk_text(text, max_chars=max_chars, language=language)
    ]


def boundaries(text: str, max_chars: int = 400) -> list[Boundary]:
    return [chunk.boundary for chunk in chunk_text(text, max_chars=max_chars)]


def test_an_empty_text_has_no_chunks() -> None:
    assert chunk_text("") == []


@pytest.mark.parametrize("text", [" ", "\n\n", "\u3000\f\u2029", " " * 5000])
def test_white_space_alone_is_covered(text: str) -> None:
    assert chunk_text(text) == [Chunk(0, 0, len(text), Boundary.PARAGRAPH)]


def test_a_short_text_is_one_chunk_with_the_white_space_around_it() -> None:
    text = "\n\n  It began. It ended. \n"

    assert chunk_text(text) == [Chunk(0, 0, len(text), Boundary.PARAGRAPH)]


@pytest.mark.parametrize("max_chars", [-1, 0, 99, 2001])
def test_a_limit_out_of_range_is_refused(max_chars: int) -> None:
    with pytest.raises(ValueError, match="between 100 and 2000"):
        chunk_text("It began.", max_chars=max_chars)


def test_a_chunk_collects_whole_sentences_while_they_fit() -> None:
    text = SENTENCE * 6

    # Two need 91, three 137 without the space at the end.
    assert pieces(text, 137) == [SENTENCE * 3, SENTENCE * 3]
    assert pieces(text, 136) == [SENTENCE * 2, SENTENCE * 2, SENTENCE * 2]
    assert boundaries(text, 137) == [Boundary.SENTENCE, Boundary.PARAGRAPH]


def test_the_white_space_between_chunks_does_not_count_and_belongs_to_the_first() -> None:
    text = "a" * 99 + "." + " " * 500 + "B" * 99 + "."

    assert pieces(text, 100) == ["a" * 99 + "." + " " * 500, "B" * 99 + "."]


def test_a_paragraph_is_never_joined_with_the_next() -> None:
    text = "One.\n\nTwo.\r\n\r\nThree.\fFour.\u2029Five.\n- Six"

    found = [piece.strip() for piece in pieces(text)]

    assert found == ["One.", "Two.", "Three.", "Four.", "Five.", "- Six"]
    assert set(boundaries(text)) == {Boundary.PARAGRAPH}


def test_a_heading_ends_with_its_own_boundary() -> None:
    text = "# One\nIt began.\n\nTwo\n\nIt ended."

    assert boundaries(text) == [Boundary.HEADING, Boundary.PARAGRAPH, Boundary.HEADING, Boundary.PARAGRAPH]


@pytest.mark.parametrize("apart", ["\n", "\n\n"])
def test_an_item_ends_as_one_before_another_item_and_the_last_as_a_paragraph(apart: str) -> None:
    text = (
        apart.join(["We need these:", "- milk", "- eggs, and of the", "1. bread", "2. salt"]) + "\n\nThat is all."
    )

    item, paragraph = Boundary.ITEM, Boundary.PARAGRAPH
    assert boundaries(text) == [paragraph, item, item, item, paragraph, paragraph]
    assert boundaries(text.replace("That", "# That")) == [paragraph, item, item, item, paragraph, Boundary.HEADING]


def test_two_lists_with_a_rule_between_them_are_two() -> None:
    assert boundaries("- milk\n- eggs\n\n---\n\n- salt") == [Boundary.ITEM, *[Boundary.PARAGRAPH] * 3]


def test_inside_an_item_sentences_end_as_sentences() -> None:
    text = f"- {'They came home. ' * 8}\n- Nobody spoke."

    assert boundaries(text, 100) == [Boundary.SENTENCE, Boundary.ITEM, Boundary.PARAGRAPH]


def test_only_the_last_chunk_of_a_long_heading_ends_a_heading() -> None:
    text = "# " + "word " * 30 + "\nIt began."

    assert boundaries(text, 100) == [Boundary.WORD, Boundary.HEADING, Boundary.PARAGRAPH]


def test_a_tiny_sentence_goes_with_the_one_before_it() -> None:
    text = SENTENCE * 2 + "Oh yes. " + SENTENCE + "It was good. " + SENTENCE

    assert pieces(text, 100) == [SENTENCE * 2 + "Oh yes. ", SENTENCE + "It was good. ", SENTENCE]


def test_a_tiny_sentence_at_the_end_draws_its_neighbour_away_from_a_full_chunk() -> None:
    text = SENTENCE * 3 + "Oh yes."

    assert pieces(text, 140) == [SENTENCE * 2, SENTENCE + "Oh yes."]


@pytest.mark.parametrize("tiny", ["Oh yes indeed.", "はいはいはい。"])
def test_three_short_words_are_tiny(tiny: str) -> None:
    assert pieces(SENTENCE * 3 + tiny, 140)[1] == SENTENCE + tiny


@pytest.mark.parametrize("sentence", ["Oh yes, she did.", "Oh " + "yes" * 20 + ".", "はいはいはいはい。"])
def test_four_words_or_long_ones_stand_on_their_own(sentence: str) -> None:
    assert pieces(SENTENCE * 3 + sentence, 140)[1] == sentence


def test_a_tiny_sentence_after_a_full_one_goes_with_the_next() -> None:
    full = "The " + "very " * 17 + "old man. "  # 97

    assert pieces(full + "Yes. " + full[:-20] + "by. ", 100) == [full, "Yes. " + full[:-20] + "by. "]


def test_a_tiny_sentence_is_alone_where_neither_neighbour_has_room() -> None:
    full = "The " + "very " * 17 + "old man. "

    assert pieces(full + "Yes. " + full, 100) == [full, "Yes. ", full]


def test_a_long_sentence_is_cut_at_the_ends_of_clauses_into_pieces_alike() -> None:
    clause = "and the old man went down to the sea, "  # 38
    text = "So " + clause * 4 + "again."

    found = pieces(text, 100)

    assert found == ["So " + clause * 2, clause * 2 + "again."]
    assert boundaries(text, 100) == [Boundary.CLAUSE, Boundary.PARAGRAPH]


@pytest.mark.parametrize(
    "end",
    [", ", "; ", '," ', ": ", " — ", " – ", " - ", "—", ",” ", ") ", "，", "、", "；", "：", "，」", "، ", "؛ "],
)
def test_a_clause_ends_at(end: str) -> None:
    half = "word" + " word" * 11
    text = half + end + half

    assert pieces(text, 100) == [half + end, half]
    assert boundaries(text, 100)[0] is Boundary.CLAUSE


@pytest.mark.parametrize("inside", ["3,000", "12:30", "a;b", "10–20", "well-known"])
def test_punctuation_inside_a_word_ends_no_clause(inside: str) -> None:
    text = "word " * 11 + inside + " word" * 11

    assert boundaries(text, 100)[0] is Boundary.WORD
    assert inside in pieces(text, 100)[0] + "|" + pieces(text, 100)[1]


def test_a_clause_too_short_to_be_worth_a_pause_is_not_cut_off() -> None:
    text = "So it was at, " + "word " * 38

    assert boundaries(text, 100)[0] is Boundary.WORD


def test_without_clauses_a_long_sentence_is_cut_between_words_into_pieces_alike() -> None:
    found = pieces(LONG_WORDS, 200)

    assert found == ["word " * 30, "word " * 30]
    assert boundaries(LONG_WORDS, 200) == [Boundary.WORD, Boundary.PARAGRAPH]


def test_a_long_quotation_is_cut_at_its_sentences_first() -> None:
    text = '"' + SENTENCE * 3 + 'Go on, my friend," she said, and left.'

    found = pieces(text, 100)

    assert found == ['"' + SENTENCE * 2, SENTENCE + 'Go on, my friend," she said, and left.']
    assert boundaries(text, 100) == [Boundary.SENTENCE, Boundary.PARAGRAPH]


def test_a_clause_end_that_carries_a_mark_is_not_torn_from_it() -> None:
    text = "字" * 60 + "，\u0301" + "字" * 60

    assert all(not piece.startswith("\u0301") for piece in pieces(text, 100))


def test_a_clause_end_one_beyond_the_limit_does_not_help() -> None:
    text = "字" * 100 + "，" + "字" * 50

    assert [len(piece) for piece in pieces(text, 100)] == [75, 76]


def test_the_last_piece_of_a_long_sentence_can_share_a_chunk_with_the_next_sentence() -> None:
    text = "word " * 30 + "end. " + "Short one here now."

    assert len(pieces(text, 100)) == 2


def test_text_without_any_space_is_cut_to_length() -> None:
    assert [len(piece) for piece in pieces("a" * 1000, 100)] == [100] * 10
    assert [len(piece) for piece in pieces("a" * 150, 100)] == [75, 75]


@pytest.mark.parametrize(
    "cluster", ["👨\u200d👩\u200d👧", "🇩🇪", "👍🏽", "e\u0301", "\u1112\u1161\u11ab", "❤\ufe0f"], ids=ascii
)
def test_a_character_of_many_code_points_stays_whole(cluster: str) -> None:
    for lead in range(4):
        found = pieces("x" * lead + cluster * 300, 101)

        assert "".join(found) == "x" * lead + cluster * 300
        assert all(piece.replace(cluster, "").strip("x") == "" for piece in found)
        assert max(len(piece) for piece in found) <= 101


def test_a_character_longer_than_the_limit_is_cut_at_the_limit() -> None:
    text = "a" + "\u0301" * 10_000

    found = pieces(text, 100)

    assert "".join(found) == text
    assert max(len(piece) for piece in found) == 100


def test_a_space_that_carries_a_mark_is_not_torn_from_it() -> None:
    text = ("word" * 20 + " \u0301") * 4

    assert all(not piece.startswith("\u0301") for piece in pieces(text, 100))


def test_a_list_marker_is_never_a_chunk_of_its_own() -> None:
    text = "1. " + "word " * 18 + "end. Go."

    assert pieces(text, 100)[0].startswith("1. word")


def test_the_language_decides_what_is_an_abbreviation() -> None:
    text = "Das kostet am Ende nur sehr wenig Geld für uns bzw. Sechs ist " + "viel mehr Geld als " * 3 + "Fünf."

    assert chunk_text(text, max_chars=100, language="en")[0].boundary is Boundary.SENTENCE
    assert chunk_text(text, max_chars=100, language="de-DE")[0].boundary is Boundary.WORD


@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "\n" * 200_000,
        "a. " * 60_000,
        '"' * 200_000,
        "a" + "\u0301" * 100_000,
        "🇩🇪" * 50_000,
        "我。" * 20_000,
    ],
    ids=["no space", "blank lines", "tiny", "quotes", "marks", "flags", "dense"],
)
def test_a_long_monotonous_text_is_covered(text: str) -> None:
    assert "".join(pieces(text)) == text
