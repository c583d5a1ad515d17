"""Listeners before renders, and cancellation: Qwen3-TTS as a `Model` that serves several utterances."""

# mlx-audio has no types, MLX's are partly unknown, and those of transformers are too many.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from msgspec.structs import replace

from app.inference.model import FinishReason, Lane, VoiceSpec
from app.workers.synthesis.qwen3.model import Qwen3
from tests.support.qwen3_checkpoints import (
    EMPTY,
    LONGER,
    TEXT,
    Alone,
    endless,
    utterance,
)
from tests.support.qwen3_fixtures import base as base
from tests.support.qwen3_fixtures import begun as begun
from tests.support.qwen3_fixtures import other as other
from tests.support.qwen3_fixtures import preset as preset
from tests.support.qwen3_fixtures import speaker as speaker
from tests.support.speaking import Spoken, collect, finish, speak

CANCELED = FinishReason.CANCELED


def test_a_canceled_utterance_ends_at_the_next_step_and_the_others_go_on(preset: Qwen3, alone: Alone) -> None:
    preset.add([utterance(LONGER, id=1), utterance(id=2), utterance(LONGER, id=3)])
    spoken: dict[int, Spoken] = {}
    collect(spoken, preset.step())

    preset.cancel(1)
    preset.cancel(3)  # has not begun
    ended = preset.step()

    assert [frame.id for frame in ended] == [1, 3]
    assert {(frame.pcm, frame.final, frame.finish_reason) for frame in ended} == {(b"", True, CANCELED)}
    assert set(finish(preset, spoken)) == {1, 2}
    assert spoken[2].pcm == alone(preset, utterance())


def test_a_render_that_rests_can_be_canceled_while_another_is_spoken(preset: Qwen3, alone: Alone) -> None:
    preset.add([endless(id=1)])
    preset.step()
    preset.add([utterance(id=2, lane=Lane.SPEAK)])
    spoken: dict[int, Spoken] = {}
    collect(spoken, preset.step())

    preset.cancel(1)

    assert [(frame.id, frame.finish_reason) for frame in preset.step()] == [(1, CANCELED)]
    finish(preset, spoken)
    assert spoken[2].pcm == alone(preset, utterance(lane=Lane.SPEAK))


def test_an_utterance_is_forgotten_with_its_last_frame(preset: Qwen3, alone: Alone) -> None:
    expected = alone(preset, utterance())
    preset.add([endless()])
    preset.step()
    preset.cancel(1)
    preset.step()

    preset.cancel(1)

    assert preset.step() == []
    assert speak(preset, utterance()).pcm == expected


def test_a_listener_is_served_at_the_next_step_and_the_render_loses_nothing(
    speaker: tuple[Qwen3, VoiceSpec], alone: Alone
) -> None:
    model, voice = speaker
    render, heard = utterance(LONGER, voice, id=1), utterance(TEXT, voice, id=2, lane=Lane.SPEAK, seed=3)
    expected = alone(model, render), alone(model, heard)
    spoken: dict[int, Spoken] = {}
    model.add([render])
    collect(spoken, model.step())
    model.add([heard])

    heard_first: list[int] = []
    while frames := model.step():
        heard_first += [frame.id for frame in frames if frame.pcm]
        collect(spoken, frames)

    assert heard_first[0] == 2
    assert (spoken[1].pcm, spoken[2].pcm) == expected


def test_clones_of_two_voices_can_take_turns_at_every_step(
    base: Qwen3, alone: Alone, cloned: VoiceSpec, other: VoiceSpec
) -> None:
    render = utterance(LONGER, cloned, id=1)
    heard = utterance("No", other, lane=Lane.SPEAK, max_seconds=0.4)
    expected, heard_expected = alone(base, render), alone(base, heard)
    spoken: dict[int, Spoken] = {}
    base.add([render])
    number = 1
    while 1 not in spoken or not spoken[1].frames[-1].final:
        number += 1
        collect(spoken, base.step())
        if number <= 4:
            base.add([replace(heard, id=number)])
            while number not in spoken or not spoken[number].frames[-1].final:
                collect(spoken, base.step())

    assert spoken.pop(1).pcm == expected
    assert spoken
    assert {one.pcm for one in spoken.values()} == {heard_expected}


def test_listeners_and_renders_are_each_served_in_the_order_of_arrival(preset: Qwen3) -> None:
    lanes = {1: Lane.RENDER, 2: Lane.SPEAK, 3: Lane.RENDER, 4: Lane.SPEAK}
    preset.add([utterance(EMPTY, id=number, lane=lane) for number, lane in lanes.items()])

    assert list(finish(preset)) == [2, 4, 1, 3]
