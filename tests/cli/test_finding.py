"""Which job, voice or model somebody means."""

from collections.abc import Callable
from typing import Any, cast
from unicodedata import normalize
from urllib.parse import parse_qs

import pytest

from app.cli.command import CommandFailed
from app.cli.engine import EngineClient
from app.cli.finding import job_id_of, jobs_matching, model_of, query, voice_of
from app.inference.model import VoiceKind
from app.store.rows import Voice
from app.usecases.voice_names import voices_named


class Answers:
    """In place of an engine: what is asked for, by the beginning of its path."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def get(self, path: str) -> Any:
        self.asked.append(path)
        answer = self.answers[path.strip("/").partition("?")[0].partition("/")[0]]
        return answer(path) if callable(answer) else answer


def engine(**answers: Any) -> EngineClient:
    return cast("EngineClient", Answers(**answers))


def job_id(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def pages(count: int) -> Callable[[str], Any]:
    """A history of this many jobs."""

    def page(path: str) -> Any:
        start = int(path.partition("cursor=")[2] or 0)
        ids = [job_id(0xAB000000 + number) for number in range(start, min(start + 200, count))]
        more = str(start + 200) if start + 200 < count else None
        return {"jobs": [{"job_id": one} for one in ids], "next_cursor": more}

    return page


def test_a_whole_id_is_taken_as_it_is() -> None:
    whole = "5C56A822-4EA1-43CB-92B3-650051162391"

    assert job_id_of(engine(), whole) == whole.lower()


def test_the_beginning_of_an_id_is_looked_for_in_the_whole_history() -> None:
    assert job_id_of(engine(jobs=pages(1000)), "AB0003e7") == job_id(0xAB0003E7)


def test_a_beginning_that_several_jobs_have_is_refused_with_some_of_them() -> None:
    with pytest.raises(CommandFailed, match=r"^16 jobs begin with ab00000: ab000000-.*, ab000001-") as failed:
        job_id_of(engine(jobs=pages(300)), "ab00000")

    assert failed.value.exit_code == 1


def test_a_beginning_that_is_too_short_is_not_even_looked_for() -> None:
    with pytest.raises(CommandFailed, match="too short") as failed:
        job_id_of(engine(), "ab0")

    assert failed.value.exit_code == 2


def test_a_job_that_is_nowhere_is_refused() -> None:
    with pytest.raises(CommandFailed, match=r"^there is no job 5c56a822"):
        job_id_of(engine(jobs=pages(300)), "5c56a822")


def test_the_history_is_read_to_its_end_or_to_the_limit() -> None:
    assert len(jobs_matching(engine(jobs=pages(1000)), {}, None)[0]) == 1000
    assert jobs_matching(engine(jobs=pages(1000)), {}, 400)[1] == "400"


def voice(number: int, name: str, language: str | None = None, model: str = "espeak-ng") -> dict[str, Any]:
    return {
        "voice_id": job_id(number),
        "display_name": name,
        "language_hint": language,
        "tts_model_id": model,
    }


def voices(*every: dict[str, Any]) -> EngineClient:
    def answer(path: str) -> Any:
        """As the engine resolves what is `named`."""
        named = parse_qs(path.partition("?")[2]).get("named")
        if named is None:
            return {"voices": list(every)}
        rows = {one["voice_id"]: one for one in every}
        found = voices_named([row(one) for one in every], named[0], active_model_id="espeak-ng")
        return {"voices": [rows[voice.id] for voice in found]}

    return engine(voices=answer, health={"active_model_id": "espeak-ng"})


def row(voice: dict[str, Any]) -> Voice:
    return Voice(
        id=voice["voice_id"],
        kind=VoiceKind.PRESET,
        display_name=voice["display_name"],
        model_id=voice["tts_model_id"],
        name="",
        language_hint=voice["language_hint"],
        created_at=0,
    )


def test_a_voice_goes_by_its_name_or_the_beginning_of_its_id() -> None:
    found = voices(voice(0xAAAA0000, "Vivian"), voice(0xBBBB0000, "Straße"))

    assert voice_of(found, "vivian")["voice_id"] == job_id(0xAAAA0000)
    assert voice_of(found, "STRASSE")["voice_id"] == job_id(0xBBBB0000)
    assert voice_of(found, "BBBB")["display_name"] == "Straße"


def test_a_name_goes_before_the_beginning_of_an_id() -> None:
    assert voice_of(voices(voice(0xFACE0000, "Vivian"), voice(1, "face")), "face")["display_name"] == "face"


def test_of_several_voices_of_a_name_it_is_the_active_models() -> None:
    found = voice_of(
        voices(voice(1, "Ryan", model="other"), voice(2, "Ryan"), voice(3, "Ryan", model="third")), "Ryan"
    )

    assert found["voice_id"] == job_id(2)


def test_several_voices_of_a_name_in_one_model_are_told() -> None:
    with pytest.raises(
        CommandFailed, match=r"2 voices are called 'Ryan'.*00000001 of espeak-ng, 00000002 of espeak-ng"
    ):
        voice_of(voices(voice(1, "Ryan"), voice(2, "Ryan")), "Ryan")


def test_a_voice_that_nobody_has_is_reported() -> None:
    for given in ("Nobody", "000"):
        with pytest.raises(CommandFailed, match=f"there is no voice '{given}'"):
            voice_of(voices(voice(1, "Ryan")), given)


def test_a_model_goes_by_its_id_or_its_repository() -> None:
    found = engine(
        models={
            "models": [
                {"model_id": "espeak-ng", "repository": None},
                {"model_id": "qwen", "repository": "Qwen/Qwen3-TTS"},
                {"model_id": "Grüße", "repository": None},
            ]
        }
    )

    assert model_of(found, "ESPEAK-NG")["model_id"] == "espeak-ng"
    assert model_of(found, "qwen/qwen3-tts")["model_id"] == "qwen"
    assert model_of(found, normalize("NFD", "grüße"))["model_id"] == "Grüße"
    for given in ("nobody", ""):
        with pytest.raises(CommandFailed, match="no model"):
            model_of(found, given)


def test_what_is_asked_for_is_escaped_and_nothing_is_left_out() -> None:
    asked = query(text="a b&c", created_from="2026-01-01T00:00:00+00:00", status=["queued", "running"], tag=None)

    assert asked == "text=a+b%26c&created_from=2026-01-01T00%3A00%3A00%2B00%3A00&status=queued&status=running"
