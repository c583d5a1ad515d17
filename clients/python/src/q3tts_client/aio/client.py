"""The client: one connection, and what can be asked over it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Unpack

import httpx

from q3tts_client.aio.events import job_events
from q3tts_client.aio.http import AsyncHttp
from q3tts_client.aio.jobs import AsyncJobs
from q3tts_client.aio.models import AsyncModels
from q3tts_client.aio.speech import AsyncSpeech
from q3tts_client.aio.voices import AsyncVoices
from q3tts_client.answers import Health, Job, SpeakStarted
from q3tts_client.connection import Connection, Renew, checked, find_engine
from q3tts_client.files import FilePath
from q3tts_client.requests import SpeakArguments, SubmitArguments
from q3tts_client.retries import Patience
from q3tts_client.wire import JobEvent

#: It is answered by memory alone: an engine that takes longer hangs. In seconds.
HEALTH_S = 10.0


class AsyncClient:
    """An engine. Without an address, the one that runs here; it is found again when it was started anew.

    `renew` is asked for a new connection when this one is refused, or nobody answers; then it is tried once more.
    `transport` is httpx's, for tests. Raises `ValueError`, and `NetworkError` (`NOT_RUNNING`) if none is found.
    """

    def __init__(
        self,
        base_url: str | None = None,
        token: str | None = None,
        *,
        renew: Renew | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        if (base_url is None) != (token is None):
            raise ValueError("give base_url and token, or neither: then the engine that runs here is found")
        if base_url is None or token is None:
            connection, renew = (renew or find_engine)(), renew or find_engine
        else:
            connection = checked(base_url, token)
        self._http = AsyncHttp(connection, renew, transport)
        self.voices = AsyncVoices(self._http)
        self.models = AsyncModels(self._http)
        self.jobs = AsyncJobs(self._http)

    async def __aenter__(self) -> "AsyncClient":
        """Close all connections at the end of the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """See `aclose`."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections. Jobs go on."""
        await self._http.aclose()

    @property
    def connection(self) -> Connection:
        """The one that is used now; another one after it was renewed."""
        return self._http.connection

    async def health(self) -> Health:
        """The engine's version, its active model and what that can do, and how busy it is."""
        return await self._http.json(Health, "GET", "/health", limit_s=HEALTH_S)

    async def metrics(self) -> str:
        """What the engine counts and measures, in the text format of Prometheus."""
        return (await self._http.bytes("GET", "/metrics")).decode()

    async def openapi(self) -> dict[str, Any]:
        """All of the HTTP routes, as an OpenAPI document."""
        return await self._http.json(dict[str, Any], "GET", "/openapi.json")

    async def speak(
        self, text: str, *, patience: Patience | None = None, **options: Unpack[SpeakArguments]
    ) -> AsyncSpeech:
        """Speak a text to somebody who listens now."""
        body = {**options, "text": text}
        started = await self._http.json(SpeakStarted, "POST", "/speak", body=body, once=True)
        return self.follow(started.job_id, patience=patience)

    def follow(self, job_id: str, *, after_seq: int = 0, patience: Patience | None = None) -> AsyncSpeech:
        """The events of any job from its beginning, or after `after_seq`, up to its last one."""
        return AsyncSpeech(self._http, job_id, after_seq=after_seq, patience=patience)

    async def render(self, text: str, path: FilePath, **options: Unpack[SubmitArguments]) -> Job:
        """Render a text into a file, whose ending says in which format. Returns the job when the file is there.

        Raises `EngineError` for a job that fails or is canceled.
        """
        wanted = Path(path).suffix.removeprefix(".").lower()
        every: dict[str, Any] = {**options}
        every["formats"] = list(dict.fromkeys([*every.get("formats", ()), wanted]))
        job = await self.jobs.wait((await self.jobs.submit(text, **every)).job_id)
        await self.jobs.save(job.job_id, path)
        return job

    def events(self, *, patience: Patience | None = None) -> AsyncIterator[JobEvent]:
        """What happens to all jobs from now on. `Connected` comes first, and again after a lost connection."""
        return job_events(self._http, patience)
