"""Folders with what an inspection looks at in a checkpoint: configurations, names of tensors, a little data."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LANGUAGES = {"chinese": 2055, "english": 2050, "beijing_dialect": 2074, "sichuan_dialect": 2062, "klingon": 2100}
SPEAKERS = {"vivian": 3, "uncle_fu": [4], "dylan": 5, "eric": 6, "ryan": 7, "ono_anna": 8, "sohee": 9, "My_own": 10}
DIALECTS = {"vivian": False, "dylan": "beijing_dialect", "eric": "sichuan_dialect"}

TALKER = (
    "model.text_embedding model.codec_embedding model.norm model.layers.0 model.layers.1 "
    "text_projection.linear_fc1 codec_head code_predictor.model.layers.0 "
    "code_predictor.model.codec_embedding.0 code_predictor.lm_head.0"
)
SPEAKER_ENCODER = "blocks.0.conv mfa.conv asp.conv fc"
DECODER = (
    "pre_conv.conv pre_transformer.input_proj pre_transformer.output_proj pre_transformer.norm "
    "pre_transformer.layers.0.mlp quantizer.rvq_first.vq.layers.0._codebook "
    "quantizer.rvq_rest.vq.layers.0._codebook upsample.0.conv "
    "decoder.0.conv decoder.1.block decoder.2.alpha decoder.3.conv"
)
ENCODER = (
    "downsample.conv encoder_transformer.layers.0.mlp "
    "quantizer.semantic_residual_vector_quantizer.layers.0.codebook "
    "quantizer.acoustic_residual_vector_quantizer.layers.0.codebook "
) + " ".join(f"encoder.layers.{number}.conv" for number in (0, 1, 3, 4, 6, 7, 9, 10, 12, 14))


def weights(path: Path, names: Iterable[str]) -> None:
    header = {
        name: {"dtype": "BF16", "shape": [1], "data_offsets": [2 * place, 2 * place + 2]}
        for place, name in enumerate(names)
    }
    data = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(data).to_bytes(8, "little") + data + bytes(2 * len(header)))


def retyped(path: Path, old: str, new: str, count: int = -1) -> None:
    """Another type in the header, which stays as long as it is."""
    was = f'"{old}"'.encode()
    path.write_bytes(path.read_bytes().replace(was, f'"{new}"'.encode().ljust(len(was)), count))


def named(prefix: str, names: str) -> list[str]:
    return [f"{prefix}.{name}.weight" for name in names.split()]


def configure(path: Path, **changes: Any) -> None:
    config: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name, value in changes.items():
        inner, _, key = name.rpartition("__")
        (config[inner] if inner else config)[key] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config))


def qwen3(folder: Path, kind: str = "base") -> Path:
    """A folder as a small Qwen3-TTS checkpoint would have it."""
    folder.mkdir()
    configure(
        folder / "config.json",
        model_type="qwen3_tts",
        tts_model_type=kind,
        tts_model_size="1b7",
        talker_config={
            "num_hidden_layers": 2,
            "num_code_groups": 2,
            "code_predictor_config": {"num_hidden_layers": 1, "num_code_groups": 2},
            "codec_language_id": LANGUAGES,
            "spk_id": SPEAKERS if kind == "custom_voice" else {},
            "spk_is_dialect": DIALECTS,
        },
    )
    configure(
        folder / "speech_tokenizer/config.json",
        decoder_config={
            "num_hidden_layers": 1,
            "num_quantizers": 2,
            "upsample_rates": [8],
            "upsampling_ratios": [2],
        },
        encoder_config={"num_hidden_layers": 1},
        encoder_valid_num_quantizers=2,
    )
    for name, text in (("vocab.json", "{}"), ("merges.txt", ""), ("tokenizer_config.json", '{"a":[{}]}')):
        (folder / name).write_text(text)
    for name in ("README.md", "LICENSE", ".gitattributes", "chat_template.jinja", "sample.wav"):
        (folder / name).write_text("harmless")
    base = named("speaker_encoder", SPEAKER_ENCODER) if kind == "base" else []
    weights(folder / "model.safetensors", named("talker", TALKER) + base)
    weights(folder / "speech_tokenizer/model.safetensors", named("decoder", DECODER) + named("encoder", ENCODER))
    return folder


def kokoro(folder: Path) -> Path:
    folder.mkdir()
    configure(folder / "config.json", istftnet={}, plbert={})
    weights(folder / "kokoro-v1_0.safetensors", ["bert.weight"])
    for voice in ("af_heart", "bm_fable", "zf_xiaobei", "pm_santa", "xx_odd"):
        weights(folder / f"voices/{voice}.safetensors", ["voice"])
    return folder
