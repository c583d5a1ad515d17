"""Qwen3-TTS as its users have it: generated checkpoints of all three kinds in the models folder of a real engine,
with its real worker, over HTTP and WebSocket. Most tests share one engine, and stand in an order in which models
are loaded as rarely as possible, for that takes a while.
"""

import base64
import io
import os
import shutil
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio
import numpy as np
import pytest
import soundfile  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray

from app.selftest.checkpoint import write_checkpoint
from app.workers.download.fetch import PARTS
from tests.models.hub import Hub
from tests.support.client import Client, audio_of, http_client, next_event
from tests.support.sidecar import TOKEN, Sidecar, sidecar
from tests.workers import small_models

pytestmark = pytest.mark.anyio

TEXT = "The tide is out."
ENDLESS, EMPTY = "∞ Without end.", "∅"
PUBLISHED = "qwen3-tts-12hz-0.6b-customvoice"
REPOSITORY = "Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice"

#: Model loads on a busy machine.
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_checkpoint(folder / "base", type="base")
    write_checkpoint(folder / "presets", type="custom_voice")
    write_checkpoint(folder / "design", type="voice_design")
    return folder


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("qwen3") / "data"


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    """Voices that tests have made, by what they were made of; none deletes them."""
    return {}


@pytest.fixture(scope="module")
def process(models: Path, data_dir: Path) -> Generator[Sidecar]:
    with sidecar(data_dir, models_dir=str(models)) as engine:
        engine.ready()
        yield engine


@asynccontextmanager
async def client_of(process: Sidecar) -> AsyncGenerator[Client]:
    port = process.lines[-1]["port"]
    async with http_client(port, token=TOKEN, timeout=PATIENCE_S) as http:
        yield Client(port, http, token=TOKEN)


@pytest.fixture
async def client(process: Sidecar) -> AsyncGenerator[Client]:
    async with client_of(process) as made:
        yield made


def recording(hertz: float = 200.0, *, seconds: int = 3) -> str:
    """Something like speech, as base64."""
    at = np.arange(seconds * 24_000) / 24_000
    sound = 0.3 * np.sin(2 * np.pi * hertz * at) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * at))
    file = io.BytesIO()
    write = cast(Any, soundfile.write)  # pyright: ignore[reportUnknownMemberType]
    write(file, sound, 24_000, format="WAV", subtype="PCM_16")
    return base64.b64encode(file.getvalue()).decode()


async def activate(client: Client, model_id: str) -> Any:
    return await client.post(f"/models/{model_id}/activate")


async def cloned(client: Client, hertz: float = 200.0) -> str:
    await activate(client, "base")
    body = {
        "display_name": "Me",
        "ref_audio": {"wav_base64": recording(hertz)},
        "ref_text": "The sea was calm, and so was I that day.",
        "language": "en",
    }
    return (await client.post("/voices/clone", body))["voice_id"]


async def designed(client: Client) -> str:
    await activate(client, "design")
    body = {"display_name": "Old man", "description": "An old man with a deep voice."}
    return (await client.post("/voices/design", body))["voice_id"]


MAKERS = {"clone": cloned, "design": designed}


@pytest.fixture
async def clone(client: Client, made: dict[str, str]) -> str:
    made["clone"] = made.get("clone") or await cloned(client)
    return made["clone"]


@pytest.fixture
async def design(client: Client, made: dict[str, str]) -> str:
    made["design"] = made.get("design") or await designed(client)
    return made["design"]


@pytest.fixture
async def vivian(client: Client) -> str:
    return await preset(client, "Vivian")


async def preset(client: Client, name: str) -> str:
    voices = (await client.get("/voices", params={"model_id": "presets"}))["voices"]
    return next(voice["voice_id"] for voice in voices if voice["display_name"] == name)


async def render(client: Client, voice_id: str, text: str = TEXT, **fields: Any) -> str:
    return (await client.post("/jobs", {"voice_id": voice_id, "text": text, "seed": 7, **fields}, 201))["job_id"]


async def ended(client: Client, job_id: str) -> dict[str, Any]:
    with anyio.fail_after(PATIENCE_S):
        while (job := await client.get(f"/jobs/{job_id}"))["status"] in ("queued", "running", "paused"):
            await anyio.sleep(0.02)
        return job


async def samples(client: Client, job_id: str) -> NDArray[np.int16]:
    """The audio of a job that must complete."""
    job = await ended(client, job_id)
    assert job["status"] == "completed", job["error"]
    wav = io.BytesIO(await client.wav(job_id))
    read = cast(Any, soundfile.read)  # pyright: ignore[reportUnknownMemberType]
    return cast("NDArray[np.int16]", read(wav, dtype="int16")[0])


def audible(sound: NDArray[np.int16]) -> bool:
    return len(sound) > 12_000 and int(np.abs(sound.astype(int)).max()) > 1_000 and float(sound.std()) > 100


@pytest.fixture(params=[pytest.param("design", marks=pytest.mark.long), "clone", "preset"])
async def voice(request: pytest.FixtureRequest, client: Client, made: dict[str, str]) -> str:
    """One of each kind, whose model is active."""
    if request.param == "preset":
        await activate(client, "presets")
        return await preset(client, "Vivian")
    await activate(client, "base" if request.param == "clone" else "design")
    made[request.param] = made.get(request.param) or await MAKERS[request.param](client)
    return made[request.param]


async def test_health_tells_what_the_active_model_can(client: Client) -> None:
    await activate(client, "base")
    health = await client.get("/health")

    assert (health["active_model_id"], health["device"], health["worker_running"]) == ("base", "cpu", True)
    can = health["capabilities"]
    assert (can["supports_voice_clone"], can["supports_voice_design"]) == (True, False)
    assert {"en", "zh", "de", "auto"} <= set(can["languages"])


async def test_a_transcript_that_cannot_be_right_is_refused(client: Client) -> None:
    await activate(client, "base")
    for ref_text in ("Hi.", "This goes on for much longer than three seconds. " * 8):
        body = {"display_name": "Me", "ref_audio": {"wav_base64": recording()}, "ref_text": ref_text}
        error = (await client.post("/voices/clone", body, 400))["error"]
        assert (error["code"], error["details"]["fields"][0]["field"]) == ("INVALID_REQUEST", "ref_text")
    body = {"display_name": "Me", "ref_audio": {"wav_base64": recording()}}
    assert (await client.post("/voices/clone", body, 400))["error"]["code"] == "TRANSCRIPT_REQUIRED"
    assert (await client.get("/voices", params={"kind": "clone", "language": "xx"}))["voices"] == []


async def test_a_model_that_listens_writes_the_transcript(client: Client, models: Path) -> None:
    (models / "ears").mkdir()
    small_models.moonshine(models / "ears")
    await activate(client, "base")
    audio = {"wav_base64": recording(260.0, seconds=6)}
    assert (await activate(client, "ears"))["state"] == "active"
    assert (await client.get("/health"))["capabilities"]["supports_transcription"] is True

    heard = await client.post("/voices/clone/transcribe", {"ref_audio": audio})
    clone = (await client.post("/voices/clone", {"display_name": "Me", "ref_audio": audio}))["voice_id"]

    assert set(heard["text"]) <= {"a", "b"}
    assert heard["text"]
    assert (await client.get(f"/voices/{clone}"))["ref_text"] == heard["text"]
    await client.post("/models/ears/unload")
    body = {"ref_audio": audio}
    assert (await client.post("/voices/clone/transcribe", body, 400))["error"]["code"] == "TRANSCRIPT_REQUIRED"
    await client.delete("/models/ears")


async def test_a_deleted_voice_leaves_no_file_and_its_jobs_fail_but_for_their_history(
    client: Client, data_dir: Path
) -> None:
    voice_id = await cloned(client, 240.0)
    done = await render(client, voice_id)
    await samples(client, done)
    folder = data_dir / "voices" / voice_id
    assert {path.name for path in folder.iterdir()} == {"reference.wav", "codes.safetensors"}
    at_work = await render(client, voice_id, ENDLESS, settings={"max_seconds": 600})
    await client.until(at_work, "running")
    # Endless too: one of them is spoken beside the first, and a short one might be over before its voice is.
    endless = {"max_seconds": 600}
    waiting = [await render(client, voice_id, f"{ENDLESS} {number}", settings=endless) for number in "123456789"]

    assert await client.delete(f"/voices/{voice_id}") == {"deleted": True}

    for job_id in (at_work, *waiting):
        job = await ended(client, job_id)
        assert (job["status"], job["error"]["code"]) == ("failed", "VOICE_NOT_FOUND")
    assert not folder.exists()
    assert audible(await samples(client, done))
    await client.post("/jobs", {"voice_id": voice_id, "text": TEXT}, 404)


@pytest.mark.long
async def test_two_voices_at_once_never_mix(client: Client, clone: str) -> None:
    one, two = clone, await cloned(client, 310.0)
    apart = [(await samples(client, await render(client, voice))).tobytes() for voice in (one, two)]

    jobs = [await render(client, voice) for _ in range(2) for voice in (one, two)]

    assert [(await samples(client, job)).tobytes() for job in jobs] == apart * 2
    assert apart[0] != apart[1]


@pytest.mark.long
async def test_the_text_lies_where_the_job_says(client: Client, clone: str) -> None:
    await activate(client, "base")
    plain = await render(client, clone)
    before = await render(client, clone, settings={"text_layout": "before"})
    beside = await render(client, clone, settings={"text_layout": "beside"})

    assert (await client.get(f"/jobs/{beside}"))["settings"]["text_layout"] == "beside"
    found = [(await samples(client, job_id)).tobytes() for job_id in (plain, before, beside)]
    assert found[0] == found[1] != found[2]


@pytest.mark.long
async def test_instructions_are_for_models_that_listen_to_them(client: Client, clone: str, design: str) -> None:
    await activate(client, "design")
    plain = await samples(client, await render(client, design))
    told = await samples(client, await render(client, design, settings={"instruct": "In a whisper."}))

    assert plain.tobytes() != told.tobytes()
    body = {"voice_id": clone, "text": TEXT, "settings": {"instruct": "In a whisper."}}
    error = (await client.post("/jobs", body, 400))["error"]
    assert error["details"]["fields"][0]["field"] == "settings.instruct"
    body = {"voice_id": clone, "text": TEXT, "language": "sw"}
    assert "sw" in (await client.post("/jobs", body, 400))["error"]["message"]


@pytest.mark.long
async def test_health_tells_that_a_model_makes_voices_from_descriptions(client: Client) -> None:
    await activate(client, "design")

    can = (await client.get("/health"))["capabilities"]

    assert (can["supports_voice_clone"], can["supports_voice_design"]) == (False, True)


async def test_every_kind_of_voice_is_rendered_and_spoken(client: Client, voice: str) -> None:

    rendered = await samples(client, await render(client, voice))
    spoken = (await client.post("/speak", {"voice_id": voice, "text": TEXT, "seed": 7}))["job_id"]
    with anyio.fail_after(PATIENCE_S):
        async with client.socket(f"/stream/{spoken}") as socket:
            events = [await next_event(socket)]
            while events[-1]["type"] not in ("JOB_DONE", "JOB_ERROR"):
                events.append(await next_event(socket))

    assert audible(rendered)
    spoken_samples = np.frombuffer(audio_of(events), np.int16)
    # The same seed in the other lane: voiced in stretches of another length, so the last bit may differ.
    assert np.abs(spoken_samples.astype(int) - rendered).max() <= 1
    other = await samples(client, await render(client, voice, seed=8))
    assert other.tobytes() != rendered.tobytes()


@pytest.mark.long
async def test_jobs_that_wait_are_spoken_with_the_model_they_asked_for(
    client: Client, vivian: str, clone: str
) -> None:
    voices = {"base": clone, "presets": vivian}
    alone: dict[str, NDArray[np.int16]] = {}
    for model, voice_id in voices.items():
        await activate(client, model)
        alone[model] = await samples(client, await render(client, voice_id))

    jobs = [(model, await render(client, voices[model])) for model in ("presets", "base", "presets")]
    await activate(client, "presets")

    for model, job_id in jobs:
        assert (await samples(client, job_id)).tobytes() == alone[model].tobytes()
        assert (await client.get(f"/jobs/{job_id}"))["model_id"] == model


@pytest.mark.long
async def test_a_chunk_that_runs_away_is_tried_again_and_reported(client: Client, vivian: str) -> None:
    text = f"Hi.\n\n{ENDLESS}\n\nHo."

    strict = await ended(client, await render(client, vivian, text, settings={"max_seconds": 2}))
    lax = await ended(client, await render(client, vivian, text, settings={"max_seconds": 2, "allow_gaps": True}))

    assert (strict["status"], strict["error"]["code"]) == ("failed", "INFERENCE_FAILED")
    assert [warning["code"] for warning in strict["warnings"]] == ["CHUNK_REFUSED"] * 3
    assert lax["status"] == "completed"
    assert [warning["code"] for warning in lax["warnings"]] == ["CHUNK_REFUSED"] * 2 + ["CHUNK_MISSING"]
    chunks = (await client.get(f"/jobs/{lax['job_id']}/chunks"))["chunks"]
    assert [chunk["state"] for chunk in chunks] == ["done", "gap", "done"]
    assert [chunk["finish_reason"] for chunk in chunks] == ["stop", "length", "stop"]
    assert chunks[1]["start_seconds"] == chunks[1]["end_seconds"]


async def test_a_chunk_that_ends_at_once_is_reported(client: Client, vivian: str) -> None:
    """The model gives two frames, as the official code does, which cannot be all of these words."""
    job = await ended(client, await render(client, vivian, f"{EMPTY}Empty, however many words there are. " * 2))

    assert (job["status"], len(job["warnings"])) == ("failed", 3)
    assert "too little" in job["error"]["message"]


async def test_cancel_ends_a_job_at_once_and_the_next_one_is_spoken(client: Client, vivian: str) -> None:
    endless = (
        await client.post("/speak", {"voice_id": vivian, "text": ENDLESS, "settings": {"max_seconds": 600}})
    )["job_id"]
    with anyio.fail_after(PATIENCE_S):
        async with client.socket(f"/stream/{endless}") as socket:
            heard = [await next_event(socket), await next_event(socket)]
            assert await client.post("/cancel", {"job_id": endless}) == {"canceled": True}
            while heard[-1]["type"] != "JOB_CANCELED":
                heard.append(await next_event(socket))

    assert (await client.get(f"/jobs/{endless}"))["status"] == "canceled"
    assert audio_of(heard)
    assert audible(await samples(client, await render(client, vivian)))


@pytest.mark.long
async def test_unloading_frees_the_worker_and_a_job_brings_it_back(
    client: Client, process: Sidecar, vivian: str
) -> None:
    await samples(client, await render(client, vivian))
    workers = process.children()
    assert workers

    assert (await client.post("/models/presets/unload"))["loaded"] is False

    assert not set(workers) & set(process.children())
    assert (await client.get("/health"))["worker_running"] is False
    assert audible(await samples(client, await render(client, vivian)))


async def test_a_preview_is_spoken_once_and_kept(client: Client) -> None:
    voice_id = await preset(client, "Ryan")

    first = await client.http.get(f"/v1/voices/{voice_id}/preview")
    again = await client.http.get(f"/v1/voices/{voice_id}/preview", headers={"Range": "bytes=80-99"})
    known = await client.http.get(
        f"/v1/voices/{voice_id}/preview", headers={"If-None-Match": first.headers["etag"]}
    )

    assert (first.status_code, again.status_code, known.status_code) == (200, 206, 304)
    assert again.content == first.content[80:100]
    read = cast(Any, soundfile.read)  # pyright: ignore[reportUnknownMemberType]
    assert audible(read(io.BytesIO(first.content), dtype="int16")[0])
    await client.get("/voices/00000000-0000-4000-8000-000000000000/preview", 404)


@pytest.mark.long
async def test_a_chunk_that_stays_silent_is_reported(client: Client, models: Path) -> None:
    write_checkpoint(models / "silent", type="custom_voice", sound="silence")
    voices = (await client.get("/voices", params={"model_id": "silent"}))["voices"]

    job = await ended(client, await render(client, voices[0]["voice_id"]))

    assert (job["status"], job["error"]["code"]) == ("failed", "INFERENCE_FAILED")
    assert "no sound" in job["error"]["message"]
    await client.post("/models/silent/unload")
    await client.delete("/models/silent")
    assert not (models / "silent").exists()
    assert (await client.get("/voices", params={"model_id": "silent"}))["voices"] == []


async def test_a_broken_checkpoint_says_so_and_the_engine_goes_on(
    client: Client, models: Path, vivian: str
) -> None:
    shutil.copytree(models / "presets", models / "cut")
    weights = models / "cut" / "model.safetensors"
    os.truncate(weights, weights.stat().st_size - 100)
    await activate(client, "presets")

    error = (await client.post("/models/cut/activate", None, 409))["error"]

    assert error["code"] == "MODEL_NOT_READY"
    assert "model.safetensors" in error["message"]
    listed = await client.get("/models/cut")
    assert (listed["state"], listed["capabilities"]) == ("broken", None)
    assert (await client.get("/health"))["active_model_id"] == "presets"
    assert audible(await samples(client, await render(client, vivian)))
    await client.delete("/models/cut")


async def test_a_model_is_downloaded_verified_and_spoken_with(models: Path, tmp_path: Path) -> None:
    """Canceled in the middle, it goes on where it was; once it is here, nobody is asked any more."""
    files = {
        str(path.relative_to(models / "presets")): path.read_bytes()
        for path in (models / "presets").rglob("*")
        if path.is_file()
    }
    with Hub(tmp_path / "hub") as hub:
        hub.add(REPOSITORY, files)
        with sidecar(tmp_path / "data", environment={"HF_ENDPOINT": hub.url}) as engine:
            engine.ready()
            async with client_of(engine) as client:
                hub.commits[REPOSITORY] = (await client.get(f"/models/{PUBLISHED}"))["revision"]
                hub.hold_after["model.safetensors"] = 1_000_000
                await client.post(f"/models/{PUBLISHED}/download", None, 202)
                with anyio.fail_after(PATIENCE_S):
                    while not hub.holding.is_set():
                        view = await client.get(f"/models/{PUBLISHED}")
                        assert view["state"] == "downloading", (view, hub.requests)
                        await anyio.sleep(0.02)
                parts = list((tmp_path / "data" / "models").rglob(f"{PARTS}/*"))
                with anyio.fail_after(PATIENCE_S):
                    while max(part.stat().st_size for part in parts) < 1_000_000:
                        await anyio.sleep(0.02)
                view = await client.get(f"/models/{PUBLISHED}")
                assert view["state"] == "downloading"
                assert view["download"]["bytes_total"] == sum(map(len, files.values()))
                assert (await client.post(f"/models/{PUBLISHED}/cancel"))["state"] == "absent"
                assert engine.children() == []
                hub.release.set()
                hub.hold_after.clear()

                await client.post(f"/models/{PUBLISHED}/download", None, 202)
                with anyio.fail_after(PATIENCE_S):
                    while (view := await client.get(f"/models/{PUBLISHED}"))["state"] == "downloading":
                        await anyio.sleep(0.02)

                assert (view["state"], view["reason"]) == ("installed", None), view
                first, *others = hub.asked_for("model.safetensors")
                assert first is None
                assert others
                assert all(other is not None and int(other[6:-1]) >= 1_000_000 for other in others)
                asked = len(hub.requests)
                assert (await activate(client, PUBLISHED))["state"] == "active"
                voices = (await client.get("/voices", params={"model_id": PUBLISHED}))["voices"]
                assert audible(await samples(client, await render(client, voices[0]["voice_id"])))
                assert len(hub.requests) == asked
                await client.post(f"/models/{PUBLISHED}/download", None, 409)
        with sidecar(tmp_path / "data", environment={"HF_ENDPOINT": hub.url}) as engine:
            engine.ready()
            async with client_of(engine) as client:
                assert (await client.get("/health"))["active_model_id"] == PUBLISHED
                assert len(hub.requests) == asked
