"""Which voice speaks, and in which language, when that is said loosely or not at all."""

from pathlib import Path
from typing import Any, cast
from uuid import UUID

import anyio
import anyio.from_thread
import anyio.to_thread
import msgspec
import pytest

from app.cli import finding
from app.cli.command import CommandFailed
from app.cli.engine import EngineClient
from app.errors import InvalidRequest
from app.models.spec import ModelSpec, Preset
from tests.audio.recordings import file, tone
from tests.daemon.asking import jobs_of, ok, refused
from tests.daemon.conftest import Opener, Running
from tests.support.client import Engine
from tests.support.fakes import OTHER_VOICE_ID, fake_entry
from tests.support.variants import in_test_long

pytestmark = pytest.mark.anyio

TEXT = "The lamp was lit."


@pytest.mark.parametrize(
    ("said", "spoken"),
    [
        ("English", "en"),
        ("german", "de"),
        ("CHINESE", "zh"),
        ("Beijing_Dialect", "zh-x-beijing"),
        ("de", "de"),
        ("de-AT", "de-AT"),
        ("zh-Hant-TW", "zh-Hant-TW"),
        ("auto", "auto"),
        ("Auto", "auto"),
        (None, ""),
    ],
)
async def test_a_language_is_said_by_name_or_by_tag(running: Running, said: str | None, spoken: str) -> None:
    answer = await ok(running.path, text=TEXT, play=False, language=said)

    assert (await running.engine.get(f"/jobs/{answer['job_id']}"))["language"] == spoken


@pytest.mark.parametrize("said", ["Inglish", "e", "en-", "en us", "x" * 5000])
async def test_an_unknown_language_is_answered_with_those_there_are(running: Running, said: str) -> None:
    answer = await refused(running.path, text=TEXT, language=said)

    assert answer["code"] == "INVALID_REQUEST"
    assert answer["details"]["fields"][0]["field"] == "language"
    for word in ("name such as Dutch", "nl-BE", "auto", "q3tts voices"):
        assert word in answer["message"]
    assert len(answer["message"]) < 1000


def entry(control: Path, *, presets: list[Preset] | None = None, **card: Any) -> ModelSpec:
    """The fake, with other abilities."""
    fake = fake_entry(control)
    changed = msgspec.structs.replace(fake, card=msgspec.structs.replace(fake.card, **card))
    return changed if presets is None else msgspec.structs.replace(changed, presets=lambda: presets)


def preset(number: int, display_name: str, language: str, *, name: str = "") -> Preset:
    return Preset(str(UUID(int=number)), name or f"preset{number}", display_name, language)


async def voice_of(running: Running, **request: Any) -> dict[str, Any]:
    answer = await ok(running.path, text=TEXT, play=False, **request)
    job = await running.engine.get(f"/jobs/{answer['job_id']}")
    return await running.engine.get(f"/voices/{job['voice_id']}")


@pytest.mark.parametrize(
    "said",
    [
        OTHER_VOICE_ID,
        OTHER_VOICE_ID.upper(),
        OTHER_VOICE_ID[:8],
        OTHER_VOICE_ID[:4],
        "Voice Two",
        "voice two",
        " VOICE TWO ",
        "two",
        "TWO",
    ],
)
async def test_a_voice_is_named_by_id_or_name(running: Running, said: str) -> None:
    assert (await voice_of(running, voice=said))["voice_id"] == OTHER_VOICE_ID


@pytest.mark.parametrize(
    "said", ["", "Voice", "nobody", OTHER_VOICE_ID[:3], "00000000-0000-4000-8000-000000000000", "x" * 100_000]
)
async def test_a_voice_that_is_not_there_is_answered_with_how_to_find_one(running: Running, said: str) -> None:
    answer = await refused(running.path, text=TEXT, voice=said)

    assert answer["code"] == "VOICE_NOT_FOUND"
    assert "q3tts voices" in answer["message"]
    assert len(answer["message"]) < 1000
    assert await jobs_of(running.engine) == []


async def test_a_name_that_several_voices_have_is_not_guessed(opened: Opener, tmp_path: Path) -> None:
    twins = [preset(1, "Ann", "en"), preset(2, "ann", "en")]
    async with opened([entry(tmp_path / "control", presets=twins)]) as running:
        answer = await refused(running.path, text=TEXT, voice="Ann")

        assert answer["code"] == "INVALID_REQUEST"
        assert str(UUID(int=1)) in answer["message"]
        assert str(UUID(int=2)) in answer["message"]
        assert "q3tts voices" in answer["message"]
        assert (await voice_of(running, voice=str(UUID(int=2))))["display_name"] == "ann"


async def test_of_voices_of_one_name_the_active_models_is_meant(opened: Opener, tmp_path: Path) -> None:
    control = tmp_path / "control"
    active = entry(control, presets=[preset(1, "Ann", "en")])
    other = entry(control, model_id="other", presets=[preset(2, "Ann", "en"), preset(3, "Bob", "en")])
    async with opened([active, other]) as running:
        assert (await voice_of(running, voice="Ann"))["voice_id"] == str(UUID(int=1))
        assert (await voice_of(running, voice="Bob"))["voice_id"] == str(UUID(int=3))


class Api:
    """The engine as the command line asks it, from a thread."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def get(self, path: str) -> Any:
        return anyio.from_thread.run(self.engine.get, path)


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("Ann", 1),  # the active model's
        ("UNCLE_BOB", 3),  # a preset's own name
        ("beef", 0xBEEF << 112),
        ("twin", None),
        *in_test_long(
            ("bob", 3),
            ("uncle_bob", 3),
            (str(UUID(int=3)), 3),
            ("face", 4),  # a name goes before the beginning of an id
            ("nobody", None),
            ("", None),
            ("bee", None),
        ),
    ],
)
async def test_every_interface_means_the_same_voice(
    opened: Opener, tmp_path: Path, said: str, number: int | None
) -> None:
    control = tmp_path / "control"
    active = entry(control, presets=[preset(1, "Ann", "en"), preset(0xBEEF << 112, "Cow", "en")])
    twins = [preset(5, "Twin", "en"), preset(6, "twin", "en")]
    others = [preset(2, "Ann", "en"), preset(3, "Bob", "en", name="uncle_bob"), preset(4, "Face", "en"), *twins]
    hidden = preset(0xFACE << 112, "Hidden", "en")
    async with opened([active, entry(control, model_id="other", presets=[*others, hidden])]) as running:
        client = cast("EngineClient", Api(running.engine))
        if number is None:
            socket = await refused(running.path, text=TEXT, voice=said)
            http = await running.engine.http.post("/v1/jobs", json={"text": TEXT, "voice": said})
            assert http.is_client_error
            assert http.json()["error"]["message"] == socket["message"] or not said
            with pytest.raises(CommandFailed):
                await anyio.to_thread.run_sync(finding.voice_of, client, said)
        else:
            meant = str(UUID(int=number))
            assert (await voice_of(running, voice=said))["voice_id"] == meant
            body = {"text": TEXT, "voice": said}
            assert (await running.engine.post("/jobs", body, 201))["voice_id"] == meant
            assert (await running.engine.post("/speak", body))["voice_id"] == meant
            found = await running.engine.get("/jobs", params={"voice": said})
            assert {job["voice_id"] for job in found["jobs"]} == {meant}
            assert (await anyio.to_thread.run_sync(finding.voice_of, client, said))["voice_id"] == meant


PRESETS = [
    preset(1, "A Dane", "da"),
    preset(2, "An Austrian", "de-AT"),
    preset(3, "Anybody", ""),
    preset(4, "B German", "de"),
    preset(5, "C American", "en-US"),
    preset(6, "D British", "en-GB"),
]


FIRST_OF: dict[str | None, str] = {
    None: "C American",
    "English": "C American",
    "auto": "C American",
    "en-GB": "D British",
    "en-AU": "C American",
    "German": "B German",
    "de-AT": "An Austrian",
    "de-CH": "An Austrian",
    "da": "A Dane",
    "fr": "Anybody",
}


async def test_a_model_with_presets_speaks_with_the_first_one_of_the_language(
    opened: Opener, tmp_path: Path
) -> None:
    async with opened([entry(tmp_path / "control", presets=PRESETS)]) as running:
        for language, display_name in FIRST_OF.items():
            spoken = await voice_of(running, language=language)
            assert spoken["display_name"] == display_name, language
            body = {"text": TEXT, "language": {"English": "en", "German": "de"}.get(language or "", language)}
            for path, status in (("/jobs", 201), ("/speak", 200)):
                assert (await running.engine.post(path, body, status))["voice_id"] == spoken["voice_id"]


async def test_a_language_that_nobody_speaks_is_reported(opened: Opener, tmp_path: Path) -> None:
    def check(name: str, language: str) -> None:
        if not language.startswith("da"):
            raise InvalidRequest(f"the fake does not speak {language!r}; it speaks da")

    danish = entry(tmp_path / "control", presets=PRESETS[:1])
    async with opened([msgspec.structs.replace(danish, check_language=check)]) as running:
        answer = await refused(running.path, text=TEXT)

        assert "it speaks da" in answer["message"]
        assert (await voice_of(running, language="da-DK"))["display_name"] == "A Dane"


async def test_a_voice_that_is_named_speaks_its_own_language(opened: Opener, tmp_path: Path) -> None:
    async with opened([entry(tmp_path / "control", presets=PRESETS)]) as running:
        for voice, language, spoken in (("B German", None, ""), ("B German", "en", "en"), ("Anybody", None, "en")):
            answer = await ok(running.path, text=TEXT, play=False, voice=voice, language=language)

            assert (await running.engine.get(f"/jobs/{answer['job_id']}"))["language"] == spoken


async def test_a_model_that_cannot_be_told_how_to_speak_says_so(running: Running) -> None:
    answer = await refused(running.path, text=TEXT, instruct="deep low voice")

    assert answer["code"] == "INVALID_REQUEST"
    assert "instruct" in answer["message"]
    assert await jobs_of(running.engine) == []


@pytest.mark.parametrize("instruct", [None, "", "  "])
async def test_an_empty_instruction_counts_as_no_instruction(running: Running, instruct: str | None) -> None:
    await ok(running.path, text=TEXT, instruct=instruct)


async def test_a_model_that_can_be_told_how_to_speak_is_told(opened: Opener, tmp_path: Path) -> None:
    async with opened([entry(tmp_path / "control", supports_instruct=True)]) as running:
        answer = await ok(running.path, text=TEXT, instruct=" deep low voice ")

        job = await running.engine.get(f"/jobs/{answer['job_id']}")
        assert job["settings"]["instruct"] == "deep low voice"


async def designs(running: Running) -> list[dict[str, Any]]:
    return (await running.engine.get("/voices", params={"kind": "design"}))["voices"]


async def test_a_model_of_designed_voices_makes_the_one_that_is_described(opened: Opener, tmp_path: Path) -> None:
    async with opened([entry(tmp_path / "control", presets=[], supports_design=True)]) as running:
        answer = await ok(running.path, text=TEXT, instruct=" deep low voice ")

        job = await running.engine.get(f"/jobs/{answer['job_id']}")
        (voice,) = await designs(running)
        assert job["voice_id"] == voice["voice_id"]
        assert job["settings"]["instruct"] == "", "the voice is what was told"
        assert (voice["description"], voice["language_hint"]) == ("deep low voice", "en")
        assert voice["display_name"] == "deep low voice"
        again = {"text": TEXT, "language": "en", "settings": {"instruct": "deep low voice"}}
        job = await running.engine.post("/jobs", again, 201)
        assert (job["voice_id"], job["settings"]["instruct"]) == (voice["voice_id"], "")


async def test_a_voice_that_was_described_before_is_used_again(opened: Opener, tmp_path: Path) -> None:
    builtin = [entry(tmp_path / "control", presets=[], supports_design=True)]
    async with opened(builtin) as running:
        first = await voice_of(running)
        assert first["description"] == "A clear, calm voice."
    async with opened(builtin) as running:
        assert (await voice_of(running))["voice_id"] == first["voice_id"]
        assert (await voice_of(running, instruct="A clear, calm voice."))["voice_id"] == first["voice_id"]
        assert (await voice_of(running, language="German"))["voice_id"] != first["voice_id"]
        assert (await voice_of(running, language="auto"))["language_hint"] is None
        assert (await voice_of(running, instruct="An old man."))["voice_id"] != first["voice_id"]
        assert len(await designs(running)) == 4


async def test_many_at_once_make_one_voice(opened: Opener, tmp_path: Path) -> None:
    async with opened([entry(tmp_path / "control", presets=[], supports_design=True)]) as running:
        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(lambda: ok(running.path, text=TEXT, play=False))

        assert len(await designs(running)) == 1


async def test_a_long_description_has_a_short_name(opened: Opener, tmp_path: Path) -> None:
    async with opened([entry(tmp_path / "control", presets=[], supports_design=True)]) as running:
        voice = await voice_of(running, instruct="deep " * 100)

        assert voice["description"] == ("deep " * 100).strip()
        assert len(voice["display_name"]) == 60


async def test_no_voice_is_made_for_a_request_that_is_refused(opened: Opener, tmp_path: Path) -> None:
    async with opened([entry(tmp_path / "control", presets=[], supports_design=True)]) as running:
        running.speakers.missing = True
        for request in (
            {"text": ""},
            {"text": TEXT},
            {"text": TEXT, "output": "x"},
            {"text": TEXT, "language": "?"},
        ):
            await refused(running.path, **request)

        assert await designs(running) == []


async def test_a_model_of_clones_speaks_with_the_newest(opened: Opener, tmp_path: Path) -> None:
    async with opened([entry(tmp_path / "control", presets=[])]) as running:
        answer = await refused(running.path, text=TEXT)
        assert answer["code"] == "MODEL_NOT_READY"
        assert "q3tts clone" in answer["message"]

        made = [
            await cloned(running, tmp_path, name, language) for name, language in (("Ann", "de"), ("Bob", "fr"))
        ]

        assert (await voice_of(running))["voice_id"] == made[1]
        answer = await ok(running.path, text=TEXT, play=False)
        assert (await running.engine.get(f"/jobs/{answer['job_id']}"))["language"] == ""


async def cloned(running: Running, tmp_path: Path, name: str, language: str) -> str:
    path = tmp_path / f"{name}.wav"
    path.write_bytes(file(tone()))
    body = {
        "display_name": name,
        "ref_audio": {"path": str(path)},
        "ref_text": "La la la.",
        "language": language,
    }
    return (await running.engine.post("/voices/clone", body))["voice_id"]


async def test_a_model_without_voices_says_that_this_build_has_none(opened: Opener, tmp_path: Path) -> None:
    async with opened([entry(tmp_path / "control", presets=[], supports_clone=False)]) as running:
        answer = await refused(running.path, text=TEXT)

    assert answer["code"] == "MODEL_NOT_READY"
    assert "this build of q3tts has no voices" in answer["message"]
    assert "q3tts models" in answer["message"]
