"""Qwen3-TTS with random weights: what an utterance sounds like, and that its bytes are always the same."""

# mlx-audio has no types, MLX's are partly unknown, and those of transformers are too many.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from app.inference import wire
from app.inference.checkpoint.manifest import MANIFEST, Manifest, ManifestFile
from app.inference.model import FinishReason, Lane, Model, Sampling, Utterance, VoiceKind, VoiceSpec
from app.inference.processor import REFERENCE_BLAS
from app.workers.synthesis.qwen3.model import Qwen3
from tests.support.qwen3_checkpoints import (
    DEEP,
    EMPTY,
    FRAME_BYTES,
    FRAME_SAMPLES,
    LONGER,
    RYAN,
    STEP_BYTES,
    TEXT,
    Alone,
    Models,
    clone,
    endless,
    samples_of,
    utterance,
)
from tests.support.qwen3_fixtures import base as base
from tests.support.qwen3_fixtures import design as design
from tests.support.qwen3_fixtures import other as other
from tests.support.qwen3_fixtures import preset as preset
from tests.support.qwen3_fixtures import speaker as speaker
from tests.support.speaking import Spoken, collect, finish, speak
from tests.support.variants import in_test_long
from tests.support.worker import Worker, stop
from tests.workers.conftest import BLAS

STOP, LENGTH, CANCELED = FinishReason.STOP, FinishReason.LENGTH, FinishReason.CANCELED


def test_every_kind_of_model_speaks_and_comes_to_an_end(speaker: tuple[Qwen3, VoiceSpec], alone: Alone) -> None:
    model, voice = speaker

    spoken = speak(model, utterance(voice=voice))

    assert spoken.reason is STOP
    assert spoken.frames[-1].error == ""
    assert 0.1 < np.abs(samples_of(spoken.pcm)).max() <= 1
    assert (samples_of(spoken.pcm).reshape(-1, FRAME_SAMPLES).std(axis=1) > 0.01).all()
    assert len(spoken.pcm) < len(alone(model, utterance(LONGER, voice)))


@pytest.mark.parametrize(("lane", "segments"), [(Lane.SPEAK, [1, 2, 4]), (Lane.RENDER, [12])])
def test_a_listener_hears_the_first_frame_at_once_and_a_render_comes_in_large_pieces(
    speaker: tuple[Qwen3, VoiceSpec], lane: Lane, segments: list[int]
) -> None:
    model, voice = speaker

    frames = speak(model, utterance(LONGER, voice, lane=lane)).frames

    lengths = [len(frame.pcm) // FRAME_BYTES for frame in frames if frame.pcm]
    assert lengths[: len(segments)] == segments
    assert all(len(frame.pcm) % FRAME_BYTES == 0 for frame in frames)
    assert [frame.final for frame in frames] == [False] * (len(frames) - 1) + [True]


def test_the_same_utterance_gives_the_same_bytes_after_others(speaker: tuple[Qwen3, VoiceSpec]) -> None:
    model, voice = speaker
    first = speak(model, utterance(voice=voice)).pcm

    other = speak(model, utterance(LONGER, voice, seed=2, max_seconds=0.4)).pcm

    assert speak(model, utterance(voice=voice, id=7)).pcm == first
    assert not other.startswith(first[:STEP_BYTES])


def test_the_same_utterances_give_the_same_bytes_in_every_order_with_every_disturbance(
    base: Qwen3, alone: Alone, cloned: VoiceSpec, other: VoiceSpec
) -> None:
    chance = Random(5)
    wanted = [
        utterance(TEXT, cloned, id=1),
        utterance(TEXT, other, id=2),
        utterance(LONGER, cloned, id=3, seed=2),
        utterance(TEXT, cloned, id=4, seed=2**64 - 1),
        utterance(TEXT, other, id=5, sampling=Sampling(temperature=0)),
    ]
    wanted = [replace(one, lane=chance.choice(list(Lane))) for one in wanted]
    expected = {one.id: alone(base, one) for one in wanted}

    chance.shuffle(wanted)
    spoken: dict[int, Spoken] = {}
    for one in wanted:
        base.add([one, endless(cloned, id=99)])
        for _ in range(chance.randrange(4)):
            collect(spoken, base.step())
        base.cancel(99)
        collect(spoken, base.step())
        spoken.pop(99, None)
    finish(base, spoken)

    assert {number: one.pcm for number, one in spoken.items()} == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 2**64 - 1},
        {"voice": VoiceSpec(VoiceKind.PRESET, "vivian")},
        {"instruct": "Whisper."},
        {"language": "de"},
        {"sampling": Sampling(top_k=1)},
        {"text_layout": "beside"},
        *in_test_long(
            {"seed": 2}, {"text": "No."}, {"sampling": Sampling(temperature=0.3)}, {"sampling": Sampling(top_p=0.2)}
        ),
    ],
)
def test_whatever_an_utterance_says_is_heard(preset: Qwen3, alone: Alone, changes: dict[str, Any]) -> None:
    one = utterance(max_seconds=0.32)
    plain, changed = (alone(preset, one) for one in (one, replace(one, **changes)))

    length = min(len(plain), len(changed))
    assert np.abs(samples_of(plain[:length]) - samples_of(changed[:length])).mean() > 0.001


def test_a_prompt_that_is_known_but_for_its_last_position_is_the_same_prompt(models: Models) -> None:
    fresh = Qwen3.load(models.folder(type="voice_design"))
    one = utterance(LONGER, DEEP, text_layout="beside")

    first, again = speak(fresh, one), speak(fresh, one)

    assert first.pcm == again.pcm
    assert first.reason is STOP


def test_a_description_and_what_is_said_about_the_words_are_both_heard(design: Qwen3, alone: Alone) -> None:
    told = [
        utterance(voice=DEEP, max_seconds=0.32),
        utterance(voice=VoiceSpec(VoiceKind.DESIGN, description="A high voice."), max_seconds=0.32),
        utterance(voice=DEEP, instruct="Whisper.", max_seconds=0.32),
        utterance(voice=DEEP, language="fr", max_seconds=0.32),
    ]

    assert len({alone(design, one) for one in told}) == len(told)


def test_a_clone_depends_on_its_recording_and_on_its_transcript(
    base: Qwen3, alone: Alone, cloned: VoiceSpec, other: VoiceSpec, tmp_path: Path
) -> None:
    voices = [cloned, other, replace(cloned, transcript="Other words.")]

    assert len({alone(base, utterance(voice=voice)) for voice in voices}) == 3
    assert alone(base, utterance(voice=clone(tmp_path))) == alone(base, utterance(voice=cloned))


def test_a_voice_that_was_given_a_language_speaks_it_unless_told_otherwise(
    base: Qwen3, alone: Alone, cloned: VoiceSpec
) -> None:
    german = replace(cloned, language="de")
    own, chosen = alone(base, utterance(voice=german)), alone(base, utterance(voice=cloned))

    assert own == alone(base, utterance(voice=cloned, language="de"))
    assert own == alone(base, utterance(voice=cloned, language="de-AT"))
    assert (
        own
        != alone(base, utterance(voice=german, language="fr"))
        == alone(base, utterance(voice=cloned, language="fr"))
    )
    assert own != alone(base, utterance(voice=german, language="auto")) == chosen


@pytest.mark.parametrize("language", ["", "auto"])
def test_what_a_preset_speaks_from_birth_says_nothing_of_the_text(
    preset: Qwen3, alone: Alone, language: str
) -> None:
    chinese = replace(RYAN, language="zh")

    assert alone(preset, utterance(voice=chinese, language=language)) == alone(preset, utterance())
    assert alone(preset, utterance(voice=chinese, language="zh")) != alone(preset, utterance())


def test_a_language_that_the_model_has_not_is_left_to_the_model(preset: Qwen3, alone: Alone) -> None:
    assert alone(preset, utterance(language="tlh")) == alone(preset, utterance())


def test_at_temperature_zero_the_seed_does_not_matter(speaker: tuple[Qwen3, VoiceSpec], alone: Alone) -> None:
    model, voice = speaker
    greedy = utterance(voice=voice, sampling=Sampling(temperature=0))

    assert alone(model, greedy) == alone(model, replace(greedy, seed=2)) != alone(model, utterance(voice=voice))


@pytest.mark.parametrize("seconds", [0.01, 0.08, 0.32, 0.5])
def test_it_ends_at_the_limit(preset: Qwen3, seconds: float) -> None:
    spoken = speak(preset, utterance(LONGER, max_seconds=seconds))

    assert spoken.reason is LENGTH
    assert 0 < spoken.seconds == pytest.approx(seconds, abs=0.081)
    assert len(spoken.pcm) % FRAME_BYTES == 0


def test_a_limit_that_is_not_reached_does_not_matter(preset: Qwen3, alone: Alone) -> None:
    spoken = speak(preset, utterance(max_seconds=20))

    assert (spoken.reason, spoken.pcm) == (STOP, alone(preset, utterance()))


def test_a_model_that_would_end_at_once_gives_the_two_frames_of_the_official_code(
    speaker: tuple[Qwen3, VoiceSpec],
) -> None:
    model, voice = speaker

    spoken = speak(model, utterance(EMPTY, voice))

    assert (len(spoken.pcm), spoken.reason) == (2 * FRAME_BYTES, STOP)


@pytest.mark.parametrize("bits", [4, *in_test_long(6, 8)])
def test_a_quantized_model_speaks(models: Models, bits: int) -> None:
    model = models.model(type="custom_voice", bits=bits)

    spoken = speak(model, utterance())

    assert spoken.reason is STOP
    assert np.abs(samples_of(spoken.pcm)).max() > 0.1
    assert speak(model, utterance()).pcm == spoken.pcm


def test_it_implements_the_protocol(preset: Qwen3) -> None:
    model: Model = preset

    assert model.capacity in (2, 8)
    assert model.processor.device in ("cpu", "metal", "cuda")
    model.cancel(12_345)
    model.close()


def test_it_serves_the_workers_pipe_and_ends_with_it(models: Models, preset: Qwen3) -> None:
    render = utterance(LONGER, id=1)
    worker = Worker("-m", "app", "worker", "qwen3", str(models.folder(type="custom_voice", size="1b7")))
    try:
        ready = worker.hear()
        assert isinstance(ready, wire.Ready)
        assert ready.capacity in (2, 8)  # by its BLAS
        assert ready.processor.device == preset.processor.device
        assert ready.processor.blas == (BLAS or REFERENCE_BLAS)
        worker.tell(wire.Add([render]))
        first = worker.hear()
        assert isinstance(first, wire.Frames)
        worker.tell(wire.Add([utterance(id=2, lane=Lane.SPEAK), replace(render, id=3)]), wire.Ping())

        frames = worker.frames(1, 2, 3)
        pcm = {number: b"".join(frame.pcm for frame in frames[number]) for number in frames}
        assert b"".join(frame.pcm for frame in first.frames) + pcm[1] == pcm[3]
        assert STEP_BYTES < len(pcm[2]) < len(pcm[3])
        assert {frames[number][-1].finish_reason for number in frames} == {STOP}

        worker.tell(wire.Add([endless(id=4)]), wire.Cancel(4))
        assert worker.frames(4)[4][-1].finish_reason is CANCELED
        worker.close()
        assert worker.ended() == 0
    finally:
        stop(worker)


def test_a_worker_says_what_is_wrong_with_a_checkpoint(tmp_path: Path) -> None:
    worker = Worker("-m", "app", "worker", "qwen3", str(tmp_path))
    try:
        broken = worker.hear()
        assert isinstance(broken, wire.LoadFailed)
        assert "config.json" in broken.message
        assert worker.ended() == 1
    finally:
        stop(worker)


def test_a_worker_says_which_file_has_changed_since_it_was_downloaded(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "qwen3_tts"}')
    (tmp_path / "model.safetensors").write_bytes(b"flipped")
    files = [ManifestFile("model.safetensors", 7, sha256(b"before.").hexdigest())]
    (tmp_path / MANIFEST).write_bytes(msgspec.json.encode(Manifest("org/name", "abc", files)))
    worker = Worker("-m", "app", "worker", "qwen3", str(tmp_path))
    try:
        broken = worker.hear()
        assert isinstance(broken, wire.LoadFailed)
        assert broken.message.startswith("the weights are damaged: model.safetensors: is too short")
        assert broken.message.endswith("; not as downloaded: model.safetensors")
    finally:
        stop(worker)


def test_utterances_of_every_kind_pass_the_wire_unchanged() -> None:
    one: Utterance = utterance(voice=DEEP, sampling=Sampling(0.1, 2, 0.3, 1.4), instruct="Low.", max_seconds=2)
    one = replace(one, text_layout="beside")

    body = wire.packed(wire.Add([one]))[wire.LENGTH_BYTES :]

    assert wire.to_worker(body) == wire.Add([one])
