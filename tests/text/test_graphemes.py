"""What a cut may not go through."""

import pytest

from app.text.graphemes import cut_between, joined


@pytest.mark.parametrize(
    "cluster",
    [
        "\r\n",
        "e\u0301",
        "e\u0301\u0323",
        " \u0301",
        "👨\u200d👩\u200d👧",
        "👍🏽",
        "❤\ufe0f",
        "1\ufe0f\u20e3",
        "🇩🇪",
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "\u1112\u1161\u11ab",  # Hangul written apart
        "\u1100\uac00",
        "क्ष",
        "กำ",
        "\u0600\u0661",  # an Arabic sign and its digit
        "\uff76\uff9e",  # half-width kana with its voicing mark
    ],
    ids=ascii,
)
def test_a_cut_inside_a_character_is_seen(cluster: str) -> None:
    text = f"a{cluster}b"

    inside = [at for at in range(1, len(text)) if joined(text, at)]

    assert inside == list(range(2, len(text) - 1))


@pytest.mark.parametrize(
    "text", ["ab", "\n\r", "\n\u0301", "字字", "한국", "e\u0301e", "\u200d ", "\ud800\u0301"], ids=ascii
)
def test_a_cut_between_two_characters_is_free(text: str) -> None:
    assert not joined(text, len(text) - 1)


def test_flags_are_cut_only_between_pairs() -> None:
    text = "🇩🇪🇫🇷🇮🇹"

    assert [joined(text, at) for at in range(1, 6)] == [True, False, True, False, True]


def test_there_is_no_cluster_across_either_end_of_the_text() -> None:
    assert not joined("\u0301", 0)
    assert not joined("\u0301", 1)


def test_the_cut_nearest_to_the_aim_is_taken() -> None:
    assert cut_between("abcdef", 0, 3, 5) == 3
    assert cut_between("abc\u0301def", 0, 3, 5) == 2
    assert cut_between("a\u0301\u0301\u0301def", 0, 3, 5) == 4


def test_a_cluster_beyond_the_limit_is_cut_at_the_limit() -> None:
    assert cut_between("a" + "\u0301" * 50, 0, 3, 5) == 5
