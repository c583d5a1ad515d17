"""What the engine counts while it runs. Plain numbers: whoever wants them in another form makes that from these
(`api/metrics.py`), so counting costs next to nothing and needs no library.
"""

from bisect import bisect_left
from collections.abc import Sequence

#: Upper bounds in seconds: of a wait, of the first audio, and of an answer.
WAIT_S = (0.01, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 86400.0)
FIRST_AUDIO_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 30.0, 300.0)
ANSWER_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 60.0)
#: Seconds of audio for a second of work.
REAL_TIME_FACTOR = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0, 10.0, 50.0, 200.0)


class Tally:
    """A number that only grows, for each set of labels. Belongs to the event loop."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, ...], float] = {}

    def add(self, *labels: str, by: float = 1) -> None:
        """Count."""
        self.values[labels] = self.values.get(labels, 0) + by


class Spread:
    """How often values lay below each bound, for each set of labels. Belongs to the event loop."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts: dict[
            tuple[str, ...], list[int]
        ] = {}  #: below each bound and not below the one before; above all
        self.sums: dict[tuple[str, ...], float] = {}

    def note(self, value: float, *labels: str) -> None:
        """A value was measured."""
        counts = self.counts.setdefault(labels, [0] * (len(self.bounds) + 1))
        counts[bisect_left(self.bounds, value)] += 1
        self.sums[labels] = self.sums.get(labels, 0.0) + value


class Meters:
    """Everything that is counted. Belongs to the event loop; labels are in the order that the comments name."""

    def __init__(self) -> None:
        self.queue_s = Spread(WAIT_S)  #: lane
        self.first_audio_s = Spread(FIRST_AUDIO_S)  #: lane
        self.real_time_factor = Spread(REAL_TIME_FACTOR)  #: lane, model
        self.audio_s = Tally()  #: lane, model
        self.work_s = Tally()  #: lane, model
        self.refused_takes = Tally()  #: lane, model
        self.http_requests = Tally()  #: method, route, status
        self.http_s = Spread(ANSWER_S)  #: method
        self.websockets = 0  #: open now
