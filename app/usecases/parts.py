"""The parts of an engine that its interfaces work with: the use cases, and what these stand on."""

from typing import NamedTuple

from app.audio.log.logs import AudioLogs
from app.models.registry import ModelRegistry
from app.scheduler.feed import Feed
from app.scheduler.scheduler import Scheduler
from app.store.stores import Stores
from app.usecases.audio_links import AudioLinks
from app.usecases.contexts import Contexts
from app.usecases.deletion import JobDeletion
from app.usecases.jobs import Jobs
from app.usecases.listened_jobs import ListenedJobs
from app.usecases.live_audio import LiveAudio
from app.usecases.metrics import Metrics
from app.usecases.models import Models
from app.usecases.retention import Retention
from app.usecases.voice_chooser import VoiceChooser
from app.usecases.voices import Voices


class Parts(NamedTuple):
    """One of each. A handler of the HTTP API gets those that it names as parameters."""

    jobs: Jobs
    deletion: JobDeletion
    retention: Retention
    metrics: Metrics
    voices: Voices
    chooser: VoiceChooser
    models: Models
    stores: Stores
    registry: ModelRegistry
    scheduler: Scheduler
    logs: AudioLogs
    feed: Feed
    listened: ListenedJobs
    live_audio: LiveAudio
    links: AudioLinks
    contexts: Contexts
