"""A job's files in several formats: asked for, made, fetched, refused and deleted, over HTTP."""

from typing import Any
from uuid import uuid4

import anyio
import pytest

from tests.api.asking import finished, render
from tests.api.raw import error_in
from tests.audio.encoded import decoded, metadata
from tests.support.client import Engine, audio_of

pytestmark = pytest.mark.anyio

ALL = ["flac", "mp3", "wav", "opus", "m4a"]
TYPES = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg", "opus": "audio/ogg", "m4a": "audio/mp4"}
TEXT = "There is a lighthouse on the hill. " * 20


async def completed(engine: Engine, **fields: Any) -> str:
    """A job that has ended well; its id."""
    return await finished(engine, TEXT, **fields)


async def test_a_job_has_a_file_in_every_format_that_was_asked_for(shared: Engine) -> None:
    job_id = await completed(shared, formats=[*ALL, "mp3"], title="The hill", tags=["b", "a"])
    heard = audio_of(await shared.events(job_id))

    job = (await shared.http.get(f"/v1/jobs/{job_id}")).json()
    assert job["formats"] == [*ALL, "mp3"]
    assert job["encoding"] == {
        "flac": {"sample_rate": 24_000, "bit_rate": None},
        "mp3": {"sample_rate": 24_000, "bit_rate": 64_000},
        "opus": {"sample_rate": 24_000, "bit_rate": 32_000},
        "m4a": {"sample_rate": 24_000, "bit_rate": 64_000},
    }
    artifacts = (await shared.http.get(f"/v1/jobs/{job_id}/artifacts")).json()["artifacts"]
    assert [each["format"] for each in artifacts] == ALL
    for artifact in artifacts:
        name = artifact["format"]
        file = await shared.http.get(artifact["url"])
        assert file.status_code == 200
        assert file.headers["content-type"] == TYPES[name]
        assert file.headers["content-disposition"] == f'attachment; filename="{job_id}.{name}"'
        assert len(file.content) == artifact["bytes"] == int(file.headers["content-length"])
        rate, samples = decoded(file.content)
        assert len(samples) / rate == pytest.approx(len(heard) / 48_000, abs=0 if name in ("flac", "wav") else 0.05)
        assert artifact["seconds"] == len(heard) / 48_000
        if name != "wav":
            about = metadata(file.content)
            assert (about["title"], about["keywords"], about["date"]) == (
                "The hill",
                "a, b",
                job["created_at"][:10],
            )


async def test_a_part_of_any_file_can_be_had_and_each_has_a_tag_of_its_own(shared: Engine) -> None:
    job_id = await completed(shared, formats=["wav", "mp3", "opus"])
    etags: set[str] = set()
    for name in ("wav", "mp3", "opus"):
        url = f"/v1/jobs/{job_id}/audio?format={name}"
        whole = await shared.http.get(url)
        part = await shared.http.get(url, headers={"Range": "bytes=100-199"})
        same = await shared.http.get(url, headers={"If-None-Match": whole.headers["etag"]})
        head = await shared.http.head(url)

        assert (part.status_code, part.content) == (206, whole.content[100:200])
        assert part.headers["content-type"] == TYPES[name]
        assert same.status_code == 304
        assert (head.headers["content-type"], head.headers["etag"]) == (TYPES[name], whole.headers["etag"])
        etags.add(whole.headers["etag"])

    assert len(etags) == 3
    assert (await shared.http.get(f"/v1/jobs/{job_id}/audio")).headers["content-type"] == "audio/wav"


async def test_a_format_that_was_not_asked_for_is_refused_with_those_that_there_are(shared: Engine) -> None:
    job_id = await completed(shared, formats=["opus", "mp3"])

    for name in ("wav", "flac"):
        response = await shared.http.get(f"/v1/jobs/{job_id}/audio?format={name}")
        assert response.status_code == 400
        assert error_in(response)["message"] == (
            f"the request is not valid: format: the job is not made as {name}; it has opus, mp3"
        )
        assert error_in(response)["details"]["fields"][0]["field"] == "format"
    first = await shared.http.get(f"/v1/jobs/{job_id}/audio")
    assert first.headers["content-type"] == "audio/ogg"
    assert not (shared.data_dir / "jobs" / job_id / "audio.wav").exists()
    assert audio_of(await shared.events(job_id)), "the stream is still heard"


async def test_the_audio_so_far_is_given_as_wav_and_says_so(shared: Engine) -> None:
    job_id = await render(shared, "[hold:never] Held.", formats=["mp3"])
    await shared.http.post(f"/v1/jobs/{job_id}/cancel")

    with_mp3 = await shared.http.get(f"/v1/jobs/{job_id}/audio?format=mp3&partial=true")
    without = await shared.http.get(f"/v1/jobs/{job_id}/audio?format=mp3")

    assert with_mp3.status_code == 400
    assert "the audio so far is given as wav" in error_in(with_mp3)["message"]
    assert (without.status_code, error_in(without)["code"]) == (409, "JOB_NOT_COMPLETED")


async def test_bit_rate_and_sample_rate_are_those_that_were_asked_for(shared: Engine) -> None:
    job_id = await completed(
        shared,
        formats=["mp3", "opus", "flac"],
        encoding={"mp3": {"bit_rate": 128_000, "sample_rate": 44_100}, "opus": {"bit_rate": 16_000}},
    )

    job = (await shared.http.get(f"/v1/jobs/{job_id}")).json()
    assert job["encoding"]["mp3"] == {"sample_rate": 44_100, "bit_rate": 128_000}
    mp3, opus = [
        (await shared.http.get(f"/v1/jobs/{job_id}/audio?format={name}")).content for name in ("mp3", "opus")
    ]
    rate, samples = decoded(mp3)
    assert rate == 44_100
    assert len(mp3) * 8 / (len(samples) / rate) == pytest.approx(128_000, rel=0.1)
    rate, samples = decoded(opus)
    assert len(opus) * 8 / (len(samples) / rate) < 32_000


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"formats": ["aac"]}, "formats[0]", '"flac" or "m4a" or "mp3" or "opus" or "wav"'),
        ({"formats": []}, "formats", ">= 1"),
        (
            {"formats": ["mp3"], "encoding": {"mp3": {"bit_rate": 63_999}}},
            "encoding.mp3.bit_rate",
            "it can have 8000, 16000,",
        ),
        (
            {"formats": ["opus"], "encoding": {"opus": {"sample_rate": 44_100}}},
            "encoding.opus.sample_rate",
            "it can have 8000, 12000, 16000, 24000, 48000",
        ),
        (
            {"formats": ["flac"], "encoding": {"flac": {"bit_rate": 64_000}}},
            "encoding.flac.bit_rate",
            "leave it out",
        ),
        ({"formats": ["wav"], "encoding": {"mp3": {}}}, "encoding.mp3", "the formats of the job are wav; add it"),
        ({"encoding": {"wav": {"sample_rate": 48_000}}}, "encoding.wav", "there are flac, mp3, opus, m4a"),
        (
            {"formats": ["mp3"], "encoding": {"mp3": {"bitrate": 1}}},
            "encoding.mp3.bitrate",
            "bit_rate, sample_rate",
        ),
    ],
)
async def test_what_a_format_cannot_do_is_refused_at_submission(
    shared: Engine, fields: dict[str, Any], field: str, said: str
) -> None:
    response = await shared.http.post("/v1/jobs", json={"text": "Hello.", **fields})

    assert response.status_code == 400
    error = error_in(response)
    assert error["code"] == "INVALID_REQUEST"
    assert error["details"]["fields"][0]["field"] == field
    assert said in error["message"]


async def test_a_text_as_a_body_says_in_the_query_which_files_it_wants(shared: Engine) -> None:
    asked = "formats=mp3&formats=flac&mp3_bit_rate=32000&flac_sample_rate=48000"
    made = await shared.http.post(f"/v1/jobs?{asked}", content="Good.", headers={"Content-Type": "text/plain"})
    assert made.status_code == 201
    assert made.json()["encoding"] == {
        "mp3": {"sample_rate": 24_000, "bit_rate": 32_000},
        "flac": {"sample_rate": 48_000, "bit_rate": None},
    }

    wrong = await shared.http.post(
        "/v1/jobs?formats=mp3&mp3_bit_rate=1", content="Good.", headers={"Content-Type": "text/plain"}
    )
    assert wrong.status_code == 400
    assert "mp3 at 24000 Hz cannot have 1 bits per second" in error_in(wrong)["message"]


async def test_files_go_with_their_job(shared: Engine) -> None:
    job_id = await completed(shared, formats=["mp3", "wav"])
    folder = anyio.Path(shared.data_dir / "jobs" / job_id)
    assert await folder.exists()

    await shared.http.delete(f"/v1/jobs/{job_id}")

    assert not await folder.exists()


async def test_the_same_request_again_is_the_same_job_and_with_another_bit_rate_a_conflict(shared: Engine) -> None:
    job_id = str(uuid4())
    body = {"text": "Good.", "formats": ["mp3"], "encoding": {"mp3": {"bit_rate": 32_000}}}
    answers = [
        await shared.http.put(f"/v1/jobs/{job_id}", json=each)
        for each in (body, body, {**body, "encoding": {"mp3": {"bit_rate": 48_000}}})
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 409]


async def test_a_completed_job_has_all_files_when_its_last_event_comes(shared: Engine) -> None:
    job_id = await render(shared, TEXT, formats=ALL)
    await shared.events(job_id)

    made = (await shared.http.get(f"/v1/jobs/{job_id}/artifacts")).json()["artifacts"]

    assert [each["format"] for each in made] == ALL


@pytest.mark.parametrize(("name", "value"), [("title", "a\0b"), ("tags", ["a", "b\0"])])
async def test_a_title_or_tag_that_a_file_would_cut_off_is_refused(
    shared: Engine, name: str, value: object
) -> None:
    response = await shared.http.post("/v1/jobs", json={"text": "Hello.", name: value})

    assert response.status_code == 400
    assert response.json()["error"]["details"]["fields"][0]["field"] == name
