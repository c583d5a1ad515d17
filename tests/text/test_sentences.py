"""Where sentences begin, and what sentencex is kept from doing."""

from itertools import pairwise
from typing import Any

import pytest

from app.text.sentences import sentence_starts


def sentences(text: str, language: str = "en", *, inside_quotes: bool = False) -> list[str]:
    starts = sentence_starts(text, 0, len(text), language=language, inside_quotes=inside_quotes)
    cuts = [0, *starts, len(text)]
    return [text[start:end] for start, end in pairwise(cuts)]


def test_the_white_space_after_a_sentence_belongs_to_it() -> None:
    assert sentences("It began. \n It ended!\u3000Who?") == ["It began. \n ", "It ended!\u3000", "Who?"]


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Smith came.",
        "It cost 3.14 dollars, e.g. today.",
        "The U.S. President came.",
        "J. R. R. Tolkien wrote it.",
        "He uses Node.Js daily.",  # english: ok
        "“Go! Now.” she said.",
    ],
)
def test_a_full_stop_within_a_sentence_does_not_end_it(text: str) -> None:
    assert sentences(text) == [text]


def test_a_closing_quote_stays_with_its_sentence() -> None:
    assert sentences('"Stop." Then he went. (It rained.) Well.')[0] == '"Stop." '  # english: ok
    assert sentences("Yes.) No.")[0] == "Yes.) "


def test_an_opening_quote_goes_with_what_it_opens() -> None:
    assert sentences("It's fine. 'Tis so.") == ["It's fine. ", "'Tis so."]


def test_a_footnote_sign_stays_with_its_sentence() -> None:
    assert sentences("It began.¹ It ended.") == ["It began.¹ ", "It ended."]


@pytest.mark.parametrize("marker", ["1. ", "12. ", "A. ", "b) "])
def test_a_list_marker_goes_with_what_it_numbers(marker: str) -> None:
    assert sentences(f"{marker}One thing. Two things.") == [f"{marker}One thing. ", "Two things."]


def test_sentences_of_other_scripts_are_found_whatever_the_language() -> None:
    text = "今日は。「はい。」と言った。यह है। ठीक? كيف حالك؟ بخير."

    expected = ["今日は。", "「はい。」", "と言った。", "यह है। ", "ठीक? ", "كيف حالك؟ ", "بخير."]
    assert sentences(text, "ja") == sentences(text, "xx") == sentences(text, "") == expected


def test_positions_are_code_points_also_after_emoji() -> None:
    assert sentences("👨\u200d👩\u200d👧😀 One. 🇩🇪 Two.") == ["👨\u200d👩\u200d👧😀 One. ", "🇩🇪 Two."]


@pytest.mark.parametrize("tag", ["de", "de-DE", "de_AT", "DE"])
def test_a_language_with_a_region_is_known_by_its_first_part(tag: str) -> None:
    assert len(sentences("Das gilt bzw. Sechs gilt. Gut.", tag)) == 2


@pytest.mark.parametrize("tag", ["", "-", "deutsch", "e\ud800", "\x00", "日本", "../.."])
def test_a_language_that_does_not_exist_is_read_as_english(tag: str) -> None:
    assert sentences("Dr. Smith came. He left.", tag) == ["Dr. Smith came. ", "He left."]  # english: ok


@pytest.mark.parametrize("space", ["\u2028", "\x85", "\u3000", "\xa0", "\u2029"])
def test_a_text_on_which_sentencex_panics_is_cut_all_the_same(space: str) -> None:
    text = f"It was A{space}. It ended."

    assert sentences(text)[-1] == "It ended."


def test_sentencex_sees_no_white_space_but_plain_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def record(language: str, text: str) -> list[dict[str, Any]]:
        seen.append(text)
        return []

    monkeypatch.setattr("app.text.sentences._find", record)
    sentences("A\u2028. B\x85\r\n\t\x1c\u3000.")

    assert seen == ["A . B      ."]


def test_a_space_that_carries_a_mark_goes_with_it() -> None:
    assert sentences("It ended. \u0301It began.") == ["It ended.", " \u0301It began."]


def test_a_lone_surrogate_does_not_stop_the_search() -> None:
    assert sentences("It be\ud800gan. It ended.") == ["It be\ud800gan. ", "It ended."]


def test_a_panic_in_native_code_falls_back_to_plain_punctuation(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def panic(language: str, text: str) -> list[dict[str, Any]]:
        raise PanicException

    monkeypatch.setattr("app.text.sentences._find", panic)

    assert sentences("It began. It ended. 好。好") == ["It began. ", "It ended. ", "好。", "好"]


def test_an_order_to_stop_is_not_taken_for_a_panic(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(language: str, text: str) -> list[dict[str, Any]]:
        raise KeyboardInterrupt

    monkeypatch.setattr("app.text.sentences._find", stop)

    with pytest.raises(KeyboardInterrupt):
        sentences("It began.")


def test_sentences_are_the_same_however_far_into_the_text_they_stand() -> None:
    sentence = "Dr. Smith, who was old, said “Go! Now.” and left the U.S. in 3.14 days. "

    assert sentences(sentence * 500) == [sentence] * 500


def test_sentencex_never_sees_more_than_a_bounded_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def record(language: str, text: str) -> list[dict[str, Any]]:
        seen.append(len(text))
        return [{"start_index": 0}, {"start_index": 1}]

    monkeypatch.setattr("app.text.sentences._find", record)
    sentences("a" * 100_000)

    assert max(seen) <= 2048
    assert sum(seen) <= 2 * 100_000 + 2048


def test_sentences_inside_a_quotation_are_found_only_on_demand() -> None:
    text = '"One is here. Two is Dr. Smith. Three left," she said.'

    assert sentences(text) == [text]
    assert sentences(text, inside_quotes=True) == [
        '"One is here. ',
        "Two is Dr. Smith. ",
        'Three left," she said.',
    ]


def test_only_the_asked_range_is_searched() -> None:
    text = "One. Two. Three. Four."

    assert list(sentence_starts(text, 5, 17)) == [10]
