"""Voices: what was made here stays, presets follow their model."""

from typing import Any

import pytest

from app.errors import VoiceNotFound
from app.inference.model import VoiceKind
from app.store.rows import Voice
from app.store.voices import VoiceStore

pytestmark = pytest.mark.anyio


def voice(id: str, **fields: Any) -> Voice:
    plain: dict[str, Any] = {
        "id": id,
        "kind": VoiceKind.PRESET,
        "display_name": f"Voice {id}",
        "model_id": "model",
        "name": id,
        "language_hint": "en",
        "created_at": 1,
    }
    return Voice(**{**plain, **fields})


async def test_presets_come_change_and_go_with_their_model(voices: VoiceStore) -> None:
    await voices.sync_presets("model", [voice("a"), voice("b"), voice("c")])

    await voices.sync_presets("model", [voice("a"), voice("b", display_name="B again", created_at=9), voice("d")])

    assert [(found.id, found.display_name) for found in await voices.list()] == [
        ("b", "B again"), ("a", "Voice a"), ("d", "Voice d"),
    ]  # fmt: skip
    assert (await voices.get("b")).created_at == 1, "it was here before"


async def test_presets_of_one_model_leave_all_other_voices_alone(voices: VoiceStore) -> None:
    await voices.sync_presets("other", [voice("x", model_id="other")])
    await voices.add(voice("mine", kind=VoiceKind.CLONE, transcript="What was said."))

    await voices.sync_presets("model", [voice("a")])
    await voices.sync_presets("model", [])

    assert {found.id for found in await voices.list()} == {"x", "mine"}
    assert (await voices.get("mine")).transcript == "What was said."


async def test_voices_made_here_come_first_newest_first_then_presets_by_name(voices: VoiceStore) -> None:
    await voices.sync_presets("model", [voice("z", display_name="Anna"), voice("y", display_name="Berta")])
    await voices.add(voice("old", kind=VoiceKind.CLONE, created_at=10))
    await voices.add(voice("new", kind=VoiceKind.DESIGN, created_at=20))

    assert [found.id for found in await voices.list()] == ["new", "old", "z", "y"]


async def test_a_language_finds_itself_and_what_is_narrower(voices: VoiceStore) -> None:
    hints = {"1": "en", "2": "en-us", "3": "eng", "4": "de", "5": None, "6": "e%"}
    await voices.sync_presets("model", [voice(id, language_hint=hint) for id, hint in hints.items()])

    assert {found.id for found in await voices.list(language="en")} == {"1", "2"}
    assert {found.id for found in await voices.list(language="en-us")} == {"2"}
    assert {found.id for found in await voices.list(language="e%")} == {"6"}


async def test_voices_are_filtered_by_kind_and_model(voices: VoiceStore) -> None:
    await voices.sync_presets("model", [voice("a")])
    await voices.add(voice("b", kind=VoiceKind.CLONE, model_id="other"))

    assert [found.id for found in await voices.list(kind=VoiceKind.CLONE)] == ["b"]
    assert [found.id for found in await voices.list(model_id="model")] == ["a"]
    assert await voices.list(kind=VoiceKind.CLONE, model_id="model") == []


async def test_a_deleted_voice_is_gone_and_cannot_be_deleted_again(voices: VoiceStore) -> None:
    await voices.add(voice("b", kind=VoiceKind.CLONE))

    assert await voices.delete("b")

    assert not await voices.delete("b")
    with pytest.raises(VoiceNotFound):
        await voices.get("b")
