"""Loads a Qwen3-TTS checkpoint with mlx-audio's own loader, and makes sure that all of it was read.

mlx-audio only warns when the tokenizer or the codec cannot be read, and leaves weights that are missing from the
codec's file at random values. Here that is an error.
"""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from pathlib import Path
from typing import Any, NamedTuple, cast

import mlx.core as mx
from mlx.utils import tree_flatten

from app.inference.checkpoint.inspect import BrokenCheckpoint, Checkpoint, read_checkpoint
from app.workers.synthesis.finite import require_finite


class LoadedCheckpoint(NamedTuple):
    """mlx-audio's objects, which have no types."""

    model: Any
    speech_tokenizer: Any
    decoder: Any  #: the codec's, without `mx.compile` around it
    checkpoint: Checkpoint


def load_checkpoint(folder: Path) -> LoadedCheckpoint:
    """Load a checkpoint. Raises `BrokenCheckpoint`, and whatever mlx-audio raises for weights that do not fit."""
    checkpoint = read_checkpoint(folder)  # before MLX maps anything
    from mlx_audio.tts.models.qwen3_tts.speech_tokenizer import Qwen3TTSSpeechTokenizer
    from mlx_audio.tts.utils import load_model

    model: Any = load_model(folder, model_type=checkpoint.model_type, model_name_parts=[])
    if model.tokenizer is None:
        raise BrokenCheckpoint("its tokenizer cannot be read")
    tokenizer: Any = model.speech_tokenizer
    if tokenizer is None:
        raise BrokenCheckpoint("its speech_tokenizer cannot be read")
    decoder = tokenizer.decoder.streaming_step.__self__  # inside the proxy that mx.compile returns
    tensors: dict[str, mx.array] = {}
    for path in (folder / "speech_tokenizer").glob("*.safetensors"):
        tensors.update(cast(dict[str, mx.array], mx.load(str(path))))
    found = {name: tensor.shape for name, tensor in Qwen3TTSSpeechTokenizer.sanitize(tensors).items()}
    # A new one, whose arrays are never computed: the loaded one has taken on whatever shapes the file has.
    wanted = _shapes(Qwen3TTSSpeechTokenizer(tokenizer.config))
    wrong = [name for name, shape in wanted.items() if found.get(name) != shape]
    if wrong:
        raise BrokenCheckpoint(
            f"its speech_tokenizer lacks {len(wrong)} tensors, or has them in another shape, such as {min(wrong)}"
        )
    require_finite(model)
    if mx.default_device().type is not mx.gpu:
        _widen(model.talker)
    return LoadedCheckpoint(model, tokenizer, decoder, checkpoint)


def _widen(talker: Any) -> None:
    """Convert it to float32, which is exact: bfloat16 is four times slower on a CPU. The text embedding is only
    looked up, and stays as it is.
    """
    text = talker.model.text_embedding
    talker.model.text_embedding = None
    talker.set_dtype(mx.float32)
    talker.model.text_embedding = text


#: Flags of training, and what mlx-audio derives from the rest.
_NOT_IN_FILE = ("initialized", "_embedding", "_c2")


def _shapes(module: Any) -> dict[str, tuple[int, ...]]:
    """The shapes that a module needs, by mlx-audio's names of its parameters."""
    flat = cast(list[tuple[str, mx.array]], tree_flatten(module.parameters()))
    return {name: array.shape for name, array in flat if name.rpartition(".")[2] not in _NOT_IN_FILE}
