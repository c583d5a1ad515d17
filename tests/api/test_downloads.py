"""`GET /v1/jobs/{id}/audio`: the file, parts of it, and whether it has changed."""

import io
import sys
import wave
from typing import NamedTuple

import anyio
import httpx
import pytest

from app.audio.wav import HEADER_BYTES, wav_header
from tests.api.asking import finished, job_in, open_files, render, speak
from tests.api.raw import AUTHORIZATION, error_in, host, wire
from tests.support.client import PATIENCE_S, Engine, audio_of, next_event

pytestmark = pytest.mark.anyio


class File(NamedTuple):
    """A completed job's file."""

    url: str
    wav: bytes
    etag: str


@pytest.fixture(scope="module")
async def file(shared: Engine) -> File:
    job_id = await finished(shared, "A file of some length, so that it can be cut in pieces. " * 200)
    response = await shared.http.get(f"/v1/jobs/{job_id}/audio")
    assert len(response.content) > 2 * 256 * 1024, "it must not come in one piece"
    return File(f"/v1/jobs/{job_id}/audio", response.content, response.headers["etag"])


async def got(engine: Engine, file: File, **headers: str) -> httpx.Response:
    return await engine.http.get(
        file.url, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


async def test_the_file_is_a_wav_of_the_streams_samples(shared: Engine) -> None:
    job_id = await finished(shared, "What is heard is what is filed. " * 40)

    response = await shared.http.get(f"/v1/jobs/{job_id}/audio")

    assert response.status_code == 200
    assert response.headers["content-type"] == "audio/wav"
    assert response.headers["content-length"] == str(len(response.content))
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["content-disposition"] == f'attachment; filename="{job_id}.wav"'
    with wave.open(io.BytesIO(response.content)) as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (24_000, 1, 2)
        assert wav.readframes(wav.getnframes()) == audio_of(await shared.events(job_id))
    assert (await shared.http.get(f"/v1/jobs/{job_id}/audio?format=wav")).content == response.content
    assert (await shared.http.get(f"/v1/jobs/{job_id}/audio?partial=true")).content == response.content
    assert (shared.data_dir / "jobs" / job_id / "audio.wav").read_bytes() == response.content


@pytest.mark.parametrize(
    ("header", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-9", 0, 10),
        ("bytes=70-89", 70, 90),
        ("bytes=1000-1999", 1000, 2000),
        ("bytes=262000-263000", 262_000, 263_001),
        ("bytes=100-", 100, None),
        ("bytes=0-", 0, None),
        ("bytes=-1", -1, None),
        ("bytes=-500", -500, None),
        ("bytes=-999999999", 0, None),
        ("bytes=10-999999999", 10, None),
        ("bytes=10-999999999999999999", 10, None),
        ("Bytes=5-6", 5, 7),
    ],
)
async def test_a_range_is_answered_with_that_part(
    shared: Engine, file: File, header: str, first: int, end: int | None
) -> None:
    expected = file.wav[first:end]

    response = await got(shared, file, Range=header)

    start = len(file.wav) + first if first < 0 else first
    assert response.status_code == 206
    assert response.content == expected
    assert response.headers["content-length"] == str(len(expected))
    assert response.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/{len(file.wav)}"
    assert response.headers["etag"] == file.etag


async def test_ranges_end_to_end_are_the_whole(shared: Engine, file: File) -> None:
    size = 100_001
    parts = [
        (await got(shared, file, Range=f"bytes={at}-{at + size - 1}")).content
        for at in range(0, len(file.wav), size)
    ]

    assert b"".join(parts) == file.wav


@pytest.mark.parametrize("header", ["bytes={size}-", "bytes={size}-{size}", "bytes=999999999999-", "bytes=-0"])
async def test_a_range_past_the_end_cannot_be_satisfied(shared: Engine, file: File, header: str) -> None:
    response = await got(shared, file, Range=header.format(size=len(file.wav)))

    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{len(file.wav)}"
    assert error_in(response)["code"] == "INVALID_REQUEST"
    assert str(len(file.wav)) in error_in(response)["message"]


async def test_the_last_byte_is_not_past_the_end(shared: Engine, file: File) -> None:
    response = await got(shared, file, Range=f"bytes={len(file.wav) - 1}-")

    assert (response.status_code, response.content) == (206, file.wav[-1:])


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-3",
        "bytes=0-1,3-4",
        "bytes=0-1, 3-4",
        "bytes=--1",
        "bytes=0--1",
        "bytes=0x0-0x9",
        "bytes=1.5-2",
        "bytes=+1-2",
        "bytes 0-1",
        "lines=0-1",
        "bytes=0-1;",
        "bytes=0-99999999999999999999999",
        "bytes=" + "9" * 8_000 + "-",
        "bytes=" + "0-1," * 2_000,
    ],
)
async def test_an_invalid_range_or_several_ranges_give_the_whole_file(
    shared: Engine, file: File, header: str
) -> None:
    response = await got(shared, file, Range=header)

    assert response.status_code == 200
    assert response.content == file.wav
    assert "content-range" not in response.headers


async def test_digits_of_other_scripts_are_not_a_range(shared: Engine, file: File) -> None:
    headers = [(b"Range", "bytes=\u00b2-\u00b3".encode("latin-1"))]

    response = await shared.http.get(file.url, headers=headers)

    assert (response.status_code, len(response.content)) == (200, len(file.wav))


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ("ETAG", 206),
        ("W/ETAG", 200),
        ('"another"', 200),
        ("ETAG, ETAG", 200),
        ("*", 200),
        ("Sat, 21 Nov 2026 04:00:00 GMT", 200),
        ("", 200),
    ],
)
async def test_a_range_is_given_only_of_the_file_that_it_is_meant_for(
    shared: Engine, file: File, condition: str, status: int
) -> None:
    headers = {"If_Range": condition.replace("ETAG", file.etag)}

    response = await got(shared, file, Range="bytes=0-9", **headers)

    assert response.status_code == status
    assert response.content == (file.wav[:10] if status == 206 else file.wav)


@pytest.mark.parametrize("condition", ["ETAG", "W/ETAG", "*", '"x", ETAG', '"x",W/ETAG , "y"'])
async def test_a_file_that_has_not_changed_is_not_sent_again(shared: Engine, file: File, condition: str) -> None:
    for more in ({}, {"Range": "bytes=0-9"}, {"Range": "bytes=999999999-"}):
        response = await got(shared, file, If_None_Match=condition.replace("ETAG", file.etag), **more)

        assert response.status_code == 304
        assert response.content == b""
        assert response.headers["etag"] == file.etag
        assert "content-range" not in response.headers


@pytest.mark.parametrize("condition", ['"x"', "", "ETA", ",,,", '"' + "x" * 50_000 + '"', "\\", '"*"'])
async def test_a_file_that_the_client_does_not_have_is_sent(shared: Engine, file: File, condition: str) -> None:
    response = await got(shared, file, If_None_Match=condition)

    assert (response.status_code, response.content) == (200, file.wav)


async def test_the_tag_stays_and_belongs_to_one_job(shared: Engine, file: File) -> None:
    other = await finished(shared, "Another file.")

    again = await got(shared, file)
    response = await shared.http.get(f"/v1/jobs/{other}/audio")

    assert again.headers["etag"] == file.etag
    assert file.etag.startswith('"')
    assert file.etag.endswith('"')
    assert response.headers["etag"] != file.etag


async def test_head_is_get_without_the_body(shared: Engine, file: File) -> None:
    get = await got(shared, file)

    head = await shared.http.head(file.url)
    with_range = await shared.http.head(file.url, headers={"Range": "bytes=0-9"})
    unchanged = await shared.http.head(file.url, headers={"If-None-Match": file.etag})

    assert head.status_code == with_range.status_code == 200
    assert head.content == b""
    for response in (head, with_range):
        assert {**response.headers, "date": ""} == {**get.headers, "date": ""}
    assert unchanged.status_code == 304


async def test_head_of_what_is_not_there_has_the_status_of_get(shared: Engine) -> None:
    missing = await shared.http.head("/v1/jobs/99999999-9999-4999-8999-999999999999/audio")
    async with job_in(shared, "running") as job_id:
        early = await shared.http.head(f"/v1/jobs/{job_id}/audio")

    assert (missing.status_code, early.status_code) == (404, 409)
    assert missing.content == early.content == b""


@pytest.mark.parametrize("status", ["queued", "running", "paused", "failed", "canceled"])
async def test_a_job_that_is_not_completed_has_no_file_unless_a_part_is_asked_for(
    shared: Engine, status: str
) -> None:
    async with job_in(shared, status) as job_id:
        refused = await shared.http.get(f"/v1/jobs/{job_id}/audio")
        explicit = await shared.http.get(f"/v1/jobs/{job_id}/audio?partial=false")
        part = await shared.http.get(f"/v1/jobs/{job_id}/audio?partial=true")

        assert refused.status_code == explicit.status_code == 409
        assert error_in(refused)["code"] == "JOB_NOT_COMPLETED"
        if status == "queued":
            assert part.status_code == 409
            assert error_in(part)["code"] == "JOB_NOT_COMPLETED"
            assert "no audio yet" in error_in(part)["message"]
            return
        assert part.status_code == 200
        assert part.content[:HEADER_BYTES] == wav_header(
            (len(part.content) - HEADER_BYTES) // 2, sample_rate=24_000
        )


async def test_the_part_of_a_running_render_is_what_is_committed(shared: Engine) -> None:
    text = "This chunk is done. " * 5 + "\n\n[hold:part] This one is held.\n\n[hold:parts] And this one."
    job_id = await render(shared, text)
    async with shared.socket(f"/stream/{job_id}") as socket:
        events = [await next_event(socket)]
        while events[-1]["type"] != "JOB_PROGRESS":
            events.append(await next_event(socket))
    url = f"/v1/jobs/{job_id}/audio?partial=true"

    part = await shared.http.get(url)
    piece = await shared.http.get(url, headers={"Range": f"bytes={HEADER_BYTES}-{HEADER_BYTES + 9}"})
    seam = await shared.http.get(url, headers={"Range": "bytes=70-99"})
    again = await shared.http.get(url, headers={"If-None-Match": part.headers["etag"]})

    assert (seam.status_code, seam.content) == (206, part.content[70:100])
    assert part.content[HEADER_BYTES:] == audio_of(events) != b""
    assert piece.content == audio_of(events)[:10]
    assert again.status_code == 304
    shared.release("part")
    async with shared.socket(f"/stream/{job_id}?after_seq=1") as socket:
        while (await next_event(socket)).get("progress", {}).get("chunks_done") != 2:
            pass
    more = await shared.http.get(url, headers={"If-None-Match": part.headers["etag"]})
    shared.release("parts")
    assert (await shared.ended(job_id))["status"] == "completed"
    whole = await shared.http.get(url, headers={"If-None-Match": more.headers["etag"]})
    assert more.status_code == whole.status_code == 200
    assert len({part.headers["etag"], more.headers["etag"], whole.headers["etag"]}) == 3
    assert more.content[HEADER_BYTES:].startswith(part.content[HEADER_BYTES:])
    assert whole.content[HEADER_BYTES:].startswith(more.content[HEADER_BYTES:])
    assert len(whole.content) > len(more.content) > len(part.content)


@pytest.mark.parametrize("end", ["canceled", "failed"])
async def test_the_part_of_a_job_that_did_not_complete_is_what_its_listeners_heard(
    shared: Engine, end: str
) -> None:
    job_id = await speak(
        shared, "Heard. " * 30 + ("\n\n[error]" if end == "failed" else "\n\n[hold:never] Not heard.")
    )
    if end == "canceled":
        async with shared.socket(f"/stream/{job_id}") as socket:
            while (await next_event(socket))["type"] != "AUDIO_CHUNK":
                pass
        await shared.post("/cancel", {"job_id": job_id})
    assert (await shared.ended(job_id))["status"] == end

    part = await shared.wav(job_id, partial="true")

    assert part[HEADER_BYTES:] == audio_of(await shared.events(job_id)) != b""


async def test_a_file_that_is_gone_from_the_folder_is_not_found(shared: Engine) -> None:
    job_id = await finished(shared)
    (shared.data_dir / "jobs" / job_id / "audio.wav").unlink()

    response = await shared.http.get(f"/v1/jobs/{job_id}/audio")

    assert response.status_code == 404
    assert error_in(response)["code"] == "JOB_NOT_FOUND"
    assert "gone" in error_in(response)["message"]


@pytest.mark.parametrize(
    "query", ["format=wma", "format=mp3", "format=", "format=WAV", "partial=perhaps", "partial="]
)
async def test_a_parameter_that_is_wrong_is_refused(shared: Engine, file: File, query: str) -> None:
    response = await shared.http.get(f"{file.url}?{query}")

    assert response.status_code == 400
    assert error_in(response)["code"] == "INVALID_REQUEST"


@pytest.mark.skipif(sys.platform != "linux", reason="only there can it be seen which files are open")
async def test_a_client_that_goes_in_the_middle_costs_nothing(
    shared: Engine, file: File, caplog: pytest.LogCaptureFixture
) -> None:
    handles = _open_wavs()
    for _ in range(5):
        async with wire(shared) as connection:
            request = (f"GET {file.url} HTTP/1.1".encode(), host(shared), AUTHORIZATION, b"", b"")
            await connection.send(b"\r\n".join(request))

    with anyio.fail_after(PATIENCE_S):
        while _open_wavs() > handles:
            await anyio.sleep(0.02)
    assert (await got(shared, file)).content == file.wav
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def _open_wavs() -> int:
    return sum(path.endswith("audio.wav") for path in open_files())
