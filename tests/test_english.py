"""The lint for English finds what it is there for, where it is, and nothing else."""

import pytest

from tests.english import ALLOWED, PATTERNS, findings_in, objection_to

STUMBLED_OVER = [
    "a path that is no file",
    "It waits. Who listens goes first.",
    "At most so many.",
    "the text behind the comma",
    "a number that is none",
    "all doors share it",
    "as the seed wants it",
    "when his turn comes",
    "it is flushed to the medium",
    "waiting, 3. in the queue",
    "the engine comes to rest",
    "a stranger's file",
    "the engine failed on itself",
    "24 bytes of head",
    "the job at work",
    "it was told to stop",
    "the text that is to be spoken",
]
FINE = [
    "there is no daemon here",
    "it is no longer there",
    "Who comes first?",
    "as long as it runs, so long as it lasts",
    "a subscriber that falls behind",
    "it leaves nothing behind",
    "the seed of a job",
    "a voice by the design of its owner",
    "Whoever listens goes first.",
    "three of them. Not in the queue",
]


def test_each_pattern_has_its_example() -> None:
    assert len(STUMBLED_OVER) == len(PATTERNS)


@pytest.mark.parametrize(
    ("text", "instead"), list(zip(STUMBLED_OVER, [instead for _, instead in PATTERNS], strict=True))
)
def test_a_turn_of_phrase_that_made_readers_stumble_is_found(text: str, instead: str) -> None:
    assert instead in [finding.instead for finding in findings_in("a.md", text)]


@pytest.mark.parametrize("text", FINE)
def test_what_reads_well_is_left_alone(text: str) -> None:
    assert findings_in("a.md", text) == []


def test_docstrings_messages_and_comments_of_python_are_read_and_its_variables_are_not() -> None:
    source = '"""At most so\nmany."""\nbehind = 1\nname = f"{behind} is behind it"\n# who\n# stands behind it\n'

    found = findings_in("a.py", source)

    assert [(each.line, each.words) for each in found] == [(1, "so many"), (4, "behind"), (6, "behind")]


def test_the_names_of_tests_are_read_as_sentences() -> None:
    source = "def test_who_asks_waits(): ...\nasync def test_no_gap_behind_it(): ...\ndef behind(): ...\n"

    assert [(each.line, each.words) for each in findings_in("a.py", source)] == [(1, "Who asks"), (2, "behind")]


def test_code_headings_and_addresses_of_a_page_are_not_read() -> None:
    page = "# Who owns it\n\n```sh\nbehind\n```\n\nSay `behind`, see [this](#behind).\n\n| cell | behind |\n"

    found = findings_in("a.md", page)

    assert [each.line for each in found] == [9]


def test_the_help_texts_of_a_makefile_are_read() -> None:
    assert [each.line for each in findings_in("Makefile", "a:\nb: behind  ## Go behind it\n")] == [2]


def test_a_line_that_has_to_have_such_words_may_say_so() -> None:
    assert findings_in("a.py", f'name = "the text behind it"  # {ALLOWED}\n') == []


def test_a_finding_says_where_it_is_and_what_is_better() -> None:
    (finding,) = findings_in("docs/a.md", "one\nso many\n")

    assert str(finding) == "docs/a.md:2: 'so many'; better: at most N, this long"


@pytest.mark.parametrize(
    ("subject", "wrong"),
    [
        ("Give processes a room", None),
        ("x" * 72, None),
        ("x" * 73, "73 characters, and 72 are the limit"),
        ("Give processes a room.", "ends with a full stop"),
    ],
)
def test_the_subject_of_a_commit_has_a_rule(subject: str, wrong: str | None) -> None:
    assert objection_to(subject) == wrong
