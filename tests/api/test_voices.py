"""`/v1/voices`: what there is, clones from recordings, and files that are none."""

import base64
import io
import os
import socket
import sys
import wave
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import pytest

from tests.api.asking import finished, open_files
from tests.api.raw import error_in
from tests.api.wavs import EXTENSIBLE, FLOAT, PCM, chunk, floats, fmt, pcm, riff, samples, tone
from tests.support.client import Engine
from tests.support.fakes import OTHER_VOICE_ID, VOICE_ID
from tests.support.variants import mostly_in_test_long

pytestmark = pytest.mark.anyio


async def clone(engine: Engine, wav: bytes, status: int = 200, **fields: Any) -> Any:
    """Clone a voice from the bytes of a recording."""
    audio = {"wav_base64": base64.b64encode(wav).decode()}
    body = {"display_name": "Me", "ref_audio": audio, "ref_text": "La la la.", **fields}
    return await engine.post("/voices/clone", body, status)


async def test_presets_are_listed_by_name_with_what_the_seed_promises(shared: Engine) -> None:
    voices = (await shared.get("/voices", params={"kind": "preset"}))["voices"]

    assert [voice["voice_id"] for voice in voices] == [VOICE_ID, OTHER_VOICE_ID]
    assert {name: voices[0][name] for name in ("display_name", "tts_model_id", "language_hint", "kind")} == {
        "display_name": "Voice One",
        "tts_model_id": "fake",
        "language_hint": "en",
        "kind": "preset",
    }
    assert await shared.get(f"/voices/{VOICE_ID}") == voices[0]


async def test_voices_that_were_made_here_come_first_and_newest_first(shared: Engine) -> None:
    older, newer = (await clone(shared, tone()))["voice_id"], (await clone(shared, tone()))["voice_id"]

    voices = [voice["voice_id"] for voice in (await shared.get("/voices"))["voices"]]

    assert voices[:2] == [newer, older]
    assert voices[-2:] == [VOICE_ID, OTHER_VOICE_ID]


async def test_voices_can_be_filtered(shared: Engine) -> None:
    made = (await clone(shared, tone(), language="en-GB"))["voice_id"]

    async def found(**params: str) -> set[str]:
        return {voice["voice_id"] for voice in (await shared.get("/voices", params=params))["voices"]}

    assert made in await found(kind="clone")
    assert VOICE_ID not in await found(kind="clone")
    assert await found(kind="design") == set()
    assert {made, VOICE_ID} <= await found(language="en")
    assert OTHER_VOICE_ID not in await found(language="en")
    assert made in await found(language="en-GB")
    assert VOICE_ID not in await found(language="en-GB")
    assert {made, VOICE_ID} <= await found(language="ENGLISH")
    assert made in await found(language="en_gb")
    for unknown in ("e", "en%", "e_", "Inglish"):
        error = (await shared.get("/voices", 400, params={"language": unknown}))["error"]
        assert error["details"]["fields"][0]["field"] == "language"
    assert {made, VOICE_ID, OTHER_VOICE_ID} <= await found(model_id="fake")
    assert await found(model_id="another") == set()
    assert await found(model_id="' OR 1=1 --") == set()


@pytest.mark.parametrize("query", ["kind=robot", "kind="])
async def test_a_kind_that_does_not_exist_is_refused(shared: Engine, query: str) -> None:
    response = await shared.http.get(f"/v1/voices?{query}")

    assert response.status_code == 400
    assert "kind" in error_in(response)["message"]


async def test_a_cloned_voice_keeps_its_recording_and_speaks(shared: Engine) -> None:
    wav = tone()

    made = await clone(shared, wav, display_name="My voice \U0001f600", language="de")

    assert set(made) == {"voice_id", "display_name", "created_at", "tts_model_id"}
    assert made["tts_model_id"] == "fake"
    kept = await shared.get(f"/voices/{made['voice_id']}")
    assert kept == {
        **made, "language_hint": "de", "kind": "clone", "ref_text": "La la la.", "description": None,
    }  # fmt: skip
    folder = shared.data_dir / "voices" / made["voice_id"]
    with wave.open(str(folder / "reference.wav")) as kept_wav:
        assert kept_wav.getparams()[:3] == (1, 2, 24_000)
        assert kept_wav.getnframes() / 24_000 == pytest.approx(2.0, abs=0.01)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert await finished(shared, "Spoken by a clone.", voice_id=made["voice_id"])


@pytest.mark.parametrize("language", [None, "", "auto"])
async def test_a_clone_of_no_language_has_no_hint(shared: Engine, language: str | None) -> None:
    made = await clone(shared, tone(), language=language)

    assert (await shared.get(f"/voices/{made['voice_id']}"))["language_hint"] is None


async def test_a_voice_is_renamed_and_goes_by_its_new_name(shared: Engine) -> None:
    voice_id = (await clone(shared, tone()))["voice_id"]
    before = await shared.get(f"/voices/{voice_id}")

    renamed = await shared.patch(f"/voices/{voice_id}", {"display_name": "Grandma Löwe"})

    assert renamed == {**before, "display_name": "Grandma Löwe"}
    assert await shared.get(f"/voices/{voice_id}") == renamed
    job = await shared.post("/jobs", {"text": "By name.", "voice": "grandma löwe"}, 201)
    assert job["voice_id"] == voice_id


async def test_a_preset_keeps_its_name_and_says_why(shared: Engine) -> None:
    before = await shared.get(f"/voices/{VOICE_ID}")

    answer = await shared.patch(f"/voices/{VOICE_ID}", {"display_name": "Mine"}, 403)

    assert answer["error"]["code"] == "FORBIDDEN"
    assert "preset" in answer["error"]["message"]
    assert await shared.get(f"/voices/{VOICE_ID}") == before
    missing = await shared.patch(f"/voices/{uuid4()}", {"display_name": "Mine"}, 404)
    assert missing["error"]["code"] == "VOICE_NOT_FOUND"


@pytest.mark.parametrize("body", [{}, {"display_name": ""}, {"display_name": "x" * 201}, {"name": "Me"}])
async def test_a_new_name_is_held_to_what_a_name_may_be(shared: Engine, body: dict[str, str]) -> None:
    answer = await shared.patch(f"/voices/{VOICE_ID}", body, 400)

    assert answer["error"]["details"]["fields"][0]["field"] == ("name" if "name" in body else "display_name")


async def test_a_deleted_voice_is_gone_with_its_files_and_its_jobs_stay(shared: Engine) -> None:
    voice_id = (await clone(shared, tone()))["voice_id"]
    job_id = await finished(shared, "Said before it went.", voice_id=voice_id)

    answer = await shared.delete(f"/voices/{voice_id}")

    assert answer == {"deleted": True}
    assert not (shared.data_dir / "voices" / voice_id).exists()
    assert (await shared.get(f"/voices/{voice_id}", 404))["error"]["code"] == "VOICE_NOT_FOUND"
    assert (await shared.delete(f"/voices/{voice_id}", 404))["error"]["code"] == "VOICE_NOT_FOUND"
    job = await shared.get(f"/jobs/{job_id}")
    assert job["voice_id"] == voice_id
    assert len(await shared.wav(job_id)) > 44
    assert job_id in {job["job_id"] for job in (await shared.get(f"/jobs?voice_id={voice_id}"))["jobs"]}


async def test_a_job_whose_voice_is_deleted_before_its_turn_fails_and_takes_no_other(shared: Engine) -> None:
    voice_id = (await clone(shared, tone()))["voice_id"]
    body = {"voice_id": voice_id, "text": "[hold:orphan] Too late."}
    job_id = (await shared.post("/jobs", body, 201))["job_id"]
    await shared.until(job_id, "running")
    await shared.post(f"/jobs/{job_id}/pause")

    await shared.delete(f"/voices/{voice_id}")
    await shared.post(f"/jobs/{job_id}/resume")

    job = await shared.ended(job_id)
    assert (job["status"], job["error"]["code"]) == ("failed", "VOICE_NOT_FOUND")
    refused = await shared.post(f"/jobs/{job_id}/retry", None, 404)
    assert refused["error"]["code"] == "VOICE_NOT_FOUND"
    assert (await shared.get(f"/jobs/{job_id}"))["status"] == "failed"
    audio = await shared.get(f"/jobs/{job_id}/audio", 409)
    assert "retry it, or ask for the audio so far" in audio["error"]["message"]


async def test_with_a_voice_that_has_lost_its_recording_nothing_is_spoken(shared: Engine) -> None:
    voice_id = (await clone(shared, tone()))["voice_id"]
    (shared.data_dir / "voices" / voice_id / "reference.wav").unlink()

    error = (await shared.post("/jobs", {"voice_id": voice_id, "text": "Whose?"}, 404))["error"]

    assert error["code"] == "VOICE_NOT_FOUND"
    assert "files" in error["message"]


@pytest.mark.parametrize("ref_text", ["Hm.", "This would take much longer than two seconds to say. " * 3])
async def test_a_transcript_that_cannot_be_what_is_said_is_refused(shared: Engine, ref_text: str) -> None:
    before = (await shared.get("/voices?kind=clone"))["voices"]

    error = (await clone(shared, tone(), 400, ref_text=ref_text))["error"]

    assert (error["code"], error["details"]["fields"][0]["field"]) == ("INVALID_REQUEST", "ref_text")
    assert "2 s" in error["message"]
    assert (await shared.get("/voices?kind=clone"))["voices"] == before


async def test_a_model_that_makes_no_voices_from_descriptions_says_so(shared: Engine) -> None:
    body = {"display_name": "Old man", "description": "An old man with a deep voice."}

    assert (await shared.post("/voices/design", body, 409))["error"]["code"] == "MODEL_NOT_READY"


@pytest.mark.parametrize("change", [{"description": ""}, {"description": "x" * 2_001}, {"display_name": ""}])
async def test_a_description_has_its_bounds(shared: Engine, change: dict[str, str]) -> None:
    body = {"display_name": "Old man", "description": "Deep.", **change}

    assert (await shared.post("/voices/design", body, 400))["error"]["code"] == "INVALID_REQUEST"


async def test_without_a_model_that_listens_nothing_is_transcribed(shared: Engine) -> None:
    body = {"ref_audio": {"wav_base64": base64.b64encode(tone()).decode()}}

    assert (await shared.post("/voices/clone/transcribe", body, 400))["error"]["code"] == "TRANSCRIPT_REQUIRED"
    body["ref_audio"]["wav_base64"] = base64.b64encode(b"rubbish").decode()
    assert (await shared.post("/voices/clone/transcribe", body, 400))["error"]["code"] == "INVALID_AUDIO"


async def test_a_preview_is_the_voices_own_audio(shared: Engine) -> None:
    first = await shared.http.get(f"/v1/voices/{VOICE_ID}/preview")
    again = await shared.http.get(f"/v1/voices/{VOICE_ID}/preview")
    other = await shared.http.get(f"/v1/voices/{OTHER_VOICE_ID}/preview")

    assert (first.status_code, first.headers["content-type"]) == (200, "audio/wav")
    assert first.content == again.content != other.content
    assert first.headers["etag"] == again.headers["etag"] != other.headers["etag"]
    with wave.open(io.BytesIO(first.content)) as wav:
        assert wav.getparams()[:3] == (1, 2, 24_000)
        assert wav.getnframes() > 0


async def test_the_previews_of_a_voice_go_with_it(shared: Engine) -> None:
    voice_id = (await clone(shared, tone()))["voice_id"]
    assert (await shared.http.get(f"/v1/voices/{voice_id}/preview")).status_code == 200
    assert list((shared.data_dir / "previews").glob(f"{voice_id}.*"))

    await shared.delete(f"/voices/{voice_id}")

    assert not list((shared.data_dir / "previews").glob(f"{voice_id}.*"))
    assert (await shared.http.get(f"/v1/voices/{voice_id}/preview")).status_code == 404


@pytest.mark.parametrize("transcript", [None, "", " \n\t"])
async def test_without_a_transcript_there_is_no_clone(shared: Engine, transcript: str | None) -> None:
    answer = await clone(shared, tone(), 400, ref_text=transcript)

    assert answer["error"]["code"] == "TRANSCRIPT_REQUIRED"
    assert "ref_text" in answer["error"]["message"]


GOOD: dict[str, bytes] = {
    "16 bits": tone(),
    "24 bits": tone(bits=24),
    "32 bits": tone(bits=32),
    "floats": riff(fmt(FLOAT, bits=32), chunk(b"data", floats(samples()))),
    "stereo": tone(channels=2),
    "192 kHz": riff(
        fmt(rate=192_000), chunk(b"data", pcm([value for value in samples(1.0, rate=400) for _ in range(480)]))
    ),
    "1 second": tone(1.0),
    "30 seconds": tone(30.0),
    "30 seconds in stereo": tone(30.0, channels=2),
    "just loud enough": tone(peak=0.011),
    "extensible": riff(
        fmt(EXTENSIBLE, more=b"\x16\0\x10\0\0\0\0\0" + PCM.to_bytes(2, "little") + b"\0" * 14),
        chunk(b"data", pcm(samples())),
    ),
    "other chunks around": riff(
        chunk(b"LIST", b"odd"), fmt(), chunk(b"LIST", b"two"), chunk(b"data", pcm(samples())), chunk(b"id3 ", b"x")
    ),
    "a size that a stream did not know": riff(fmt(), chunk(b"data", pcm(samples()), size=0xFFFFFFFF)),
    "half a sample at the end": riff(fmt(), chunk(b"data", pcm(samples()) + b"x")),
    "rubbish after the end": tone() + b"rubbish",
    "a few clipped samples": riff(fmt(), chunk(b"data", pcm([*samples(), *[1.0] * 100]))),
}


@pytest.mark.parametrize(
    "name", mostly_in_test_long(GOOD, but=("30 seconds in stereo", "extensible", "just loud enough"))
)
async def test_a_recording_in_any_of_the_usual_forms_is_taken(shared: Engine, name: str) -> None:
    ref_text = "La la la. " * (50 if name.startswith("30 seconds") else 1)

    assert (await clone(shared, GOOD[name], ref_text=ref_text))["voice_id"]


BAD: dict[str, bytes] = {
    "nothing but a head": tone()[:44],
    "no bytes": b"RIFF",
    "text": b"This is not a recording. " * 10,
    "zeros": bytes(1_000),
    "MP3": b"ID3\x04" + bytes(1_000),
    "FLAC": b"fLaC" + bytes(1_000),
    "RF64": b"RF64" + tone()[4:],
    "AVI": riff()[:8] + b"AVI " + tone()[12:],
    "no format": riff(chunk(b"data", pcm(samples()))),
    "no data": riff(fmt(), chunk(b"LIST", pcm(samples()))),
    "empty data": riff(fmt(), chunk(b"data", b""), chunk(b"LIST", b"x" * 100)),
    "two formats": riff(fmt(), fmt(), chunk(b"data", pcm(samples()))),
    "two data": riff(fmt(), chunk(b"data", pcm(samples())), chunk(b"data", pcm(samples()))),
    "a format that is cut": riff(chunk(b"fmt ", b"\1\0\1\0"), chunk(b"data", pcm(samples()))),
    "no channels": riff(fmt(channels=0, align=2), chunk(b"data", pcm(samples()))),
    "three channels": riff(fmt(channels=3), chunk(b"data", pcm(samples() * 3))),
    "65535 channels": riff(fmt(channels=65_535, align=2), chunk(b"data", pcm(samples()))),
    "rate 0": riff(fmt(rate=0), chunk(b"data", pcm(samples()))),
    "7,999 Hz": tone(rate=7_999),
    "192,001 Hz": tone(1.0, rate=192_001),
    "rate of 2^32-1": riff(fmt(rate=0xFFFFFFFF), chunk(b"data", pcm(samples()))),
    "8 bits": riff(fmt(bits=8), chunk(b"data", b"\x80" * 16_000)),
    "0 bits": riff(fmt(bits=0, align=2), chunk(b"data", pcm(samples()))),
    "64-bit floats": riff(fmt(FLOAT, bits=64), chunk(b"data", pcm(samples()) * 4)),
    "16-bit floats": riff(fmt(FLOAT, bits=16), chunk(b"data", pcm(samples()))),
    "block align 0": riff(fmt(align=0), chunk(b"data", pcm(samples()))),
    "block align that lies": riff(fmt(align=4), chunk(b"data", pcm(samples()))),
    "ADPCM": riff(fmt(0x11), chunk(b"data", pcm(samples()))),
    "MP3 in WAV": riff(fmt(0x55), chunk(b"data", pcm(samples()))),
    "extensible without its extension": riff(fmt(EXTENSIBLE), chunk(b"data", pcm(samples()))),
    "too short": tone(0.99),
    "too short in stereo": tone(0.6, channels=2),
    "too long": tone(30.1),
    "silent": tone(peak=0.0),
    "all but silent": tone(peak=0.009),
    "all but silent in 24 bits": tone(peak=0.009, bits=24),
    "distorted": riff(fmt(), chunk(b"data", pcm([1.0, -1.0] * 8_000))),
    "NaN first": riff(fmt(FLOAT, bits=32), chunk(b"data", floats([float("nan"), *samples()]))),
    "NaN inside": riff(fmt(FLOAT, bits=32), chunk(b"data", floats([*samples(), float("nan"), *samples()]))),
    "infinite": riff(fmt(FLOAT, bits=32), chunk(b"data", floats([*samples(), float("inf")]))),
    "both infinities": riff(fmt(FLOAT, bits=32), chunk(b"data", floats([*samples(), float("inf"), -float("inf")]))),
    "chunks without end": riff(*[chunk(b"xxxx", b"")] * 10_000, fmt(), chunk(b"data", pcm(samples()))),
}


#: One of each kind: what the decoder says of each case is held by tests/workers/test_decoding.py.
@pytest.mark.parametrize(
    "name",
    mostly_in_test_long(BAD, but=("AVI", "rate of 2^32-1", "ADPCM", "too long", "all but silent", "NaN inside")),
)
async def test_a_recording_that_cannot_be_used_is_refused_with_what_would_be_right(
    shared: Engine, name: str
) -> None:
    answer = await clone(shared, BAD[name], 400)

    assert answer["error"]["code"] == "INVALID_AUDIO"
    assert any(word in answer["error"]["message"] for word in ("send", "numbers", "samples"))


@pytest.mark.long
async def test_a_recording_that_is_cut_anywhere_is_refused_or_taken_but_never_a_defect(shared: Engine) -> None:
    wav = tone(1.0)
    for end in (*range(0, 60, 3), 1_000, len(wav) - 1):
        audio = {"wav_base64": base64.b64encode(wav[:end] or b"x").decode()}

        response = await shared.http.post(
            "/v1/voices/clone", json={"display_name": "x", "ref_audio": audio, "ref_text": "x"}
        )

        assert response.status_code == 400, end
        assert error_in(response)["code"] == "INVALID_AUDIO"


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "AAA",
        "AAA\n",
        "AA==AA==",
        "!!!!",
        "\u00e9\u00e9\u00e9\u00e9",
        "data:audio/wav;base64,UklGRg==",
        "UklG Rg==",
    ],
)
async def test_invalid_base64_is_reported_as_such(shared: Engine, text: str) -> None:
    body = {"display_name": "x", "ref_audio": {"wav_base64": text}, "ref_text": "x"}

    answer = await shared.post("/voices/clone", body, 400)

    assert answer["error"]["code"] == "INVALID_AUDIO"
    assert "base64" in answer["error"]["message"]


async def test_base64_of_more_than_20_megabytes_is_refused_unread(shared: Engine) -> None:
    body = {"display_name": "x", "ref_audio": {"wav_base64": "A" * (28 * 1024 * 1024)}, "ref_text": "x"}

    answer = await shared.post("/voices/clone", body, 400)

    assert answer["error"]["code"] == "INVALID_AUDIO"
    assert "20 MB" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("audio", "said"),
    [
        ({}, "either path or wav_base64"),
        ({"path": "/x.wav", "wav_base64": "AAAA"}, "either path or wav_base64"),
        ({"path": None, "wav_base64": None}, "either path or wav_base64"),
        ({"wav_base64": ""}, "INVALID_REQUEST"),
        ({"path": ""}, "INVALID_REQUEST"),
        ({"path": "/" + "x" * 4_096}, "INVALID_REQUEST"),
        ({"url": "http://evil.test/a.wav"}, "INVALID_REQUEST"),
        ({"path": 5}, "INVALID_REQUEST"),
        ("/x.wav", "INVALID_REQUEST"),
        (None, "INVALID_REQUEST"),
    ],
)
async def test_a_recording_comes_in_one_way_of_the_two(shared: Engine, audio: Any, said: str) -> None:
    answer = await shared.post("/voices/clone", {"display_name": "x", "ref_audio": audio, "ref_text": "x"}, 400)

    assert said in (answer["error"]["code"], answer["error"]["message"].removeprefix("ref_audio takes "))


@pytest.mark.parametrize(
    "change",
    [
        {"display_name": ""},
        {"display_name": "x" * 201},
        {"display_name": None},
        {"ref_text": "x" * 4_001},
        {"language": "x" * 36},
        {"language": "Dutsch"},
        {"options": {"normalize_audio": "yes"}},
        {"options": {"loud": True}},
        {"options": None},
        {"voice_id": VOICE_ID},
    ],
)
async def test_a_request_to_clone_with_a_field_that_is_wrong_is_refused(
    shared: Engine, change: dict[str, Any]
) -> None:
    assert (await clone(shared, tone(), 400, **change))["error"]["code"] == "INVALID_REQUEST"


async def test_a_recording_may_be_a_file_of_this_machine(shared: Engine, tmp_path: Path) -> None:
    path = tmp_path / "with a space and \u00e9.wav"
    path.write_bytes(tone())

    voice = await from_path(shared, str(path), 200)
    path.unlink()

    assert (shared.data_dir / "voices" / voice["voice_id"] / "reference.wav").stat().st_size > 90_000


async def from_path(engine: Engine, path: str, status: int = 400) -> Any:
    body = {"display_name": "Me", "ref_audio": {"path": path}, "ref_text": "La la la."}
    return await engine.post("/voices/clone", body, status)


async def test_a_path_that_cannot_be_used_gets_the_same_words_whatever_is_there(
    shared: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.wav").write_bytes(b"This is a secret, not a recording. " * 10)
    (tmp_path / "short.wav").write_bytes(b"RIFF")
    (tmp_path / "good.wav").write_bytes(tone())
    (tmp_path / "link.wav").symlink_to(tmp_path / "good.wav")
    (tmp_path / "dangling.wav").symlink_to(tmp_path / "nothing.wav")
    (tmp_path / "round.wav").symlink_to(tmp_path / "round.wav")
    os.mkfifo(tmp_path / "fifo.wav")
    (tmp_path / "huge.wav").write_bytes(tone())
    os.truncate(tmp_path / "huge.wav", 2**40)
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        paths = [
            *(str(tmp_path / name) for name in ("missing.wav", "folder", "text.wav", "short.wav", "link.wav")),
            *(str(tmp_path / name) for name in ("dangling.wav", "round.wav", "fifo.wav", "huge.wav", "s")),
            str(tmp_path / "good.wav") + "/",
            str(tmp_path / "good.wav") + "/x",
            str(tmp_path / "good.wav") + "\0",
            "/",
            "/etc/shadow",
            "/proc/self/environ",
            "/proc/self/mem",
            "/proc/self/fd/0",
            "/dev/zero",
            "/dev/stdin",
            "/dev/full",
            "good.wav",
            "./good.wav",
            "../../../etc/passwd",
            "~/good.wav",
            "file:///etc/passwd",
            "http://127.0.0.1/a.wav",
            "/" + "x" * 4_000,
            "/" + "x/" * 2_000,
            "//",
            "\ufeff/x",
            str(shared.data_dir / "q3tts.db"),
        ]

        with anyio.fail_after(20):
            answers = [await from_path(shared, path) for path in paths]

    assert {answer["error"]["code"] for answer in answers} == {"INVALID_AUDIO"}
    assert len({str(answer) for answer in answers}) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only there can it be seen which files are open")
async def test_no_file_stays_open_whatever_a_path_names(shared: Engine, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_bytes(b"x" * 100)

    for path in (tmp_path, tmp_path / "text.wav"):
        await from_path(shared, str(path))

    assert not [path for path in open_files() if path.startswith(str(tmp_path))]


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_voice_has_no_verbs_but_these(shared: Engine, method: str) -> None:
    response = await shared.http.request(method, f"/v1/voices/{uuid4()}", json={})

    assert response.status_code == 405
