"""The pauses of the embedded voice, measured in its files: where a chunk ends, and whatever length chunks have."""

import io
from array import array
from collections.abc import AsyncGenerator, Generator
from itertools import pairwise
from typing import Any

import pytest
import soundfile  # pyright: ignore[reportMissingTypeStubs]

from tests.support.client import Client, http_client
from tests.support.pauses import MS, PAUSES, loud
from tests.support.sidecar import TOKEN, sidecar

pytestmark = pytest.mark.anyio

#: A chunk, at 100 characters, for every boundary; and something that is never heard.
EVERY_BOUNDARY = """# The harbour

The committee, which had met every second Thursday since the spring of the year before the last one, decided that \
the ferry of the old man who had rowed it for as long as anybody in the village could remember should be repaired. \
Nobody came. Nobody went. Nobody spoke of the story that everyone in the village had heard so often before. All of \
them slept.

- milk and cream
- bread

---

That is all.

***
"""

#: Paragraphs of sentences that do not all fit into a hundred characters.
TEXTS = {
    "en-US": """It was late. The lamp was lit, and nobody spoke of the old story that everyone in the village
        knew. The sea was calm; the keeper slept. In the morning, when the fog had lifted, a boat came
        in from the north. Three men were in it. They had been at sea for nine days, they said, and had
        eaten nothing but biscuits. Nobody believed them at first! What had they seen out there? They
        would not say.""",
    "de": """Es war spät. Die Lampe brannte, und niemand sprach von der alten Geschichte, die jeder im Dorf
        kannte. Das Meer war ruhig; der Wärter schlief. Am Morgen, als sich der Nebel gehoben hatte, kam
        ein Boot aus dem Norden. Drei Männer saßen darin. Sie seien neun Tage auf See gewesen, sagten
        sie, und hätten nichts gegessen.""",
    "fr": """Il était tard. La lampe brûlait, et personne ne parlait de la vieille histoire que tout le
        village connaissait. La mer était calme. Au matin, quand la brume se leva, un bateau arriva du
        nord. Trois hommes y étaient assis. Ils avaient passé neuf jours en mer, disaient-ils.""",
    "ru": """Было поздно. Лампа горела, и никто не говорил о старой истории, которую все в деревне знали.
        Море было спокойно. Утром, когда туман рассеялся, с севера пришла лодка. В ней сидели трое
        мужчин. Они сказали, что провели в море девять дней.""",
    "cmn": """天色已晚。灯亮着，没有人说起那个村里人人都知道的老故事。海面很平静，看守人睡着了。早上雾散了以后，
        一条船从北方来了。船上坐着三个人。他们说，他们在海上过了九天，除了饼干什么也没吃。没有人相信他们。
        他们在那里看见了什么？他们不肯说。""",
}
LISTS = "# The list\n\nWe need these:\n\n" + "- milk and cream, and with it some bread\n" * 4 + "\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Generator[int]:
    with sidecar(tmp_path_factory.mktemp("espeak") / "data") as process:
        yield process.ready()["port"]


@pytest.fixture
async def client(port: int) -> AsyncGenerator[Client]:
    async with http_client(port, token=TOKEN) as http:
        yield Client(port, http, token=TOKEN)


async def spoken(
    client: Client, text: str, *, route: str = "/jobs", language: str = "en-US", **settings: Any
) -> str:
    """A job that is completed."""
    voices = (await client.get("/voices", params={"language": language}))["voices"]
    body = {"voice_id": voices[0]["voice_id"], "text": text, "settings": settings, "seed": 1}
    job_id = (await client.post(route, body, 201 if route == "/jobs" else 200))["job_id"]
    assert (await client.ended(job_id))["status"] == "completed"
    return job_id


async def samples_of(client: Client, job_id: str) -> bytes:
    samples, _ = soundfile.read(io.BytesIO(await client.wav(job_id)), dtype="int16")
    return samples.tobytes()


async def pauses_at_ends(client: Client, job_id: str) -> list[tuple[str, float]]:
    """What ends each chunk that says something, and for how many milliseconds it is silent around its end."""
    pcm = await samples_of(client, job_id)
    heard = loud(pcm)
    chunks = (await client.get(f"/jobs/{job_id}/chunks"))["chunks"]
    said = [chunk for chunk in chunks if chunk["end_seconds"] > chunk["start_seconds"]]
    found: list[tuple[str, float]] = []
    for chunk in said[:-1]:
        end = round(chunk["end_seconds"] * 24_000)
        before, after = next((one, other) for one, other in pairwise(heard) if other >= end)
        found.append((chunk["boundary"], (after - before - 1) / MS))
    return found


@pytest.mark.parametrize("route", ["/jobs", "/speak"])
async def test_the_silence_at_a_boundary_is_what_the_boundary_asks_for(client: Client, route: str) -> None:
    job_id = await spoken(client, EVERY_BOUNDARY, route=route, chunking={"max_chars": 100})

    found = await pauses_at_ends(client, job_id)

    assert {boundary for boundary, _ in found} == set(PAUSES)
    for boundary, silent_ms in found:
        least = PAUSES[boundary] or silent_ms  # between words there is what the takes bring
        assert silent_ms == pytest.approx(least, abs=1)
        assert boundary != "word" or silent_ms < 60


@pytest.mark.parametrize(
    ("language", "rate"),
    [
        pytest.param(language, rate, marks=() if rate == 1.0 or language == "de" else pytest.mark.long)
        for language in TEXTS
        for rate in (0.5, 1.0, 2.0)
    ],
)
async def test_a_text_is_as_long_in_short_chunks_as_in_long_ones(
    client: Client, language: str, rate: float
) -> None:
    for text in ((TEXTS[language] + "\n\n") * 2, LISTS + TEXTS[language] + " " + TEXTS[language]):
        short, long = [
            len(
                await samples_of(
                    client,
                    await spoken(client, text, language=language, rate=rate, chunking={"max_chars": max_chars}),
                )
            )
            for max_chars in (100, 2000)
        ]

        assert short / long == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("volume", [0.0, 0.01, 2.0])
async def test_the_volume_moves_no_end_of_a_chunk(client: Client, volume: float) -> None:
    ends: list[list[float]] = []
    for chosen in (1.0, volume):
        job_id = await spoken(client, EVERY_BOUNDARY, volume=chosen, chunking={"max_chars": 100})
        ends.append([chunk["end_seconds"] for chunk in (await client.get(f"/jobs/{job_id}/chunks"))["chunks"]])

    assert ends[0] == ends[1]


async def test_a_listener_hears_the_first_sample_of_the_voice_first_and_the_last_last(client: Client) -> None:
    job_id = await spoken(client, "One.\n\nTwo.", route="/speak")

    samples = array("h", await samples_of(client, job_id))

    assert any(samples[: 30 * MS])
    assert any(samples[-30 * MS :])
