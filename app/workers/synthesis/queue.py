"""The utterances of a model that speaks one at a time: which is next, and which have been canceled.

Lane `speak` goes before lane `render`; within a lane the order is that of arrival.
"""

from collections import deque
from collections.abc import Callable, Sequence

from app.inference.model import FinishReason, Frame, Lane, Utterance


class PendingUtterance:
    """An utterance that is not finished, and how much of its PCM has been delivered."""

    def __init__(self, utterance: Utterance) -> None:
        self.utterance = utterance
        self.delivered_bytes = 0

    def final_frame(self, reason: FinishReason, *, pcm: bytes = b"", error: str = "") -> Frame:
        """The frame that ends it."""
        return Frame(self.utterance.id, pcm, final=True, finish_reason=reason, error=error)


class UtteranceQueue:
    """One queue for each lane. Belongs to the model's thread."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, deque[PendingUtterance]] = {lane: deque() for lane in Lane}
        self._canceled: set[int] = set()

    @property
    def next(self) -> PendingUtterance | None:
        """The utterance to speak now. It stays in the queue until it is removed."""
        lane = self._lanes[Lane.SPEAK] or self._lanes[Lane.RENDER]
        return lane[0] if lane else None

    def add(self, utterances: Sequence[Utterance]) -> None:
        """Append utterances to their lanes."""
        for utterance in utterances:
            self._lanes[utterance.lane].append(PendingUtterance(utterance))

    def cancel(self, utterance_id: int) -> None:
        """Mark an utterance as canceled. Unknown ids are ignored."""
        if any(pending.utterance.id == utterance_id for lane in self._lanes.values() for pending in lane):
            self._canceled.add(utterance_id)

    def end_canceled(self, end: Callable[[PendingUtterance], None]) -> list[Frame]:
        """Call `end`, which must remove it, for each canceled utterance; their final frames."""
        if not self._canceled:
            return []
        canceled = [
            pending for lane in self._lanes.values() for pending in lane if pending.utterance.id in self._canceled
        ]
        self._canceled.clear()
        for pending in canceled:
            end(pending)
        return [pending.final_frame(FinishReason.CANCELED) for pending in canceled]

    def remove(self, pending: PendingUtterance) -> None:
        """Take an utterance out of its lane."""
        self._lanes[pending.utterance.lane].remove(pending)

    def clear(self) -> None:
        """Forget all utterances."""
        for lane in self._lanes.values():
            lane.clear()
