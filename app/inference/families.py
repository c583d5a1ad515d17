"""The families of models that mlx-audio can load, and those of Qwen3-TTS's speakers whose language is known.

Data alone. Both sides of the process boundary use it: the engine to say which checkpoints it can load, the worker
to find the module that loads one.
"""

from enum import StrEnum
from typing import Literal

Kind = Literal["base", "custom_voice", "voice_design"]


class Task(StrEnum):
    """What a model is for."""

    TTS = "tts"  #: text to speech
    STT = "stt"  #: speech to text


#: The speakers of the published CustomVoice checkpoints, and what each of them speaks by birth (model card).
#: The card's "Chinese (Beijing Dialect)" of Dylan and "Chinese (Sichuan Dialect)" of Eric are not in here:
#: the checkpoint says itself which of its speakers have a dialect.
NATIVE_LANGUAGES = {
    "vivian": "zh",
    "serena": "zh",
    "uncle_fu": "zh",
    "dylan": "zh",
    "eric": "zh",
    "ryan": "en",
    "aiden": "en",
    "ono_anna": "ja",
    "sohee": "ko",
}


_TTS = """
    arktts bailingmm bark breeze_tts chatterbox chatterbox_turbo confucius4 dense dia dramabox echo_tts fish_drama3
    fish_qwen3_omni higgs_audio higgs_audio_v3 indextts irodori_tts kitten_tts kokoro kugelaudio lingv3_tts llama
    longcat_audiodit melotts moss_tts moss_tts_delay moss_tts_local moss_tts_nano omnivoice outetts pocket_tts qwen3
    qwen3_tts rumik_oss sesame soprano spark tada vibevoice voxcpm voxcpm2 voxtral_tts zonos2
"""
_STT = """
    canary cohere_asr fireredasr2 fun_asr_nano glmasr granite_speech granite_speech5_ctc granite_speech_nar
    higgs_audio_3 lasr_ctc mega_asr mimo_v2_asr ming_v3_asr mms moonshine moss_music moss_transcribe_diarize nemo
    nemotron_asr parakeet phonon phonon2 qwen2_audio qwen3_asr qwen3_forced_aligner sensevoice vibevoice_asr voxtral
    voxtral_realtime wav2vec whisper
"""

#: What mlx-audio has a module for, and the types that it loads with a module of another name. Held here, for
#: asking it would import MLX, and a frozen build has no folders to list; a test compares both with mlx-audio.
FAMILIES: dict[Task, frozenset[str]] = {Task.TTS: frozenset(_TTS.split()), Task.STT: frozenset(_STT.split())}
#: Those that a frozen build carries, as frozen/contents.py tells PyInstaller; the others are for q3tts from source.
CARRIED: dict[Task, frozenset[str]] = {
    Task.TTS: frozenset({"qwen3_tts"}),
    Task.STT: frozenset({"qwen3_asr", "whisper"}),
}
ALIASES: dict[Task, dict[str, str]] = {
    Task.TTS: {
        "audiodit": "longcat_audiodit",
        "breeze": "breeze_tts",
        "breeze-tts": "breeze_tts",
        "csm": "sesame",
        "dramabox-tts": "dramabox",
        "gradium_phonon_tts": "pocket_tts",
        "higgs_multimodal_qwen3": "higgs_audio_v3",
        "kitten": "kitten_tts",
        "longcat": "longcat_audiodit",
        "marvis": "sesame",
        "moss_tts_delay": "moss_tts",
        "moss_tts_local": "moss_tts",
        "vibevoice_streaming": "vibevoice",
        "voxcpm1.5": "voxcpm",
    },
    Task.STT: {
        "glm": "glmasr",
        "granite_speech_plus": "granite_speech",
        "mimo": "mimo_v2_asr",
        "parakeet_tdt": "parakeet",
        "parakeet_tdt_five_value": "phonon2",
        "vibevoice": "vibevoice_asr",
    },
}
