"""What every model must do, through the real sockets: the fake in this process; the embedded voice and a generated
Qwen3-TTS checkpoint in engines that are started as an app starts them.
"""

import io
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from itertools import pairwise

import pytest
import soundfile  # pyright: ignore[reportMissingTypeStubs]

from app.selftest.checkpoint import write_checkpoint
from tests.api.conftest import opened
from tests.support.client import Client, Engine, audio_of, http_client, next_event
from tests.support.fakes import VOICE_ID
from tests.support.sidecar import TOKEN, sidecar
from tests.support.variants import in_test_long

pytestmark = pytest.mark.anyio


SEA = "The sea was calm, and so was the keeper of the light. "


class Speaker:
    """An engine, and a voice of its model. A `slow` one, whose model computes, is given less to say."""

    def __init__(
        self, client: Client, voice_id: str, calm: dict[str, bytes], *, many: int = 8, slow: bool = False
    ) -> None:
        self.client, self._voice_id, self._calm = client, voice_id, calm
        self.many = 4 if slow else many
        self.prose = "It was late. The lamp was lit, and nobody spoke.\n\n"
        self.prose += "Nobody came." if slow else "A second paragraph, which says little. " * 12
        self.long = "\n\n".join(
            f"{number}. The sea was calm." if slow else f"Paragraph {number}. " + SEA * 3
            for number in range(8 if slow else 12)
        )

    async def speak(self, text: str, **fields: object) -> str:
        body = {"voice_id": self._voice_id, "text": text, **fields}
        return (await self.client.post("/speak", body))["job_id"]

    async def render(self, text: str, **fields: object) -> str:
        body = {"voice_id": self._voice_id, "text": text, **fields}
        return (await self.client.post("/jobs", body, 201))["job_id"]

    async def undisturbed(self, submit: Callable[..., Awaitable[str]]) -> bytes:
        """The file of the long text with seed 9, which one test makes for all."""
        if submit.__name__ not in self._calm:
            job_id = await submit(self.long, seed=9)
            assert (await self.client.ended(job_id))["status"] == "completed"
            self._calm[submit.__name__] = await self.client.wav(job_id)
        return self._calm[submit.__name__]


@pytest.fixture(scope="module")
def espeak_port(tmp_path_factory: pytest.TempPathFactory) -> Generator[int]:
    with sidecar(tmp_path_factory.mktemp("espeak") / "data") as process:
        yield process.ready()["port"]


@pytest.fixture(scope="module")
def qwen3_port(tmp_path_factory: pytest.TempPathFactory) -> Generator[int]:
    folder = tmp_path_factory.mktemp("qwen3")
    write_checkpoint(folder / "models" / "tiny", type="custom_voice")
    with sidecar(folder / "data", model="tiny", models_dir=str(folder / "models")) as process:
        yield process.ready()["port"]


@pytest.fixture(scope="module")
def calm() -> dict[str, dict[str, bytes]]:
    """What `Speaker.undisturbed` has made, by model."""
    return {}


@pytest.fixture(scope="module")
async def fake(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Engine]:
    async with opened(tmp_path_factory.mktemp("fake")) as engine:
        yield engine


@pytest.fixture(params=["fake", "espeak-ng", *in_test_long("tiny")])
async def speaker(
    request: pytest.FixtureRequest, fake: Engine, calm: dict[str, dict[str, bytes]]
) -> AsyncGenerator[Speaker]:
    made = calm.setdefault(request.param, {})
    if request.param == "fake":
        yield Speaker(fake, VOICE_ID, made, many=20)
        return
    slow = request.param == "tiny"
    port: int = request.getfixturevalue("qwen3_port" if slow else "espeak_port")
    async with http_client(port, token=TOKEN) as http:
        client = Client(port, http, token=TOKEN)
        wanted = {"model_id": request.param} if slow else {"language": "en-US"}
        voices = (await client.get("/voices", params=wanted))["voices"]
        yield Speaker(client, voices[0]["voice_id"], made, slow=slow)


async def test_what_is_streamed_is_what_is_in_the_file(speaker: Speaker) -> None:
    for job_id in (await speaker.speak(speaker.prose), await speaker.render(speaker.prose)):
        events = await speaker.client.events(job_id)

        samples, rate = soundfile.read(io.BytesIO(await speaker.client.wav(job_id)), dtype="int16")

        assert [events[0]["type"], events[-1]["type"]] == ["JOB_STARTED", "JOB_DONE"]
        assert rate == 24000
        assert samples.tobytes() == audio_of(events)
        assert len(samples) > 24000
        assert abs(samples).max() > 1000


async def test_every_chunk_of_the_text_is_in_the_audio_in_order(speaker: Speaker) -> None:
    job_id = await speaker.render(speaker.prose, settings={"chunking": {"max_chars": 100}})
    events = await speaker.client.events(job_id)

    chunks = (await speaker.client.get(f"/jobs/{job_id}/chunks"))["chunks"]

    assert [chunks[0]["start_char"], chunks[-1]["end_char"]] == [0, len(speaker.prose)]
    assert all(left["end_char"] == right["start_char"] for left, right in pairwise(chunks))
    assert all(left["end_seconds"] == right["start_seconds"] for left, right in pairwise(chunks))
    assert chunks[-1]["end_seconds"] == pytest.approx(len(audio_of(events)) / 48000)
    assert all(chunk["end_seconds"] > chunk["start_seconds"] for chunk in chunks)
    assert {chunk["state"] for chunk in chunks} == {"done"}


async def test_canceled_at_once_it_is_canceled(speaker: Speaker) -> None:
    job_id = await speaker.speak(speaker.long)

    assert await speaker.client.post("/cancel", {"job_id": job_id}) == {"canceled": True}

    assert (await speaker.client.get(f"/jobs/{job_id}"))["status"] == "canceled"
    assert (await speaker.client.events(job_id))[-1]["type"] == "JOB_CANCELED"


async def test_canceled_in_the_middle_it_keeps_what_was_heard(speaker: Speaker) -> None:
    job_id = await speaker.speak("[hold:never] " + speaker.long)
    async with speaker.client.socket(f"/stream/{job_id}") as socket:
        heard = [await next_event(socket), await next_event(socket)]
        await speaker.client.post("/cancel", {"job_id": job_id})
        while heard[-1]["type"] not in ("JOB_CANCELED", "JOB_DONE"):
            heard.append(await next_event(socket))

    replayed = await speaker.client.events(job_id)

    assert heard[-1]["type"] == "JOB_CANCELED"
    assert audio_of(replayed) == audio_of(heard) != b""


async def test_a_late_subscriber_hears_all_and_a_silent_one_disturbs_nobody(speaker: Speaker) -> None:
    job_id = await speaker.speak(speaker.long)
    async with speaker.client.socket(f"/stream/{job_id}") as silent:
        async with speaker.client.socket(f"/stream/{job_id}") as early:
            first = [await next_event(early) for _ in range(3)]
            late = await speaker.client.events(job_id)
            while first[-1]["type"] != "JOB_DONE":
                first.append(await next_event(early))
        silent.transport.abort()

    assert audio_of(late) == audio_of(first)
    assert (await speaker.client.ended(job_id))["status"] == "completed"


async def test_many_jobs_of_both_lanes_all_end_and_can_be_paged(speaker: Speaker) -> None:
    jobs: list[str] = []
    for number in range(speaker.many):
        jobs.append(await speaker.render(f"Render number {number}."))
        jobs.append(await speaker.speak(f"Speak number {number}."))

    seen: list[str] = []
    cursor: dict[str, str] = {}
    while len(seen) < len(jobs):  # while they run
        page = await speaker.client.get("/jobs", params={"limit": 3, **cursor})
        seen += [job["job_id"] for job in page["jobs"]]
        assert page["jobs"]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}

    assert seen[: len(jobs)] == jobs[::-1]
    assert {(await speaker.client.ended(job_id))["status"] for job_id in jobs} == {"completed"}


async def test_the_same_seed_gives_the_same_file(speaker: Speaker) -> None:
    one, two = await speaker.render(speaker.prose, seed=5), await speaker.render(speaker.prose, seed=5)
    await speaker.client.ended(one)
    await speaker.client.ended(two)

    assert await speaker.client.wav(one) == await speaker.client.wav(two)


@pytest.mark.parametrize("speaker", ["fake", "espeak-ng"], indirect=True)  # the effects do not know the model
@pytest.mark.parametrize(
    "settings", [{"rate": 2.0}, {"volume": 0.0}, *in_test_long({"rate": 0.5}, {"pitch": 1.5}, {"volume": 0.5})]
)
async def test_rate_pitch_and_volume_are_heard_whoever_applies_them(
    speaker: Speaker, settings: dict[str, float]
) -> None:
    plain, changed = (
        await speaker.render(speaker.prose, seed=5),
        await speaker.render(speaker.prose, seed=5, settings=settings),
    )
    await speaker.client.ended(plain)
    await speaker.client.ended(changed)

    before, _ = soundfile.read(io.BytesIO(await speaker.client.wav(plain)))
    after, _ = soundfile.read(io.BytesIO(await speaker.client.wav(changed)))

    assert len(before) / len(after) == pytest.approx(settings.get("rate", 1.0), rel=0.15)
    level = float((after**2).mean() / (before**2).mean()) ** 0.5
    assert level == pytest.approx(settings.get("volume", 1.0), abs=0.3)


async def test_a_paused_job_is_whole_once_it_was_resumed(speaker: Speaker) -> None:
    for submit in (speaker.render, speaker.speak):
        calm = await speaker.undisturbed(submit)
        job_id = await submit(speaker.long, seed=9)
        async with speaker.client.socket(f"/stream/{job_id}") as socket:
            await next_event(socket)
            await next_event(socket)
            paused = await speaker.client.post(f"/jobs/{job_id}/pause")
            assert paused["status"] == "paused"
            await speaker.client.post(f"/jobs/{job_id}/resume")

        assert (await speaker.client.ended(job_id))["status"] == "completed"
        assert await speaker.client.wav(job_id) == calm


async def test_a_canceled_job_that_is_tried_again_is_whole(speaker: Speaker) -> None:
    for submit in (speaker.render, speaker.speak):
        calm = await speaker.undisturbed(submit)
        job_id = await submit(speaker.long, seed=9)
        async with speaker.client.socket(f"/stream/{job_id}") as socket:
            await next_event(socket)
            await next_event(socket)
            assert await speaker.client.post("/cancel", {"job_id": job_id}) == {"canceled": True}

        await speaker.client.post(f"/jobs/{job_id}/retry")

        assert (await speaker.client.ended(job_id))["status"] == "completed"
        assert await speaker.client.wav(job_id) == calm
