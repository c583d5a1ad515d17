"""Links to one job's audio, for players that cannot send the token."""

import logging
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import pytest

from app.errors import Forbidden, Unauthorized
from app.usecases.audio_links import AudioLinks
from tests.api.asking import finished
from tests.api.conftest import opened
from tests.api.raw import error_in
from tests.support.client import PATIENCE_S, Engine

pytestmark = pytest.mark.anyio

JOB, OTHER = "job", "another job"


@pytest.fixture(scope="module")
async def linking(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Engine]:
    """An engine that was started with links."""
    async with opened(tmp_path_factory.mktemp("linking"), audio_links=True) as engine:
        yield engine


@pytest.fixture
async def player(linking: Engine) -> AsyncGenerator[httpx.AsyncClient]:
    """What knows an address and nothing else."""
    async with httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client:
        yield client


async def link_to(engine: Engine, job_id: str, query: str = "") -> str:
    return (await engine.post(f"/jobs/{job_id}/link{query}"))["url"]


async def test_a_player_hears_the_job_without_the_token(
    linking: Engine, player: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = await finished(linking, "Linked.")
    with caplog.at_level(logging.DEBUG):
        url = await link_to(linking, job_id)
        got, head = await player.get(url), await player.head(url)
        refused = await player.get(url.replace(job_id, "00000000-0000-4000-8000-000000000000"))
        logged = [record.getMessage() for record in caplog.records if not record.name.startswith("http")]

    expected = await linking.http.get(f"/v1/jobs/{job_id}/audio?live=true&format=mp3")
    assert (got.status_code, got.headers["content-type"], got.content) == (200, "audio/mpeg", expected.content)
    assert (head.status_code, refused.status_code) == (200, 403)
    assert got.headers["cross-origin-resource-policy"] == "cross-origin"
    assert expected.headers["cross-origin-resource-policy"] == "same-origin"
    signature = url.partition("signature=")[2]
    assert signature
    assert not any(signature in line for line in logged)


async def test_a_link_says_how_long_it_is_good_and_in_which_format(linking: Engine) -> None:
    job_id = await finished(linking)
    link: dict[str, str] = await linking.post(f"/jobs/{job_id}/link?format=opus&seconds=60")

    left = datetime.fromisoformat(link["expires_at"]) - datetime.now(UTC)
    assert 50 < left.total_seconds() <= 60
    assert "format=opus" in urlsplit(link["url"]).query


async def test_a_link_is_good_for_one_jobs_audio_alone(linking: Engine, player: httpx.AsyncClient) -> None:
    job_id, other = await finished(linking, "Mine."), await finished(linking, "Not mine.")
    url = await link_to(linking, job_id)
    query = urlsplit(url).query
    base = f"http://127.0.0.1:{linking.port}/v1"

    for status, method, path in (
        (403, "GET", f"/jobs/{other}/audio?{query}"),
        (401, "GET", f"/jobs/{job_id}?{query}"),
        (401, "GET", f"/jobs/{job_id}/text?{query}"),
        (401, "DELETE", f"/jobs/{job_id}?{query}"),
        (401, "POST", f"/jobs/{job_id}/audio?{query}"),
        (401, "GET", f"/jobs?{query}"),
        (401, "GET", f"/jobs/{job_id}/audio?live=true"),
    ):
        answer = await player.request(method, base + path)
        assert answer.status_code == status, path
        assert error_in(answer)["code"] == ("FORBIDDEN" if status == 403 else "UNAUTHORIZED")


@pytest.mark.parametrize(
    ("old", "new"),
    [("signature=", "signature=0"), ("expires=", "expires=9"), ("expires=", "expires=-"), ("signature=", "s=")],
)
async def test_a_link_that_was_changed_is_refused(
    linking: Engine, player: httpx.AsyncClient, old: str, new: str
) -> None:
    url = (await link_to(linking, await finished(linking))).replace(old, new)

    assert (await player.get(url)).status_code in (401, 403)


async def test_the_owner_of_the_token_may_use_a_link_as_well(linking: Engine) -> None:
    url = await link_to(linking, await finished(linking))

    assert (await linking.http.get(url)).status_code == 200


async def test_without_the_setting_there_are_no_links(shared: Engine, linking: Engine) -> None:
    job_id = await finished(shared)
    error = (await shared.post(f"/jobs/{job_id}/link", status=403))["error"]
    _, expires, signature = job_id, "9999999999", "0" * 64
    async with httpx.AsyncClient(trust_env=False) as client:
        url = f"http://127.0.0.1:{shared.port}/v1/jobs/{job_id}/audio?expires={expires}&signature={signature}"
        answer = await client.get(url)

    assert "--audio-links" in error["message"]
    assert answer.status_code == 401


async def test_there_is_no_link_to_a_job_that_is_not(linking: Engine) -> None:
    error = await linking.post("/jobs/00000000-0000-4000-8000-000000000000/link", status=404)

    assert error["error"]["code"] == "JOB_NOT_FOUND"


def test_a_link_expires_and_says_so_only_to_whoever_had_it() -> None:
    now = 1_000.0
    links = AudioLinks(b"secret", now=lambda: now)
    query, expires = links.sign(JOB, 60)
    links.check(JOB, **query)
    now = 1_060.0

    assert expires == 1_060
    with pytest.raises(Unauthorized, match="expired"):
        links.check(JOB, **query)
    with pytest.raises(Forbidden):
        links.check(OTHER, **query)
    with pytest.raises(Forbidden):
        links.check(JOB, **{**query, "expires": "2000"})


def test_another_engine_has_another_secret() -> None:
    query, _ = AudioLinks(b"secret").sign(JOB, 60)
    with pytest.raises(Forbidden, match="restarted"):
        AudioLinks(b"another").check(JOB, **query)
