"""Text that is spoken, or made a file, through the socket of a real engine with the fake model."""

import io
from functools import partial
from pathlib import Path

import anyio
import pytest
import soundfile  # pyright: ignore[reportMissingTypeStubs]

from app.daemon.engine import MAX_ALOUD
from app.errors import EngineRestarted
from app.scheduler.job_run import MAX_UNHEARD_CHARS
from tests.api.models import audio
from tests.daemon.asking import framed, jobs_of, line, ok, refused
from tests.daemon.conftest import Opener, Running
from tests.support.fakes import VOICE_ID
from tests.support.variants import in_test_long
from tests.support.waiting import until, until_answered

pytestmark = pytest.mark.anyio

#: Of a chunk, when nobody says otherwise.
CHUNK_CHARS = 400

TEXT = "The lamp was lit."
PROSE = TEXT + "\n\n" + "A second paragraph, which says little. " * 30


async def test_a_text_is_spoken_to_the_speakers_and_answered_when_it_has_been_heard(running: Running) -> None:
    running.speakers.underruns = 2

    answer = await ok(running.path, text=PROSE, seed=1)

    (job,) = await jobs_of(running.engine)
    wav = await running.engine.wav(job["job_id"])
    assert running.speakers.heard == [wav[44:]]
    assert answer == {
        "status": "ok",
        "job_id": job["job_id"],
        "audio_seconds": round(len(wav[44:]) / 48_000, 3),
        "underruns": 2,
        "output": None,
    }
    assert (job["lane"], job["status"], job["language"]) == ("speak", "completed", "")


async def test_generate_is_what_is_done_when_no_action_is_named(running: Running) -> None:
    for request in ({"text": TEXT}, {"action": "generate", "text": TEXT}):
        assert (await ok(running.path, **request))["audio_seconds"] > 0


async def test_the_whole_request_of_the_first_design_is_understood(running: Running) -> None:
    answer = await ok(
        running.path, action="generate", text="hello world", language="English", instruct=None, output=None
    )

    assert running.speakers.heard[0]
    assert answer["output"] is None


async def test_texts_are_heard_one_after_the_other(running: Running) -> None:
    running.speakers.going.clear()
    async with line(running.path) as first, line(running.path) as second:
        first.send(framed({"text": TEXT, "seed": 1}))
        await until(lambda: running.speakers.heard)
        second.send(framed({"text": "Another one.", "seed": 2}))
        running.speakers.going.set()

        one, other = await first.answer(), await second.answer()

    assert running.speakers.heard == [(await running.engine.wav(answer["job_id"]))[44:] for answer in (one, other)]


async def test_where_nothing_can_be_heard_no_job_is_made(running: Running) -> None:
    running.speakers.missing = True

    answer = await refused(running.path, text=TEXT)

    assert answer["code"] == "NO_SPEAKERS"
    assert await jobs_of(running.engine) == []


async def test_speakers_that_go_away_end_the_job(running: Running) -> None:
    running.speakers.breaking = True

    answer = await refused(running.path, text=f"[hold:x] {TEXT}")

    assert (answer["code"], answer["message"]) == ("NO_SPEAKERS", "they were unplugged")
    (job,) = await jobs_of(running.engine)
    assert job["status"] == "canceled"


async def test_neither_speakers_nor_file_makes_a_job_alone(running: Running) -> None:
    running.speakers.missing = True

    answer = await ok(running.path, text=TEXT, play=False)

    (job,) = await jobs_of(running.engine)
    assert (job["job_id"], job["lane"]) == (answer["job_id"], "render")
    assert running.speakers.heard == []


async def test_a_text_is_spoken_as_fast_as_is_asked_under_an_id_of_the_clients_choice(running: Running) -> None:
    job_id = "6f2b1e0c-9f0e-4a0e-8f55-0d7f9b5c2a11"

    answer = await ok(running.path, text=TEXT, play=False, rate=1.5, pitch=0.5, volume=0.0, job_id=job_id)

    assert answer["job_id"] == job_id
    settings = (await running.engine.get(f"/jobs/{job_id}"))["settings"]
    assert (settings["rate"], settings["pitch"], settings["volume"]) == (1.5, 0.5, 0.0)
    for wrong in ({"rate": 3.0}, {"pitch": 0}, {"volume": -1}, {"job_id": "x"}):
        assert (await refused(running.path, text=TEXT, **wrong))["code"] == "INVALID_REQUEST"


async def test_a_job_that_is_there_already_is_neither_made_again_nor_canceled(running: Running) -> None:
    job_id = "6f2b1e0c-9f0e-4a0e-8f55-0d7f9b5c2a12"
    await running.engine.put(f"/jobs/{job_id}", {"voice_id": VOICE_ID, "text": "[hold:x] A render."})

    again = await refused(running.path, text=TEXT, play=False, job_id=job_id)

    assert again["code"] == "IDEMPOTENCY_CONFLICT"
    assert (await running.engine.get(f"/jobs/{job_id}"))["status"] in ("queued", "running")


async def test_the_same_seed_speaks_in_the_same_way(running: Running) -> None:
    for seed in (7, 7, 8):
        await ok(running.path, text=TEXT, seed=seed)

    first, again, other = running.speakers.heard
    assert first == again == audio(TEXT, "one", 7)
    assert first != other


async def test_the_model_does_not_run_away_from_what_is_heard(running: Running) -> None:
    running.speakers.going.clear()
    text = "A sentence that says little and is not long. " * 400
    async with line(running.path) as client:
        client.send(framed({"text": text}))
        await until(lambda: running.speakers.heard and running.speakers.heard[0])
        (job,) = await jobs_of(running.engine)
        # Renders of the same length, which are made meanwhile, show that there was time for much more of it.
        for _ in range(2):
            await ok(running.path, text=text, play=False)

        spoken = (await running.engine.get(f"/jobs/{job['job_id']}"))["progress"]
        assert 0 < spoken["characters_done"] <= MAX_UNHEARD_CHARS + 3 * CHUNK_CHARS

        running.speakers.going.set()
        assert (await client.answer())["status"] == "ok"
    assert running.speakers.heard[0] == (await running.engine.wav(job["job_id"]))[44:]


async def test_the_model_goes_on_while_there_is_something_left_to_be_heard(running: Running) -> None:
    running.speakers.going.clear()
    async with line(running.path) as client:
        client.send(framed({"text": "A sentence that says little and is not long. " * 400}))
        await until(lambda: running.speakers.heard and running.speakers.heard[0])
        (job,) = await jobs_of(running.engine)

        async def spoken_chars() -> int:
            return (await running.engine.get(f"/jobs/{job['job_id']}"))["progress"]["characters_done"]

        async def has_passed(char: int) -> bool:
            return await spoken_chars() > char

        await until_answered(partial(has_passed, MAX_UNHEARD_CHARS))  # no chunk begins after that
        before = await spoken_chars()
        chunks = (await running.engine.get(f"/jobs/{job['job_id']}/chunks"))["chunks"]
        *_, heard, _ = (chunk for chunk in chunks if chunk["state"] == "done")
        running.speakers.go_on_to(round(heard["end_seconds"] * 48_000))

        await until_answered(partial(has_passed, before))

        running.speakers.going.set()
        assert (await client.answer())["status"] == "ok"


async def test_white_space_without_end_between_two_words_does_not_stop_it(running: Running) -> None:
    await ok(running.path, text="One." + "\n" * 10_000 + "Two.")

    assert running.speakers.heard[0]


async def test_texts_that_wait_to_be_heard_leave_room_for_other_listeners(running: Running) -> None:
    running.speakers.going.clear()
    async with anyio.create_task_group() as clients:
        for number in range(12):
            clients.start_soon(partial(ok, running.path, text=f"{number}. {TEXT} " * 200))
        await until(lambda: running.speakers.heard and running.speakers.heard[0])

        body = {"voice_id": VOICE_ID, "text": TEXT}
        other = (await running.engine.post("/speak", body))["job_id"]
        assert (await running.engine.ended(other))["status"] == "completed"
        assert len(await jobs_of(running.engine)) <= 1 + MAX_ALOUD

        running.speakers.going.set()
    assert len(running.speakers.heard) == 12


@pytest.mark.parametrize("silent", ["=", *in_test_long("* ", "…\n\n")])
async def test_a_long_stretch_that_has_no_sound_does_not_stop_it(running: Running, silent: str) -> None:
    """Nobody hears of it that it is over; what comes after it is spoken all the same."""
    text = f"Hello there.\n\n{silent * (2 * MAX_UNHEARD_CHARS // len(silent))}\n\nThe end."

    answer = await ok(running.path, text=text)

    assert running.speakers.heard[0] == (await running.engine.wav(answer["job_id"]))[44:]


async def test_a_client_that_goes_away_while_it_is_played_leaves_silence_and_a_canceled_job(
    running: Running,
) -> None:
    async with line(running.path) as client:
        client.send(framed({"text": f"[hold:x] {TEXT}"}))
        await until(lambda: running.speakers.heard and running.speakers.heard[0])

        client.leave()

        await until(lambda: running.speakers.silenced)
    (job,) = await jobs_of(running.engine)
    assert (await running.engine.ended(job["job_id"]))["status"] == "canceled"


async def test_a_client_that_goes_away_while_it_waits_for_its_turn_leaves_a_canceled_job(running: Running) -> None:
    running.speakers.going.clear()
    async with line(running.path) as first, line(running.path) as second:
        first.send(framed({"text": TEXT}))
        await until(lambda: running.speakers.heard)
        second.send(framed({"text": PROSE}))
        await until_answered(lambda: two_jobs(running))

        second.leave()

        job = (await jobs_of(running.engine))[0]
        assert (await running.engine.ended(job["job_id"]))["status"] in ("canceled", "completed")
        running.speakers.going.set()
        assert (await first.answer())["status"] == "ok"
    assert len(running.speakers.heard) == 1


async def two_jobs(running: Running) -> bool:
    return len(await jobs_of(running.engine)) == 2


async def test_a_client_that_goes_away_while_a_file_is_made_leaves_no_file(
    running: Running, tmp_path: Path
) -> None:
    async with line(running.path) as client:
        client.send(framed({"text": f"[hold:x] {TEXT}", "output": str(tmp_path / "out.wav")}))
        found = await until_answered(lambda: jobs_of(running.engine))

        client.leave()

        assert (await running.engine.ended(found[0]["job_id"]))["status"] == "canceled"
    assert list(tmp_path.iterdir()) == []


async def test_a_job_that_somebody_else_cancels_is_reported_and_silent(running: Running) -> None:
    async with line(running.path) as client:
        client.send(framed({"text": f"[hold:x] {TEXT}"}))
        await until(lambda: running.speakers.heard and running.speakers.heard[0])
        (job,) = await jobs_of(running.engine)

        await running.engine.post(f"/jobs/{job['job_id']}/cancel")

        answer = await client.answer()
    assert (answer["status"], answer["code"]) == ("error", "JOB_CANCELED")
    assert running.speakers.silenced == 1


@pytest.mark.parametrize("play", [True, False])
async def test_a_job_that_somebody_deletes_is_reported(running: Running, play: bool) -> None:
    async with line(running.path) as client:
        client.send(framed({"text": f"[hold:x] {TEXT}", "play": play}))
        (job,) = await until_answered(lambda: jobs_of(running.engine))

        await running.engine.delete(f"/jobs/{job['job_id']}")

        assert (await client.answer())["code"] in ("JOB_CANCELED", "JOB_NOT_FOUND")


@pytest.mark.parametrize("play", [True, False])
async def test_a_job_that_fails_is_reported(running: Running, play: bool) -> None:
    answer = await refused(running.path, text="[error]", play=play)

    assert answer["code"] == "INFERENCE_FAILED"
    (job,) = await jobs_of(running.engine)
    assert job["error"]["message"] == answer["message"]
    assert job["error"]["details"] == answer["details"]


async def test_a_stop_tells_whoever_listens_and_leaves_nothing_running(opened: Opener) -> None:
    async with opened() as running:
        client = line(running.path)
        waiting = await client.__aenter__()
        waiting.send(framed({"text": f"[hold:x] {TEXT}"}))
        await until(lambda: running.speakers.heard and running.speakers.heard[0])

    answer = await waiting.answer()
    await client.__aexit__(None, None, None)
    assert answer["code"] == EngineRestarted.code
    assert running.speakers.silenced == 1
    assert running.speakers.closed
    assert not running.path.exists()
    async with opened() as running:
        (job,) = await jobs_of(running.engine)
        assert (job["status"], job["error"]["code"]) == ("failed", EngineRestarted.code), "as for every listener"


async def test_a_file_can_be_read_by_others(running: Running, tmp_path: Path) -> None:
    await ok(running.path, text=TEXT, output=str(tmp_path / "out.wav"))

    samples, rate = soundfile.read(io.BytesIO((tmp_path / "out.wav").read_bytes()), dtype="int16")
    assert (rate, len(samples) > 24_000 / 2) == (24_000, True)


async def test_a_stop_leaves_no_work_for_a_file_that_nobody_waits_for(opened: Opener, tmp_path: Path) -> None:
    async with opened() as running:
        client = line(running.path)
        waiting = await client.__aenter__()
        waiting.send(framed({"text": f"[hold:x] {TEXT}", "output": str(tmp_path / "out.wav")}))
        await until_answered(lambda: jobs_of(running.engine))

    assert (await waiting.answer())["code"] == EngineRestarted.code
    await client.__aexit__(None, None, None)
    async with opened() as running:
        (job,) = await jobs_of(running.engine)
        assert job["status"] == "canceled"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["control", "data"]
