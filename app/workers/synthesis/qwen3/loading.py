"""Reads a Qwen3-TTS checkpoint with mlx-audio's own loader, and makes sure that all of it has been read.

mlx-audio goes on with a warning when the tokenizer or the codec cannot be read, and leaves what the codec's file
does not bring at random. Here that is an error.
"""

# mlx-audio has no types, and those of MLX are half unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from pathlib import Path
from typing import Any, NamedTuple, cast

import mlx.core as mx
from mlx.utils import tree_flatten

from app.inference.checkpoint.inspect import BrokenCheckpoint, Checkpoint, read_checkpoint


class Loaded(NamedTuple):
    """mlx-audio's objects, whose types it does not tell."""

    model: Any
    speech_tokenizer: Any
    decoder: Any  #: the codec's, without `mx.compile` around it
    checkpoint: Checkpoint


def load(folder: Path) -> Loaded:
    """Read a checkpoint. Raises `BrokenCheckpoint`, and whatever mlx-audio raises for weights that do not fit."""
    checkpoint = read_checkpoint(folder, folder.name)  # before MLX maps anything
    from mlx_audio.tts.models.qwen3_tts.speech_tokenizer import Qwen3TTSSpeechTokenizer
    from mlx_audio.tts.utils import load_model

    model: Any = load_model(folder, model_type=checkpoint.model_type, model_name_parts=[])
    if model.tokenizer is None:
        raise BrokenCheckpoint("its tokenizer cannot be read")
    tokenizer: Any = model.speech_tokenizer
    if tokenizer is None:
        raise BrokenCheckpoint("its speech_tokenizer cannot be read")
    decoder = tokenizer.decoder.streaming_step.__self__  # behind the proxy that mx.compile has made of it
    tensors: dict[str, mx.array] = {}
    for path in (folder / "speech_tokenizer").glob("*.safetensors"):
        tensors.update(cast(dict[str, mx.array], mx.load(str(path))))
    brought = {name: tensor.shape for name, tensor in Qwen3TTSSpeechTokenizer.sanitize(tensors).items()}
    # A new one, whose arrays are never computed: the other has taken on whatever shapes there were.
    wanted = _shapes(Qwen3TTSSpeechTokenizer(tokenizer.config))
    wrong = [name for name, shape in wanted.items() if brought.get(name) != shape]
    if wrong:
        raise BrokenCheckpoint(
            f"its speech_tokenizer lacks {len(wrong)} tensors, or has them in another shape, such as {min(wrong)}"
        )
    if mx.default_device().type is not mx.gpu:
        _widen(model.talker)
    return Loaded(model, tokenizer, decoder, checkpoint)


def _widen(talker: Any) -> None:
    """Have it in float32, exactly: bfloat16 takes a CPU four times as long. Text is only looked up, and stays."""
    text = talker.model.text_embedding
    talker.model.text_embedding = None
    talker.set_dtype(mx.float32)
    talker.model.text_embedding = text


#: Flags of training, and what mlx-audio works out itself once the rest is there.
_NOT_BROUGHT = ("initialized", "_embedding", "_c2")


def _shapes(module: Any) -> dict[str, tuple[int, ...]]:
    """What a module needs, by the names that mlx-audio gives its parameters."""
    flat = cast(list[tuple[str, mx.array]], tree_flatten(module.parameters()))
    return {name: array.shape for name, array in flat if name.rpartition(".")[2] not in _NOT_BROUGHT}
