"""`q3tts jobs`, with a real engine: the history, one job, and what is done to jobs."""

import json
import re
import tempfile
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.cli import jobs
from app.cli.engine import EngineClient, connected
from tests.cli.commands import ENGLISH, LONG, Shell, assert_fits, daemon
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def made(engine: EngineClient) -> list[dict[str, Any]]:
    """Jobs that have ended, the newest last."""
    titles = (
        "Tide",
        "A title that is much too long for a line of a terminal, and goes on for ever",
        None,
        "Evil\x1b[2J",
    )
    ended: list[dict[str, Any]] = []
    for title in titles:
        request = {"voice_id": ENGLISH, "text": "Take good shoes.", "seed": 7, "tags": ["sea", "jobs"]}
        job = engine.post("/jobs", request | ({"title": title} if title else {}))
        ended.append(wait_until(lambda: completed(engine, job["job_id"])))  # noqa: B023 - is over by then
    return ended


def completed(engine: EngineClient, job_id: str) -> dict[str, Any] | None:
    job = engine.get(f"/jobs/{job_id}")
    return job if job["status"] == "completed" else None


@pytest.fixture
def long_job(engine: EngineClient) -> Generator[str]:
    """One that runs for a while."""
    job_id = engine.post("/jobs", {"voice_id": ENGLISH, "text": LONG, "title": "Long"})["job_id"]
    wait_until(lambda: engine.get(f"/jobs/{job_id}")["progress"]["characters_done"])
    yield job_id
    engine.delete(f"/jobs/{job_id}")


def test_the_history_is_a_table_that_fits(shell: Shell, made: list[dict[str, Any]]) -> None:
    title, *rows = assert_fits(shell.ok("jobs", "list", "--tag", "jobs"))

    assert title.split() == ["ID", "LANE", "STATUS", "CREATED", "AUDIO", "TITLE"]
    assert [row.split()[0] for row in rows] == [job["job_id"][:8] for job in reversed(made)]
    assert re.fullmatch(r"\S{8}  render  completed  \d\d \w{3} \d\d:\d\d   0:0\d  Tide", rows[-1])
    assert rows[-2].endswith("…")
    assert "\x1b" not in rows[0]


def test_jobs_alone_is_the_list(shell: Shell, made: list[dict[str, Any]]) -> None:
    assert shell.ok("jobs", "--tag", "jobs") == shell.ok("jobs", "list", "--tag", "jobs")
    assert made[-1]["job_id"][:8] in shell.run("jobs").stdout


def test_json_is_what_the_engine_answers(shell: Shell, engine: EngineClient, made: list[dict[str, Any]]) -> None:
    assert made
    assert shell.json("jobs", "--tag", "jobs") == engine.get("/jobs?tag=jobs")
    assert shell.json("jobs", "--tag", "jobs", "--limit", "2") == engine.get("/jobs?tag=jobs&limit=2")


def test_every_filter_counts(shell: Shell, made: list[dict[str, Any]]) -> None:
    def found(*filters: str) -> int:
        return len(shell.json("jobs", "--tag", "jobs", *filters)["jobs"])

    assert found() == len(made)
    assert found("--status", "completed", "--status", "failed") == len(made)
    assert found("--status", "failed") == 0
    assert found("--lane", "render", "--voice", ENGLISH[:6], "--since", "1h", "--text", "shoes") == len(made)
    assert found("--text", "Tide") == 1
    assert found("--lane", "speak") == 0
    assert found("--voice", "whisper") == 0
    assert found("--since", (datetime.now(UTC) + timedelta(hours=1)).isoformat()) == 0
    assert found("--since", "2026-01-01") == len(made)
    assert found("--limit", "3") == 3


def test_the_history_is_exported_as_a_table_or_as_lines(
    shell: Shell, made: list[dict[str, Any]], tmp_path: Path
) -> None:
    shell.ok("jobs", "export", "--tag", "jobs", "-o", str(tmp_path / "jobs.csv"))
    lines = shell.ok("jobs", "export", "--tag", "jobs", "--status", "completed").splitlines()

    header, *_ = (tmp_path / "jobs.csv").read_text().splitlines()
    assert header.startswith("job_id,lane,status,title")
    assert [json.loads(line)["job_id"] for line in lines] == [job["job_id"] for job in reversed(made)]


def test_totals_are_a_table_with_the_sum_at_its_end(shell: Shell, made: list[dict[str, Any]]) -> None:
    title, *rows, last = assert_fits(shell.ok("jobs", "stats", "--by", "lane", "--by", "voice"))
    answer = shell.json("jobs", "stats", "--by", "lane", "--since", "1d")

    assert title.split() == ["LANE", "VOICE", "JOBS", "FAILED", "CHARACTERS", "AUDIO", "WORK", "REFUSED"]
    assert any(row.split()[0] == "render" for row in rows)
    assert last.split()[:2] == ["total", str(answer["total"]["jobs"])]
    assert answer["total"]["jobs"] >= len(made)
    assert {group["lane"] for group in answer["groups"]} >= {"render"}


def test_nothing_found_is_said_to_the_person_alone(shell: Shell) -> None:
    run = shell.run("jobs", "--tag", "nobody has this")

    assert (run.exit_code, run.stdout, run.stderr) == (0, "", "there are no such jobs\n")


def test_more_jobs_than_are_shown_are_mentioned(shell: Shell, made: list[dict[str, Any]]) -> None:
    run = shell.run("jobs", "--tag", "jobs", "--limit", "1")

    assert len(run.stdout.splitlines()) == 2
    assert run.stderr == "there are more than this one; see all of them with: --all\n"
    assert made
    assert "exclude each other" in shell.fails(2, "jobs", "--all", "--limit", "1")


def test_a_list_is_cut_on_a_terminal_alone(shell: Shell, engine: EngineClient) -> None:
    for _ in range(jobs.PAGE + 2):
        job = engine.post("/jobs", {"voice_id": ENGLISH, "text": "Shoes.", "tags": ["many"]})
        engine.post(f"/jobs/{job['job_id']}/cancel")

    assert len(shell.ok("jobs", "--tag", "many").splitlines()) == jobs.PAGE + 3
    assert shell.json("jobs", "--tag", "many")["next_cursor"] is None
    seen = shell.on_terminal("jobs", "--tag", "many", NO_COLOR="1")[1].splitlines()
    assert len(seen) == jobs.PAGE + 2
    assert seen[-1] == f"there are more than these {jobs.PAGE}; see all of them with: --all"
    assert len(shell.on_terminal("jobs", "--tag", "many", "--all", NO_COLOR="1")[1].splitlines()) == jobs.PAGE + 3


@pytest.mark.parametrize("since", ["yesterday", "7y", "d", "2026-13-01", "999999w"])
def test_an_invalid_time_is_refused(shell: Shell, since: str) -> None:
    run = shell.run("jobs", "--since", since)

    assert run.exit_code == 2
    assert "neither like 2026-11-21, nor like 7d" in run.stderr


def test_what_the_engine_refuses_of_a_filter_is_reported(shell: Shell) -> None:
    assert "3 characters" in shell.fails(1, "jobs", "--text", "ab")


def test_a_job_is_shown_with_everything_known_of_it(shell: Shell, made: list[dict[str, Any]]) -> None:
    lines = assert_fits(shell.ok("jobs", "show", made[0]["job_id"][:12]))

    facts = dict(re.split(r" {2,}", line, maxsplit=1) for line in lines)
    assert facts["id"] == made[0]["job_id"]
    assert facts["title"] == "Tide"
    assert facts["tags"] == "jobs, sea"
    assert facts["status"] == "completed"
    assert facts["voice"] == f"English (Great Britain) ({ENGLISH[:8]})"
    assert facts["text"] == "16 characters"
    assert facts["chunks"] == "1 of 1"
    assert re.fullmatch(r"0:0\d, real-time factor .*", facts["audio"])
    assert re.fullmatch(r"wav, \d+ kB", facts["files"])
    assert "error" not in facts
    assert "settings" not in facts


def test_a_job_that_runs_is_shown_with_how_far_it_is(shell: Shell, long_job: str) -> None:
    assert re.search(
        r"^status  +running \d+%, (\d+:)?\d+:\d\d left$", shell.ok("jobs", "show", long_job), re.MULTILINE
    )
    assert re.search(r"  running \d+%  ", shell.ok("jobs", "--status", "running"))


def test_settings_are_shown_that_somebody_chose(shell: Shell, engine: EngineClient) -> None:
    request = {"voice_id": ENGLISH, "text": "Shoes.", "settings": {"rate": 1.5, "chunking": {"max_chars": 100}}}
    job_id = engine.post("/jobs", request)["job_id"]

    shown = shell.ok("jobs", "show", job_id)

    assert re.search(r"^settings  +rate 1\.5, at most 100 characters a chunk$", shown, re.MULTILINE)


def test_a_job_as_json_is_what_the_engine_answers(shell: Shell, made: list[dict[str, Any]]) -> None:
    assert shell.json("jobs", "show", made[0]["job_id"]) == made[0]


@pytest.mark.parametrize(
    ("given", "code", "why"),
    [
        ("ffffffff-ffff-4fff-bfff-ffffffffffff", 1, "no such job"),
        ("nobody-has-this", 1, "there is no job"),
        ("abc", 2, "too short"),
    ],
)
def test_a_job_that_is_not_there_is_reported(shell: Shell, given: str, code: int, why: str) -> None:
    assert why in shell.fails(code, "jobs", "show", given)


def test_a_job_rests_goes_on_is_canceled_goes_on_again_and_is_deleted(
    shell: Shell, engine: EngineClient, long_job: str
) -> None:
    short = long_job[:8]

    assert shell.ok("jobs", "pause", short) == f"{short} is paused\n"
    assert shell.ok("jobs", "resume", short) in (f"{short} is queued\n", f"{short} is running\n")
    assert shell.ok("jobs", "cancel", short) == f"{short} is canceled\n"
    assert "canceled" in shell.fails(1, "jobs", "resume", short)
    assert shell.ok("jobs", "retry", short) in (f"{short} is queued\n", f"{short} is running\n")
    other = engine.post("/jobs", {"voice_id": ENGLISH, "text": "Shoes."})["job_id"]
    assert shell.ok("jobs", "delete", other) == f"{other[:8]} is deleted\n"
    assert "no such job" in shell.fails(1, "jobs", "show", other)


def test_a_mistake_in_one_id_leaves_the_other_jobs_as_they_are(
    shell: Shell, engine: EngineClient, made: list[dict[str, Any]]
) -> None:
    shell.fails(1, "jobs", "delete", made[0]["job_id"], "nobody-has-this")

    assert engine.get(f"/jobs/{made[0]['job_id']}")["title"] == "Tide"


def test_a_job_that_had_ended_stays_as_it_was(shell: Shell, made: list[dict[str, Any]]) -> None:
    short = made[0]["job_id"][:8]

    assert shell.ok("jobs", "cancel", short) == f"{short} is already completed\n"


@pytest.mark.long
def test_without_a_daemon_somebody_is_told_when_a_job_will_go_on(nobody: Shell) -> None:
    data_dir = nobody.socket_path.parent / "data"
    with connected(nobody.socket_path, data_dir) as engine:
        job_id = engine.post("/jobs", {"voice_id": ENGLISH, "text": LONG})["job_id"]
        engine.post(f"/jobs/{job_id}/pause")

    run = nobody.run("jobs", "resume", job_id)

    assert run.exit_code == 0
    assert run.stdout.startswith(f"{job_id[:8]} is ")
    assert "q3tts serve --daemon" in run.stderr


def test_a_jobs_audio_is_saved(shell: Shell, made: list[dict[str, Any]], tmp_path: Path) -> None:
    target = tmp_path / "tide.wav"

    assert shell.ok("jobs", "save", made[0]["job_id"][:8], "-o", target) == f"{target}\n"

    assert target.read_bytes() == shell.run("jobs", "save", made[0]["job_id"], "-o", "-").stdout_bytes
    assert target.read_bytes()[:4] == b"RIFF"


def test_of_a_job_that_is_not_completed_the_audio_so_far_is_saved_if_that_will_do(
    shell: Shell, long_job: str, tmp_path: Path
) -> None:
    target = tmp_path / "long.wav"

    assert "the job is running; --partial saves" in shell.fails(1, "jobs", "save", long_job, "-o", target)
    assert not list(tmp_path.iterdir())

    shell.ok("jobs", "save", long_job, "-o", target, "--partial")
    assert target.stat().st_size > 10_000


def test_what_has_no_audio_yet_is_not_saved_as_an_empty_file(
    shell: Shell, engine: EngineClient, tmp_path: Path
) -> None:
    def canceled_at_once() -> str:
        job_id = engine.post("/jobs", {"voice_id": ENGLISH, "text": LONG})["job_id"]
        silent = not engine.post(f"/jobs/{job_id}/cancel")["progress"]["audio_seconds"]
        return job_id if silent else ""

    job_id = wait_until(canceled_at_once)

    said = shell.fails(1, "jobs", "save", job_id, "-o", tmp_path / "a.wav", "--partial")

    assert said == "the job is canceled and has no audio yet"
    assert not list(tmp_path.iterdir())


def test_on_a_terminal_the_state_has_a_colour_unless_nobody_wants_one(
    shell: Shell, made: list[dict[str, Any]]
) -> None:
    assert made
    code, seen = shell.on_terminal("jobs", "--tag", "jobs")
    assert (code, "\x1b[32mcompleted\x1b[0m" in seen) == (0, True)

    code, seen = shell.on_terminal("jobs", "--tag", "jobs", NO_COLOR="1")
    assert (code, "\x1b" in seen) == (0, False)


@pytest.fixture(scope="module")
def apart() -> Generator[Shell]:
    """An engine of which no other test knows."""
    with (
        tempfile.TemporaryDirectory() as folder,  # the name of a socket must be short
        daemon(Path(folder) / "sock", Path(folder) / "data"),
    ):
        yield Shell(Path(folder) / "sock")


@pytest.fixture
def deletable(apart: Shell) -> Shell:
    """An engine whose jobs may all be deleted: one completed, two canceled."""
    with connected(apart.socket_path, None) as engine:
        for job in engine.get("/jobs")["jobs"]:
            engine.delete(f"/jobs/{job['job_id']}")
        done = engine.post("/jobs", {"voice_id": ENGLISH, "text": "Shoes."})["job_id"]
        wait_until(lambda: completed(engine, done))
        for _ in range(2):
            job = engine.post("/jobs", {"voice_id": ENGLISH, "text": LONG})
            engine.post(f"/jobs/{job['job_id']}/cancel")
    return apart


def statuses(shell: Shell) -> list[str]:
    return sorted(job["status"] for job in shell.json("jobs")["jobs"])


def test_jobs_are_deleted_by_status_and_age_after_a_question(deletable: Shell) -> None:
    three = ["canceled", "canceled", "completed"]
    assert "say it with --yes" in deletable.fails(2, "jobs", "delete", "--all")
    assert "give the ids of jobs" in deletable.fails(2, "jobs", "delete")
    assert "give the ids of jobs" in deletable.fails(2, "jobs", "delete", "--all", "--status", "failed")
    assert deletable.run("jobs", "delete", "--older-than", "1h", "-y").stderr == "there are no such jobs\n"
    assert deletable.run("jobs", "delete", "--status", "failed").stderr == "there are no such jobs\n"
    assert statuses(deletable) == three

    code, seen = deletable.on_terminal("jobs", "delete", "--status", "canceled", typed="n\n")
    assert (code, "Delete 2 jobs with 0:0" in seen, "nothing is deleted" in seen) == (1, True, True)
    assert statuses(deletable) == three

    code, seen = deletable.on_terminal("jobs", "delete", "--status", "canceled", typed="y\n")
    assert (code, seen.endswith("2 jobs deleted\r\n")) == (0, True)
    assert statuses(deletable) == ["completed"]

    assert (
        deletable.ok("jobs", "delete", "--older-than", "0m", "--status", "completed", "--yes") == "1 job deleted\n"
    )
    assert statuses(deletable) == []
    assert deletable.run("jobs", "delete", "--all").stderr == "there are no jobs\n"


def test_jobs_beyond_a_limit_are_pruned_after_a_question(deletable: Shell) -> None:
    assert "give keep_days" in deletable.fails(1, "jobs", "prune", "--dry-run")
    assert "is not a size" in deletable.fails(2, "jobs", "prune", "--keep-size", "much")
    assert deletable.run("jobs", "prune", "--keep-size", "1T").stderr == "all jobs are within the limits\n"
    assert "2 jobs with" in deletable.ok("jobs", "prune", "--keep-jobs", "1", "--dry-run")
    assert "say it with --yes" in deletable.fails(2, "jobs", "prune", "--keep-jobs", "1")
    assert len(statuses(deletable)) == 3

    code, seen = deletable.on_terminal("jobs", "prune", "--keep-jobs", "1", typed="y\n")

    assert (code, "Delete 2 jobs with" in seen, "deleted" in seen) == (0, True, True)
    assert statuses(deletable) == ["canceled"]
    assert deletable.json("jobs", "prune", "--keep-days", "1")["jobs"] == 0
