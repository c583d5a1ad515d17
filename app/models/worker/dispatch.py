"""The takes of one model that have not ended, and which of them its worker may have now. It knows no process.

A worker that dies makes suspects of the takes that it had. Native code gives no reason for its end, so suspects are
sent alone, one after another, until the one that kills is found: it fails when `MAX_KILLS` workers have died while
they had it. The others are spoken again from their beginning. While there are suspects, listeners' takes that are
not suspects are sent first, and together; renders that are not suspects wait.
"""

import asyncio
import itertools
from collections.abc import Iterable

import msgspec

from app.errors import InferenceFailed, SpeechError
from app.inference.model import FinishReason, Frame, Lane, Utterance
from app.models.worker.residency import Activity, ResidencyPolicy
from app.models.worker.take import Take

#: A take fails when this many workers have died while they had it.
MAX_KILLS = 3


class Dispatcher:
    """Takes from their submission to their end. Belongs to the event loop.

    `wakeup` is set when a take has ended, however it ended; the policy is told of each of lane `speak`.
    """

    def __init__(self, policy: ResidencyPolicy, wakeup: asyncio.Event) -> None:
        self._policy, self._wakeup = policy, wakeup
        self._takes: dict[int, Take] = {}
        self._ids = itertools.count(1)

    @property
    def activity(self) -> Activity:
        """What the model is busy with."""
        return Activity(
            busy=bool(self._takes),
            speaking=bool(self._sent()),
            listened_to=any(take.utterance.lane is Lane.SPEAK for take in self._takes.values()),
        )

    @property
    def renders(self) -> int:
        """How many takes of lane `render` there are."""
        return sum(take.utterance.lane is Lane.RENDER for take in self._takes.values())

    @property
    def speaking(self) -> int:
        """How many takes the worker has."""
        return len(self._sent())

    def add(self, utterance: Utterance, *, after: Take | None = None) -> Take:
        """A take of the utterance under a new id. `after` is the take that is heard before it."""
        after_id = after.utterance.id if after is not None else 0
        numbered = msgspec.structs.replace(utterance, id=next(self._ids), after=after_id)
        take = self._takes[numbered.id] = Take(numbered)
        return take

    def select_sendable(self) -> list[Take]:
        """The takes to send to the worker now; they count as sent.

        All that it does not have; while there are suspects, none before it is done with what it has, then the takes
        of listeners that are not suspects, or else one suspect.
        """
        takes = self._takes.values()
        suspects = [take for take in takes if take.kills]
        if not suspects:
            sent = [take for take in takes if not take.sent]
        elif self._sent():
            sent = []
        else:
            listeners = [take for take in takes if not take.kills and take.utterance.lane is Lane.SPEAK]
            sent = listeners or suspects[:1]
        for take in sent:
            take.sent = True
        return sent

    def deliver(self, frames: Iterable[Frame]) -> bool:
        """Give frames to their takes; whether one has ended. Frames of takes that have ended before are dropped."""
        ended = False
        for frame in frames:
            if (take := self._takes.get(frame.id)) is None:
                continue
            take.receive(frame)
            if frame.final:
                ended = True
                self._end(take, frame.finish_reason or FinishReason.ERROR, error=frame.error)
        return ended

    def cancel(self, take: Take) -> None:
        """Stop a take that has not ended: at once, or else the worker that has it must be told."""
        take.canceled = True
        if not take.sent:
            self._end(take, FinishReason.CANCELED)

    def take_back(self) -> None:
        """The worker is about to be stopped: the next one speaks what it has."""
        for take in self._sent():
            self._start_over(take)

    def blame(self, reason: str) -> None:
        """The worker has died: what it had is suspect."""
        for take in self._sent():
            take.kills += 1
            if take.kills < MAX_KILLS or take.canceled:
                self._start_over(take)
                continue
            error = InferenceFailed(
                f"the model's process was lost {take.kills} times while it spoke this chunk; "
                "change the text or the voice, then retry the job",
                reason=reason,
            )
            self._end(take, FinishReason.ERROR, error)

    def refuse(self, error: SpeechError) -> None:
        """The model cannot be loaded: end everything."""
        for take in list(self._takes.values()):
            self._end(take, FinishReason.ERROR, error)

    def _sent(self) -> list[Take]:
        return [take for take in self._takes.values() if take.sent]

    def _start_over(self, take: Take) -> None:
        """Let the next worker speak it, unless nobody wants it any more."""
        if take.canceled:
            self._end(take, FinishReason.CANCELED)
        else:
            take.start_over()

    def _end(
        self, take: Take, reason: FinishReason, failure: SpeechError | None = None, *, error: str = ""
    ) -> None:
        del self._takes[take.utterance.id]
        if take.utterance.lane is Lane.SPEAK:
            self._policy.note_listener()
        take.end(reason, failure, error=error)
        self._wakeup.set()
