"""A lint for the English of this repository, run by `make lint` over what `COVERED` names.

Each pattern is a turn of phrase that made readers stumble, with what to write instead. Markdown is read without its
code; of Python the strings and comments are read, which includes docstrings, help texts and messages, and the names
of tests, which are sentences. Only what a pattern can tell with few false alarms is here; the rest is left to
reviewers. `python -m tests.english app/store` reads only what is named.

A line that has to have such words carries the mark `english: ok`.

The subjects of commits are held to their rule as well: 72 characters at most, no full stop. That counts for commits
after the one that brought CONTRIBUTING.md, which states the rule.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: Files, and folders whose Markdown and Python are read.
COVERED = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Makefile",
    "README.md",
    "app",
    "clients",
    "bench",
    "demo",
    "docs",
    "frozen",
    "tauri",
    "tests",
)
#: What is installed or built, and texts and lists of words that are data.
LEFT_OUT = frozenset(
    {
        "node_modules",
        "target",
        "dist",
        "__pycache__",
        "demo/lighthouse.md",
        "bench/prose.py",
        "app/selftest/checkpoint/tokenizer.py",
        "tests/golden",
        "tests/test_english.py",
    }
)
ALLOWED = "english: ok"

RULE = "CONTRIBUTING.md"
MAX_SUBJECT = 72

#: What not to write, and what instead. A space matches a line's end, too.
PATTERNS = (
    (
        r"(?<!there )(?<!There )\b(?:is|are|was|were) no (?!longer|more|less|other)[a-z]+",
        "is not a ..., has no ...",
    ),
    (r"(?:^|(?<=[.:;] ))Who (?!(?:[^.?]|\.\S)*\?)[a-z]+", "whoever, anyone who, the client that"),
    (r"\b[Ss]o (?:many|much|long)\b(?! as\b| that\b)", "at most N, this long"),
    (r"(?<!falls )(?<!fall )(?<!fell )(?<!leaves )(?<!left )(?<!nothing )\b[Bb]ehind\b", "after, beyond"),
    (r"\bnumbers? that (?:is|are) none\b|\bno numbers?\b", "NaN, non-finite"),
    (r"\b[Dd]oors?\b", "interface"),
    (r"\b(?:of|in|by|as|than) the (?:seed|design)(?![-'\w])(?! of)", "the specification"),
    (r"\b(?:[Hh]e|[Hh]is|[Hh]im)\b", "they, their, its"),
    (r"\bthe medium\b", "the disk"),
    (r"(?:^|\d)\. in the\b", "position N in the"),
    (r"\b(?:comes?|came|coming) to (?:rest|a rest|be|numbers|speak|heard)\b", "shuts down, stops, becomes"),
    (r"\b[Ss]trangers?\b", "untrusted"),
    (r"\bfail(?:s|ed)? on itself\b", "an internal error"),
    (r"\bhead of (?:a|the) (?:WAV|file)|\bbytes of head\b|\bWAV head\b", "header"),
    (r"\bat work\b", "running"),
    (r"\btold to\b", "asked to"),
    (r"\bis to [a-z]+\b", "will, must"),
)
COMPILED = tuple((re.compile(pattern), instead) for pattern, instead in PATTERNS)


@dataclass(frozen=True)
class Finding:
    """Words that should be other words."""

    path: str
    line: int
    words: str
    instead: str

    def __str__(self) -> str:
        """As compilers print it."""
        return f"{self.path}:{self.line}: {self.words!r}; better: {self.instead}"


def findings_in(path: str, text: str) -> list[Finding]:
    """What is wrong with a file's English, from its first line to its last."""
    read = python_prose if path.endswith(".py") else markdown_prose if path.endswith(".md") else comments_of_make
    allowed = {number for number, line in enumerate(text.splitlines(), 1) if ALLOWED in line}
    found = [
        Finding(path, line, words, instead)
        for first, prose in read(text)
        for line, words, instead in _matches(first, prose)
        if line not in allowed
    ]
    return sorted(found, key=lambda each: each.line)


def _matches(first: int, prose: str) -> Iterator[tuple[int, str, str]]:
    """Found in one piece of prose, which begins in the line `first`."""
    lines = re.sub(r"\n +", "\n", prose)
    for pattern, instead in COMPILED:
        for match in pattern.finditer(lines.replace("\n", " ")):
            yield first + lines.count("\n", 0, match.start()), match[0], instead


def python_prose(text: str) -> Iterator[tuple[int, str]]:
    """Strings, names of tests and comments, with the line in which each begins; comments in a row are one."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, node.value
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.lineno, node.name.removeprefix("test_").replace("_", " ").capitalize()
    rows: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            rows[token.start[0]] = token.string.lstrip("#: ")
    yield from _joined(rows)


def markdown_prose(text: str) -> Iterator[tuple[int, str]]:
    """Paragraphs, items and cells; code and headings are not prose."""
    rows: dict[int, str] = {}
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and line.strip() and not line.startswith(("#", "    ")):
            plain = re.sub(r"`[^`]*`", "`code`", line)
            plain = re.sub(r"\]\([^)]*\)", "]", plain)
            if plain.startswith("|"):
                yield from ((number, cell.strip()) for cell in plain.split("|"))
            elif re.match(r"\s*(?:[-*]|\d+\.) ", plain):
                yield from _joined(rows)
                rows = {number: re.sub(r"^\s*(?:[-*]|\d+\.) ", "", plain)}
            else:
                rows[number] = plain
    yield from _joined(rows)


def comments_of_make(text: str) -> Iterator[tuple[int, str]]:
    """What follows a `#`; `##` is a help text."""
    for number, line in enumerate(text.splitlines(), 1):
        if "#" in line:
            yield number, line.partition("#")[2].lstrip("# ")


def _joined(rows: dict[int, str]) -> Iterator[tuple[int, str]]:
    """Lines that follow each other, as one text."""
    block: list[str] = []
    first = before = 0
    for number, line in sorted(rows.items()):
        if number != before + 1 and block:
            yield first, "\n".join(block)
            block = []
        if not block:
            first = number
        block.append(line.strip())
        before = number
    if block:
        yield first, "\n".join(block)


def files(covered: tuple[str, ...] = COVERED) -> Iterator[Path]:
    """Every file that is read, in order."""
    for name in covered:
        path = ROOT / name
        found = [path] if path.is_file() else sorted([*path.rglob("*.md"), *path.rglob("*.py")])
        for each in found:
            relative = each.relative_to(ROOT)
            if not LEFT_OUT & {*relative.parts, str(relative)}:
                yield each


def objection_to(subject: str) -> str | None:
    """What is wrong with the subject of a commit, or None."""
    if len(subject) > MAX_SUBJECT:
        return f"{len(subject)} characters, and {MAX_SUBJECT} are the limit"
    if subject.endswith("."):
        return "ends with a full stop"
    return None


def subjects() -> list[str]:
    """Of the commits after the one that brought the rule; none outside a git checkout."""
    brought = _git("log", "--diff-filter=A", "--format=%H", "--", RULE).split()
    return _git("log", "--no-merges", "--format=%s", f"{brought[-1]}..HEAD").splitlines() if brought else []


def _git(*arguments: str) -> str:
    """What git answers, or nothing where it cannot."""
    try:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def main() -> int:
    """Print what is found; 1 if there is anything."""
    found = [
        str(finding)
        for path in files(tuple(sys.argv[1:]) or COVERED)
        for finding in findings_in(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
    ]
    found += [f"commit {subject!r}: {wrong}" for subject in subjects() if (wrong := objection_to(subject))]
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
