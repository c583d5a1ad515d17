"""Query strings: what a route does not take is refused, on every route."""

from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.api.asking import finished, with_ids
from tests.api.raw import code_in
from tests.support.client import Engine

pytestmark = pytest.mark.anyio


async def routes(engine: Engine) -> list[tuple[str, str]]:
    """All methods and paths of the OpenAPI document."""
    paths: dict[str, dict[str, Any]] = (await engine.get("/openapi.json"))["paths"]
    return [(method.upper(), with_ids(path)) for path, methods in paths.items() for method in methods]


async def test_a_parameter_that_a_route_does_not_have_is_refused_on_every_route(shared: Engine) -> None:
    for method, path in await routes(shared):
        response = await shared.http.request(method, path, params={"stauts": "failed"})

        assert response.status_code == 400, (method, path)
        if method != "HEAD":
            assert code_in(response) == "INVALID_REQUEST"
            error = response.json()["error"]
            named = [error["param"]] if "param" in error else [each["field"] for each in error["details"]["fields"]]
            assert named == ["stauts"], (method, path)


async def test_the_error_says_what_the_route_takes(shared: Engine) -> None:
    jobs = (await shared.get("/jobs", 400, params={"stauts": "failed", "Limit": "3"}))["error"]
    health = (await shared.get("/health", 400, params={"x": ""}))["error"]

    assert [field["field"] for field in jobs["details"]["fields"]] == ["Limit", "stauts"]
    assert jobs["message"].startswith("the request is not valid: Limit: this route has no such parameter; it takes")
    assert {"status", "limit", "cursor"} <= set(jobs["message"].replace(",", "").split())
    assert health["message"] == "the request is not valid: x: this route has no such parameter; it takes none"


async def test_what_is_listed_with_a_misspelled_filter_is_not_everything(shared: Engine) -> None:
    await finished(shared)

    assert "jobs" not in await shared.get("/jobs?stauts=failed", 400)
    assert (await shared.get("/jobs?status=completed"))["jobs"]


@pytest.mark.parametrize("path", ["/stream/{}?after=3", "/events?format=json"])
async def test_sockets_refuse_them_before_the_handshake(shared: Engine, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with shared.socket(path.format(await finished(shared))):
            pass

    assert refused.value.response.status_code == 400
    assert b"this route has no such parameter" in refused.value.response.body
