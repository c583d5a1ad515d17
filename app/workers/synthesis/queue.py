"""Utterances at a model that speaks one at a time: which is next, and which are to end. It knows no model.

Who is waiting (lane `speak`) goes before renders; within a lane the order is that of arrival.
"""

from collections import deque
from collections.abc import Callable, Sequence

from app.inference.model import FinishReason, Frame, Lane, Utterance


class Work:
    """An utterance that is not finished. `delivered` is in bytes."""

    def __init__(self, utterance: Utterance) -> None:
        self.utterance = utterance
        self.delivered = 0

    def last_frame(self, reason: FinishReason, *, pcm: bytes = b"", error: str = "") -> Frame:
        """The last word on it."""
        return Frame(self.utterance.id, pcm, final=True, finish_reason=reason, error=error)


class Lanes:
    """Belongs to the model's thread."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, deque[Work]] = {lane: deque() for lane in Lane}
        self._canceled: set[int] = set()

    @property
    def next(self) -> Work | None:
        """Whose turn it is."""
        lane = self._lanes[Lane.SPEAK] or self._lanes[Lane.RENDER]
        return lane[0] if lane else None

    def add(self, utterances: Sequence[Utterance]) -> None:
        """Queue utterances, each lane in the order of arrival."""
        for utterance in utterances:
            self._lanes[utterance.lane].append(Work(utterance))

    def cancel(self, utterance_id: int) -> None:
        """Remember that an utterance is to end, if it is here."""
        if any(work.utterance.id == utterance_id for lane in self._lanes.values() for work in lane):
            self._canceled.add(utterance_id)

    def end_canceled(self, end: Callable[[Work], None]) -> list[Frame]:
        """`end` those that are to end, each of which it removes; the last words on them."""
        if not self._canceled:
            return []
        canceled = [work for lane in self._lanes.values() for work in lane if work.utterance.id in self._canceled]
        self._canceled.clear()
        for work in canceled:
            end(work)
        return [work.last_frame(FinishReason.CANCELED) for work in canceled]

    def remove(self, work: Work) -> None:
        """It is over."""
        self._lanes[work.utterance.lane].remove(work)

    def clear(self) -> None:
        """Forget all utterances."""
        for lane in self._lanes.values():
            lane.clear()
