"""Which codes are generated: those of mlx-audio, and the same bytes, whatever shares the batch."""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable
from functools import partialmethod
from random import Random
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from msgspec.structs import replace

from app.inference.model import FinishReason, Lane, Sampling, Utterance, VoiceKind, VoiceSpec
from app.workers.synthesis.qwen3.kv_cache import SLOTS, KVCache
from app.workers.synthesis.qwen3.model import Qwen3
from app.workers.synthesis.qwen3.sequence import SpeechSequence
from app.workers.synthesis.qwen3.step_graph import StepGraph
from app.workers.synthesis.qwen3.talker import Talker
from tests.support.lazily import lazily
from tests.support.qwen3_checkpoints import (
    DEEP,
    LONGER,
    RYAN,
    TEXT,
    Models,
    endless,
    tone,
    utterance,
)
from tests.support.qwen3_codes import Codes, their_codes
from tests.support.qwen3_codes import generated as generated
from tests.support.speaking import Spoken, collect, finish, speak
from tests.support.variants import mostly_in_test_long

mlx_audio = lazily("mlx_audio.tts")
qwen3_tts = lazily("mlx_audio.tts.models.qwen3_tts.qwen3_tts")

GREEDY = Sampling(temperature=0)

#: Past the end of the first buffer, with the prompt.
FRAMES = 210

VIVIAN = VoiceSpec(VoiceKind.PRESET, "vivian")


@pytest.fixture(scope="module")
def preset(eight: Callable[[str], Qwen3]) -> Qwen3:
    return eight("custom_voice")


@pytest.fixture
def whole_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has mlx-audio's penalty look back as far as that of the official code and ours: it looks back 64 frames."""
    sample = partialmethod(qwen3_tts.Model._sample_token, repetition_context_size=FRAMES)
    monkeypatch.setattr(qwen3_tts.Model, "_sample_token", sample)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["custom_voice", "voice_design", "base"])
@pytest.mark.usefixtures("whole_take")
def test_codes_are_those_of_mlx_audio_in_a_batch_that_grows_and_shrinks(
    models: Models, eight: Callable[[str], Qwen3], cloned: VoiceSpec, generated: dict[int, list[Codes]], kind: str
) -> None:
    """Of prompts of every layout; one is spoken past the end of its buffers while others come and go at random."""
    options = {"size": "1b7"} if kind == "custom_voice" else {}
    theirs: Any = mlx_audio.load(models.folder(type=kind, **options))
    theirs.talker.set_dtype(mx.float32)
    voice = {"custom_voice": RYAN, "voice_design": DEEP, "base": cloned}[kind]
    told: dict[str, Any] = {
        "custom_voice": {"voice": "ryan", "instruct": "Whisper."},
        "voice_design": {"instruct": "A deep voice."},
        "base": {"ref_audio": mx.array(tone() / np.float32(32_768)), "ref_text": "I"},
    }[kind]
    instruct = "Whisper." if kind == "custom_voice" else ""
    expected = their_codes(theirs, FRAMES, text="A ∞.", **told)
    model, chance = eight(kind), Random(3)
    # mlx-audio gives a clone no less than 1.5, whatever it is told.
    greedy = Sampling(temperature=0, repetition_penalty=1.5) if kind == "base" else GREEDY
    one = endless(voice, instruct=instruct, sampling=greedy, max_seconds=FRAMES / 12.5, lane=Lane.SPEAK)
    twins = [replace(one, id=number, lane=Lane.RENDER) for number in (2, 3)]
    spoken: dict[int, Spoken] = {}
    model.add([one, *twins])
    number = 3
    while any(id not in spoken or not spoken[id].frames[-1].final for id in (1, 2, 3)):
        if len(model.generator.stats().sequences) < 8 and chance.random() < 0.05:
            number += 1
            lane = chance.choice(list(Lane))
            model.add([endless(voice, id=number, lane=lane, seed=number, max_seconds=chance.choice([0.4, 2]))])
        if number > 3 and chance.random() < 0.03:
            model.cancel(chance.randint(4, number))
        collect(spoken, model.step())
    finish(model, spoken)

    assert number > 8
    for id in (1, 2, 3):
        assert spoken[id].reason is FinishReason.LENGTH
        assert np.array_equal(np.stack(generated[id])[:FRAMES], expected)


@pytest.mark.parametrize("width", mostly_in_test_long(range(1, 9), but=(1, 5)))
def test_codes_are_those_of_mlx_audio_in_a_batch_of_any_width(
    models: Models, preset: Qwen3, generated: dict[int, list[Codes]], width: int
) -> None:
    theirs: Any = mlx_audio.load(models.folder(type="custom_voice", size="1b7"))
    theirs.talker.set_dtype(mx.float32)
    voices = [VoiceSpec(VoiceKind.PRESET, "ryan"), VIVIAN]
    wanted = [
        endless(voices[number % 2], id=number, sampling=GREEDY, max_seconds=1, language=("", "de")[number // 4])
        for number in range(width)
    ]
    preset.add(wanted)

    finish(preset)

    for one in wanted[-2:]:
        language = "german" if one.language else "auto"
        expected = their_codes(theirs, 12, text=one.text, voice=one.voice.name, lang_code=language)
        assert np.array_equal(np.stack(generated[one.id])[:12], expected)


def mixed(chance: Random, number: int, voices: list[VoiceSpec]) -> Utterance:
    return utterance(
        chance.choice([TEXT, LONGER, "No."]),
        chance.choice(voices),
        text_layout=chance.choice(["before", "beside"]),
        id=number,
        lane=chance.choice([Lane.SPEAK, Lane.RENDER, Lane.RENDER]),
        seed=number % 5,
        sampling=chance.choice([Sampling(), GREEDY, Sampling(top_p=0.8), Sampling(top_k=0)]),
        max_seconds=chance.choice([0.2, 0.5, 3]),
    )


@pytest.mark.long
def test_an_utterance_has_the_same_bytes_whatever_shares_the_batch(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = Random(1)
    wanted = [mixed(chance, number, [RYAN, VIVIAN]) for number in range(24)]
    alone = {one.id: speak(preset, replace(one, lane=Lane.RENDER)).pcm for one in wanted}
    spoken: dict[int, Spoken] = {}
    waiting = [replace(one, lane=Lane.RENDER) for one in wanted]

    while waiting or any(not one.frames[-1].final for one in spoken.values()):
        for _ in range(chance.randrange(3)):
            if waiting:
                preset.add([waiting.pop()])
        if chance.random() < 0.1:
            monkeypatch.setattr(preset.generator, "max_iteration_s", chance.choice([0.0, 1e9]))
        if chance.random() < 0.2:
            preset.add([endless(id=1_000 + chance.randrange(10**6), lane=Lane.SPEAK, max_seconds=0.2)])
        collect(spoken, preset.step())
        for id in [id for id in spoken if id >= 1_000 and spoken[id].frames[-1].final]:
            del spoken[id]
    finish(preset, spoken)

    assert {id: one.pcm for id, one in spoken.items() if id < 1_000} == alone


@pytest.fixture
def shapes(monkeypatch: pytest.MonkeyPatch) -> set[tuple[Any, ...]]:
    """Of the steps that are taken: each would be compiled once."""
    found: set[tuple[Any, ...]] = set()
    step = Talker.build_step

    def noted(talker: Talker, cache: KVCache, *rest: Any) -> StepGraph:
        found.add((cache.slots, cache.positions, rest[3]))
        return step(talker, cache, *rest)

    monkeypatch.setattr(Talker, "build_step", noted)
    return found


@pytest.mark.long
def test_nothing_grows_over_hundreds_of_requests(preset: Qwen3, shapes: set[tuple[Any, ...]]) -> None:
    chance = Random(2)

    def serve(requests: int) -> int:
        for start in range(0, requests, 25):
            some = [mixed(chance, start + number, [RYAN, VIVIAN]) for number in range(25)]
            preset.add([replace(one, max_seconds=chance.choice([0.08, 0.3])) for one in some])
            for number in range(0, 25, 6):
                preset.cancel(start + number)
            finish(preset)
        return mx.get_active_memory()

    before = serve(50)
    after = serve(500)

    assert after - before < 1 << 20
    assert len({(slots, positions) for slots, positions, _ in shapes}) <= len(SLOTS)
    assert {slots for slots, _, _ in shapes} <= set(SLOTS)
    assert len({mode for _, _, mode in shapes}) <= 6
    assert preset.step() == []


def test_nan_stays_with_the_sequence_that_has_it(preset: Qwen3, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the sequence beside it nor the next one in its slot has any."""
    beside, after = endless(id=1, max_seconds=2), utterance(id=3, seed=3)
    alone = {one.id: speak(preset, one).pcm for one in (beside, after)}
    slice_prompt = SpeechSequence.slice_prompt

    def spoiled(sequence: SpeechSequence, start: int, end: int) -> mx.array:
        found = slice_prompt(sequence, start, end)
        return found * mx.nan if sequence.utterance_id == 2 else found

    monkeypatch.setattr(SpeechSequence, "slice_prompt", spoiled)
    preset.add([beside, utterance(LONGER, VIVIAN, id=2)])
    spoken: dict[int, Spoken] = {}
    while 2 not in spoken or not spoken[2].frames[-1].final:
        collect(spoken, preset.step())
    preset.add([after])
    finish(preset, spoken)

    assert (spoken[2].reason, spoken[2].pcm) == (FinishReason.ERROR, b"")
    assert "NaN or infinite values" in spoken[2].frames[-1].error
    assert {id: spoken[id].pcm for id in alone} == alone
