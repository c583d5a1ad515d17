"""Texts made of what is hard to cut, for Hypothesis to draw from."""

import re
import unicodedata
from collections.abc import Sequence

from hypothesis import strategies as st

from app.text.chunking import Chunk

ENGLISH = [
    "She went home. ",
    "Dr. Smith came, saw; and left — ",
    "“Go! Now.” she said. ",
    "Yes. ",
    "e.g. ",
    "3.14 ",
]
SCRIPTS = [
    "他说：「明天。再来吧！」好，",
    "これは",
    "यह है। ",
    "क्षत्रिय ",
    "\u202bمرحبا. كيف حالك؟\u202c ",
    "한국어. ",
]
CLUSTERS = ["👨\u200d👩\u200d👧", "🇩🇪", "👍🏽", "❤\ufe0f", "e\u0301", " \u0301", "\u1112\u1161\u11ab"]
MARKS = ["\u0301", "\u200d", "\u094d", "\ufe0f", "\x00", "\ud800", "\udc00", "\ufeff"]
LINE_ENDS = ["\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\u2028", "\u2029", "\f", "\v", "\x85", "\x1c"]
SPACES = [" ", "\t", "\u3000", "\xa0"]
LINES = [
    "\n- ",
    "\n* ",
    "\n• ",
    "\n1. ",
    "\n2) ",
    "\n# ",
    "\n===\n",
    "\n---\n",
    "\n* * *\n",
    "\n\nA title\n\n",
    "1. ",
]
PUNCTUATION = ['"', "'", "(", ")", ".", ",", "—", "，", "…", "#", "A\u2028."]
RUNS = [
    "word " * 30,
    "Well, " * 25,
    "a" * 150,
    "字" * 150,
    "\u0301" * 150,
    "🇩🇪" * 80,
    " " * 150,
    "\n" * 9,
    '"' * 130,
]

FRAGMENTS = st.sampled_from(
    [*ENGLISH, *SCRIPTS, *CLUSTERS, *MARKS, *LINE_ENDS, *SPACES, *LINES, *PUNCTUATION, *RUNS]
)
TEXTS = st.one_of(
    st.text(),
    st.lists(FRAGMENTS, max_size=25).map("".join),
    st.lists(st.one_of(FRAGMENTS, st.text(max_size=5)), max_size=40).map("".join),
    st.tuples(FRAGMENTS, st.integers(1, 60)).map(lambda run: run[0] * run[1]),
)
LIMITS = st.one_of(st.integers(100, 160), st.integers(100, 2000))
LANGUAGES = st.sampled_from(["", "en", "de-DE", "ja", "zh-Hant", "ar", "hy", "xx", "\ud800"])


def pieces(text: str, chunks: Sequence[Chunk]) -> list[str]:
    """The text of each chunk."""
    return [text[chunk.start_char : chunk.end_char] for chunk in chunks]


def letters(text: str) -> str:
    """The letters of ASCII, also those under an accent."""
    return re.sub(r"[^A-Za-z]", "", unicodedata.normalize("NFD", text))
