import os
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.inference.checkpoint import folder as model_folder
from app.inference.checkpoint.inspect import BrokenCheckpoint, Speaker, fingerprint_of, read_checkpoint
from tests.support.checkpoint_folders import (
    DECODER,
    ENCODER,
    LANGUAGES,
    SPEAKER_ENCODER,
    TALKER,
    configure,
    kokoro,
    named,
    qwen3,
    retyped,
    weights,
)


def test_a_base_checkpoint_clones(tmp_path: Path) -> None:
    found = read_checkpoint(qwen3(tmp_path / "model"), "my-model")
    assert (found.task, found.family, found.kind, found.model_type) == ("tts", "qwen3", "base", "qwen3_tts")
    card = found.card
    assert card.model_id == "my-model"
    assert card.languages == ("zh", "en", "zh-x-beijing", "zh-x-sichuan")
    assert card.native_settings == frozenset()
    assert (card.supports_clone, card.supports_design, card.supports_instruct, card.streams) == (
        True,
        False,
        False,
        True,
    )
    assert found.language_names == tuple(LANGUAGES)
    assert found.speakers == ()
    files = [path for path in (tmp_path / "model").rglob("*") if path.is_file() and path.name[0] != "."]
    assert found.bytes == sum(path.stat().st_size for path in files)


def test_a_custom_voice_checkpoint_has_speakers_with_the_language_that_each_was_born_to(tmp_path: Path) -> None:
    found = read_checkpoint(qwen3(tmp_path / "model", "custom_voice"), "m")
    assert found.speakers == (
        Speaker("vivian", "Vivian", "zh"),
        Speaker("uncle_fu", "Uncle Fu", "zh"),
        Speaker("dylan", "Dylan", "zh-x-beijing"),
        Speaker("eric", "Eric", "zh-x-sichuan"),
        Speaker("ryan", "Ryan", "en"),
        Speaker("ono_anna", "Ono Anna", "ja"),
        Speaker("sohee", "Sohee", "ko"),
        Speaker("My_own", "My Own", ""),
    )
    assert (found.card.supports_clone, found.card.supports_instruct) == (False, True)


def test_the_small_custom_voice_checkpoint_cannot_be_told_how_to_speak(tmp_path: Path) -> None:
    folder = qwen3(tmp_path / "model", "custom_voice")
    configure(folder / "config.json", tts_model_size="0b6")
    assert not read_checkpoint(folder, "m").card.supports_instruct


def test_a_voice_design_checkpoint_designs_and_needs_no_encoder(tmp_path: Path) -> None:
    folder = qwen3(tmp_path / "model", "voice_design")
    weights(folder / "speech_tokenizer/model.safetensors", named("decoder", DECODER))
    found = read_checkpoint(folder, "m")
    assert (found.kind, found.card.supports_design, found.card.supports_clone) == ("voice_design", True, False)
    assert found.speakers == ()


def test_one_tokenizer_file_does_for_two(tmp_path: Path) -> None:
    folder = qwen3(tmp_path / "model")
    (folder / "vocab.json").unlink()
    (folder / "tokenizer.json").write_text('{"model": {"vocab": {"auto_map": 7}}, "added_tokens": []}')
    assert read_checkpoint(folder, "m").kind == "base"


def test_links_into_a_hubs_cache_are_followed_and_its_bookkeeping_is_not_read(tmp_path: Path) -> None:
    folder = qwen3(tmp_path / "model")
    os.rename(folder / "model.safetensors", tmp_path / "blob")
    (folder / "model.safetensors").symlink_to(tmp_path / "blob")
    os.rename(folder / "speech_tokenizer", tmp_path / "shared")
    (folder / "speech_tokenizer").symlink_to(tmp_path / "shared")
    (folder / ".cache").mkdir()
    (folder / ".cache/evil.py").write_text("boom")
    (tmp_path / "link").symlink_to(folder)
    assert read_checkpoint(tmp_path / "link", "m").kind == "base"


def test_shards_are_read_as_one(tmp_path: Path) -> None:
    folder = qwen3(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    names = named("talker", TALKER) + named("speaker_encoder", SPEAKER_ENCODER)
    weights(folder / "model-1.safetensors", names[:5])
    weights(folder / "model-2.safetensors", names[5:])
    shards = {name: "model-1.safetensors" for name in names[:5]} | {
        name: "model-2.safetensors" for name in names[5:]
    }
    configure(folder / "model.safetensors.index.json", weight_map=shards)
    assert read_checkpoint(folder, "m").kind == "base"


def test_kokoro_has_the_voices_that_lie_in_its_folder(tmp_path: Path) -> None:
    found = read_checkpoint(kokoro(tmp_path / "model"), "m")
    assert (found.task, found.family, found.model_type, found.kind) == ("tts", "mlx_audio", "kokoro", None)
    assert found.card.languages == ("en-US", "en-GB", "pt-BR", "zh")
    assert Speaker("af_heart", "Heart", "en-US") in found.speakers
    assert Speaker("xx_odd", "Odd", "") in found.speakers
    assert (found.card.streams, found.card.supports_clone) == (False, False)


@pytest.mark.parametrize(
    ("config", "task", "model_type"),
    [
        ({"model_type": "csm"}, "tts", "sesame"),
        ({"architecture": "kitten"}, "tts", "kitten_tts"),
        ({"model_type": "llama", "acoustic_dim": 512}, "tts", "tada"),
        ({"flow_lm": {}, "mimi": {}}, "tts", "pocket_tts"),
        ({"model_type": "whisper"}, "stt", "whisper"),
        ({"model_type": "qwen3_asr"}, "stt", "qwen3_asr"),
        ({"model_type": "vibevoice"}, "stt", "vibevoice_asr"),
        ({"model_type": "parakeet_tdt"}, "stt", "parakeet"),
    ],
)
def test_a_model_is_recognized_by_what_its_configuration_says(
    tmp_path: Path, config: dict[str, Any], task: str, model_type: str
) -> None:
    configure(tmp_path / "config.json", **config)
    weights(tmp_path / "weights.safetensors", ["a"])
    found = read_checkpoint(tmp_path, "kokoro-whisper")
    assert (found.task, found.model_type, found.family) == (task, model_type, "mlx_audio")
    assert len(found.speakers) == (task == "tts")
    assert found.card.languages == ()


def test_a_language_model_is_taken_for_a_voice_only_when_it_is_called_one(tmp_path: Path) -> None:
    configure(tmp_path / "config.json", model_type="llama")
    weights(tmp_path / "model.safetensors", ["a"])
    with pytest.raises(BrokenCheckpoint, match="'llama' is a text model"):
        read_checkpoint(tmp_path, "llama-3.2-1b")
    assert read_checkpoint(tmp_path, "orpheus-3b").model_type == "llama"


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def without(folder: Path, name: str, tensor: str) -> None:
    everything = {
        "model.safetensors": named("talker", TALKER) + named("speaker_encoder", SPEAKER_ENCODER),
        "speech_tokenizer/model.safetensors": named("decoder", DECODER) + named("encoder", ENCODER),
    }[name]
    assert any(tensor in there for there in everything)
    weights(folder / name, [there for there in everything if tensor not in there])


def _file(name: str, text: str = "") -> Callable[[Path], object]:
    def write(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    return write


def _config(**changes: Any) -> Callable[[Path], object]:
    return lambda folder: configure(folder / "config.json", **changes)


def _talker(**changes: Any) -> Callable[[Path], object]:
    return _config(**{f"talker_config__{name}": value for name, value in changes.items()})


def _unlink(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def _without(name: str, tensor: str) -> Callable[[Path], object]:
    return lambda folder: without(folder, name, tensor)


CODEC = "speech_tokenizer/model.safetensors"
NESTED = '{"a":' * 5_000 + "1" + "}" * 5_000

HOSTILE: list[tuple[str, Callable[[Path], object], str]] = [
    ("code beside the weights", _file("modeling_qwen.py"), "modeling_qwen.py is code"),
    ("code in a subfolder", _file("speech_tokenizer/x.SO"), "speech_tokenizer/x.SO is code"),
    *(
        (f"a file of the type {end}", _file(f"w{end}"), f"w{end}")
        for end in (".pt", ".bin", ".npz", ".pkl", ".gguf")
    ),
    ("auto_map at the top", _config(auto_map={"AutoModel": "x.Y"}), "config.json has 'auto_map'"),
    ("auto_map deep within", _config(a=[{"b": {"auto_map": {"c": "d"}}}]), "config.json has 'auto_map'"),
    ("model_file", _config(model_file="x.py"), "'model_file'"),
    ("custom_pipelines", _config(custom_pipelines={"x": {}}), "'custom_pipelines'"),
    (
        "trust_remote_code",
        _file("speech_tokenizer/tokenizer_config.json", '{"trust_remote_code":true}'),
        "trust_remote",
    ),
    (
        "auto_map of a processor",
        _file("processor_config.json", '{"auto_map":{"a":"b"}}'),
        "processor_config.json has",
    ),
    (
        "auto_map atop a tokenizer",
        _file("tokenizer.json", '  {"auto_map":{"a":"b"}}'),
        "tokenizer.json has 'auto_map'",
    ),
    ("auto_map of a voice", _file("voices/a_config.json", '{"auto_map":{"a":"b"}}'), "voices/a_config.json has"),
    ("a module elsewhere", _config(model_type="../../evil"), "does not say what the model is"),
    ("a module with a dot", _config(model_type="os.path"), "'os.path', which is neither"),
    ("a module of another kind", _config(model_type="deepfilternet"), "neither a text-to-speech"),
    ("a type that is a list", _config(model_type=["qwen3_tts"]), "does not say what the model is"),
    ("no type", _file("config.json", "{}"), "does not say what the model is"),
    ("no configuration", _unlink("config.json"), "config.json is missing"),
    ("a configuration that is a list", _file("config.json", "[]"), "config.json is malformed"),
    ("a configuration that is not JSON", _file("config.json", "{'a': 1}"), "config.json is malformed"),
    ("a configuration that is nested deeply", _file("config.json", NESTED), "config.json is malformed"),
    ("a configuration that is huge", _file("config.json", " " * (4 << 20) + "{}"), "more than 4 MB"),
    ("a tokenizer that is huge", lambda folder: os.truncate(folder / "vocab.json", 41 << 20), "more than 40 MB"),
    ("a tokenizer that is no JSON", _file("tokenizer.json", "{]"), "tokenizer.json is malformed"),
    ("no weights", _unlink("model.safetensors"), "there are no weights"),
    ("weights that are cut off", lambda folder: cut(folder / "model.safetensors"), "model.safetensors: is cut off"),
    ("a codec that is cut off", lambda folder: cut(folder / CODEC), "model.safetensors: is cut off"),
    (
        "weights in a hidden file",
        _file("speech_tokenizer/._model.safetensors"),
        "._model.safetensors: is too short",
    ),
    (
        "weights that are a link to nothing",
        lambda folder: (folder / "a.safetensors").symlink_to("/nowhere"),
        "neither",
    ),
    ("a pipe", lambda folder: os.mkfifo(folder / "pipe.json"), "pipe.json is neither a file"),
    ("a folder in a circle", lambda folder: (folder / "again").symlink_to(folder), "lies too deep"),
    (
        "a file with a name that is not text",
        lambda folder: open(os.fsencode(folder) + b"/\xff.py", "w").close(),
        "is code",
    ),
    ("an index with a path", _file("model.safetensors.index.json", '{"weight_map":{"a":"../x"}}'), "names '../x'"),
    (
        "an index of a missing shard",
        _file("model.safetensors.index.json", '{"weight_map":{"a":"b.safetensors"}}'),
        "'b.s",
    ),
    ("an index without a map", _file("model.safetensors.index.json", "{}"), "weight_map"),
    (
        "weights that come twice",
        lambda folder: weights(folder / "x.safetensors", named("talker", TALKER)),
        "same tensors",
    ),
    (
        "a weight that is an integer",
        lambda folder: retyped(folder / "model.safetensors", "BF16", "I16", 1),
        "as I16, but it must be F32 or F16 or BF16",
    ),
    (
        "a weight of another half",
        lambda folder: retyped(folder / CODEC, "BF16", "F16", 1),
        "as F16, where its other tensors are BF16",
    ),
    ("no text tokenizer", _unlink("merges.txt"), "text tokenizer is missing"),
    (
        "no codec",
        lambda folder: [path.unlink() for path in (folder / "speech_tokenizer").iterdir()],
        "speech_tokenizer/",
    ),
    ("a codec without weights", _unlink(CODEC), "speech_tokenizer/*.safetensors, which is not there"),
    (
        "a codec without a codebook",
        _without(CODEC, "rvq_rest"),
        "decoder.quantizer.rvq_rest.vq.layers.0._codebook.",
    ),
    ("a codec without its last layer", _without(CODEC, "decoder.3"), "lacks decoder.decoder.3."),
    ("a codec without an encoder", _without(CODEC, "encoder.downsample"), "lacks encoder.downsample."),
    ("a codec that cannot encode", _file("speech_tokenizer/config.json", "{}"), "has no encoder_config"),
    ("no speaker encoder", _without("model.safetensors", "speaker_encoder"), "lacks speaker_encoder.blocks."),
    ("a model without its last layer", _without("model.safetensors", "model.layers.1"), "talker.model.layers.1."),
    ("no talker", _config(talker_config=None), "talker_config"),
    ("a talker that is text", _config(talker_config="x"), "talker_config"),
    ("an unknown kind", _config(tts_model_type="singing"), "tts_model_type"),
    ("a million layers", _talker(num_hidden_layers=1_000_000), "num_hidden_layers"),
    ("no layers", _talker(num_hidden_layers=0), "num_hidden_layers"),
    ("a width that is a float", _talker(hidden_size=1e300), "hidden_size"),
    ("a width of millions", _talker(hidden_size=2**24), "hidden_size"),
    ("a vocabulary of billions", _talker(vocab_size=2**40), "vocab_size"),
    ("heads that cannot be shared", _talker(num_key_value_heads=7), "num_key_value_heads"),
    ("a language without a number", _talker(codec_language_id={"english": "x"}), "codec_language_id"),
]


@pytest.mark.parametrize(("spoil", "says"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_a_folder_that_is_hostile_or_broken_is_refused_by_name(
    tmp_path: Path, spoil: Callable[[Path], object], says: str
) -> None:
    folder = qwen3(tmp_path / "model")
    spoil(folder)
    with pytest.raises(BrokenCheckpoint) as caught:
        read_checkpoint(folder, "m")
    assert says in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    str(caught.value).encode()


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"spk_id": {}}, "names no speakers"), ({"spk_id": {"a": 9_999}}, "'a'"), ({"spk_id": {"a\n": 1}}, "key")],
)
def test_speakers_that_cannot_be_are_refused(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    folder = qwen3(tmp_path / "model", "custom_voice")
    _talker(**changes)(folder)
    with pytest.raises(BrokenCheckpoint, match=says):
        read_checkpoint(folder, "m")


def test_kokoro_without_voices_is_refused_for_it_would_go_and_fetch_them(tmp_path: Path) -> None:
    folder = kokoro(tmp_path / "model")
    for path in (folder / "voices").iterdir():
        path.unlink()
    with pytest.raises(BrokenCheckpoint, match="there are no voices"):
        read_checkpoint(folder, "m")


def test_a_folder_of_everything_is_not_searched_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_folder, "MAX_FILES", 3)
    with pytest.raises(BrokenCheckpoint, match="more than 3 files"):
        read_checkpoint(qwen3(tmp_path / "model"), "m")


def test_a_folder_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(BrokenCheckpoint, match="'nowhere' cannot be read: No such file"):
        read_checkpoint(tmp_path / "nowhere", "m")


def test_what_asks_for_nothing_is_harmless(tmp_path: Path) -> None:
    folder = qwen3(tmp_path / "model")
    configure(folder / "config.json", trust_remote_code=False, auto_map=None, model_file="")
    assert read_checkpoint(folder, "m").kind == "base"


def test_the_fingerprint_stays_while_the_files_do_and_changes_with_any_of_them(tmp_path: Path) -> None:
    folder = qwen3(tmp_path / "model")
    first = fingerprint_of(folder)
    assert first == read_checkpoint(folder, "another name").fingerprint == fingerprint_of(folder)
    (folder / ".DS_Store").write_text("a desktop was here")
    assert fingerprint_of(folder) == first

    os.utime(folder / "model.safetensors", ns=(1, 1))
    assert fingerprint_of(folder) != first


CHANGES: dict[str, Callable[[Path], object]] = {
    "size": lambda folder: weights(
        folder / CODEC, [*named("decoder", DECODER), *named("encoder", ENCODER), "more"]
    ),
    "name": lambda folder: os.rename(folder / "merges.txt", folder / "merges_.txt"),
    "one more": _file("voices/config.json", "{}"),
    "one less": _unlink("generation_config.json"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_fingerprint_changes_also_when_no_time_does(tmp_path: Path, change: Callable[[Path], object]) -> None:
    folder = qwen3(tmp_path / "model")
    (folder / "generation_config.json").write_text("{}")

    def fingerprint() -> str:
        for path in folder.rglob("*"):
            os.utime(path, ns=(1, 1))
        return fingerprint_of(folder)

    before = fingerprint()
    change(folder)
    assert fingerprint() != before


def test_a_file_is_not_read_to_its_end_when_it_is_larger_than_any(tmp_path: Path) -> None:
    folder = qwen3(tmp_path / "model")
    os.truncate(folder / "config.json", 1 << 30)  # sparse: it takes no room
    tracemalloc.start()
    with pytest.raises(BrokenCheckpoint, match="more than 4 MB"):
        read_checkpoint(folder, "m")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 << 20


def test_a_frozen_build_says_which_models_it_has_nothing_to_load_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, other = qwen3(tmp_path / "model"), kokoro(tmp_path / "other")
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert read_checkpoint(model, "model").family == "qwen3"
    with pytest.raises(BrokenCheckpoint, match=r"cannot load kokoro; it supports Qwen3-TTS for speech"):
        read_checkpoint(other, "other")
