"""Writes a whole Qwen3-TTS checkpoint with random weights, for want of the real ones where they cannot be had.

The folder has the files, the names of tensors and the keys of configuration that the published ones have, and
mlx-audio loads it as it loads those. What it says is noise, but it begins, and goes on, and ends like speech: after
a time that depends on the text, at once if there is a ∅ in it, never with a ∞. It knows nothing of the engine, and
not what the published weights are: nothing here says how any of the real models sounds.
"""

import json
from pathlib import Path
from typing import Any

from app.selftest.checkpoint.codec import Codec, Sound
from app.selftest.checkpoint.dims import DIMS, Kind, Size, codec_config, model_config
from app.selftest.checkpoint.talker import Ends, TalkerWeights
from app.selftest.checkpoint.tensors import RandomWeights, save, save_quantized
from app.selftest.checkpoint.tokenizer import write_tokenizer

#: mlx-audio leaves these as they are.
_NOT_QUANTIZED = ("codec_embedding", "text_embedding", "speech_tokenizer", "speaker_encoder")


def write_checkpoint(
    folder: Path,
    *,
    dims: Size = "tiny",
    type: Kind = "base",
    bits: int | None = None,
    seed: int = 0,
    ends: Ends = "text",
    sound: Sound = "speech",
    size: str | None = None,
) -> None:
    """Fill a folder, which need not be there yet. `size` is what the configuration says it were: "0b6" or "1b7".

    `bits`, which are 4, 6 or 8, make it one as mlx-community has them; without, it is in bf16. `ends` and `sound`
    make every utterance go wrong alike: it never ends, or is empty; it is silent, or not a number.
    """
    shape, dice = DIMS[dims], RandomWeights(seed)
    tokens = folder / "speech_tokenizer"
    tokens.mkdir(parents=True, exist_ok=True)

    config = model_config(shape, type, size or ("1b7" if dims == "1.7b" or type == "voice_design" else "0b6"))
    codec = Codec(shape, dice, sound)
    weights = [
        *TalkerWeights(shape, dice, ends, bits).weights(),
        *(codec.speaker_encoder() if type == "base" else ()),
    ]
    if bits is None:
        save(folder / "model.safetensors", weights, "BF16")
    else:
        config["quantization"] = {"group_size": shape.group_size, "bits": bits, "mode": "affine"}
        config["quantization_config"] = config["quantization"]
        save_quantized(
            folder / "model.safetensors",
            weights,
            bits,
            shape.group_size,
            lambda name: not any(part in name for part in _NOT_QUANTIZED),
        )
    _write_json(folder / "config.json", config)
    _write_json(folder / "generation_config.json", _GENERATION)
    write_tokenizer(folder)
    _write_json(
        folder / "preprocessor_config.json", {"padding_side": "left", "processor_class": "Qwen3TTSProcessor"}
    )

    save(tokens / "model.safetensors", codec.weights(), "F32")
    _write_json(tokens / "config.json", codec_config(shape))
    _write_json(tokens / "preprocessor_config.json", _FEATURES)
    _write_json(
        tokens / "configuration.json", {"framework": "pytorch", "task": "feature-extraction", "allow_remote": True}
    )


_GENERATION = {
    "do_sample": True,
    "max_new_tokens": 8192,
    "repetition_penalty": 1.05,
    "subtalker_dosample": True,
    "subtalker_temperature": 0.9,
    "subtalker_top_k": 50,
    "subtalker_top_p": 1.0,
    "temperature": 0.9,
    "top_k": 50,
    "top_p": 1.0,
}
_FEATURES = {
    "chunk_length_s": None,
    "feature_extractor_type": "EncodecFeatureExtractor",
    "feature_size": 1,
    "overlap": None,
    "padding_side": "right",
    "padding_value": 0.0,
    "return_attention_mask": True,
    "sampling_rate": 24_000,
}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
