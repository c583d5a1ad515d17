"""Checkpoints of a few hundred kilobytes with random weights, of families that mlx-audio really loads.

They are made in a fraction of a second and say nothing that anybody would understand. MLX is imported only when one
is made.
"""

import json
from pathlib import Path
from typing import Any, cast


def pocket_tts(folder: Path, *, sample_rate: int = 24_000) -> Path:
    """A model that speaks: it streams, samples, clones, and keeps its state outside its generator."""
    import mlx.core as mx

    from app.workers.synthesis.mlx_audio import _without_requests  # pyright: ignore[reportPrivateUsage]

    with _without_requests():
        from mlx_audio.tts.models.pocket_tts import Model  # pyright: ignore[reportMissingTypeStubs]

    width, latent = 16, 8
    _tokenizer(folder)
    transformer = {"d_model": width, "num_heads": 2, "num_layers": 1, "max_period": 10_000}
    config = {
        "model_type": "pocket_tts",
        "temp": 1.0,
        "eos_threshold": 1e9,
        "flow_lm": {
            "dtype": "float32",
            "ldim": latent,
            "flow": {"dim": width, "depth": 1},
            "transformer": {**transformer, "hidden_scale": 2},
            "lookup_table": {
                "dim": width,
                "n_bins": 96,
                "tokenizer": "huggingface",
                "tokenizer_path": "tokenizer.json",
            },
        },
        "mimi": {
            "dtype": "float32",
            "sample_rate": sample_rate,
            "channels": 1,
            "frame_rate": 12.5,
            "seanet": {
                "dimension": width,
                "channels": 1,
                "n_filters": 4,
                "n_residual_layers": 1,
                "ratios": [10, 8, sample_rate // 80 // 25],
                "kernel_size": 7,
                "residual_kernel_size": 3,
                "last_kernel_size": 3,
                "dilation_base": 2,
                "pad_mode": "constant",
                "compress": 2,
            },
            "transformer": {
                **transformer,
                "input_dimension": width,
                "output_dimensions": [width],
                "layer_scale": 0.01,
                "context": 50,
                "dim_feedforward": width,
            },
            "quantizer": {"dimension": latent, "output_dimension": width},
        },
    }
    mx.random.seed(7)
    weights = _random(Model({**config, "model_path": str(folder)}))
    # As they are drawn, nothing comes through to the last layer but its bias.
    weights = {
        name: weight * (0 if name.endswith("bias") else 9) if name.startswith("mimi.decoder.") else weight
        for name, weight in weights.items()
    }
    _save(folder, config, weights)
    (folder / "voices").mkdir()
    _write(folder / "voices" / "default.safetensors", {"audio_prompt": mx.random.normal((1, 4, width))})
    return folder


def moonshine(folder: Path, *, silent: bool = False) -> Path:
    """A model that hears `a` or `b` in everything, 200 times, or if `silent`, nothing."""
    import mlx.core as mx
    from mlx_audio.stt.models.moonshine import Model, ModelConfig  # pyright: ignore[reportMissingTypeStubs]

    config = {
        "model_type": "moonshine",
        "vocab_size": 128,
        "hidden_size": 16,
        "intermediate_size": 32,
        "encoder_num_hidden_layers": 1,
        "decoder_num_hidden_layers": 1,
        "encoder_num_attention_heads": 2,
        "decoder_num_attention_heads": 2,
        "tie_word_embeddings": False,
        "eos_token_id": 0,
    }
    mx.random.seed(3)
    weights = _random(Model(ModelConfig.from_dict(config)))
    # Without a tokenizer, a token is an ASCII character. These two are opposites, so one of them is the likeliest;
    # where all are as likely as each other, the first is taken, which ends it.
    rows = mx.zeros_like(weights["proj_out.weight"])
    if not silent:
        rows[ord("a"), 0], rows[ord("b"), 0] = 1.0, -1.0
    weights["proj_out.weight"] = rows
    # Convolutions lie otherwise in files than in memory.
    weights = {
        name: weight.transpose(0, 2, 1) if "conv" in name and weight.ndim == 3 else weight
        for name, weight in weights.items()
    }
    _save(folder, config, weights)
    return folder


def _random(model: Any) -> dict[str, Any]:
    import mlx.utils

    return dict(cast(Any, mlx.utils).tree_flatten(model.parameters()))


def _save(folder: Path, config: dict[str, Any], weights: dict[str, Any]) -> None:
    (folder / "config.json").write_text(json.dumps(config))
    _write(folder / "model.safetensors", weights)


def _write(path: Path, tensors: dict[str, Any]) -> None:
    import mlx.core as mx

    cast(Any, mx).save_safetensors(str(path), tensors)


def _tokenizer(folder: Path) -> None:
    """A token for each character of ASCII that can be seen, and one for all others."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    vocabulary = {chr(code): code - 32 for code in range(32, 127)} | {"<unk>": 95}
    tokenizer = cast(Any, Tokenizer)(cast(Any, models).WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = cast(Any, pre_tokenizers).Split(Regex("."), "isolated")
    tokenizer.save(str(folder / "tokenizer.json"))
