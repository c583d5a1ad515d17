"""The pages of the documentation, which tests hold to the code."""

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tauri/*/*.md"), *ROOT.glob("clients/*/*.md")]
)
PAGE_NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


@cache
def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section_of(page: str, heading: str) -> str:
    """From a heading to the next one of its level, or above."""
    level = heading.index(" ")
    found = re.search(rf"^{re.escape(heading)}$(.*?)(?=^#{{1,{level}}} |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found is not None, f"there is no section {heading!r}"
    return found[1]
