"""`GET /v1/jobs/export`: the history as a file, complete, and read page by page."""

import csv
import io
import json
from typing import Any
from uuid import uuid4

import pytest

from app.api.export import COLUMNS
from app.store.history import History
from app.store.rows import HistoryFilter
from tests.api.asking import finished, render
from tests.support.client import Engine

pytestmark = pytest.mark.anyio


async def exported(engine: Engine, **params: Any) -> str:
    response = await engine.http.get("/v1/jobs/export", params=params)
    assert response.status_code == 200, response.text
    return response.content.decode()


async def test_json_lines_are_the_jobs_of_the_list(shared: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.export.PAGE", 2)
    tag = str(uuid4())
    for number in range(5):
        await finished(shared, f"Number {number}.", tags=[tag])

    lines = (await exported(shared, tag=tag)).splitlines()

    assert [json.loads(line) for line in lines] == (await shared.get("/jobs", params={"tag": tag}))["jobs"]


async def test_a_table_has_a_row_for_each_job_and_quotes_what_needs_it(
    shared: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.export.PAGE", 1)
    tag = str(uuid4())
    title = 'Said "so", and\nmore: 北京'
    done = await finished(shared, "Twelve chars", tags=[tag, "b,c"], title=title)
    failed = await render(shared, "[error] Not so.", tags=[tag])
    await shared.ended(failed)

    rows = list(csv.DictReader(io.StringIO(await exported(shared, tag=tag, format="csv"), newline="")))

    assert [row["job_id"] for row in rows] == [failed, done]
    assert list(rows[0]) == list(COLUMNS)
    assert (rows[1]["title"], rows[1]["characters"], rows[1]["status"]) == (title, "12", "completed")
    assert json.loads(rows[1]["tags"]) == sorted([tag, "b,c"])
    assert float(rows[1]["audio_seconds"]) > 0
    assert (rows[0]["error_code"], rows[0]["refused_takes"]) == ("INFERENCE_FAILED", "3")
    job = await shared.get(f"/jobs/{done}")
    assert (rows[1]["created_at"], rows[1]["finished_at"]) == (job["created_at"], job["finished_at"])


async def test_an_export_without_jobs_is_a_table_without_rows(shared: Engine) -> None:
    nobody = str(uuid4())

    assert await exported(shared, tag=nobody, format="csv") == ",".join(COLUMNS) + "\r\n"
    assert await exported(shared, tag=nobody) == ""


async def test_an_export_is_a_file_of_its_type(shared: Engine) -> None:
    types = (("csv", "text/csv; header=present; charset=utf-8"), ("jsonl", "application/x-ndjson"))
    for format, media_type in types:
        answer = await shared.http.get("/v1/jobs/export", params={"format": format, "limit": 1, "tag": "no"})
        assert answer.status_code == 400
        answer = await shared.http.get("/v1/jobs/export", params={"format": format, "tag": "no"})
        assert answer.headers["content-type"] == media_type
        assert answer.headers["content-disposition"] == f'attachment; filename="jobs.{format}"'


async def test_the_history_is_read_a_page_at_a_time(shared: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.export.PAGE", 1)
    tag = str(uuid4())
    for _ in range(3):
        await finished(shared, "Read once.", tags=[tag])
    read: list[int] = []
    page = History.page

    async def counted(self: History, wanted: HistoryFilter, **where: Any) -> Any:
        read.append(where["limit"])
        return await page(self, wanted, **where)

    monkeypatch.setattr(History, "page", counted)
    await exported(shared, tag=tag)

    assert read == [1, 1, 1]
