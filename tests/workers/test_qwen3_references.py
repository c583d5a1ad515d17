"""The codes of a clone's reference: computed once, stored beside the recording, and checked when they are read."""

# mlx-audio has no types, MLX's are partly unknown, and those of transformers are too many.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from app.inference.model import VoiceSpec
from app.workers.synthesis.qwen3 import references
from app.workers.synthesis.qwen3.model import Qwen3
from app.workers.synthesis.qwen3.references import CODES_FILE, ReferenceCache
from tests.support.lazily import lazily
from tests.support.qwen3_checkpoints import (
    EMPTY,
    FRAME_SAMPLES,
    REFERENCE_FRAMES,
    Alone,
    Models,
    clone,
    tone,
    utterance,
)
from tests.support.qwen3_fixtures import base as base
from tests.support.qwen3_fixtures import encoded as encoded
from tests.support.qwen3_fixtures import speaker as speaker
from tests.support.qwen3_fixtures import the as the
from tests.support.speaking import speak

speaker_encoder = lazily("mlx_audio.tts.models.qwen3_tts.speaker_encoder")


def test_the_codes_of_a_reference_are_kept_beside_it_and_used_by_the_next_process(
    models: Models, base: Qwen3, tmp_path: Path, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def speaker(*_: Any) -> None:
        raise AssertionError("the voice is known")

    voice = clone(tmp_path, tone(201))
    first = speak(base, utterance(voice=voice)).pcm
    kept = tmp_path / CODES_FILE
    before = kept.stat()

    assert stat.S_IMODE(before.st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [CODES_FILE, "reference.wav"]
    monkeypatch.setattr(speaker_encoder.Qwen3TTSSpeakerEncoder, "__call__", speaker)
    assert speak(base, utterance(voice=voice)).pcm == first
    assert encoded == [REFERENCE_FRAMES * FRAME_SAMPLES]

    again = Qwen3.load(models.folder(type="base"))

    assert speak(again, utterance(voice=voice)).pcm == first
    assert len(encoded) == 1
    assert (kept.stat().st_mtime_ns, kept.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_another_recording_in_the_same_folder_is_another_reference(
    base: Qwen3, alone: Alone, tmp_path: Path, cloned: VoiceSpec, encoded: list[int]
) -> None:
    expected = alone(base, utterance(voice=cloned))
    encoded.clear()
    voice = clone(tmp_path, tone(500))
    first = speak(base, utterance(voice=voice)).pcm

    clone(tmp_path, tone())

    assert speak(base, utterance(voice=voice)).pcm == expected != first
    assert len(encoded) == 1, "the other one is at hand"


def test_other_weights_do_not_take_the_codes_of_these(
    models: Models, tmp_path: Path, encoded: list[int], base: Qwen3
) -> None:
    voice = clone(tmp_path, tone(202))
    speak(base, utterance(EMPTY, voice))
    codes = (tmp_path / CODES_FILE).read_bytes()

    speak(models.model(type="base", seed=1), utterance(EMPTY, voice))

    assert len(encoded) == 2
    assert (tmp_path / CODES_FILE).read_bytes() != codes


class Ears:
    """Stands in for what listens to a reference, and counts."""

    def __init__(self) -> None:
        self.encoded = self.looked_up = 0

    def encode(self, audio: mx.array) -> mx.array:
        assert audio.shape == (REFERENCE_FRAMES * FRAME_SAMPLES,)
        self.encoded += 1
        return mx.arange(16 * 3, dtype=mx.int32).reshape(1, 16, 3)

    def embed_speaker(self, audio: mx.array) -> mx.array:
        return mx.ones((1, 8)) / 3

    def embed_codes(self, codes: mx.array) -> mx.array:
        assert np.array_equal(np.array(codes), np.arange(48).reshape(1, 16, 3))
        self.looked_up += 1
        return mx.zeros((1, 3, 8))


def references_of(ears: Ears, fingerprint: str = "this") -> ReferenceCache:
    return ReferenceCache(ears.encode, ears.embed_speaker, ears.embed_codes, fingerprint)


def test_what_is_kept_is_read_as_it_was_written(tmp_path: Path) -> None:
    ears = Ears()
    clone(tmp_path)

    made, read = references_of(ears).get(tmp_path), references_of(ears).get(tmp_path)

    assert (ears.encoded, ears.looked_up) == (1, 2)
    assert made.codes.dtype == read.codes.dtype == mx.int32
    assert np.array_equal(np.array(made.codes), np.array(read.codes))
    assert np.array_equal(np.array(made.speaker), np.array(read.speaker))


def test_two_voices_of_one_recording_are_listened_to_once_and_both_keep_the_codes(tmp_path: Path) -> None:
    ears = Ears()
    kept = references_of(ears)
    for name in ("one", "other"):
        clone(tmp_path / name)
        kept.get(tmp_path / name)

    assert ears.encoded == 1
    for name in ("one", "other"):
        references_of(ears).get(tmp_path / name)
        assert stat.S_IMODE((tmp_path / name / CODES_FILE).stat().st_mode) == 0o600
    assert ears.encoded == 1


def test_the_codes_of_another_model_are_made_anew(tmp_path: Path) -> None:
    ears = Ears()
    clone(tmp_path)

    for fingerprint, expected in (("this", 1), ("that", 2), ("that", 2), ("this", 3)):
        references_of(ears, fingerprint).get(tmp_path)
        assert ears.encoded == expected


def test_what_an_engine_that_heard_otherwise_has_kept_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ears = Ears()
    clone(tmp_path)
    references_of(ears).get(tmp_path)

    monkeypatch.setattr(references, "VERSION", references.VERSION + 1)

    for _ in range(2):
        references_of(ears).get(tmp_path)
        assert ears.encoded == 2


def rewritten(path: Path, **tensors: mx.array) -> None:
    loaded: Any = mx.load(str(path), return_metadata=True)
    mx.eval(loaded[0])
    mx.save_safetensors(str(path), {**loaded[0], **tensors}, metadata=loaded[1])


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-2] ^= 0x40
    path.write_bytes(data)


def _flipped_in_front(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[8 + int.from_bytes(data[:8], "little") + 3] ^= 0x40  # a code becomes a very large one
    path.write_bytes(data)


def _garbage(path: Path) -> None:
    path.write_bytes(b"not a safetensors file at all")


def _nothing(path: Path) -> None:
    path.write_bytes(b"")


def _fewer_groups(path: Path) -> None:
    rewritten(path, codes=mx.zeros((1, 8, 3), mx.int32))


def _another_shape(path: Path) -> None:
    rewritten(path, codes=mx.arange(48).astype(mx.int32))


def _transposed(path: Path) -> None:
    rewritten(path, codes=mx.arange(48).astype(mx.int32).reshape(1, 3, 16))


def _another_type(path: Path) -> None:
    rewritten(path, codes=mx.arange(48).astype(mx.float32).reshape(1, 16, 3))


def _no_speaker(path: Path) -> None:
    loaded: Any = mx.load(str(path), return_metadata=True)
    mx.eval(loaded[0])
    mx.save_safetensors(str(path), {"codes": loaded[0]["codes"]}, metadata=loaded[1])


def _unreadable(path: Path) -> None:
    path.unlink()
    path.symlink_to("/nowhere")


@pytest.mark.parametrize(
    "damage",
    [
        _cut, _flipped, _flipped_in_front, _garbage, _nothing, _fewer_groups, _another_shape, _transposed,
        _another_type, _no_speaker, _unreadable,
    ],
)  # fmt: skip
def test_codes_that_were_damaged_are_made_anew(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    ears = Ears()
    clone(tmp_path)
    references_of(ears).get(tmp_path)
    whole = (tmp_path / CODES_FILE).read_bytes()

    damage(tmp_path / CODES_FILE)
    references_of(ears).get(tmp_path)

    assert ears.encoded == 2
    assert (tmp_path / CODES_FILE).read_bytes() == whole


def test_where_nothing_can_be_kept_a_voice_is_heard_all_the_same(tmp_path: Path) -> None:
    ears = Ears()
    clone(tmp_path)
    (tmp_path / CODES_FILE).mkdir()

    for _ in range(2):
        references_of(ears).get(tmp_path)

    assert ears.encoded == ears.looked_up == 2


def test_only_the_voices_that_were_used_last_are_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "MAX_VOICES", 2)
    ears = Ears()
    kept = references_of(ears)
    for number in range(3):
        clone(tmp_path / str(number), tone(100 + number))

    for number, expected in ((0, 1), (1, 2), (0, 2), (2, 3), (0, 3), (2, 3), (1, 4), (2, 4), (0, 5)):
        kept.get(tmp_path / str(number))
        assert ears.looked_up == expected
    assert ears.encoded == 3
