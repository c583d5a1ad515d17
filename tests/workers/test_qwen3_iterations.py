"""What an iteration of the decode loop waits for, where utterances end, and how much memory sequences have."""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import pytest

from app.inference.model import FinishReason, Lane, VoiceKind, VoiceSpec
from app.workers.synthesis.qwen3.kv_cache import POSITIONS, round_up_positions
from app.workers.synthesis.qwen3.model import Qwen3
from app.workers.synthesis.qwen3.sampling import FirstCodeProcessor
from app.workers.synthesis.qwen3.sequence import RENDER_FRAMES, SPEAK_FRAMES
from app.workers.synthesis.qwen3.vocoder import Vocoder, VocoderState
from tests.support.qwen3_checkpoints import (
    FRAME_BYTES,
    endless,
    utterance,
)
from tests.support.speaking import Spoken, collect, finish, speak
from tests.support.variants import in_test_long, mostly_in_test_long

VIVIAN = VoiceSpec(VoiceKind.PRESET, "vivian")


@pytest.fixture(scope="module")
def preset(eight: Callable[[str], Qwen3]) -> Qwen3:
    return eight("custom_voice")


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


@pytest.mark.parametrize("width", [3, *in_test_long(1, 8)])
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


@pytest.mark.parametrize("end", mostly_in_test_long(range(12), but=(0, 4)))
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


def test_buffers_have_few_sizes() -> None:
    assert [round_up_positions(length) for length in (1, 256, 257, 32_768)] == [256, 256, 512, 32_768]
    with pytest.raises(ValueError, match="32,769"):
        round_up_positions(POSITIONS[-1] + 1)


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
