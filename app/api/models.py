"""`/v1/models`."""

from litestar import Controller, delete, get, post
from litestar.di import NamedDependency, Provide

from app.api.model_paths import model_id_of
from app.api.views.models import CheckedModel, ModelList, ModelView, SkippedView
from app.api.views.openai import OpenAIModel
from app.api.views.shared import Deleted
from app.models.registry import ModelRegistry
from app.usecases.models import Models

#: What can be done with a model, as the last part of its path.
VERBS = frozenset({"download", "cancel", "check", "activate", "unload"})


class ModelController(Controller):
    """Models. The `model_id` of a path is a model's id, or its repository on the hub, such as `org/name`."""

    path = "/models"
    tags = ["models"]  # noqa: RUF012 - Litestar's own attribute
    dependencies = {"wanted": Provide(model_id_of, sync_to_thread=False)}  # noqa: RUF012 - the same
    # A `summary` is given where the OpenAPI document has had another word than the method.

    @get(operation_id="listModels", summary="Every")
    async def list_models(self, models: NamedDependency[Models]) -> ModelList:
        """What is built in, what is on this machine, then what could be downloaded; each with its state. `skipped`
        is what lies in the models folder and is not taken for a model, with the reason. `data` has those that can
        speak, as OpenAI's clients read them.
        """
        found, skipped = await models.every()
        return ModelList(
            [ModelView.of(listed) for listed in found],
            [SkippedView(one.name, one.reason) for one in skipped],
            [OpenAIModel.of(listed) for listed in found if listed.entry is not None and not listed.reason],
        )

    @get("/{model_id:str}", operation_id="getModel", summary="One")
    async def get_model(self, wanted: NamedDependency[str], models: NamedDependency[Models]) -> ModelView:
        """One model."""
        return ModelView.of(await models.get(wanted))

    @post("/{model_id:str}/download", operation_id="downloadModel", status_code=202)
    async def download(self, wanted: NamedDependency[str], registry: NamedDependency[ModelRegistry]) -> ModelView:
        """Begin a download, or resume one that was interrupted; `GET` the model to see how far it is."""
        return ModelView.of(await registry.download(wanted))

    @post("/{model_id:str}/cancel", operation_id="cancelDownload", status_code=200)
    async def cancel(self, wanted: NamedDependency[str], registry: NamedDependency[ModelRegistry]) -> ModelView:
        """Stop a download. What has come is kept, and the next download goes on from there."""
        return ModelView.of(await registry.cancel_download(wanted))

    @post("/{model_id:str}/check", operation_id="checkModel", status_code=200)
    async def check(self, wanted: NamedDependency[str], models: NamedDependency[Models]) -> CheckedModel:
        """Read all files of a model again, and compare them with the hashes that are recorded of them. If one
        differs, the model is `broken`, with the names in its `reason`. Answered when it is done.
        """
        listed, files = await models.check(wanted)
        return CheckedModel(ModelView.of(listed), files)

    @post("/{model_id:str}/activate", operation_id="activateModel", status_code=200)
    async def activate(self, wanted: NamedDependency[str], models: NamedDependency[Models]) -> ModelView:
        """Load a model and make it the active one; answered when it is loaded. Jobs that wait for other models are
        spoken with these all the same. A speech-to-text model becomes the one that transcribes.
        """
        return ModelView.of(await models.activate(wanted))

    @post("/{model_id:str}/unload", operation_id="unloadModel", status_code=200)
    async def unload(self, wanted: NamedDependency[str], models: NamedDependency[Models]) -> ModelView:
        """Free the memory of a model that is not speaking. It is loaded again when it is needed."""
        return ModelView.of(await models.unload(wanted))

    @delete("/{model_id:str}", operation_id="deleteModel", summary="Forget", status_code=200)
    async def delete_model(self, wanted: NamedDependency[str], models: NamedDependency[Models]) -> Deleted:
        """Remove a model's files, and what an interrupted download has left. Not while it is active or needed, nor
        from the hub's cache, which other programs use too.
        """
        await models.delete(wanted)
        return Deleted(True)
