"""A small model as a hub has it, and what has come of it."""

import hashlib
import os
from pathlib import Path

MODEL = "acme/voice"
WEIGHTS = hashlib.shake_128(b"weights").digest(300_000)
CODEC = hashlib.shake_128(b"codec").digest(40_000)
FILES = {
    "config.json": b'{"model_type": "qwen3_tts"}',
    "merges.txt": "Ġ t\n".encode() * 50,
    "empty.txt": b"",
    "model.safetensors": WEIGHTS,
    "speech_tokenizer/config.json": b'{"model_type": "codec"}',
    "speech_tokenizer/model.safetensors": CODEC,
}
TOTAL = sum(len(content) for content in FILES.values())


def environment(**settings: str) -> dict[str, str]:
    """This one's, but for what others have set for the hub."""
    kept = {key: value for key, value in os.environ.items() if not key.upper().startswith(("HF_", "HUGGING"))}
    kept = {key: value for key, value in kept.items() if not key.upper().endswith("_PROXY")}
    return kept | settings


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def whole(folder: Path) -> None:
    """The model is there, all of it, and nothing else."""
    found = files_in(folder)
    assert found.pop("q3tts.json")
    assert found == FILES
    assert not (folder / ".parts").exists()
