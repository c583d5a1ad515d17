"""`GET /v1/metrics`, in Prometheus' text format. prometheus-client is imported by the first request: most engines
are never asked, and should not start more slowly for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from litestar import Response, get
from litestar.di import NamedDependency

from app.metering import Spread, Tally
from app.usecases.metrics import Metrics

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

MEDIA_TYPE = "text/plain; version=0.0.4"  # Litestar says in which character set

Values = Mapping[tuple[str, ...], float]


class Gauge(NamedTuple):
    """Numbers that go up and down."""

    values: Values


class Measured(NamedTuple):
    """A metric: its name, what it means, the names of its labels, and its numbers."""

    name: str
    help: str
    labels: Sequence[str]
    numbers: Gauge | Tally | Spread


async def measured(metrics: Metrics) -> list[Measured]:
    """Every metric there is, with its numbers of this moment."""
    state, meters = await metrics.state(), metrics.meters
    by_model = ("lane", "model")
    return [
        Measured(
            "q3tts_jobs",
            "Jobs by state and lane; those that have ended with all that were deleted since",
            ("lane", "status"),
            Gauge(state.jobs),
        ),
        Measured("q3tts_queue_seconds", "From a job's submission to its start", ("lane",), meters.queue_s),
        Measured(
            "q3tts_first_audio_seconds",
            "From a job's submission to its first audio",
            ("lane",),
            meters.first_audio_s,
        ),
        Measured(
            "q3tts_real_time_factor",
            "Seconds of audio for each second of work, of completed jobs",
            by_model,
            meters.real_time_factor,
        ),
        Measured("q3tts_audio_seconds", "Audio that was made", by_model, meters.audio_s),
        Measured("q3tts_work_seconds", "Time for which jobs were running", by_model, meters.work_s),
        Measured("q3tts_refused_takes", "Takes that were not good enough", by_model, meters.refused_takes),
        Measured("q3tts_batch_rows", "Utterances that the model is speaking", ("model",), _gauge(state.batch_rows)),
        Measured(
            "q3tts_worker_starts",
            "Processes of the model that were started",
            ("model",),
            _tally(state.worker_starts),
        ),
        Measured(
            "q3tts_worker_losses", "Of these, those that crashed or hung", ("model",), _tally(state.worker_losses)
        ),
        Measured(
            "q3tts_resident_memory_bytes", "Memory of each process", ("process", "model"), Gauge(state.memory)
        ),
        Measured("q3tts_disk_free_bytes", "Free space where the data folder is", (), Gauge({(): state.disk_free})),
        Measured("q3tts_disk_total_bytes", "All space there", (), Gauge({(): state.disk_total})),
        Measured(
            "q3tts_subscribers",
            "Clients that follow a job's log, and those that watch the events of all jobs",
            ("kind",),
            Gauge({("job",): state.followers, ("events",): state.watchers}),
        ),
        Measured("q3tts_websockets", "Open WebSockets", (), Gauge({(): meters.websockets})),
        Measured("q3tts_http_requests", "Answered requests", ("method", "route", "status"), meters.http_requests),
        Measured("q3tts_http_seconds", "From a request to the end of its answer", ("method",), meters.http_s),
    ]


@get("/metrics", operation_id="getMetrics", tags=["engine"], media_type="text/plain")
async def metrics(metrics: NamedDependency[Metrics]) -> Response[bytes]:
    """Metrics in Prometheus' text format, since the engine was started."""
    from prometheus_client.exposition import generate_latest

    return Response(generate_latest(_registry(await measured(metrics))), media_type=MEDIA_TYPE)


def _registry(measured: Sequence[Measured]) -> "CollectorRegistry":
    from prometheus_client import CollectorRegistry
    from prometheus_client.registry import Collector

    class Numbers(Collector):
        def collect(self) -> "Iterable[Metric]":
            return map(_family, measured)

    registry = CollectorRegistry()
    registry.register(Numbers())
    return registry


def _family(one: Measured) -> "Metric":
    """The metric as prometheus-client has it."""
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    if isinstance(one.numbers, Spread):
        histogram = HistogramMetricFamily(one.name, one.help, labels=one.labels)
        for labels, counts in one.numbers.counts.items():
            bounds = [*(f"{bound:g}" for bound in one.numbers.bounds), "+Inf"]
            below = [sum(counts[: at + 1]) for at in range(len(counts))]
            histogram.add_metric(labels, list(zip(bounds, below, strict=True)), one.numbers.sums[labels])
        return histogram
    kind = CounterMetricFamily if isinstance(one.numbers, Tally) else GaugeMetricFamily
    family = kind(one.name, one.help, labels=one.labels)
    for labels, value in one.numbers.values.items():
        family.add_metric(labels, value)
    return family


def _gauge(values: Mapping[str, float]) -> Gauge:
    return Gauge({(label,): value for label, value in values.items()})


def _tally(values: Mapping[str, float]) -> Tally:
    tally = Tally()
    for label, value in values.items():
        tally.add(label, by=value)
    return tally
