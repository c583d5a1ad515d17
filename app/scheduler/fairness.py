"""Which job of a lane starts a chunk next: one chunk of each in turn. `Lane` has the order of the lanes."""

from collections import deque
from typing import Generic, Protocol, TypeVar

#: How many jobs of a lane take turns; the others wait in the database, in the order they came.
MAX_ACTIVE = 8


class Starter(Protocol):
    """A running job, as far as turns are concerned."""

    @property
    def can_start(self) -> bool:
        """It has a chunk that may be started now."""
        ...


Member = TypeVar("Member", bound=Starter)


class RoundRobin(Generic[Member]):
    """The running jobs of one lane, in the order of their turns. Belongs to the event loop."""

    def __init__(self) -> None:
        self._members: deque[Member] = deque()

    def __len__(self) -> int:
        return len(self._members)

    def join(self, member: Member) -> None:
        """A newcomer gets its turn after all the others."""
        self._members.append(member)

    def leave(self, member: Member) -> None:
        """No more turns; nothing happens when it never joined."""
        if member in self._members:
            self._members.remove(member)

    def next(self) -> Member | None:
        """The next in turn that can start a chunk; it goes to the end of the line."""
        for _ in range(len(self._members)):
            member = self._members[0]
            self._members.rotate(-1)
            if member.can_start:
                return member
        return None
