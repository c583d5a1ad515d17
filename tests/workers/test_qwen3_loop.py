"""The decode loop: the same codes as mlx-audio whatever shares the batch, which sequences run when, and that
nothing grows.
"""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateUsage=false

from collections.abc import Callable
from functools import partialmethod
from pathlib import Path
from random import Random
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx_audio.tts.models.qwen3_tts.qwen3_tts import Model as Theirs
from mlx_audio.tts.utils import load as load_theirs
from msgspec.structs import replace

from app.inference.model import FinishReason, Lane, Sampling, Utterance, VoiceKind, VoiceSpec
from app.workers.synthesis.qwen3 import cost_model
from app.workers.synthesis.qwen3.attention import QUERIES
from app.workers.synthesis.qwen3.cost_model import CostModel
from app.workers.synthesis.qwen3.kv_cache import POSITIONS, SLOTS, KVCache, round_up_positions
from app.workers.synthesis.qwen3.model import Qwen3
from app.workers.synthesis.qwen3.prompts import Prompt, PromptBuilder
from app.workers.synthesis.qwen3.sampling import FirstCodeProcessor
from app.workers.synthesis.qwen3.sequence import RENDER_FRAMES, SPEAK_FRAMES, SpeechSequence
from app.workers.synthesis.qwen3.step_graph import StepGraph
from app.workers.synthesis.qwen3.talker import Talker
from app.workers.synthesis.qwen3.vocoder import Vocoder, VocoderState
from tests.support.qwen3_checkpoints import (
    DEEP,
    FRAME_BYTES,
    LONGER,
    RYAN,
    TEXT,
    Models,
    clone,
    endless,
    tone,
    utterance,
)
from tests.support.qwen3_codes import Codes, their_codes
from tests.support.qwen3_codes import generated as generated
from tests.support.speaking import Spoken, collect, finish, speak

GREEDY = Sampling(temperature=0)

#: Past the end of the first buffer, with the prompt.
FRAMES = 210

VIVIAN = VoiceSpec(VoiceKind.PRESET, "vivian")


@pytest.fixture(scope="module")
def eight(models: Models) -> Callable[[str], Qwen3]:
    """Models with room for eight sequences, by kind; each loaded once."""
    loaded: dict[str, Qwen3] = {}

    def of_kind(kind: str) -> Qwen3:
        if kind not in loaded:
            options = {"size": "1b7"} if kind == "custom_voice" else {}
            loaded[kind] = Qwen3.load(models.folder(type=kind, **options), max_sequences=8)
        return loaded[kind]

    return of_kind


@pytest.fixture(scope="module")
def preset(eight: Callable[[str], Qwen3]) -> Qwen3:
    return eight("custom_voice")


@pytest.fixture
def whole_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has mlx-audio's penalty look back as far as that of the official code and ours: it looks back 64 frames."""
    sample = partialmethod(Theirs._sample_token, repetition_context_size=FRAMES)
    monkeypatch.setattr(Theirs, "_sample_token", sample)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["custom_voice", "voice_design", "base"])
@pytest.mark.usefixtures("whole_take")
def test_codes_are_those_of_mlx_audio_in_a_batch_that_grows_and_shrinks(
    models: Models, eight: Callable[[str], Qwen3], cloned: VoiceSpec, generated: dict[int, list[Codes]], kind: str
) -> None:
    """Of prompts of every layout; one is spoken past the end of its buffers while others come and go at random."""
    options = {"size": "1b7"} if kind == "custom_voice" else {}
    theirs: Any = load_theirs(models.folder(type=kind, **options))
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


@pytest.mark.parametrize("width", range(1, 9))
def test_codes_are_those_of_mlx_audio_in_a_batch_of_any_width(
    models: Models, preset: Qwen3, generated: dict[int, list[Codes]], width: int
) -> None:
    theirs: Any = load_theirs(models.folder(type="custom_voice", size="1b7"))
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


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An entry for each time that the loop waits for the machine."""
    found: list[int] = []
    evaluate = mx.eval

    def noted(*arrays: Any) -> None:
        found.append(1)
        evaluate(*arrays)

    monkeypatch.setattr(mx, "eval", noted)
    return found


@pytest.fixture(params=["quick", "slow"])
def steps(preset: Qwen3, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether an iteration launches everything, or no more than a unit."""
    monkeypatch.setattr(preset.generator, "max_iteration_s", 1e9 if request.param == "quick" else 0.0)
    return request.param


@pytest.mark.parametrize("width", [1, 3, 8])
def test_each_frame_is_waited_for_once_however_many_sequences_and_launch_units_there_are(
    preset: Qwen3, waits: list[int], width: int, steps: str
) -> None:
    preset.add([endless(id=number) for number in range(width)])

    def frames(count: int) -> int:
        """Step until this many of the last sequence have been checked; returns how many iterations it took."""
        iterations = 0
        while True:
            last = preset.generator.stats().sequences.get(width - 1)
            if last is not None and last.checked >= count:
                return iterations
            preset.step()
            iterations += 1

    frames(4)
    waits.clear()

    iterations = frames(24)

    assert len(waits) == 20
    assert (iterations > 200) == (steps == "slow")
    for number in range(width):
        preset.cancel(number)
    finish(preset)


def test_all_prompts_of_renders_are_prefilled_before_the_first_of_them_generates(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step of one sequence takes nearly as long as one of many."""
    monkeypatch.setattr(preset.generator.cost_model, "position_s", 1.0)  # no time for more than the smallest chunk
    preset.add([utterance("Word by word. " * 9, id=id, seed=id, max_seconds=0.3) for id in (1, 2, 3)])
    sequences = preset.generator.stats().sequences
    while len(sequences) < 3 or not all(each.is_prefilled for each in sequences.values()):
        preset.step()
        sequences = preset.generator.stats().sequences
        assert len(sequences) < 3 or all(each.generated <= 2 for each in sequences.values())

    assert {one.reason for one in finish(preset).values()} == {FinishReason.LENGTH}


@pytest.mark.long
def test_a_listener_goes_before_eight_renders_and_they_lose_nothing(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preset.generator, "max_iteration_s", 1e9)
    renders = [utterance(LONGER, id=number, seed=number) for number in range(8)]
    heard = utterance(LONGER, VIVIAN, id=99, lane=Lane.SPEAK)
    alone = {one.id: speak(preset, one).pcm for one in (*renders, heard)}
    spoken: dict[int, Spoken] = {}
    preset.add(renders)
    for _ in range(9):
        collect(spoken, preset.step())

    preset.add([heard])
    first = 0
    while 99 not in spoken or not spoken[99].pcm:
        first += 1
        collect(spoken, preset.step())
    finish(preset, spoken)

    assert first <= 4, "it becomes a sequence, its prompt, its first frame, its audio"
    assert {id: one.pcm for id, one in spoken.items()} == alone


@pytest.mark.long
def test_where_the_machine_is_too_slow_renders_are_preempted_while_somebody_listens(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preset.generator.cost_model, "real_time_share", 0.0)  # as if no width kept real time
    renders = [endless(id=number, seed=number, max_seconds=1) for number in range(3)]
    alone = {one.id: speak(preset, one).pcm for one in renders}
    spoken: dict[int, Spoken] = {}
    preset.add(renders)
    for _ in range(6):
        collect(spoken, preset.step())

    preset.add([endless(id=9, lane=Lane.SPEAK, max_seconds=0.8)])
    running: set[int] = set()
    while 9 not in spoken or not spoken[9].frames[-1].final:
        collect(spoken, preset.step())
        sequences = preset.generator.stats().sequences
        running |= {id for id, each in sequences.items() if each.has_slot and each.generated > 5}
    finish(preset, spoken)

    assert 9 in running
    assert {id: spoken[id].pcm for id in alone} == alone
    assert all(spoken[id].frames[-1].finish_reason is FinishReason.LENGTH for id in alone)


@pytest.mark.parametrize("end", range(12))
def test_an_end_at_any_place_of_a_segment_is_one_end(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch, end: int, steps: str
) -> None:
    """Also where the end code itself was decoded to audio before it was read. The vocoder is always given whole
    segments, so that no sample depends on when the end was read.
    """
    process, step = FirstCodeProcessor.process, Vocoder.step
    lengths: set[int] = set()

    def noted(vocoder: Vocoder, codes: mx.array, state: VocoderState | None) -> tuple[mx.array, VocoderState]:
        lengths.add(codes.shape[-1])
        return step(vocoder, codes, state)

    def ends(
        first: FirstCodeProcessor, logits: mx.array, history: mx.array, frames: mx.array, rest: Any
    ) -> mx.array:
        logits = process(first, logits, history, frames, rest)
        codes = mx.arange(logits.shape[1])
        is_end = codes == preset.generator.talker.end_code
        return mx.where((frames == end)[:, None] & is_end, 1e9, mx.where(is_end, -mx.inf, logits))

    monkeypatch.setattr(FirstCodeProcessor, "process", ends)
    monkeypatch.setattr(Vocoder, "step", noted)
    preset.add([endless(id=1, lane=Lane.SPEAK), endless(id=2), endless(VIVIAN, id=3, lane=Lane.SPEAK, seed=4)])

    spoken = finish(preset)

    for one in spoken.values():
        assert one.reason is FinishReason.STOP
        assert len(one.pcm) == end * FRAME_BYTES
    assert lengths <= {*SPEAK_FRAMES, RENDER_FRAMES}


def test_prefill_chunks_are_multiples_of_what_attention_takes_however_much_time_there_is(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or keys would depend on the other sequences, where a kernel rounds a row differently beside others."""
    prefill, build = Talker.prefill, PromptBuilder.build
    parts: list[tuple[int, int]] = []
    prompts: list[Prompt] = []

    def noted(talker: Talker, cache: KVCache, slot: int, x: mx.array, start: int) -> None:
        parts.append((start, start + x.shape[1]))
        prefill(talker, cache, slot, x, start)

    def noted_build(builder: PromptBuilder, *wanted: Any) -> Prompt:
        prompts.append(build(builder, *wanted))
        return prompts[-1]

    monkeypatch.setattr(Talker, "prefill", noted)
    monkeypatch.setattr(PromptBuilder, "build", noted_build)
    monkeypatch.setattr(cost_model, "PREFILL_CHUNKS", (QUERIES + 8,))
    wanted = [endless(RYAN, id=number, max_seconds=0.2, seed=number) for number in (1, 2, 3)]
    wanted = [replace(one, text=LONGER * 12) for one in wanted]
    preset.add(wanted)

    finish(preset)

    sections = {prompts[0].prefix.shape[1], *(prompt.positions - 1 for prompt in prompts)}
    cut = [(start, end) for start, end in parts if end not in sections]
    assert len(cut) >= 3
    assert all((end - start) % QUERIES == 0 for start, end in cut)


@pytest.mark.long
def test_a_long_sequence_that_was_preempted_comes_back_beside_a_new_listener(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listener's prompt is kept, and much shorter than what has to be swapped in."""
    long = endless(id=1, max_seconds=24)
    expected = speak(preset, long).pcm
    speak(preset, utterance(TEXT, VIVIAN))
    spoken: dict[int, Spoken] = {}
    preset.add([long])
    stats = preset.generator.stats
    while 1 not in stats().sequences or stats().sequences[1].generated < 260:
        collect(spoken, preset.step())
    monkeypatch.setattr(preset.generator.cost_model, "real_time_share", 0.0)
    preset.add([endless(VIVIAN, id=2, lane=Lane.SPEAK, max_seconds=9)])
    while stats().sequences[1].has_slot or 2 not in spoken:
        collect(spoken, preset.step())

    monkeypatch.setattr(preset.generator.cost_model, "real_time_share", 1e9)
    preset.cancel(2)
    preset.add([endless(VIVIAN, id=3, lane=Lane.SPEAK, max_seconds=1)])
    finish(preset, spoken)

    assert spoken[1].pcm == expected
    assert spoken[3].reason is FinishReason.LENGTH


def test_a_width_that_was_too_slow_is_tried_again_after_a_while() -> None:
    now = 100.0
    costs = CostModel(lambda: now)
    for sequences, took_s in ((1, 0.01), (2, 0.2)):
        costs.record_step(sequences, took_s)
    assert costs.real_time_sequences == 1

    now += cost_model.VALID_S + 1
    costs.record_step(1, 0.01)

    assert costs.real_time_sequences == 2
    costs.record_step(2, 0.02)
    assert costs.real_time_sequences == 4


def test_a_prefill_chunk_is_as_long_as_there_is_time_for() -> None:
    costs = CostModel(lambda: 0.0)

    def chunks() -> tuple[int, int, int]:
        """Beside somebody who listens, of renders alone, and for one who cannot be heard before."""
        beside, also_beside, alone, awaited = (
            costs.budget_prefill(has_prefilled_listener=has_prefilled_listener, awaiting_first_audio=awaiting)
            for has_prefilled_listener, awaiting in ((True, True), (True, False), (False, False), (False, True))
        )
        assert beside == also_beside
        return beside, alone, awaited

    assert chunks() == (32, 256, 256)
    found: list[tuple[int, int, int]] = []
    for position_s in (1e-5, 3e-4, 1e-3, 1.0):
        for _ in range(30):
            costs.record_prefill(100, 100 * position_s)
        found.append(chunks())

    assert found == [(256, 256, 256), (64, 256, 256), (32, 64, 256), (32, 32, 256)]


@pytest.mark.long
def test_no_more_sequences_run_than_memory_has_room_for(preset: Qwen3, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = preset.generator
    wanted = [endless(id=number, seed=number, max_seconds=0.8) for number in range(6)]
    alone = {one.id: speak(preset, one).pcm for one in wanted}
    one = round_up_positions(60) * generator.stats().position_bytes
    monkeypatch.setattr(generator.allocator, "budget_bytes", 2 * one)
    preset.add(wanted)
    widths: set[int] = set()
    spoken: dict[int, Spoken] = {}
    while frames := preset.step():
        collect(spoken, frames)
        widths.add(sum(each.has_slot for each in generator.stats().sequences.values()))

    assert max(widths) == 2
    assert {id: one.pcm for id, one in spoken.items()} == alone


def test_a_sequence_too_long_for_any_memory_runs_alone(preset: Qwen3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preset.generator.allocator, "budget_bytes", 1)
    preset.add([utterance(id=1), utterance(id=2)])

    assert {one.reason for one in finish(preset).values()} == {FinishReason.STOP}


def test_a_prefix_that_prompts_share_is_prefilled_once(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Qwen3.load(models.folder(type="custom_voice", size="1b7"), max_sequences=8)
    positions: list[int] = []
    prefill = Talker.prefill

    def noted(talker: Talker, cache: KVCache, slot: int, x: mx.array, start: int) -> None:
        positions.append(x.shape[1])
        prefill(talker, cache, slot, x, start)

    monkeypatch.setattr(Talker, "prefill", noted)
    first = speak(model, utterance(instruct="In a whisper.")).pcm
    whole = sum(positions)
    positions.clear()

    again = speak(model, utterance(instruct="In a whisper.")).pcm

    assert again == first
    assert sum(positions) < whole / 2
    positions.clear()
    speak(model, utterance(instruct="In a roar."))
    assert sum(positions) > whole / 2


def test_a_long_prompt_is_prefilled_by_chunks_while_somebody_listens(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions: list[int] = []
    prefill = Talker.prefill

    def noted(talker: Talker, cache: KVCache, slot: int, x: mx.array, start: int) -> None:
        positions.append(x.shape[1])
        prefill(talker, cache, slot, x, start)

    long = utterance("Word by word. " * 30, id=2, max_seconds=0.3)
    expected = speak(preset, long).pcm
    preset.add([endless(id=1, lane=Lane.SPEAK, max_seconds=3)])
    for _ in range(4):
        preset.step()
    monkeypatch.setattr(Talker, "prefill", noted)
    monkeypatch.setattr(preset.generator.cost_model, "position_s", 1.0)  # no time for more than the smallest
    preset.add([long])

    spoken = finish(preset)

    assert len(positions) > 3
    assert max(positions) <= cost_model.PREFILL_CHUNKS[0]
    assert spoken[2].pcm == expected


def test_buffers_have_few_sizes() -> None:
    assert [round_up_positions(length) for length in (1, 256, 257, 32_768)] == [256, 256, 512, 32_768]
    with pytest.raises(ValueError, match="32,769"):
        round_up_positions(POSITIONS[-1] + 1)


def test_a_reference_is_decoded_by_a_few_frames_at_once(
    eight: Callable[[str], Qwen3], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that cancels and listeners need not wait for all of it."""
    model = eight("base")
    voice = clone(tmp_path, tone(180, 40))
    model.add([utterance(voice=voice, id=1)])
    steps = 0
    spoken: dict[int, Spoken] = {}
    while 1 not in spoken or not spoken[1].pcm:
        steps += 1
        collect(spoken, model.step())

    assert steps >= 40 // 12 + 1
    finish(model, spoken)
    assert speak(model, utterance(voice=voice)).pcm == spoken[1].pcm


@pytest.mark.long
def test_a_listener_goes_before_what_others_will_hear_later(preset: Qwen3, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four listeners with two chunks each have all slots; the fifth does not wait for any of those to end."""
    monkeypatch.setattr(preset.generator, "max_iteration_s", 1e9)
    jobs = [(endless(id=2 * n + 1, lane=Lane.SPEAK, max_seconds=2), 2 * n + 2) for n in range(4)]
    later = [replace(first, id=second, after=first.id, seed=5) for first, second in jobs]
    alone = {one.id: speak(preset, one).pcm for one in (*(first for first, _ in jobs), *later)}
    spoken: dict[int, Spoken] = {}
    preset.add([one for pair in zip((first for first, _ in jobs), later, strict=True) for one in pair])
    for _ in range(12):
        collect(spoken, preset.step())
    assert all(each.has_slot for each in preset.generator.stats().sequences.values())

    preset.add([utterance(TEXT, VIVIAN, id=99, lane=Lane.SPEAK)])
    steps = 0
    while 99 not in spoken or not spoken[99].pcm:
        steps += 1
        collect(spoken, preset.step())
    finish(preset, spoken)

    assert steps <= 5
    assert {id: spoken[id].pcm for id in alone} == alone


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
