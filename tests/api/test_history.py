"""`GET /v1/jobs`: filters, pages, and what people type into a search box."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from tests.api.asking import finished, job_in, render, speak
from tests.api.raw import error_in
from tests.support.client import Engine
from tests.support.fakes import OTHER_VOICE_ID, VOICE_ID
from tests.support.variants import in_test_long

pytestmark = pytest.mark.anyio


async def found(engine: Engine, **params: Any) -> set[str]:
    """The ids of all jobs that a filter lets through, page by page."""
    return set(await paged(engine, 200, **params))


async def paged(engine: Engine, limit: int, **params: Any) -> list[str]:
    ids: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await engine.get("/jobs", params={**params, **cursor, "limit": limit})
        ids += [job["job_id"] for job in page["jobs"]]
        if page["next_cursor"] is None:
            return ids
        assert len(page["jobs"]) == limit
        assert len(ids) == len(set(ids)), "it goes round in circles"
        cursor = {"cursor": page["next_cursor"]}


async def test_each_filter_lets_through_what_it_names_and_nothing_else(shared: Engine) -> None:
    tag = str(uuid4())
    rendered = await finished(shared, "A render.", tags=[tag])
    failed = await render(shared, "[error] A failure.", tags=[tag], voice_id=OTHER_VOICE_ID)
    await shared.ended(failed)
    spoken = await speak(shared, "A listener's.")
    await shared.ended(spoken)

    assert await found(shared, tag=tag) == {rendered, failed}
    assert await found(shared, tag=tag, status="completed") == {rendered}
    assert await found(shared, tag=tag, status="failed") == {failed}
    assert await found(shared, tag=tag, status=["failed", "completed"]) == {rendered, failed}
    assert await found(shared, tag=tag, status=["completed", "completed"]) == {rendered}
    assert await found(shared, tag=tag, status="queued") == set()
    assert await found(shared, tag=tag, voice_id=OTHER_VOICE_ID) == {failed}
    assert await found(shared, tag=tag, voice_id=VOICE_ID) == {rendered}
    assert await found(shared, tag=tag, model_id="fake") == {rendered, failed}
    assert await found(shared, tag=tag, model_id="other") == set()
    assert await found(shared, tag=tag, lane="speak") == set()
    assert await found(shared, tag=tag[:-1]) == set()
    everything = await found(shared)
    assert spoken in await found(shared, lane="speak")
    assert await found(shared, lane="speak") | await found(shared, lane="render") == everything
    assert await found(shared, lane="speak") & await found(shared, lane="render") == set()
    assert spoken in await found(shared, voice_id=VOICE_ID.upper())
    assert failed not in await found(shared, voice_id=VOICE_ID)
    assert await found(shared, model_id="fake") == everything
    assert await found(shared, model_id="fake' OR '1'='1") == set()


@pytest.mark.parametrize("status", ["queued", "running", "paused", "completed", "failed", "canceled"])
async def test_a_job_is_found_by_the_state_that_it_is_in(shared: Engine, status: str) -> None:
    states = {"queued", "running", "paused", "completed", "failed", "canceled"}
    async with job_in(shared, status) as job_id:
        assert job_id in await found(shared, status=status)
        assert job_id not in await found(shared, status=sorted(states - {status}))


async def test_all_filters_together_must_hold(shared: Engine) -> None:
    tag = str(uuid4())
    job_id = await finished(shared, "Together, all of them.", tags=[tag, "more"], title="Everything")
    when = datetime.fromisoformat((await shared.get(f"/jobs/{job_id}"))["created_at"])
    holds = {
        "tag": tag,
        "status": "completed",
        "lane": "render",
        "voice_id": VOICE_ID,
        "model_id": "fake",
        "text": "together",
        "created_from": when.isoformat(),
        "created_before": (when + timedelta(microseconds=1)).isoformat(),
    }
    fails = {
        "tag": "more-or-less",
        "status": "failed",
        "lane": "speak",
        "voice_id": OTHER_VOICE_ID,
        "model_id": "m",
        "text": "apart",
        "created_from": (when + timedelta(microseconds=1)).isoformat(),
        "created_before": when.isoformat(),
    }

    assert await found(shared, **holds) == {job_id}
    for name, value in fails.items():
        assert await found(shared, **{**holds, name: value}) == set(), name


async def test_the_history_is_newest_first(shared: Engine) -> None:
    tag = str(uuid4())
    jobs = [await render(shared, f"Number {number} of {tag}.", tags=[tag]) for number in range(5)]

    assert await paged(shared, 200, tag=tag) == jobs[::-1]
    assert await paged(shared, 1, tag=tag) == jobs[::-1]
    assert await paged(shared, 5, tag=tag) == jobs[::-1]
    assert await paged(shared, 2, text=f"of {tag}") == jobs[::-1]
    assert await paged(shared, 2, text=f"of {tag}", tag=tag, lane="render") == jobs[::-1]


@pytest.mark.parametrize(
    "search",
    [
        {"tag": "TAG", "text": "paged with"},
        *in_test_long({}, {"tag": "TAG"}, {"text": "paged with"}),
    ],
)
async def test_pages_neither_skip_nor_repeat_while_jobs_come_and_go(shared: Engine, search: dict[str, str]) -> None:
    tag = str(uuid4())
    search = {name: value.replace("TAG", tag) for name, value in search.items()}
    jobs = [await render(shared, "Something paged with care.", tags=[tag]) for _ in range(23)]
    gone, seen = set[str](), list[str]()

    page = await shared.get("/jobs", params={**search, "limit": 4})
    while True:
        seen += [job["job_id"] for job in page["jobs"] if tag in job["tags"]]
        if page["next_cursor"] is None:
            break
        await render(shared, "A newcomer, paged with care.", tags=["newcomer", tag])
        ahead = [job_id for job_id in jobs if job_id not in seen and job_id not in gone]
        for job_id in seen[-1:] + ahead[:1]:  # the one that the cursor stands on, and one of those to come
            await shared.http.delete(f"/v1/jobs/{job_id}")
            gone.add(job_id)
        page = await shared.get("/jobs", params={**search, "limit": 4, "cursor": page["next_cursor"]})
        assert len(seen) < 100, "it does not come to an end"

    assert len(seen) == len(set(seen))
    assert [job_id for job_id in seen if job_id in jobs] == [job_id for job_id in jobs[::-1] if job_id in seen]
    assert set(jobs) - gone <= set(seen)


@pytest.mark.parametrize(("limit", "status"), [(1, 200), (200, 200), (0, 400), (201, 400), (-1, 400), ("x", 400)])
async def test_a_page_has_1_to_200_jobs(shared: Engine, limit: int | str, status: int) -> None:
    response = await shared.http.get("/v1/jobs", params={"limit": limit})

    assert response.status_code == status
    if status == 400:
        assert error_in(response)["code"] == "INVALID_REQUEST"
        assert "limit" in error_in(response)["message"]


async def test_a_page_has_fifty_jobs_unless_asked_otherwise(shared: Engine) -> None:
    for _ in range(51):
        await shared.post("/jobs", {"voice_id": VOICE_ID, "text": "One of many."}, 201)

    assert len((await shared.get("/jobs"))["jobs"]) == 50


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(value)).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!!",
        "abcd=",
        "AAAA AAAA",
        "\u00e9\u00e9\u00e9\u00e9",
        "A" * 5_000,
        packed([1]),
        packed(["1", "2"]),
        packed({"created_at": 1, "seq": 2}),
        packed([-1, 1]),
        packed([1, -1]),
        packed([2**63, 1]),
        packed([1, 2**63]),
        packed([1.5, 1]),
        packed(None),
        packed([1, 1]) + "AAAA",
        packed([1, 1])[:2] + "!!!!" + packed([1, 1])[2:],
        "%00",
    ],
)
async def test_a_cursor_that_the_engine_did_not_give_is_refused(shared: Engine, cursor: str) -> None:
    response = await shared.http.get("/v1/jobs", params={"cursor": cursor})

    assert response.status_code == 400
    assert error_in(response)["code"] == "INVALID_REQUEST"
    assert "start without one" in error_in(response)["message"]


async def test_a_cursor_after_everything_is_an_empty_last_page(shared: Engine) -> None:
    assert await shared.get("/jobs", params={"cursor": packed([0, 0])}) == {"jobs": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("title", "text", "search"),
    [
        (None, "The lighthouse keeper reads.", "lighthouse"),
        (None, "The lighthouse keeper reads.", "ghthou"),
        (None, "The lighthouse keeper reads.", "LIGHTHOUSE KEEPER"),
        (None, "The lighthouse keeper reads.", "house keep"),
        ("A title of its own", "Body.", "of its"),
        (None, "\u6d77\u8fb9\u7684\u706f\u5854\u5f88\u9ad8\u3002", "\u7684\u706f\u5854"),
        (None, "\u6d77\u8fb9\u7684\u706f\u5854\u5f88\u9ad8\u3002", "\u706f\u5854"),
        ("\u5317\u4eac", "Body.", "\u5317\u4eac"),
        (None, "\ud55c\uad6d\uc5b4\ub97c \ub9d0\ud574\uc694.", "\ud55c\uad6d"),
        (None, "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22", "\u0e44\u0e17"),
        (None, "50\u5ea6% \u5ea6_x", "\u5ea6%"),
        (None, "\u3068\u3066\u3082\u9577\u3044\u8a71\u3067\u3059\u3002", "\u9577\u3044\u8a71"),
        (
            None,
            "\u041c\u043e\u0440\u0435 \u0441\u043f\u043e\u043a\u043e\u0439\u043d\u043e.",
            "\u041c\u041e\u0420\u0415",
        ),
        (None, 'He said "stop" and left.', '"stop"'),  # english: ok
        (None, 'He said "stop" and left.', 'id "stop'),  # english: ok
        (None, "100% of it_all.", "100%"),
        (None, "100% of it_all.", "it_all"),
        (None, "Fish AND chips OR peas NOT both.", "AND chips OR"),
        (None, "words:with (brackets) and * stars ^ hats - dashes + pluses", "words:with (bra"),
        (None, "words:with (brackets) and * stars ^ hats - dashes + pluses", "and * stars ^ hats - d"),
        (None, "It's O'Brien's; DROP TABLE jobs; --", "O'Brien's; DROP TABLE jobs; --"),
        (None, "A smile \U0001f600\U0001f601\U0001f602 here.", "\U0001f600\U0001f601\U0001f602"),
        (None, "Line one\nline two", "one\nline"),
        (None, "Tab\tand space", "Tab\tand"),
        (None, "x" * 1_990 + " edge of it", "x edge"),
    ],
)
async def test_a_job_is_found_by_any_words_in_it(shared: Engine, title: str | None, text: str, search: str) -> None:
    job_id = await render(shared, text, title=title)

    assert job_id in await found(shared, text=search)


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("A plain sentence.", "plain%"),
        ("A plain sentence.", "pl_in"),
        ("A plain sentence.", "plain*"),
        ("A plain sentence.", "plain OR nothing"),
        ("A plain sentence.", '" OR "'),
        ("A plain sentence.", "words:plain"),
        ("A plain sentence.", "sentence plain"),
        ("A plain sentence.", "NEAR(plain sentence)"),
        ("A plain sentence.", '"""'),
        ("A plain sentence.", "'''"),
        ("A plain sentence.", "((("),
        ("A plain sentence.", "***"),
        ("A plain sentence.", "\\x00"),
        ("x" * 2_001 + " after it", "after it"),
        ("\u706f\u5f88\u5854", "\u706f\u5854"),
        ("\u5ea6x", "\u5ea6%"),
        ("\u5ea6x", "\u5ea6_"),
    ],
)
async def test_a_search_has_no_language_of_its_own(shared: Engine, text: str, search: str) -> None:
    job_id = await render(shared, text)

    assert job_id not in await found(shared, text=search)


@pytest.mark.parametrize(
    "search", ["", "a", "ab", "\u706f", "%%", "a\u0301", "\0abc", "abc\0", "ab\0c", "\u706f\0"]
)
async def test_a_search_that_cannot_be_answered_is_refused(shared: Engine, search: str) -> None:
    response = await shared.http.get("/v1/jobs", params={"text": search})

    assert response.status_code == 400
    assert error_in(response)["code"] == "INVALID_REQUEST"


async def test_what_is_deleted_is_not_found_any_more(shared: Engine) -> None:
    job_id = await finished(shared, "A canary in the history.")
    assert job_id in await found(shared, text="canary in the")

    await shared.delete(f"/jobs/{job_id}")

    assert await found(shared, text="canary in the") == set()


async def test_a_time_may_be_given_in_any_zone_and_without_one_is_utc(shared: Engine) -> None:
    job_id = await render(shared, "At this moment.")
    when = datetime.fromisoformat((await shared.get(f"/jobs/{job_id}"))["created_at"])
    after = when + timedelta(microseconds=1)

    def spellings(moment: datetime) -> list[str]:
        zones = (UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=9, minutes=30)))
        zoned = [moment.astimezone(zone).isoformat() for zone in zones]
        return [*zoned, zoned[0].replace("+00:00", "Z"), zoned[0].replace("+00:00", "")]

    for at, behind in zip(spellings(when), spellings(after), strict=True):
        assert job_id in await found(shared, created_from=at, created_before=behind)
        assert job_id not in await found(shared, created_from=behind)
        assert job_id not in await found(shared, created_before=at)


@pytest.mark.parametrize("name", ["created_from", "created_before"])
@pytest.mark.parametrize(
    "moment",
    [
        *("", "yesterday", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T25:00:00Z", "NaN", "1e400"),
        *("0.5", "1764460800", "2026-11", "30.11.2026"),
    ],
)
async def test_an_invalid_time_is_refused(shared: Engine, name: str, moment: str) -> None:
    response = await shared.http.get("/v1/jobs", params={name: moment})

    assert response.status_code == 400
    assert name in error_in(response)["message"]
    assert error_in(response)["details"]["fields"][0]["field"] == name


async def test_a_date_is_its_beginning(shared: Engine) -> None:
    job_id = await render(shared, "On this day.")
    when = datetime.fromisoformat((await shared.get(f"/jobs/{job_id}"))["created_at"])
    today, tomorrow = (when + timedelta(days=days) for days in (0, 1))

    for form in ("%Y-%m-%d", "%Y%m%d"):
        day, next_day = today.strftime(form), tomorrow.strftime(form)
        assert job_id in await found(shared, created_from=day, created_before=next_day)
        assert job_id not in await found(shared, created_before=day)


async def test_a_zone_whose_plus_the_query_turned_into_a_space_is_a_zone(shared: Engine) -> None:
    job_id = await render(shared, "At this moment.")
    when = datetime.fromisoformat((await shared.get(f"/jobs/{job_id}"))["created_at"])
    before, after = (
        (when + timedelta(seconds=seconds)).astimezone(timezone(timedelta(hours=2))) for seconds in (-1, 1)
    )

    page = await shared.get(f"/jobs?created_from={before.isoformat()}&created_before={after.isoformat()}")

    assert job_id in [job["job_id"] for job in page["jobs"]]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00"])
async def test_times_at_the_ends_of_the_calendar_are_times(shared: Engine, moment: str) -> None:
    await shared.get("/jobs", params={"created_from": moment, "created_before": moment})


@pytest.mark.parametrize(
    "query", ["status=done", "status=", "lane=", "lane=book", "voice_id=amy", "voice_id=", "status=queued,running"]
)
async def test_a_filter_that_names_nothing_there_is_refused(shared: Engine, query: str) -> None:
    response = await shared.http.get(f"/v1/jobs?{query}")

    assert response.status_code == 400
    assert query.split("=")[0] in error_in(response)["message"]
