"""`/v1/models`."""

from typing import Annotated

from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter

from app.api.views.models import ModelList, ModelView
from app.api.views.shared import Deleted
from app.models.registry import ModelRegistry
from app.usecases.models import Models

ModelId = Annotated[str, PathParameter(max_length=128)]


class ModelController(Controller):
    """Models."""

    path = "/models"
    tags = ["models"]  # noqa: RUF012 - Litestar's own attribute
    # A `summary` is given where the OpenAPI document has had another word than the method.

    @get(operation_id="listModels", summary="Every")
    async def list_models(self, models: NamedDependency[Models]) -> ModelList:
        """What is built in, what is on this machine, then what could be downloaded; each with its state."""
        return ModelList([ModelView.of(listed) for listed in await models.every()])

    @get("/{model_id:str}", operation_id="getModel", summary="One")
    async def get_model(self, model_id: ModelId, models: NamedDependency[Models]) -> ModelView:
        """One model."""
        return ModelView.of(await models.get(model_id))

    @post("/{model_id:str}/download", operation_id="downloadModel", status_code=202)
    async def download(self, model_id: ModelId, registry: NamedDependency[ModelRegistry]) -> ModelView:
        """Begin a download, or resume one that was interrupted; `GET` the model to see how far it is."""
        return ModelView.of(await registry.download(model_id))

    @post("/{model_id:str}/cancel", operation_id="cancelDownload", status_code=200)
    async def cancel(self, model_id: ModelId, registry: NamedDependency[ModelRegistry]) -> ModelView:
        """Stop a download. What has come is kept, and the next download goes on from there."""
        return ModelView.of(await registry.cancel_download(model_id))

    @post("/{model_id:str}/activate", operation_id="activateModel", status_code=200)
    async def activate(self, model_id: ModelId, models: NamedDependency[Models]) -> ModelView:
        """Load a model and make it the active one; answered when it is loaded. Jobs that wait for other models are
        spoken with these all the same. A speech-to-text model becomes the one that transcribes.
        """
        return ModelView.of(await models.activate(model_id))

    @post("/{model_id:str}/unload", operation_id="unloadModel", status_code=200)
    async def unload(self, model_id: ModelId, models: NamedDependency[Models]) -> ModelView:
        """Free the memory of a model that is not speaking. It is loaded again when it is needed."""
        return ModelView.of(await models.unload(model_id))

    @delete("/{model_id:str}", operation_id="deleteModel", summary="Forget", status_code=200)
    async def delete_model(self, model_id: ModelId, models: NamedDependency[Models]) -> Deleted:
        """Remove a model's files, and what an interrupted download has left. Not while it is active or needed."""
        await models.delete(model_id)
        return Deleted(True)
