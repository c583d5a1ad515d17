"""Tokenizers: those of Qwen3-TTS, made here, as transformers reads them."""

# transformers has no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeStubs=false
# pyright: reportUnknownArgumentType=false

import os
from importlib.metadata import version
from typing import Any

from app.selftest.check import Place, Wrong, form
from app.selftest.checkpoint.tokenizer import write_tokenizer
from app.workers.synthesis.mlx_runtime import prepare

TEXT = "The tide is out: 潮が引いた, à marée basse."


def look(here: Place) -> str:
    """How many tokens a sentence has, there and back."""
    prepare()  # no library may ask a hub about what is on the disk
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    from transformers import AutoTokenizer

    folder = here.folder / "tokenizer"
    folder.mkdir()
    write_tokenizer(folder)
    tokenizer: Any = AutoTokenizer.from_pretrained(str(folder))
    tokens: list[int] = tokenizer(TEXT)["input_ids"]
    back: str = tokenizer.decode(tokens)
    if back != TEXT or len(tokens) >= len(TEXT.encode()):
        raise Wrong(f"{TEXT!r} becomes {len(tokens)} tokens, and these become {back!r}", form().remedy)
    return f"{len(tokens)} tokens there and back; transformers {version('transformers')}"
