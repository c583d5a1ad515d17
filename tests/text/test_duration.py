"""The estimate of how long it takes to say a text, against what espeak-ng needs at its usual rate."""

import pytest

from app.text.duration import speaking_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("It was late. The lamp was lit, and nobody spoke.", 3.1),
        ("This is how I sound when I read to you.", 1.8),
        ("Es war spät, und niemand sagte etwas.", 2.3),
        ("今天天气很好，我们去公园吧。", 3.5),
        ("Сегодня хорошая погода.", 1.3),
        ("제가 읽어 드리는 목소리는 이렇습니다.", 2.6),
        ("私の声はこのように聞こえます。", 4.3),
        ("1984", 1.4),
    ],
)
def test_it_is_right_within_two_fifths(text: str, seconds: float) -> None:
    assert speaking_seconds(text) == pytest.approx(seconds, rel=0.42)


def test_nothing_takes_no_time() -> None:
    assert speaking_seconds("") == speaking_seconds(" \n\t—*") == 0
