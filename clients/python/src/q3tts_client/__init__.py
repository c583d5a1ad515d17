"""Speech from a q3tts engine: HTTP, streams that are taken up again, files. See README.md."""

from q3tts_client.aio.client import AsyncClient
from q3tts_client.aio.speech import AsyncSpeech
from q3tts_client.connection import Connection, find_engine
from q3tts_client.errors import EngineError, NetworkError, ProtocolError, SpeechError
from q3tts_client.retries import Patience
from q3tts_client.sync.client import Client
from q3tts_client.sync.speech import Speech
from q3tts_client.wire import (
    AudioChunk,
    Connected,
    JobCanceled,
    JobDone,
    JobError,
    JobEvent,
    JobProgress,
    JobStarted,
    StreamEvent,
)

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "AsyncSpeech",
    "AudioChunk",
    "Client",
    "Connected",
    "Connection",
    "EngineError",
    "JobCanceled",
    "JobDone",
    "JobError",
    "JobEvent",
    "JobProgress",
    "JobStarted",
    "NetworkError",
    "Patience",
    "ProtocolError",
    "Speech",
    "SpeechError",
    "StreamEvent",
    "find_engine",
]
