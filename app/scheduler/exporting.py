"""What a run makes beside the WAV file: which files, and what they say of themselves."""

from app.audio.export.formats import Encoding
from app.audio.export.job_export import Exports, JobExport
from app.audio.export.metadata import metadata_of
from app.audio.log.log import AudioLog
from app.audio.log.logs import AudioLogs
from app.store.rows import Job


def export_of(exports: Exports, logs: AudioLogs, job: Job, log: AudioLog) -> JobExport:
    """The encoded files of a job, which are made while it is spoken."""
    encodings = [Encoding(name, how.sample_rate, how.bit_rate) for name, how in job.encoding.items()]
    metadata = metadata_of(job.title, job.tags, job.created_at)
    return exports.of(log, logs.folder(job.id), encodings, metadata, characters=job.characters)
