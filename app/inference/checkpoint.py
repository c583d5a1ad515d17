"""Judges a model's folder without loading it: what is in it, what it can do, and whether it may be loaded.

mlx-audio loads what it finds: it imports the module that `config.json` names, and leaves at random whatever a
codec's file does not bring. So a folder is read here first, by the engine for its catalogue and by the worker
before MLX maps anything. It knows nothing of downloads and voices, and imports nothing native.
"""

import os
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, cast

from msgspec import DecodeError, Meta, Raw, Struct, field
from msgspec.json import decode
from msgspec.structs import replace

from app.inference.languages import tag_of
from app.inference.model import ModelCard
from app.inference.published import ALIASES, FAMILIES, NATIVE_LANGUAGES, Kind, Task
from app.inference.safetensors_file import BrokenFile, check

T = TypeVar("T")
_Files: TypeAlias = dict[str, os.stat_result]

MAX_CONFIG = 4 << 20
MAX_JSON = 40 << 20  #: the tokenizer.json of some language models has 33 MB
MAX_FILES = 4_000
MAX_DEPTH = 3

#: Code, and formats that hold code or that readers are known to trip over.
_REFUSED = (
    ".py .pyc .pyo .pyd .so .dylib .dll .exe .sh .whl .bin .pt .pth .pkl .pickle .joblib .dill .ckpt .nemo "
    ".npy .npz .h5 .hdf5 .keras .onnx .msgpack .gguf"
)
_CODE_KEYS = frozenset(
    ("auto_map", "model_file", "custom_pipelines", "custom_code", "custom_generate", "trust_remote_code")
)

#: Plain language models are of these types too: a folder is taken for speech only if its name says so.
_AMBIGUOUS = frozenset({"llama", "qwen3", "dense"})
#: Their configurations do not say what they are of; these keys do.
_TYPELESS = {"pocket_tts": {"flow_lm", "mimi"}, "kokoro": {"istftnet", "plbert"}}

_KOKORO_LANGUAGES = {
    "a": "en-US", "b": "en-GB", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt-BR", "z": "zh",
}  # fmt: skip

_Layers = Annotated[int, Meta(ge=1, le=256)]
_Width = Annotated[int, Meta(ge=1, le=65_536)]
_Vocabulary = Annotated[int, Meta(ge=1, le=1_000_000)]
_Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+\Z")]


class BrokenCheckpoint(Exception):
    """A folder that must not be loaded; the message says what is wrong, and what would be right."""

    def __init__(self, message: str) -> None:
        # A file's name may have bytes that no answer could be made of.
        super().__init__(message.encode("utf-8", "replace").decode())


class Speaker(Struct, frozen=True):
    """A voice that is built into a checkpoint."""

    name: str  #: the checkpoint's own
    display_name: str
    language: str  #: BCP 47, or empty when it is not known


class Checkpoint(Struct, frozen=True):
    """What the engine knows of a model's folder."""

    task: Task
    family: Literal["qwen3", "mlx_audio"]  #: which of our models drives it
    model_type: str  #: mlx-audio's module; told to its loader, which else guesses from the folder's name
    card: ModelCard
    speakers: tuple[Speaker, ...]
    bytes: int  #: on disk
    fingerprint: str  #: another one when the weights or a configuration are exchanged
    kind: Kind | None = None  #: of a Qwen3-TTS model
    language_names: tuple[str, ...] = ()  #: as a Qwen3-TTS checkpoint calls them, dialects included


class _Transformer(Struct):
    vocab_size: _Vocabulary = 3072
    hidden_size: _Width = 1024
    intermediate_size: _Width = 3072
    num_hidden_layers: _Layers = 28
    num_attention_heads: _Layers = 16
    num_key_value_heads: _Layers = 8
    head_dim: _Width = 128
    num_code_groups: Annotated[int, Meta(ge=2, le=64)] = 16


class _Predictor(_Transformer):
    num_hidden_layers: _Layers = 5


class _Talker(_Transformer):
    text_hidden_size: _Width = 2048
    text_vocab_size: _Vocabulary = 151_936
    code_predictor_config: _Predictor = field(default_factory=_Predictor)
    codec_language_id: dict[_Name, int] | None = None
    spk_id: dict[_Name, int | list[int]] | None = None
    spk_is_dialect: dict[_Name, str | bool] | None = None


class _Qwen3(Struct):
    talker_config: _Talker
    tts_model_type: Kind
    tts_model_size: str = "0b6"


class _Decoder(Struct):
    num_hidden_layers: _Layers = 8
    num_quantizers: _Layers = 16
    upsample_rates: tuple[_Width, ...] = (8, 5, 4, 3)
    upsampling_ratios: tuple[_Width, ...] = (2, 2)


class _Encoder(Struct):
    num_hidden_layers: _Layers = 8


class _Codec(Struct):
    decoder_config: _Decoder = field(default_factory=_Decoder)
    encoder_config: _Encoder | None = None
    encoder_valid_num_quantizers: _Layers = 16


class _Index(Struct):
    weight_map: dict[str, str]


def read_checkpoint(folder: Path, model_id: str) -> Checkpoint:
    """What is in a folder that may be loaded; else raises `BrokenCheckpoint`."""
    files = _files(folder)
    for name in _named(files, ".json"):
        _check_json(folder, files, name)
    config = _json(folder, files, "config.json", dict[str, Any])
    task, model_type = _model_type(config, model_id)
    weights = _weights(folder, files)
    checkpoint = Checkpoint(
        task=task,
        family="mlx_audio",
        model_type=model_type,
        card=ModelCard(model_id, (), frozenset(), supports_clone=False, streams=False),
        speakers=() if task == "stt" else (Speaker("default", model_id, ""),),
        bytes=sum(stat.st_size for stat in files.values()),
        fingerprint=_fingerprint(files),
    )
    if model_type == "qwen3_tts":
        return _qwen3(folder, files, weights, checkpoint)
    if model_type == "kokoro":
        return _kokoro(files, checkpoint)
    return checkpoint


def fingerprint_of(folder: Path) -> str:
    """The fingerprint alone, without a look into any file: while it stays, so does the judgement."""
    return _fingerprint(_files(folder))


def _fingerprint(files: _Files) -> str:
    lines = (f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n" for name, stat in files.items())
    return sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _files(folder: Path) -> _Files:
    """The files of a folder by their relative names, sorted. Links are followed: a hub's cache is made of those."""
    files: _Files = {}
    try:
        _list(folder, "", files)
    except OSError as error:
        raise BrokenCheckpoint(f"The folder {folder.name!r} cannot be read: {error.strerror}.") from error
    return files


def _list(folder: Path, below: str, files: _Files) -> None:
    with os.scandir(folder) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        name = below + entry.name
        if entry.name.startswith(".") and (entry.is_dir() or not name.endswith(".safetensors")):
            continue  # a hub's bookkeeping, or a desktop's; but mlx-audio loads weights also from hidden files
        if entry.is_dir():
            if name.count("/") >= MAX_DEPTH:
                raise BrokenCheckpoint(
                    f"{name} lies too deep; a model has folders within folders, but not so many."
                )
            _list(folder / entry.name, f"{name}/", files)
            continue
        if os.path.splitext(name)[1].lower() in _REFUSED.split():
            raise BrokenCheckpoint(f"{name} is code or can hold code; weights come as *.safetensors. Remove it.")
        if not entry.is_file():
            raise BrokenCheckpoint(f"{name} is neither a file nor a link to one. Fetch the model again.")
        files[name] = entry.stat()
        if len(files) > MAX_FILES:
            raise BrokenCheckpoint(f"There are more than {MAX_FILES} files; this is not the folder of one model.")


def _named(files: _Files, ending: str, folder: str = "") -> list[str]:
    return [name for name in files if name.endswith(ending) and name.startswith(folder)]


def _json(folder: Path, files: _Files, name: str, kind: type[T], limit: int = MAX_CONFIG) -> T:
    if name not in files:
        raise BrokenCheckpoint(f"{name} is missing. Fetch the model again.")
    try:
        with open(folder / name, "rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise BrokenCheckpoint(f"{name} has more than {limit >> 20} MB, as no such file has.")
        return decode(data, type=kind)
    except OSError as error:
        raise BrokenCheckpoint(f"{name} cannot be read: {error.strerror}.") from error
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BrokenCheckpoint(f"{name} is not as it should be: {error}.") from error


def _check_json(folder: Path, files: _Files, name: str) -> None:
    """Refuse what asks for code to be run: anywhere in a configuration, at the top of a tokenizer's tables."""
    if "config" in name.rpartition("/")[2].lower():
        found = _code_key(_json(folder, files, name, object))
    elif bytes(_json(folder, files, name, Raw, MAX_JSON)).startswith(b"{"):
        found = _code_key(_json(folder, files, name, dict[str, Raw], MAX_JSON))
    else:
        found = None
    if found is not None:
        raise BrokenCheckpoint(f"{name} has {found!r}, which asks for code to be run. No model needs that here.")
    if name.endswith(".safetensors.index.json"):
        below = name[: name.rfind("/") + 1]
        for shard in _json(folder, files, name, _Index, MAX_JSON).weight_map.values():
            if below + shard not in files:
                raise BrokenCheckpoint(f"{name} names {shard[:80]!r}, which is not there. Fetch the model again.")


def _code_key(value: object) -> str | None:
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            pairs = cast(dict[str, object], item)
            for key in pairs.keys() & _CODE_KEYS:
                if pairs[key]:  # `"trust_remote_code": false` asks for nothing
                    return key
            todo.extend(pairs.values())
        elif isinstance(item, list):
            todo.extend(cast(list[object], item))
    return None


def _weights(folder: Path, files: _Files) -> dict[str, frozenset[str]]:
    """The names of the tensors in each file, all of which have been checked."""
    try:
        weights = {name: frozenset(check(folder / name).tensors) for name in _named(files, ".safetensors")}
    except BrokenFile as error:
        raise BrokenCheckpoint(f"The weights are damaged. Fetch the model again. {error}") from error
    if all("/" in name for name in weights):
        raise BrokenCheckpoint("There are no weights: at least one *.safetensors belongs beside config.json.")
    return weights


def _model_type(config: dict[str, Any], model_id: str) -> tuple[Task, str]:
    """What a model is for, and mlx-audio's module for it: as mlx-audio finds it, but never by a folder's name."""
    stated = config.get("model_type") or config.get("architecture")
    if stated == "llama" and "acoustic_dim" in config:
        stated = "tada"
    for family, keys in _TYPELESS.items():
        if not stated and keys <= config.keys():
            stated = family
    if not isinstance(stated, str) or not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", stated):
        raise BrokenCheckpoint("config.json does not say what the model is: `model_type` belongs there.")
    if stated in _AMBIGUOUS and not re.search("tts|orpheus|speech", model_id.lower()):
        raise BrokenCheckpoint(f"A model of the type {stated!r} writes; one that speaks is needed.")
    for task, aliases in ALIASES.items():
        if stated in aliases:
            return task, aliases[stated]
    for task, families in FAMILIES.items():
        if stated in families:
            return task, stated
    raise BrokenCheckpoint(
        f"config.json has the model_type {stated!r}, which is neither a text-to-speech nor a speech-to-text model "
        "of mlx-audio."
    )


def _kokoro(files: _Files, found: Checkpoint) -> Checkpoint:
    found_voices = (re.fullmatch(r"voices/([a-z]{2}_\w+)\.safetensors", name, re.ASCII) for name in files)
    names = [voice[1] for voice in found_voices if voice]
    if not names:
        raise BrokenCheckpoint(
            "There are no voices: Kokoro needs voices/*.safetensors, and would go and fetch them."
        )
    speakers = tuple(
        Speaker(name, _display(name.rpartition("_")[2]), _KOKORO_LANGUAGES.get(name[0], "")) for name in names
    )
    languages = tuple(dict.fromkeys(speaker.language for speaker in speakers if speaker.language))
    return replace(found, card=replace(found.card, languages=languages), speakers=speakers)


def _qwen3(folder: Path, files: _Files, weights: dict[str, frozenset[str]], found: Checkpoint) -> Checkpoint:
    config = _json(folder, files, "config.json", _Qwen3)
    codec = _json(folder, files, "speech_tokenizer/config.json", _Codec)
    kind, talker = config.tts_model_type, config.talker_config
    if "tokenizer.json" not in files and not {"vocab.json", "merges.txt"} <= files.keys():
        raise BrokenCheckpoint("The text tokenizer is missing: vocab.json and merges.txt, or tokenizer.json.")
    for part in (talker, talker.code_predictor_config):
        if part.num_attention_heads % part.num_key_value_heads:
            raise BrokenCheckpoint("config.json: num_attention_heads must be a multiple of num_key_value_heads.")

    _require(weights, "", _talker_parts(talker, kind))
    _require(weights, "speech_tokenizer/", _codec_parts(codec, kind))

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
            # The official code drops what is said to the small one, which was not trained to listen.
            supports_instruct=kind == "custom_voice" and config.tts_model_size != "0b6",
        ),
    )


def _speakers(talker: _Talker) -> tuple[Speaker, ...]:
    if not talker.spk_id:
        raise BrokenCheckpoint(
            "config.json names no speakers in `spk_id`, but a custom_voice model has nobody else."
        )
    for name, ids in talker.spk_id.items():
        if not all(0 <= number < talker.vocab_size for number in (ids if isinstance(ids, list) else [ids])):
            raise BrokenCheckpoint(f"config.json: the speaker {name!r} has a number that no speaker can have.")
    dialects = talker.spk_is_dialect or {}
    return tuple(
        Speaker(name, _display(name), tag_of(str(dialects.get(name))) or NATIVE_LANGUAGES.get(name.lower(), ""))
        for name in talker.spk_id
    )


def _display(name: str) -> str:
    return " ".join(word[:1].upper() + word[1:] for word in name.split("_") if word) or name


def _talker_parts(talker: _Talker, kind: Kind) -> Iterator[str]:
    """How the names of the tensors begin that the model itself is made of."""
    yield from ("talker.model.text_embedding.", "talker.model.codec_embedding.", "talker.model.norm.")
    yield from ("talker.text_projection.", "talker.codec_head.")
    yield from (f"talker.model.layers.{number}." for number in range(talker.num_hidden_layers))
    predictor = talker.code_predictor_config
    yield from (f"talker.code_predictor.model.layers.{number}." for number in range(predictor.num_hidden_layers))
    for number in range(talker.num_code_groups - 1):
        yield f"talker.code_predictor.model.codec_embedding.{number}."
        yield f"talker.code_predictor.lm_head.{number}."
    if kind == "base":
        yield from (f"speaker_encoder.{part}." for part in ("blocks", "mfa", "asp", "fc"))


def _codec_parts(codec: _Codec, kind: Kind) -> Iterator[str]:
    """The same for the codec, of which mlx-audio leaves at random what is missing: it would make noise."""
    decoder, encoder = codec.decoder_config, codec.encoder_config
    yield from ("decoder.pre_conv.", "decoder.pre_transformer.input_proj.", "decoder.pre_transformer.output_proj.")
    yield from (f"decoder.pre_transformer.layers.{number}." for number in range(decoder.num_hidden_layers))
    yield from ("decoder.pre_transformer.norm.", "decoder.quantizer.rvq_first.vq.layers.0._codebook.")
    for number in range(decoder.num_quantizers - 1):
        yield f"decoder.quantizer.rvq_rest.vq.layers.{number}._codebook."
    yield from (f"decoder.upsample.{number}." for number in range(len(decoder.upsampling_ratios)))
    # A convolution, a block for each rate, an activation, a convolution.
    yield from (f"decoder.decoder.{number}." for number in range(len(decoder.upsample_rates) + 3))
    if kind == "base":
        if encoder is None:
            raise BrokenCheckpoint("speech_tokenizer/config.json has no encoder_config: it could clone nobody.")
        yield from (f"encoder.encoder.layers.{number}." for number in (0, 1, 3, 4, 6, 7, 9, 10, 12, 14))
        yield from (f"encoder.encoder_transformer.layers.{number}." for number in range(encoder.num_hidden_layers))
        yield from ("encoder.downsample.", "encoder.quantizer.semantic_residual_vector_quantizer.layers.0.")
        for number in range(codec.encoder_valid_num_quantizers - 1):
            yield f"encoder.quantizer.acoustic_residual_vector_quantizer.layers.{number}."


def _require(weights: dict[str, frozenset[str]], folder: str, parts: Iterable[str]) -> None:
    """Each part has a tensor, and each tensor is in one of the folder's files: of two, chance would choose."""
    where = {name: names for name, names in weights.items() if name[: name.rfind("/") + 1] == folder}
    tensors = [tensor for names in where.values() for tensor in names]
    if len(set(tensors)) < len(tensors):
        raise BrokenCheckpoint(f"{' and '.join(where)} hold the same tensors. Remove the files that are left over.")
    there = {
        ".".join(pieces[:end]) + "."
        for tensor in tensors
        for pieces in [tensor.split(".")]
        for end in range(len(pieces))
    }
    missing = [part for part in parts if part not in there]
    if missing:
        files = " and ".join(where) or f"{folder}*.safetensors, which is not there,"
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise BrokenCheckpoint(f"{files} lacks {missing[0]}*{others}. Fetch the model again.")
