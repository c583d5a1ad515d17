"""Checkpoints of Qwen3-TTS that are not whole are refused, and none can run code."""

# mlx-audio has no types, MLX's are partly unknown, and those of transformers are too many.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import cast

import mlx.core as mx
import pytest

from app.inference.checkpoint.inspect import BrokenCheckpoint
from app.workers.synthesis.qwen3.model import Qwen3
from tests.support.qwen3_checkpoints import (
    STEP_BYTES,
    Models,
)
from tests.support.qwen3_fixtures import base as base
from tests.support.qwen3_fixtures import the as the
from tests.support.running import command


def _edited(path: Path, edit: Callable[[dict[str, mx.array]], None]) -> None:
    tensors = cast(dict[str, mx.array], mx.load(str(path)))
    mx.eval(tensors)
    edit(tensors)
    mx.save_safetensors(str(path), tensors)


def _codec_lacks_a_tensor(folder: Path) -> None:
    name = "decoder.pre_transformer.layers.0.self_attn.q_proj.weight"
    _edited(folder / "speech_tokenizer/model.safetensors", lambda tensors: tensors.__delitem__(name))


def _codec_lacks_half_a_codebook(folder: Path) -> None:
    name = "encoder.quantizer.acoustic_residual_vector_quantizer.layers.3.codebook.cluster_usage"
    _edited(folder / "speech_tokenizer/model.safetensors", lambda tensors: tensors.__delitem__(name))


def _codec_has_another_shape(folder: Path) -> None:
    def edit(tensors: dict[str, mx.array]) -> None:
        tensors["decoder.pre_transformer.norm.weight"] = mx.ones(3)

    _edited(folder / "speech_tokenizer/model.safetensors", edit)


def _codec_has_a_tensor_too_many(folder: Path) -> None:
    def edit(tensors: dict[str, mx.array]) -> None:
        tensors["encoder.encoder.layers.first.conv.weight"] = mx.ones(3)  # mlx-audio expects a number there

    _edited(folder / "speech_tokenizer/model.safetensors", edit)


def _codec_is_gone(folder: Path) -> None:
    shutil.rmtree(folder / "speech_tokenizer")


def _tokenizer_is_gone(folder: Path) -> None:
    (folder / "vocab.json").unlink()


def _tokenizer_is_none(folder: Path) -> None:
    (folder / "vocab.json").write_text("[1, 2, 3]")


def _weights_are_cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    os.truncate(path, path.stat().st_size - 5)


def _talker_lacks_a_tensor(folder: Path) -> None:
    name = "talker.model.layers.0.self_attn.q_norm.weight"
    _edited(folder / "model.safetensors", lambda tensors: tensors.__delitem__(name))


def _talker_has_nan(folder: Path) -> None:
    def edit(tensors: dict[str, mx.array]) -> None:
        name = "talker.model.layers.0.self_attn.q_norm.weight"
        tensors[name] = mx.full(tensors[name].shape, mx.nan, tensors[name].dtype)

    _edited(folder / "model.safetensors", edit)


def _codec_has_an_infinite_value(folder: Path) -> None:
    def edit(tensors: dict[str, mx.array]) -> None:
        tensors["decoder.pre_transformer.norm.weight"][3] = -mx.inf

    _edited(folder / "speech_tokenizer/model.safetensors", edit)


@pytest.mark.parametrize(
    ("damage", "kind", "words"),
    [
        (_codec_lacks_a_tensor, BrokenCheckpoint, r"lacks 1 tensors, .* such as decoder\.pre_transformer.*q_proj"),
        (_codec_lacks_half_a_codebook, BrokenCheckpoint, r"speech_tokenizer lacks .* such as encoder_model\.q"),
        (_codec_has_another_shape, BrokenCheckpoint, r"lacks 1 tensors, or .* decoder\.pre_transformer\.norm"),
        (_codec_has_a_tensor_too_many, BrokenCheckpoint, "its speech_tokenizer cannot be read"),
        (_codec_is_gone, BrokenCheckpoint, r"speech_tokenizer/config\.json is missing"),
        (_tokenizer_is_gone, BrokenCheckpoint, "the text tokenizer is missing"),
        (_tokenizer_is_none, BrokenCheckpoint, "its tokenizer cannot be read"),
        (_weights_are_cut, BrokenCheckpoint, r"the weights are damaged.*model\.safetensors: is cut off"),
        (_talker_has_nan, BrokenCheckpoint, r"damaged: NaN or infinite values in talker\.model\.layers\.0.*q_norm"),
        (_codec_has_an_infinite_value, BrokenCheckpoint, "damaged: NaN or infinite values in speech_tokenizer"),
        (_talker_lacks_a_tensor, ValueError, r"Missing 1 parameters: \s*talker\.model\.layers\.0.*q_norm"),
    ],
)
def test_a_checkpoint_that_is_not_whole_is_not_loaded(
    models: Models, tmp_path: Path, damage: Callable[[Path], None], kind: type[Exception], words: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(models.folder(type="base"), folder)
    damage(folder)

    with pytest.raises(kind, match=words):
        Qwen3.load(folder)


def test_loading_and_speaking_runs_no_code_of_the_checkpoint_and_asks_nobody(
    models: Models, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(models.folder(type="custom_voice", size="1b7"), folder)
    (tmp_path / "scratch").mkdir()
    # Nothing but our own code may keep the libraries quiet.
    quiet = ("HF_", "TRANSFORMERS")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(quiet)}
    scratch = tmp_path / "scratch"

    output = subprocess.check_output(
        command("watched_load", folder, scratch),
        text=True,
        env={**environment, "TMPDIR": str(scratch)},
    )

    found = json.loads(output.splitlines()[-1])
    assert found["spoken"] > STEP_BYTES
    assert found["loading"] == []
    assert found["offline"]
    assert not (scratch / "mlx").exists(), "what MLX compiles, it keeps and loads there"
    assert any(event.startswith("subprocess.Popen") for event in found["control"])
    assert set(found["control"]) >= {
        "pickle.find_class",
        "exec",
        "socket.connect",
        "socket.getaddrinfo",
        "import torch",
        f"write {folder}/generation_config.json",
        f"open {folder}/weights.bin",
    }
