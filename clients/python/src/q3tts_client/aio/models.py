"""`/v1/models`."""

import builtins
from urllib.parse import quote

from q3tts_client.aio.http import AsyncHttp
from q3tts_client.answers import CheckedModel, Deleted, Model, ModelList


class AsyncModels:
    """The models of an engine."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list(self) -> builtins.list[Model]:
        """What is built in, what is on this machine, then what can be downloaded; each with its state."""
        return (await self._http.json(ModelList, "GET", "/models")).models

    async def get(self, model_id: str) -> Model:
        """One model."""
        return await self._http.json(Model, "GET", path_of(model_id))

    async def download(self, model_id: str) -> Model:
        """Begin a download, or go on with one. It is answered at once: `get` says how far it is."""
        return await self._http.json(Model, "POST", path_of(model_id, "/download"))

    async def cancel(self, model_id: str) -> Model:
        """Stop a download. What has come is kept."""
        return await self._http.json(Model, "POST", path_of(model_id, "/cancel"), once=True)

    async def check(self, model_id: str) -> Model:
        """Read all files of a model and compare them with what is recorded of them: the model as it is then."""
        return (await self._http.json(CheckedModel, "POST", path_of(model_id, "/check"))).model

    async def activate(self, model_id: str) -> Model:
        """Load a model and make it the active one; answered when it is loaded."""
        return await self._http.json(Model, "POST", path_of(model_id, "/activate"))

    async def unload(self, model_id: str) -> Model:
        """End the model's process, which frees its memory."""
        return await self._http.json(Model, "POST", path_of(model_id, "/unload"))

    async def delete(self, model_id: str) -> None:
        """Remove the model's files."""
        await self._http.json(Deleted, "DELETE", path_of(model_id), once=True)


def path_of(model_id: str, rest: str = "") -> str:
    """Where a model is."""
    return f"/models/{quote(model_id, safe='')}{rest}"
