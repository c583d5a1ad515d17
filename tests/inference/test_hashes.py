"""The hashes that are recorded of a model's files, in each of the places where there can be some."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from app.inference.checkpoint.hashes import damaged_files, recorded_hashes
from app.inference.checkpoint.manifest import MANIFEST, Manifest, ManifestFile

FILES = {
    "config.json": b"{}",
    "model.safetensors": b"weights" * 1_000,
    "speech_tokenizer/model.safetensors": b"codec",
}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()


def of_the_hub(name: str, content: bytes) -> str:
    return sha256(content) if name.endswith(".safetensors") else git(content)


def written(folder: Path) -> None:
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def downloaded(folder: Path) -> None:
    written(folder)
    files = [ManifestFile(name, len(content), sha256(content)) for name, content in FILES.items()]
    (folder / MANIFEST).write_bytes(msgspec.json.encode(Manifest("org/name", "abc", files)))


def cached(folder: Path) -> None:
    blobs = folder.with_name("blobs")
    blobs.mkdir()
    for name, content in FILES.items():
        (blobs / of_the_hub(name, content)).write_bytes(content)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(blobs / of_the_hub(name, content))


def in_a_folder_of_hf(folder: Path) -> None:
    written(folder)
    for name, content in FILES.items():
        metadata = folder / ".cache/huggingface/download" / f"{name}.metadata"
        metadata.parent.mkdir(parents=True, exist_ok=True)
        metadata.write_text(f"0123abc\n{of_the_hub(name, content)}\n1700000000.0\n")


@pytest.mark.parametrize("bring", [downloaded, cached, in_a_folder_of_hf])
def test_a_bit_that_has_flipped_is_found_by_the_name_of_its_file(
    tmp_path: Path, bring: Callable[[Path], None]
) -> None:
    folder = tmp_path / "model"
    bring(folder)
    recorded = recorded_hashes(folder)
    whole = damaged_files(folder, recorded)

    weights = (folder / "model.safetensors").resolve()
    content = bytearray(weights.read_bytes())
    content[3_000] ^= 1
    weights.write_bytes(content)
    flipped = damaged_files(folder, recorded)
    os.unlink(folder / "config.json")

    assert sorted(recorded) == sorted(FILES)
    assert whole == []
    assert flipped == ["model.safetensors"]
    assert sorted(damaged_files(folder, recorded)) == ["config.json", "model.safetensors"]


def test_where_nothing_is_recorded_nothing_is_wrong(tmp_path: Path) -> None:
    written(tmp_path / "model")
    (tmp_path / "model" / MANIFEST).write_text('{"files": 3}')

    assert recorded_hashes(tmp_path / "model") == {}
