"""A text tokenizer with Qwen's rules and Qwen's special tokens, and a few hundred merges instead of 151 387.

The marks that tell a checkpoint when to end are one token each, as are the two names of who speaks: the prompt
counts on those.
"""

import json
import re
from pathlib import Path
from typing import Any

NEVER_ENDS = "\N{INFINITY}"
ENDS_AT_ONCE = "\N{EMPTY SET}"

#: The published numbers of what the prompt is made of; every other token has another number than Qwen's.
_PUBLISHED = {"assistant": 77_091, "user": 872}
_WORDS = (
    "the of and to in is that it was for on are as with his they at be this have from or one had by word but "
    "not what all were we when your can said there use an each which she do how their if will up other about "
    "out many then them these so some her would make like him into time has look two more write go see number "
    "no way could people my than first water been call who oil its now find long down day did get come made may "
    "part over new sound take only little work know place year live me back give most very after thing our just "
    "name good sentence man think say great where help through much before line right too mean old any same "
    "tell boy follow came want show also voice read speak text chapter story night house light hand end"
)
_SPECIAL = (
    "<|endoftext|> <|im_start|> <|im_end|> <|object_ref_start|> <|object_ref_end|> <|box_start|> <|box_end|> "
    "<|quad_start|> <|quad_end|> <|vision_start|> <|vision_end|> <|vision_pad|> <|image_pad|> <|video_pad|> "
    "<tool_call> </tool_call> <|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> <|repo_name|> <|file_sep|> "
    "<tool_response> </tool_response> <think> </think> <|audio_start|> <|audio_end|> <tts_pad> <tts_text_bos> "
    "<tts_text_eod> <tts_text_bos_single> <|audio_pad|>"
)
#: Of those above, the ones that a tokenizer does not take for special.
_ORDINARY = re.compile("</?(tool|think)|<.(fim|repo|file)_")
FIRST_SPECIAL = 151_643

_TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


def write_tokenizer(folder: Path) -> None:
    """Put `vocab.json`, `merges.txt` and `tokenizer_config.json` there."""
    vocabulary, merges = _vocabulary()
    special = {token: FIRST_SPECIAL + number for number, token in enumerate(_SPECIAL.split())}
    # Published, these are in the configuration alone. But the tokenizers library numbers what it does not find here
    # from the length of the vocabulary on, which is short.
    text = json.dumps(vocabulary | special, ensure_ascii=False)
    (folder / "vocab.json").write_text(text, encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config: dict[str, Any] = {
        "add_bos_token": False,
        "add_prefix_space": False,
        "added_tokens_decoder": {
            str(number): {
                "content": token,
                "lstrip": False,
                "normalized": False,
                "rstrip": False,
                "single_word": False,
                "special": not _ORDINARY.match(token),
            }
            for token, number in special.items()
        },
        "additional_special_tokens": [token for token in special if not _ORDINARY.match(token)],
        "bos_token": None,
        "chat_template": _TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "errors": "replace",
        "model_max_length": 131_072,
        "pad_token": "<|endoftext|>",
        "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


def mark_token(mark: str) -> int:
    """The number of the token that is this mark alone."""
    vocabulary, _ = _vocabulary()
    return vocabulary[_letters(mark)]


def _vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    vocabulary = {letter: number for number, letter in enumerate(_alphabet().values())}
    merges: list[tuple[str, str]] = []
    # The first come first: whatever follows them in the list, these become one token.
    wanted = [*_PUBLISHED, NEVER_ENDS, ENDS_AT_ONCE, *(f" {word}" for word in _WORDS.split())]
    for word in map(_letters, wanted):
        for end in range(2, len(word) + 1):
            if word[:end] not in vocabulary:
                merges.append((word[: end - 1], word[end - 1]))
                vocabulary[word[:end]] = _PUBLISHED.get(word[:end], 255 + len(merges))
    assert len(set(vocabulary.values())) == len(vocabulary)
    return vocabulary, merges


def _letters(text: str) -> str:
    alphabet = _alphabet()
    return "".join(alphabet[byte] for byte in text.encode())


def _alphabet() -> dict[int, str]:
    """A printable letter for each byte, in the order of their tokens: first those that are letters already."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in printable]
    letters = [*map(chr, printable), *(chr(0x100 + number) for number in range(len(others)))]
    return dict(zip(printable + others, letters, strict=True))
