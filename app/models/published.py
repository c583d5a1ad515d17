"""The models that the engine can download by name.

It downloads nothing and knows nothing of folders. A revision is the commit that is fetched, so that what a
repository's owner changes later does not reach anybody by itself; what arrives is inspected before it is loaded
(`app/inference/checkpoint`). Several independent public projects pin each of these revisions for its repository.
`bytes` is about what the files have at that revision, for a progress bar to start with.
"""

import re
from typing import Literal

from msgspec import Struct

from app.inference.families import Kind, Task

#: Qwen3-TTS speaks these ten, whatever the size.
_LANGUAGES = ("zh", "en", "de", "it", "pt", "es", "ja", "ko", "fr", "ru")


class Published(Struct, frozen=True):
    """A repository on the Hugging Face hub."""

    model_id: str
    display_name: str
    repository: str
    revision: str
    bytes: int  #: 0 where it is not known
    kind: Kind | Literal["stt"]
    languages: tuple[str, ...] = _LANGUAGES  #: empty: more than can be listed

    @property
    def task(self) -> Task:
        """Whether it speaks or listens."""
        return Task.STT if self.kind == "stt" else Task.TTS


#: What ORG/NAME may look like, as huggingface_hub's `validate_repo_id` has it.
_REPOSITORY = re.compile(r"(?!.*(--|\.\.))[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_][A-Za-z0-9._-]{0,95}")

_MODELS = (
    Published(
        "qwen3-tts-12hz-0.6b-base",
        "Qwen3-TTS 0.6B Base",
        "Qwen/Qwen3-TTS-12Hz-0.6B-Base",
        "5d83992436eae1d760afd27aff78a71d676296fc",
        2_516_106_051,
        "base",
    ),
    Published(
        "qwen3-tts-12hz-0.6b-customvoice",
        "Qwen3-TTS 0.6B CustomVoice",
        "Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice",
        "85e237c12c027371202489a0ec509ded67b5e4b5",
        2_498_383_173,
        "custom_voice",
    ),
    Published(
        "qwen3-tts-12hz-1.7b-base",
        "Qwen3-TTS 1.7B Base",
        "Qwen/Qwen3-TTS-12Hz-1.7B-Base",
        "fd4b254389122332181a7c3db7f27e918eec64e3",
        4_544_169_927,
        "base",
    ),
    Published(
        "qwen3-tts-12hz-1.7b-customvoice",
        "Qwen3-TTS 1.7B CustomVoice",
        "Qwen/Qwen3-TTS-12Hz-1.7B-CustomVoice",
        "0c0e3051f131929182e2c023b9537f8b1c68adfe",
        4_520_159_149,
        "custom_voice",
    ),
    Published(
        "qwen3-tts-12hz-1.7b-voicedesign",
        "Qwen3-TTS 1.7B VoiceDesign",
        "Qwen/Qwen3-TTS-12Hz-1.7B-VoiceDesign",
        "5ecdb67327fd37bb2e042aab12ff7391903235d3",
        4_520_158_662,
        "voice_design",
    ),
    Published(
        "qwen3-tts-12hz-0.6b-base-8bit",
        "Qwen3-TTS 0.6B Base, 8 bit",
        "mlx-community/Qwen3-TTS-12Hz-0.6B-Base-8bit",
        "50f45ef0047cde7e84c2ef04326acb8ada2436a7",
        1_991_296_593,
        "base",
    ),
    Published(
        "qwen3-tts-12hz-0.6b-customvoice-8bit",
        "Qwen3-TTS 0.6B CustomVoice, 8 bit",
        "mlx-community/Qwen3-TTS-12Hz-0.6B-CustomVoice-8bit",
        "049ef77fe8816b536193c0c25f9a214d17921282",
        1_973_573_869,
        "custom_voice",
    ),
    Published(
        "qwen3-tts-12hz-1.7b-base-8bit",
        "Qwen3-TTS 1.7B Base, 8 bit",
        "mlx-community/Qwen3-TTS-12Hz-1.7B-Base-8bit",
        "e7dd0585652209fa0d7783659aad4e8a324de11c",
        3_104_156_243,
        "base",
    ),
    Published(
        "qwen3-tts-12hz-1.7b-customvoice-8bit",
        "Qwen3-TTS 1.7B CustomVoice, 8 bit",
        "mlx-community/Qwen3-TTS-12Hz-1.7B-CustomVoice-8bit",
        "41d3337e8b7f2843a75841595fc14e4b9a7a4b96",
        3_080_138_901,
        "custom_voice",
    ),
    Published(
        "qwen3-tts-12hz-1.7b-voicedesign-8bit",
        "Qwen3-TTS 1.7B VoiceDesign, 8 bit",
        "mlx-community/Qwen3-TTS-12Hz-1.7B-VoiceDesign-8bit",
        "f90d617701d9f7f4ca499291e0b57f2b3c2fd2ee",
        3_080_138_280,
        "voice_design",
    ),
    Published(
        "qwen3-asr-0.6b-8bit",
        "Qwen3-ASR 0.6B, 8 bit",
        "mlx-community/Qwen3-ASR-0.6B-8bit",
        "89e96d92ba34aca20b3e29fb10cc284097d1219f",
        1_010_697_786,
        "stt",
        languages=(),
    ),
    Published(
        "whisper-large-v3-turbo",
        "Whisper large-v3 turbo",
        "mlx-community/whisper-large-v3-turbo-asr-fp16",
        "624c19c9af5603fa73b83bce14d4aeea96156d18",
        1_618_636_172,
        "stt",
        languages=(),
    ),
)

PUBLISHED = {model.model_id: model for model in _MODELS}
_BY_REPOSITORY = {model.repository.casefold(): model for model in _MODELS}


def of_repository(name: str) -> Published | None:
    """The model that a repository of the hub holds, if it is one of these; case makes no difference to the hub."""
    return _BY_REPOSITORY.get(name.casefold())


def is_repository(name: str) -> bool:
    """Whether a repository of the hub may be called like this."""
    return _REPOSITORY.fullmatch(name) is not None


def of_hub(repository: str) -> Published:
    """Any repository: what is in it is not known before it is asked for, and nobody has pinned a revision."""
    return Published(repository, repository, repository, "", 0, "base", languages=())
