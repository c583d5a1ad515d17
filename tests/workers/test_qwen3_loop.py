"""The decode loop: the same codes as mlx-audio, whoever shares the batch; who runs when; and that nothing grows."""

# mlx-audio has no types, those of MLX are half unknown.
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
from app.workers.synthesis.qwen3 import cost_model, generator
from app.workers.synthesis.qwen3.attending import QUERIES
from app.workers.synthesis.qwen3.cost_model import Pace
from app.workers.synthesis.qwen3.generator import Loop
from app.workers.synthesis.qwen3.kv_cache import POSITIONS, ROWS, Slots, positions_for
from app.workers.synthesis.qwen3.model import Qwen3
from app.workers.synthesis.qwen3.sampling import FirstCode
from app.workers.synthesis.qwen3.sequence import RENDER_FRAMES, SPEAK_FRAMES, Row
from app.workers.synthesis.qwen3.step import Step
from app.workers.synthesis.qwen3.talker import Talker
from app.workers.synthesis.qwen3.vocoder import Vocoder, VocoderState
from tests.support.speaking import Spoken, collect, finish, speak
from tests.workers.codes import Codes, their_codes
from tests.workers.codes import said as said
from tests.workers.qwen3_checkpoints import (
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

GREEDY = Sampling(temperature=0)

#: Past the end of the first buffer, with the prompt.
FRAMES = 210

VIVIAN = VoiceSpec(VoiceKind.PRESET, "vivian")


@pytest.fixture(scope="module")
def eight(models: Models) -> Callable[[str], Qwen3]:
    """Models with room for eight rows, by kind; each loaded once."""
    loaded: dict[str, Qwen3] = {}

    def of_kind(kind: str) -> Qwen3:
        if kind not in loaded:
            options = {"size": "1b7"} if kind == "custom_voice" else {}
            loaded[kind] = Qwen3.load(models.folder(type=kind, **options), max_rows=8)
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
    models: Models, eight: Callable[[str], Qwen3], cloned: VoiceSpec, said: dict[int, list[Codes]], kind: str
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
        if len(model._rows) < 8 and chance.random() < 0.05:
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
        assert np.array_equal(np.stack(said[id])[:FRAMES], expected)


@pytest.mark.parametrize("rows", range(1, 9))
def test_codes_are_those_of_mlx_audio_in_a_batch_of_any_width(
    models: Models, preset: Qwen3, said: dict[int, list[Codes]], rows: int
) -> None:
    theirs: Any = load_theirs(models.folder(type="custom_voice", size="1b7"))
    theirs.talker.set_dtype(mx.float32)
    voices = [VoiceSpec(VoiceKind.PRESET, "ryan"), VIVIAN]
    wanted = [
        endless(voices[number % 2], id=number, sampling=GREEDY, max_seconds=1, language=("", "de")[number // 4])
        for number in range(rows)
    ]
    preset.add(wanted)

    finish(preset)

    for one in wanted[-2:]:
        language = "german" if one.language else "auto"
        expected = their_codes(theirs, 12, text=one.text, voice=one.voice.name, lang_code=language)
        assert np.array_equal(np.stack(said[one.id])[:12], expected)


@pytest.fixture
def shapes(monkeypatch: pytest.MonkeyPatch) -> set[tuple[Any, ...]]:
    """Of the steps that are taken: each would be compiled once."""
    found: set[tuple[Any, ...]] = set()
    step = Talker.step

    def noted(talker: Talker, slots: Slots, *rest: Any) -> Step:
        found.add((slots.rows, slots.positions, rest[3]))
        return step(talker, slots, *rest)

    monkeypatch.setattr(Talker, "step", noted)
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
def test_a_row_says_the_same_whoever_shares_the_batch(preset: Qwen3, monkeypatch: pytest.MonkeyPatch) -> None:
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
            monkeypatch.setattr(generator, "TICK_S", chance.choice([0.0, 1e9]))
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
    assert len({(rows, positions) for rows, positions, _ in shapes}) <= len(ROWS)
    assert {rows for rows, _, _ in shapes} <= set(ROWS)
    assert len({mode for _, _, mode in shapes}) <= 6
    assert preset.step() == []


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A number for each time that somebody waits for the machine."""
    found: list[int] = []
    evaluate = mx.eval

    def noted(*arrays: Any) -> None:
        found.append(1)
        evaluate(*arrays)

    monkeypatch.setattr(mx, "eval", noted)
    return found


@pytest.fixture(params=["quick", "slow"])
def steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether a tick launches everything, or no more than a piece."""
    monkeypatch.setattr(generator, "TICK_S", 1e9 if request.param == "quick" else 0.0)
    return request.param


@pytest.mark.parametrize("rows", [1, 3, 8])
def test_each_frame_is_waited_for_once_however_many_rows_and_pieces_there_are(
    preset: Qwen3, waits: list[int], rows: int, steps: str
) -> None:
    preset.add([endless(id=number) for number in range(rows)])

    def frames(count: int) -> int:
        """Until so many have been said by the last who came; how many ticks it took."""
        ticks = 0
        while rows - 1 not in preset._rows or preset._rows[rows - 1].known < count:
            preset.step()
            ticks += 1
        return ticks

    frames(4)
    waits.clear()

    ticks = frames(24)

    assert len(waits) == 20
    assert (ticks > 200) == (steps == "slow")
    for number in range(rows):
        preset.cancel(number)
    finish(preset)


def test_all_prompts_of_renders_are_in_before_the_first_of_them_speaks(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step of one row takes nearly as long as one of many."""
    monkeypatch.setattr(preset._loop._pace, "_position_s", 1.0)  # no time for more than the least
    preset.add([utterance("Word by word. " * 9, id=id, seed=id, max_seconds=0.3) for id in (1, 2, 3)])
    while len(preset._rows) < 3 or not all(row.ready for row in preset._rows.values()):
        preset.step()
        assert len(preset._rows) < 3 or all(row.said <= 2 for row in preset._rows.values())

    assert {one.reason for one in finish(preset).values()} == {FinishReason.LENGTH}


@pytest.mark.long
def test_a_listener_goes_before_eight_renders_and_they_lose_nothing(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator, "TICK_S", 1e9)
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

    assert first <= 4, "the row begins, its prompt, its first frame, its samples"
    assert {id: one.pcm for id, one in spoken.items()} == alone


@pytest.fixture
def slow(preset: Qwen3, monkeypatch: pytest.MonkeyPatch) -> Loop:
    """A loop that believes that no width keeps real time."""
    loop = preset._loop
    monkeypatch.setattr(cost_model, "REAL_TIME_SHARE", 0.0)
    return loop


@pytest.mark.long
def test_where_the_machine_is_too_slow_renders_rest_while_somebody_listens(preset: Qwen3, slow: Loop) -> None:
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
        running |= {row.utterance_id for row in slow._places.rows if row.slot is not None and row.said > 5}
    finish(preset, spoken)

    assert 9 in running
    assert {id: spoken[id].pcm for id in alone} == alone
    assert all(spoken[id].frames[-1].finish_reason is FinishReason.LENGTH for id in alone)


@pytest.mark.parametrize("end", range(12))
def test_an_end_at_any_place_of_a_stretch_is_one_end(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch, end: int, steps: str
) -> None:
    """Also where the end itself has been voiced before anybody looked at it. The vocoder is always given whole
    stretches, so that no sample depends on when the end was seen.
    """
    allowed, step = FirstCode.allowed, Vocoder.step
    lengths: set[int] = set()

    def noted(vocoder: Vocoder, codes: mx.array, state: VocoderState | None) -> tuple[mx.array, VocoderState]:
        lengths.add(codes.shape[-1])
        return step(vocoder, codes, state)

    def ends(first: FirstCode, logits: mx.array, history: mx.array, frames: mx.array, rest: Any) -> mx.array:
        logits = allowed(first, logits, history, frames, rest)
        codes = mx.arange(logits.shape[1])
        over = (frames == end)[:, None] & (codes == preset._loop._talker.end)
        return mx.where(over, 1e9, mx.where(codes == preset._loop._talker.end, -mx.inf, logits))

    monkeypatch.setattr(FirstCode, "allowed", ends)
    monkeypatch.setattr(Vocoder, "step", noted)
    preset.add([endless(id=1, lane=Lane.SPEAK), endless(id=2), endless(VIVIAN, id=3, lane=Lane.SPEAK, seed=4)])

    spoken = finish(preset)

    for one in spoken.values():
        assert one.reason is FinishReason.STOP
        assert len(one.pcm) == end * FRAME_BYTES
    assert lengths <= {*SPEAK_FRAMES, RENDER_FRAMES}


def test_prompts_are_put_in_by_whole_parts_however_much_time_there_is(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or their keys would depend on who else is there, where a kernel rounds one row differently beside others."""
    prefill = Talker.prefill
    parts: list[tuple[int, int]] = []

    def noted(talker: Talker, slots: Slots, slot: int, x: mx.array, start: int) -> None:
        parts.append((start, start + x.shape[1]))
        prefill(talker, slots, slot, x, start)

    monkeypatch.setattr(Talker, "prefill", noted)
    monkeypatch.setattr(cost_model, "PIECES", (QUERIES + 8,))
    wanted = [endless(RYAN, id=number, max_seconds=0.2, seed=number) for number in (1, 2, 3)]
    wanted = [replace(one, text=LONGER * 12) for one in wanted]
    prompts = [preset._prompts.of(one, None) for one in wanted]
    preset.add(wanted)

    finish(preset)

    sections = {prompts[0].common.shape[1], *(prompt.positions - 1 for prompt in prompts)}
    cut = [(start, end) for start, end in parts if end not in sections]
    assert len(cut) >= 3
    assert all((end - start) % QUERIES == 0 for start, end in cut)


@pytest.mark.long
def test_a_long_row_that_rested_comes_back_beside_a_new_listener(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listener's prompt is known, and much shorter than what the row has to put back."""
    long = endless(id=1, max_seconds=24)
    expected = speak(preset, long).pcm
    speak(preset, utterance(TEXT, VIVIAN))
    spoken: dict[int, Spoken] = {}
    preset.add([long])
    while 1 not in preset._rows or preset._rows[1].said < 260:
        collect(spoken, preset.step())
    monkeypatch.setattr(cost_model, "REAL_TIME_SHARE", 0.0)
    preset.add([endless(VIVIAN, id=2, lane=Lane.SPEAK, max_seconds=9)])
    while preset._rows[1].slot is not None or 2 not in spoken:
        collect(spoken, preset.step())

    monkeypatch.setattr(cost_model, "REAL_TIME_SHARE", 1e9)
    preset.cancel(2)
    preset.add([endless(VIVIAN, id=3, lane=Lane.SPEAK, max_seconds=1)])
    finish(preset, spoken)

    assert spoken[1].pcm == expected
    assert spoken[3].reason is FinishReason.LENGTH


def test_a_width_that_was_too_slow_is_tried_again_after_a_while() -> None:
    now = 100.0
    seen = Pace(lambda: now)
    for rows, took_s in ((1, 0.01), (2, 0.2)):
        seen.stepped(rows, took_s)
    assert seen.width == 1

    now += cost_model.REMEMBERED_S + 1
    seen.stepped(1, 0.01)

    assert seen.width == 2
    seen.stepped(2, 0.02)
    assert seen.width == 4


def test_a_piece_of_a_prompt_is_as_long_as_there_is_time_for() -> None:
    seen = Pace(lambda: 0.0)

    def pieces() -> tuple[int, int, int]:
        """Beside somebody who listens, of renders alone, and for one who cannot be heard before."""
        beside = seen.piece(listened_to=True, awaited=True), seen.piece(listened_to=True, awaited=False)
        assert beside[0] == beside[1]
        return beside[0], seen.piece(listened_to=False, awaited=False), seen.piece(listened_to=False, awaited=True)

    assert pieces() == (32, 256, 256)
    found: list[tuple[int, int, int]] = []
    for position_s in (1e-5, 3e-4, 1e-3, 1.0):
        for _ in range(30):
            seen.prefilled(100, 100 * position_s)
        found.append(pieces())

    assert found == [(256, 256, 256), (64, 256, 256), (32, 64, 256), (32, 32, 256)]


@pytest.mark.long
def test_no_more_rows_run_than_memory_has_room_for(preset: Qwen3, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = preset._loop
    wanted = [endless(id=number, seed=number, max_seconds=0.8) for number in range(6)]
    alone = {one.id: speak(preset, one).pcm for one in wanted}
    a_row = positions_for(60) * loop._slots.position_bytes
    monkeypatch.setattr(loop._places, "_budget_bytes", 2 * a_row)
    preset.add(wanted)
    widths: set[int] = set()
    spoken: dict[int, Spoken] = {}
    while frames := preset.step():
        collect(spoken, frames)
        widths.add(sum(row.slot is not None for row in loop._places.rows))

    assert max(widths) == 2
    assert {id: one.pcm for id, one in spoken.items()} == alone


def test_a_row_too_long_for_any_memory_runs_alone(preset: Qwen3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preset._loop._places, "_budget_bytes", 1)
    preset.add([utterance(id=1), utterance(id=2)])

    assert {one.reason for one in finish(preset).values()} == {FinishReason.STOP}


def test_what_a_prompt_has_in_common_with_others_is_put_in_once(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Qwen3.load(models.folder(type="custom_voice", size="1b7"), max_rows=8)
    positions: list[int] = []
    prefill = Talker.prefill

    def noted(talker: Talker, slots: Slots, slot: int, x: mx.array, start: int) -> None:
        positions.append(x.shape[1])
        prefill(talker, slots, slot, x, start)

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


def test_a_long_prompt_is_put_in_by_pieces_while_somebody_listens(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions: list[int] = []
    prefill = Talker.prefill

    def noted(talker: Talker, slots: Slots, slot: int, x: mx.array, start: int) -> None:
        positions.append(x.shape[1])
        prefill(talker, slots, slot, x, start)

    long = utterance("Word by word. " * 30, id=2, max_seconds=0.3)
    expected = speak(preset, long).pcm
    preset.add([endless(id=1, lane=Lane.SPEAK, max_seconds=3)])
    for _ in range(4):
        preset.step()
    monkeypatch.setattr(Talker, "prefill", noted)
    monkeypatch.setattr(preset._loop._pace, "_position_s", 1.0)  # no time for more than the least
    preset.add([long])

    spoken = finish(preset)

    assert len(positions) > 3
    assert max(positions) <= cost_model.PIECES[0]
    assert spoken[2].pcm == expected


def test_buffers_have_few_sizes() -> None:
    assert [positions_for(length) for length in (1, 256, 257, 32_768)] == [256, 256, 512, 32_768]
    with pytest.raises(ValueError, match="32,769"):
        positions_for(POSITIONS[-1] + 1)


def test_a_reference_is_heard_through_by_pieces(
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
    """Four listeners with two chunks each have all rows; the fifth does not wait for any of those to end."""
    monkeypatch.setattr(generator, "TICK_S", 1e9)
    jobs = [(endless(id=2 * n + 1, lane=Lane.SPEAK, max_seconds=2), 2 * n + 2) for n in range(4)]
    later = [replace(first, id=second, after=first.id, seed=5) for first, second in jobs]
    alone = {one.id: speak(preset, one).pcm for one in (*(first for first, _ in jobs), *later)}
    spoken: dict[int, Spoken] = {}
    preset.add([one for pair in zip((first for first, _ in jobs), later, strict=True) for one in pair])
    for _ in range(12):
        collect(spoken, preset.step())
    assert all(row.slot is not None for row in preset._loop._places.rows)

    preset.add([utterance(TEXT, VIVIAN, id=99, lane=Lane.SPEAK)])
    steps = 0
    while 99 not in spoken or not spoken[99].pcm:
        steps += 1
        collect(spoken, preset.step())
    finish(preset, spoken)

    assert steps <= 5
    assert {id: spoken[id].pcm for id in alone} == alone


def test_numbers_that_are_none_stay_with_the_row_that_has_come_to_them(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither who is beside it nor who comes to its slot has any of them."""
    beside, after = endless(id=1, max_seconds=2), utterance(id=3, seed=3)
    alone = {one.id: speak(preset, one).pcm for one in (beside, after)}
    inputs = Row.inputs

    def spoiled(row: Row, start: int, end: int) -> mx.array:
        found = inputs(row, start, end)
        return found * mx.nan if row.utterance_id == 2 else found

    monkeypatch.setattr(Row, "inputs", spoiled)
    preset.add([beside, utterance(LONGER, VIVIAN, id=2)])
    spoken: dict[int, Spoken] = {}
    while 2 not in spoken or not spoken[2].frames[-1].final:
        collect(spoken, preset.step())
    preset.add([after])
    finish(preset, spoken)

    assert (spoken[2].reason, spoken[2].pcm) == (FinishReason.ERROR, b"")
    assert "NaN or infinite values" in spoken[2].frames[-1].error
    assert {id: spoken[id].pcm for id in alone} == alone
