"""How large the parts of a checkpoint are, and what its two `config.json` say of it.

What a test must be able to rely on is the same in all sizes: 16 code groups of 2048 codes, frames of 1920 samples,
the published numbers of tokens, languages and speakers.
"""

from dataclasses import dataclass
from typing import Any, Literal

Size = Literal["tiny", "quarter", "0.6b", "1.7b"]
Kind = Literal["base", "custom_voice", "voice_design"]

TEXT_VOCABULARY, CODEC_VOCABULARY, CODES, GROUPS = 151_936, 3_072, 2_048, 16
TTS_PAD, TTS_BOS, TTS_EOS = 151_671, 151_672, 151_673
CODEC_PAD, CODEC_BOS, CODEC_EOS = 2_148, 2_149, 2_150

_LANGUAGES = {
    "chinese": 2055, "english": 2050, "german": 2053, "italian": 2070, "portuguese": 2071, "spanish": 2054,
    "japanese": 2058, "korean": 2064, "french": 2061, "russian": 2069,
}  # fmt: skip
_DIALECTS = {"beijing_dialect": 2074, "sichuan_dialect": 2062}
_SPEAKERS = {
    "serena": 3066, "vivian": 3065, "uncle_fu": 3010, "ryan": 3061, "aiden": 2861, "ono_anna": 2873, "sohee": 2864,
    "eric": 2875, "dylan": 2878,
}  # fmt: skip
_SPEAKS = {"eric": "sichuan_dialect", "dylan": "beijing_dialect"}


@dataclass(frozen=True)
class Transformer:
    """The talker, the code predictor, or one of the codec's two."""

    hidden: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int

    def config(self) -> dict[str, Any]:
        """As every `config.json` of Qwen calls them."""
        return {
            "hidden_size": self.hidden,
            "intermediate_size": self.inner,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_dim,
        }


@dataclass(frozen=True)
class Dims:
    """The measures of all parts of a checkpoint."""

    talker: Transformer
    predictor: Transformer
    text_hidden: int
    mrope: tuple[int, int, int]
    group_size: int  #: of a quantized layer: each row must be a multiple of it
    # mlx-audio guesses from a convolution's shape how it is laid out. With one tap, it is right about one channel
    # and about more than 64; with several taps, about one and about as many as taps. All below keeps to that.
    speaker_channels: tuple[int, ...]
    speaker_attention: int
    vocoder: Transformer
    codebook: int
    latent: int
    decoder: int
    ratios: tuple[int, ...]  #: of the upsampling before the decoder; with `rates`, 1920 in all
    rates: tuple[int, ...]  #: a block of the decoder each, which halves the channels
    encoder: Transformer
    encoder_filters: int
    encoder_codebook: int


_VOCODER = Transformer(512, 1024, 8, 16, 16, 64)
_ENCODER = Transformer(512, 2048, 8, 8, 8, 64)
_SMALL = Transformer(1024, 3072, 28, 16, 8, 128)
_PREDICTOR = Transformer(1024, 3072, 5, 16, 8, 128)


def _published(talker: Transformer, decoder: int) -> Dims:
    return Dims(
        talker, _PREDICTOR, 2048, (24, 20, 20), 64, (512, 512, 512, 512, 1536), 128,
        _VOCODER, 512, 1024, decoder, (2, 2), (8, 5, 4, 3), _ENCODER, 64, 256,
    )  # fmt: skip


DIMS: dict[Size, Dims] = {
    # One block of the decoder, down to one channel: four small ones cannot be loaded.
    "tiny": Dims(
        Transformer(32, 64, 2, 4, 2, 16), Transformer(32, 64, 1, 4, 2, 16), 8, (4, 2, 2), 32,
        (72, 72, 72, 72, 216), 72, Transformer(16, 32, 1, 2, 2, 8), 130, 16, 2, (2, 2, 4, 5), (24,),
        Transformer(16, 32, 1, 2, 2, 8), 4, 4,
    ),
    # 1088 of 1536 channels: the last block has 68, a few more than mlx-audio can load.
    "quarter": _published(Transformer(1024, 3072, 7, 16, 8, 128), 1088),
    "0.6b": _published(_SMALL, 1536),
    "1.7b": _published(Transformer(2048, 6144, 28, 16, 8, 128), 1536),
}  # fmt: skip


def model_config(dims: Dims, kind: Kind, model_size: str) -> dict[str, Any]:
    """What stands in `config.json`."""
    own_voices = kind == "custom_voice"
    common = {
        "attention_bias": False,
        "attention_dropout": 0,
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "num_code_groups": GROUPS,
        "rms_norm_eps": 1e-06,
        "rope_theta": 1_000_000,
        "sliding_window": None,
        "use_cache": True,
        "use_sliding_window": False,
    }
    predictor = {
        **common,
        **dims.predictor.config(),
        "layer_types": ["full_attention"] * dims.predictor.layers,
        "max_position_embeddings": 65_536,
        "max_window_layers": 28,
        "model_type": "qwen3_tts_talker_code_predictor",
        "rope_scaling": None,
        "vocab_size": CODES,
    }
    talker = {
        **common,
        **dims.talker.config(),
        "code_predictor_config": predictor,
        "codec_bos_id": CODEC_BOS,
        "codec_eos_token_id": CODEC_EOS,
        "codec_language_id": {**_LANGUAGES, **(_DIALECTS if own_voices else {})},
        "codec_nothink_id": 2155,
        "codec_pad_id": CODEC_PAD,
        "codec_think_bos_id": 2156,
        "codec_think_eos_id": 2157,
        "codec_think_id": 2154,
        "max_position_embeddings": 32_768,
        "model_type": "qwen3_tts_talker",
        "position_id_per_seconds": 13,
        "rope_scaling": {
            "interleaved": True,
            "mrope_section": list(dims.mrope),
            "rope_type": "default",
            "type": "default",
        },
        "spk_id": _SPEAKERS if own_voices else {},
        "spk_is_dialect": {name: _SPEAKS.get(name, False) for name in _SPEAKERS} if own_voices else {},
        "text_hidden_size": dims.text_hidden,
        "text_vocab_size": TEXT_VOCABULARY,
        "vocab_size": CODEC_VOCABULARY,
    }
    config: dict[str, Any] = {
        "architectures": ["Qwen3TTSForConditionalGeneration"],
        "assistant_token_id": 77_091,
        "im_end_token_id": 151_645,
        "im_start_token_id": 151_644,
        "tts_bos_token_id": TTS_BOS,
        "tts_eos_token_id": TTS_EOS,
        "tts_pad_token_id": TTS_PAD,
        "model_type": "qwen3_tts",
        "tokenizer_type": "qwen3_tts_tokenizer_12hz",
        "tts_model_size": model_size,
        "tts_model_type": kind,
        "talker_config": talker,
        "transformers_version": "4.57.3",
    }
    if kind == "base":
        config["speaker_encoder_config"] = {
            "enc_dim": dims.talker.hidden,
            "sample_rate": 24_000,
            # Left out where it is published, as every reader has these for defaults.
            **(
                {}
                if dims.speaker_channels[0] == 512
                else {
                    "enc_channels": list(dims.speaker_channels),
                    "enc_attention_channels": dims.speaker_attention,
                    "enc_se_channels": dims.speaker_attention,
                }
            ),
        }
    return config


def codec_config(dims: Dims) -> dict[str, Any]:
    """What stands in `speech_tokenizer/config.json`."""
    decoder = {
        **dims.vocoder.config(),
        "attention_bias": False,
        "attention_dropout": 0.0,
        "codebook_dim": dims.codebook,
        "codebook_size": CODES,
        "decoder_dim": dims.decoder,
        "hidden_act": "silu",
        "latent_dim": dims.latent,
        "layer_scale_initial_scale": 0.01,
        "max_position_embeddings": 8000,
        "num_quantizers": GROUPS,
        "num_semantic_quantizers": 1,
        "rms_norm_eps": 1e-05,
        "rope_theta": 10_000,
        "semantic_codebook_size": 4096,
        "sliding_window": 72,
        "upsample_rates": list(dims.rates),
        "upsampling_ratios": list(dims.ratios),
        "vector_quantization_hidden_dimension": dims.codebook,
    }
    encoder = {
        **dims.encoder.config(),
        "_frame_rate": 12.5,
        "attention_bias": False,
        "attention_dropout": 0.0,
        "audio_channels": 1,
        "codebook_dim": dims.encoder_codebook,
        "codebook_size": CODES,
        "compress": 2,
        "dilation_growth_rate": 2,
        "hidden_act": "gelu",
        "initializer_range": 0.02,
        "kernel_size": 7,
        "last_kernel_size": 3,
        "layer_scale_initial_scale": 0.01,
        "max_position_embeddings": 8000,
        "norm_eps": 1e-05,
        "normalize": False,
        "num_filters": dims.encoder_filters,
        "num_quantizers": 32,
        "num_residual_layers": 1,
        "num_semantic_quantizers": 1,
        "pad_mode": "constant",
        "residual_kernel_size": 3,
        "rope_theta": 10_000.0,
        "sampling_rate": 24_000,
        "sliding_window": 250,
        "trim_right_ratio": 1.0,
        "upsample_groups": dims.encoder.hidden,
        "upsampling_ratios": [8, 6, 5, 4],
        "use_cache": False,
        "use_causal_conv": True,
        "use_conv_shortcut": False,
        "use_streaming": False,
        "vector_quantization_hidden_dimension": dims.encoder_codebook,
    }
    return {
        "architectures": ["Qwen3TTSTokenizerV2Model"],
        "decode_upsample_rate": 1920,
        "decoder_config": decoder,
        "encode_downsample_rate": 1920,
        "encoder_config": encoder,
        "encoder_valid_num_quantizers": 16,
        "input_sample_rate": 24_000,
        "model_type": "qwen3_tts_tokenizer_12hz",
        "output_sample_rate": 24_000,
        "transformers_version": "4.57.3",
    }
