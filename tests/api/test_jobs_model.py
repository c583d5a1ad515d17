"""`model` in a request for speech: a voice of another model than the active one."""

from typing import Any

import pytest

from tests.api.conftest import OpenerOfModels
from tests.api.models import OTHER_MODELS_VOICE_ID, both
from tests.support.fakes import VOICE_ID

pytestmark = pytest.mark.anyio


async def test_a_request_may_name_the_model_whose_voice_speaks(open_models: OpenerOfModels) -> None:
    async with open_models(both) as engine:

        async def asked(status: int, **fields: Any) -> dict[str, Any]:
            return await engine.post("/jobs", {"text": "Hi.", **fields}, status)

        usual = await asked(201)
        other = await asked(201, model="other")
        named = await asked(201, model="other", voice="Voice Three")
        refused = await engine.http.post("/v1/jobs", json={"text": "Hi.", "model": "other", "voice_id": VOICE_ID})
        unknown = await engine.http.post("/v1/jobs", json={"text": "Hi.", "model": "/etc"})

    assert usual["model_id"] == "fake"
    assert [(job["model_id"], job["voice_id"]) for job in (other, named)] == [("other", OTHER_MODELS_VOICE_ID)] * 2
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "VOICE_NOT_FOUND")
    assert "of the model other" in refused.json()["error"]["message"]
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "MODEL_NOT_FOUND")
