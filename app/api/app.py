"""The Litestar application: its routes, how failures are answered, and what handlers may ask for."""

from typing import Any

from litestar import Litestar, Response, Router
from litestar.di import Provide
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import OpenAPIConfig
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.routes import HTTPRoute

from app import __version__
from app.api import problems
from app.api.audio import audio, link
from app.api.bodies import StrictRequest
from app.api.contexts import speak_contexts
from app.api.contract import ContractPlugin
from app.api.deletion import prune
from app.api.export import export
from app.api.health import health
from app.api.jobs import JobController
from app.api.metrics import metrics
from app.api.models import ModelController
from app.api.omni import speak_utterances
from app.api.openai_errors import has_openai_shape
from app.api.options import AllowedMethods
from app.api.queries import KnownParameters
from app.api.speak import cancel, speak
from app.api.speech import create_speech, list_speech_voices
from app.api.stats import stats
from app.api.stream import Encoded, events, stream
from app.api.voices import VoiceController
from app.errors import SpeechError
from app.usecases.parts import Parts


class _Api(Litestar):
    """Litestar without the support for Pydantic and attrs that it loads wherever they are installed: the engine
    speaks msgspec alone, and starts sooner.
    """

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


def make_app(parts: Parts) -> Litestar:
    """All routes, under `/v1`."""
    encoded, parameters, methods = Encoded(), KnownParameters(), AllowedMethods()
    handlers: list[Any] = [
        health,
        speak,
        cancel,
        audio,
        link,
        create_speech,
        list_speech_voices,
        stats,
        metrics,
        export,
        prune,
        JobController,
        VoiceController,
        ModelController,
        speak_contexts,
        speak_utterances,
        stream,
        events,
    ]
    app = _Api(
        path="/v1",
        route_handlers=handlers,
        dependencies={
            **{name: _provide(parts, name) for name in Parts._fields},
            "encoded": Provide(lambda: encoded, sync_to_thread=False),
        },
        guards=[parameters],
        before_send=[methods],
        request_class=StrictRequest,
        exception_handlers={
            SpeechError: problems.on_speech_error,
            ValidationException: problems.on_validation_error,
            HTTPException: problems.on_http_error,
            Exception: problems.on_any_error,
        },
        openapi_config=OpenAPIConfig(
            title="q3tts",
            version=__version__,
            openapi_router=Router("/", route_handlers=[], include_in_schema=False, after_request=_in_our_shape),
            render_plugins=[ContractPlugin(path="/openapi.json")],
            use_handler_docstrings=True,
        ),
        logging_config=None,  # the root logger is the engine's own, set up by `engine/start.py`
        request_max_body_size=None,  # the guard counts
    )
    parameters.learn(app)
    methods.learn(app)
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            # Instead of Litestar's own shape of failures; `contract.py` adds the others.
            shape = problems.OPENAI_RESPONSES if has_openai_shape(route.path) else problems.RESPONSES
            for handler in route.route_handlers:
                handler.responses = {**shape, **(handler.responses or {})}
    return app


def _provide(parts: Parts, name: str) -> Provide:
    return Provide(lambda: getattr(parts, name), sync_to_thread=False)


def _in_our_shape(response: Response[Any]) -> Response[Any]:
    """Litestar answers unknown paths beside the OpenAPI document itself, with a page of HTML."""
    return problems.not_found("") if response.status_code == 404 else response
