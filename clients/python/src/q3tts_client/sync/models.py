"""`/v1/models`."""

import builtins
from urllib.parse import quote

from q3tts_client.answers import CheckedModel, Deleted, Model, ModelList
from q3tts_client.sync.http import Http


class Models:
    """The models of an engine."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list(self) -> builtins.list[Model]:
        """What is built in, what is on this machine, then what can be downloaded; each with its state."""
        return (self._http.json(ModelList, "GET", "/models")).models

    def get(self, model_id: str) -> Model:
        """One model."""
        return self._http.json(Model, "GET", path_of(model_id))

    def download(self, model_id: str) -> Model:
        """Begin a download, or go on with one. It is answered at once: `get` says how far it is."""
        return self._http.json(Model, "POST", path_of(model_id, "/download"))

    def cancel(self, model_id: str) -> Model:
        """Stop a download. What has come is kept."""
        return self._http.json(Model, "POST", path_of(model_id, "/cancel"), once=True)

    def check(self, model_id: str) -> Model:
        """Read all files of a model and compare them with what is recorded of them: the model as it is then."""
        return (self._http.json(CheckedModel, "POST", path_of(model_id, "/check"))).model

    def activate(self, model_id: str) -> Model:
        """Load a model and make it the active one; answered when it is loaded."""
        return self._http.json(Model, "POST", path_of(model_id, "/activate"))

    def unload(self, model_id: str) -> Model:
        """End the model's process, which frees its memory."""
        return self._http.json(Model, "POST", path_of(model_id, "/unload"))

    def delete(self, model_id: str) -> None:
        """Remove the model's files."""
        self._http.json(Deleted, "DELETE", path_of(model_id), once=True)


def path_of(model_id: str, rest: str = "") -> str:
    """Where a model is."""
    return f"/models/{quote(model_id, safe='')}{rest}"
