"""Judges a model's folder without loading it: what is in it, what it can do, and whether it may be loaded.

mlx-audio loads what it finds: it imports the module that `config.json` names, and leaves at random whatever a
codec's file does not bring. So a folder is read here first, by the engine to list it and by the worker
before MLX maps anything. It knows nothing of downloads and voices, and imports nothing native.
"""

import re
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from app.inference.checkpoint.folder import (
    BrokenCheckpoint,
    Files,
    Weights,
    check_json,
    files_in,
    fingerprint,
    named,
    read_json,
    tensors_in,
)
from app.inference.checkpoint.layouts import repository_name
from app.inference.checkpoint.qwen3 import (
    CodecConfig,
    Qwen3Config,
    TalkerConfig,
    codec_parts,
    require,
    require_types,
    talker_parts,
)
from app.inference.families import ALIASES, CARRIED, FAMILIES, NATIVE_LANGUAGES, Kind, Task
from app.inference.languages import tag_of
from app.inference.model import ModelCard
from app.process.executable import is_frozen

#: Plain language models are of these types too: a folder is taken for speech only if its name says so.
_AMBIGUOUS = frozenset({"llama", "qwen3", "dense"})
#: Their configurations do not say what they are of; these keys do.
_TYPELESS = {"pocket_tts": {"flow_lm", "mimi"}, "kokoro": {"istftnet", "plbert"}}

_KOKORO_LANGUAGES = {
    "a": "en-US", "b": "en-GB", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt-BR", "z": "zh",
}  # fmt: skip


class Speaker(Struct, frozen=True):
    """A voice that is built into a checkpoint."""

    name: str  #: the checkpoint's own
    display_name: str
    language: str  #: BCP 47, or empty when it is not known


class Checkpoint(Struct, frozen=True):
    """What the engine knows of a model's folder."""

    task: Task
    family: Literal["qwen3", "mlx_audio"]  #: which of our models drives it
    model_type: str  #: mlx-audio's module; given to its loader, which otherwise guesses from the folder's name
    card: ModelCard
    speakers: tuple[Speaker, ...]
    bytes: int  #: on disk
    fingerprint: str  #: changes when the weights or a configuration are replaced
    kind: Kind | None = None  #: of a Qwen3-TTS model
    language_names: tuple[str, ...] = ()  #: as a Qwen3-TTS checkpoint calls them, dialects included


def read_checkpoint(folder: Path, model_id: str = "") -> Checkpoint:
    """What is in a folder that may be loaded; else raises `BrokenCheckpoint`. Without `model_id` it is called as
    its folder is.
    """
    model_id = model_id or repository_name(folder)
    files = files_in(folder)
    for name in named(files, ".json"):
        check_json(folder, files, name)
    config = read_json(folder, files, "config.json", dict[str, Any])
    task, model_type = task_of(config, model_id)
    weights = tensors_in(folder, files)
    checkpoint = Checkpoint(
        task=task,
        family="mlx_audio",
        model_type=model_type,
        card=ModelCard(model_id, (), frozenset(), supports_clone=False, streams=False),
        speakers=() if task == Task.STT else (Speaker("default", model_id, ""),),
        bytes=sum(stat.st_size for stat in files.values()),
        fingerprint=fingerprint(files),
    )
    if model_type == "qwen3_tts":
        return _qwen3(folder, files, weights, checkpoint)
    if model_type == "kokoro":
        return _kokoro(files, checkpoint)
    return checkpoint


def fingerprint_of(folder: Path) -> str:
    """The fingerprint alone, without opening a file: while it is the same, so is what `read_checkpoint` finds."""
    return fingerprint(files_in(folder))


def task_in(folder: Path, model_id: str) -> Task:
    """What the model in a folder is for, by its `config.json` alone. Raises `BrokenCheckpoint`, `OSError`."""
    config = folder / "config.json"
    task, _ = task_of(read_json(folder, {"config.json": config.stat()}, "config.json", dict[str, Any]), model_id)
    return task


def task_of(config: dict[str, Any], model_id: str) -> tuple[Task, str]:
    """What a model is for, and mlx-audio's module for it, by its `config.json`. Raises `BrokenCheckpoint` for a
    model that is not about speech, and for one that this build cannot load.
    """
    task, model_type = _family(config, model_id)
    if is_frozen() and model_type not in CARRIED[task]:
        raise BrokenCheckpoint(
            f"this build cannot load {model_type}; it supports Qwen3-TTS for speech, and Qwen3-ASR and Whisper for "
            "transcription; q3tts from source loads other models, too"
        )
    return task, model_type


def _family(config: dict[str, Any], model_id: str) -> tuple[Task, str]:
    """As mlx-audio finds it, but never by a folder's name."""
    stated = config.get("model_type") or config.get("architecture")
    if stated == "llama" and "acoustic_dim" in config:
        stated = "tada"
    for family, keys in _TYPELESS.items():
        if not stated and keys <= config.keys():
            stated = family
    if not isinstance(stated, str) or not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", stated):
        raise BrokenCheckpoint("config.json does not say what the model is; `model_type` belongs there")
    if stated in _AMBIGUOUS and not re.search("tts|orpheus|speech", model_id.lower()):
        raise BrokenCheckpoint(f"{stated!r} is a text model; a speech model is required")
    for task, aliases in ALIASES.items():
        if stated in aliases:
            return task, aliases[stated]
    for task, families in FAMILIES.items():
        if stated in families:
            return task, stated
    raise BrokenCheckpoint(
        f"config.json has the model_type {stated!r}, which is neither a text-to-speech nor a speech-to-text model "
        "of mlx-audio"
    )


def _kokoro(files: Files, found: Checkpoint) -> Checkpoint:
    found_voices = (re.fullmatch(r"voices/([a-z]{2}_\w+)\.safetensors", name, re.ASCII) for name in files)
    names = [voice[1] for voice in found_voices if voice]
    if not names:
        raise BrokenCheckpoint(
            "there are no voices; Kokoro needs voices/*.safetensors, and would go and fetch them"
        )
    speakers = tuple(
        Speaker(name, _display(name.rpartition("_")[2]), _KOKORO_LANGUAGES.get(name[0], "")) for name in names
    )
    languages = tuple(dict.fromkeys(speaker.language for speaker in speakers if speaker.language))
    return replace(found, card=replace(found.card, languages=languages), speakers=speakers)


def _qwen3(folder: Path, files: Files, weights: Weights, found: Checkpoint) -> Checkpoint:
    config = read_json(folder, files, "config.json", Qwen3Config)
    codec = read_json(folder, files, "speech_tokenizer/config.json", CodecConfig)
    kind, talker = config.tts_model_type, config.talker_config
    if "tokenizer.json" not in files and not {"vocab.json", "merges.txt"} <= files.keys():
        raise BrokenCheckpoint("the text tokenizer is missing: vocab.json and merges.txt, or tokenizer.json")
    for part in (talker, talker.code_predictor_config):
        if part.num_attention_heads % part.num_key_value_heads:
            raise BrokenCheckpoint("config.json: num_attention_heads must be a multiple of num_key_value_heads")

    require_types(weights)
    require(weights, "", talker_parts(talker, kind))
    require(weights, "speech_tokenizer/", codec_parts(codec, kind))

    names = tuple(talker.codec_language_id or ())
    speakers = _speakers(talker) if kind == "custom_voice" else ()
    return replace(
        found,
        family="qwen3",
        kind=kind,
        language_names=names,
        speakers=speakers,
        card=replace(
            found.card,
            languages=tuple(tag for name in names if (tag := tag_of(name))),
            streams=True,
            supports_clone=kind == "base",
            supports_design=kind == "voice_design",
            # The official code drops the instructions for the small one, which was not trained to follow them.
            supports_instruct=kind == "custom_voice" and config.tts_model_size != "0b6",
        ),
    )


def _speakers(talker: TalkerConfig) -> tuple[Speaker, ...]:
    if not talker.spk_id:
        raise BrokenCheckpoint(
            "config.json names no speakers in `spk_id`, and a custom_voice model has no other voices"
        )
    for name, ids in talker.spk_id.items():
        if not all(0 <= number < talker.vocab_size for number in (ids if isinstance(ids, list) else [ids])):
            raise BrokenCheckpoint(f"config.json: the speaker {name!r} has a number outside the vocabulary")
    dialects = talker.spk_is_dialect or {}
    return tuple(
        Speaker(name, _display(name), tag_of(str(dialects.get(name))) or NATIVE_LANGUAGES.get(name.lower(), ""))
        for name in talker.spk_id
    )


def _display(name: str) -> str:
    return " ".join(word[:1].upper() + word[1:] for word in name.split("_") if word) or name
