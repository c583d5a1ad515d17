"""The text that a command is given in a file or on standard input. What has no mark of its encoding is UTF-8, or
what `--encoding` says: bytes that could be anything are refused, for a wrong guess would be read aloud.
"""

import codecs
import shlex
import sys
from pathlib import Path

import click

from app.cli.command import USAGE, Callback, CommandFailed

STDIN = Path("-")

BOOKS = (".epub", ".pdf", ".mobi", ".azw3", ".docx", ".odt")

#: The longer one first: that of UTF-16 is the beginning of that of UTF-32.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: As much of a text as shows whether every second byte of it is zero, as it is in UTF-16 of most scripts.
_SAMPLE = 4096


def encoding(callback: Callback) -> Callback:
    """Add the option for the encoding of a text."""
    return click.option(
        "--encoding",
        metavar="NAME",
        callback=_known,
        help="The text's encoding, such as windows-1252.  [default: UTF-8, or UTF-16 where it shows]",
    )(callback)


def read_text(file: Path, encoding: str | None) -> str:
    """The file's text, or that of standard input. Raises `CommandFailed`."""
    if file.suffix.lower() in BOOKS:
        raise CommandFailed(f"{file}: books are not supported yet; save it as plain text in UTF-8", USAGE)
    name = "standard input" if file == STDIN else str(file)
    try:
        data = sys.stdin.buffer.read() if file == STDIN else file.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{name} cannot be read: {error.strerror}", USAGE) from error
    chosen = encoding or _encoding_of(data)
    try:
        return data.decode(chosen).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        wrong = f"byte {error.start:,} is {data[error.start]:#04x}"
        if encoding is not None:
            raise CommandFailed(f"{name} is not text in {encoding} ({wrong})", USAGE) from error
        raise CommandFailed(f"{name} is not text in UTF-8 ({wrong}); {_remedy(file)}", USAGE) from error


def _known(_context: click.Context, _parameter: click.Parameter, said: str | None) -> str | None:
    if said is None:
        return None
    try:
        "".encode(said)  # codecs.lookup also finds what makes no text, such as base64
    except LookupError:
        raise CommandFailed(
            f"{said!r} is not an encoding that is known here; use one such as windows-1252, iso-8859-1 or utf-16",
            USAGE,
        ) from None
    return said


def _encoding_of(data: bytes) -> str:
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    sample = data[:_SAMPLE]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if len(data) % 2 or not data or max(even, odd) < len(sample) // 4:
        return "utf-8"
    return "utf-16-le" if odd > even else "utf-16-be"


def _remedy(file: Path) -> str:
    """What works as it is printed, for the encoding that old Western European files have most often."""
    option = "say which encoding it has, such as --encoding windows-1252"
    if file == STDIN:
        return option
    source, target = shlex.quote(str(file)), shlex.quote(str(file.with_suffix(".utf8.txt")))
    return f"{option}, or convert it: iconv -f WINDOWS-1252 -t UTF-8 {source} > {target}"
