"""Words that would be spoken although something else was probably meant: the name of a file, or a command with a
mistake in it. Both are refused, with what to type instead; after `--` everything is text.
"""

import shlex
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

import click

from app.cli.command import USAGE, CommandFailed
from app.cli.reading import BOOKS

#: What nobody calls a word. A file that is not there has probably been mistyped.
TEXTS = (".txt", ".md", *BOOKS)

#: How near a word must be to a command, as difflib measures it: "rendr" and "stats" are, "close" is not.
NEAR = 0.82


def refuse_files(words: Sequence[str], output: Path | None) -> None:
    """Raises `CommandFailed` if all words of a text are files, or its only one is called like a file."""
    given = " ".join(map(shlex.quote, words))
    if words and all(map(_is_file, words)):
        target = "" if output is None or len(words) > 1 else f" -o {shlex.quote(str(output))}"
        ways = [f"to make a file of it: q3tts render {given}{target}", f"to say its name: q3tts -- {given}"]
        if len(words) == 1 and output is None:
            ways.insert(0, f"to hear it: q3tts < {given}")
        what = f"{words[0]} is a file" if len(words) == 1 else "these words are files"
        raise CommandFailed("; ".join([what, *ways]), USAGE)
    if len(words) == 1 and words[0].lower().endswith(TEXTS) and not any(map(str.isspace, words[0])):
        raise CommandFailed(f"there is no file {words[0]}; to say its name: q3tts -- {given}", USAGE)


def refuse_command(
    words: Sequence[str], names: Sequence[str], command_of: Callable[[str], click.Command | None]
) -> None:
    """Raises `CommandFailed` if the first word is nearly a command and nothing shows that it begins a sentence."""
    word = words[0]
    near = [name for name in get_close_matches(word, names, cutoff=NEAR) if name[0] == word[0]]
    if not near or (len(words) > 1 and not _is_argument(words[1], command_of(near[0]))):
        return
    raise CommandFailed(
        f"there is no command {word!r}, did you mean {near[0]!r}?; to say it: q3tts -- {shlex.join(words)}", USAGE
    )


def _is_argument(word: str, command: click.Command | None) -> bool:
    """Whether a word is rather an argument of a command than a part of a sentence."""
    if word.startswith("-") or _is_file(word):
        return True
    return isinstance(command, click.Group) and word in command.commands


def _is_file(word: str) -> bool:
    try:
        return Path(word).is_file()
    except (OSError, ValueError):  # too long for a name, or with a zero byte
        return False
