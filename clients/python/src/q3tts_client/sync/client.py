"""The client: one connection, and what can be asked over it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Unpack

import httpx

from q3tts_client.answers import Health, Job, SpeakStarted
from q3tts_client.connection import Connection, Renew, checked, find_engine
from q3tts_client.files import FilePath
from q3tts_client.requests import SpeakArguments, SubmitArguments
from q3tts_client.retries import Patience
from q3tts_client.sync.events import job_events
from q3tts_client.sync.http import Http
from q3tts_client.sync.jobs import Jobs
from q3tts_client.sync.models import Models
from q3tts_client.sync.speech import Speech
from q3tts_client.sync.voices import Voices
from q3tts_client.wire import JobEvent

#: It is answered by memory alone: an engine that takes longer hangs. In seconds.
HEALTH_S = 10.0


class Client:
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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        if (base_url is None) != (token is None):
            raise ValueError("give base_url and token, or neither: then the engine that runs here is found")
        if base_url is None or token is None:
            connection, renew = (renew or find_engine)(), renew or find_engine
        else:
            connection = checked(base_url, token)
        self._http = Http(connection, renew, transport)
        self.voices = Voices(self._http)
        self.models = Models(self._http)
        self.jobs = Jobs(self._http)

    def __enter__(self) -> "Client":
        """Close all connections at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """See `aclose`."""
        self.close()

    def close(self) -> None:
        """Close all connections. Jobs go on."""
        self._http.close()

    @property
    def connection(self) -> Connection:
        """The one that is used now; another one after it was renewed."""
        return self._http.connection

    def health(self) -> Health:
        """The engine's version, its active model and what that can do, and how busy it is."""
        return self._http.json(Health, "GET", "/health", limit_s=HEALTH_S)

    def metrics(self) -> str:
        """What the engine counts and measures, in the text format of Prometheus."""
        return (self._http.bytes("GET", "/metrics")).decode()

    def openapi(self) -> dict[str, Any]:
        """All of the HTTP routes, as an OpenAPI document."""
        return self._http.json(dict[str, Any], "GET", "/openapi.json")

    def speak(self, text: str, *, patience: Patience | None = None, **options: Unpack[SpeakArguments]) -> Speech:
        """Speak a text to somebody who listens now."""
        body = {**options, "text": text}
        started = self._http.json(SpeakStarted, "POST", "/speak", body=body, once=True)
        return self.follow(started.job_id, patience=patience)

    def follow(self, job_id: str, *, after_seq: int = 0, patience: Patience | None = None) -> Speech:
        """The events of any job from its beginning, or after `after_seq`, up to its last one."""
        return Speech(self._http, job_id, after_seq=after_seq, patience=patience)

    def render(self, text: str, path: FilePath, **options: Unpack[SubmitArguments]) -> Job:
        """Render a text into a file, whose ending says in which format. Returns the job when the file is there.

        Raises `EngineError` for a job that fails or is canceled.
        """
        wanted = Path(path).suffix.removeprefix(".").lower()
        every: dict[str, Any] = {**options}
        every["formats"] = list(dict.fromkeys([*every.get("formats", ()), wanted]))
        job = self.jobs.wait((self.jobs.submit(text, **every)).job_id)
        self.jobs.save(job.job_id, path)
        return job

    def events(self, *, patience: Patience | None = None) -> Iterator[JobEvent]:
        """What happens to all jobs from now on. `Connected` comes first, and again after a lost connection."""
        return job_events(self._http, patience)
