"""What the engine says to programs, in the words of the command line: an option where it names a field of a
request, a command where it names a route.
"""

import re

#: What a field is called here. The longer names first.
_OPTIONS = {
    "ref_audio.path": "FILE",
    "ref_audio.wav_base64": "FILE",
    "ref_audio": "FILE",
    "ref_text": "--transcript",
    "display_name": "--name",
    "settings.instruct": "--instruct",
    "settings.rate": "--rate",
    "settings.pitch": "--pitch",
    "settings.volume": "--volume",
    "?partial=true": "--partial",
}

#: Fields whose names are also ordinary words: they are options only where a message begins with one and a colon.
_WORDS = (
    "voice",
    "model",
    "language",
    "title",
    "seed",
    "instruct",
    "rate",
    "pitch",
    "volume",
    "text",
    "description",
)

#: Those of them that are an argument.
_ARGUMENTS = {"text": "the text", "description": "DESCRIPTION"}

_FIELD = re.compile(rf"`?(?<![\w.])({'|'.join(map(re.escape, _OPTIONS))})(?![\w.])`?")
_HEAD = re.compile(rf"(the request is not valid: )?({'|'.join(_WORDS)}): ")
_KINDS = "(voices|jobs|models)"
_BOTH = re.compile(rf"(q3tts {_KINDS}), or GET /v1/\2(?![\w/])")
_ROUTE = re.compile(rf"GET /v1/{_KINDS}(?![\w/])")


def for_people(message: str) -> str:
    """A message of the engine's, for somebody at a terminal."""
    if head := _HEAD.match(message):
        name = head[2]
        message = f"{_ARGUMENTS.get(name, f'--{name}')}: {message[head.end() :]}"
    message = _FIELD.sub(lambda found: _OPTIONS[found[1]], message)
    return _ROUTE.sub(r"q3tts \1", _BOTH.sub(r"\1", message))
