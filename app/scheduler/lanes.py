"""Whose chunk is spoken next: speak before render, and within a lane one chunk of each job in turn."""

from collections import deque
from typing import Generic, Protocol, TypeVar

#: In the order in which they are served.
LANES = ("speak", "render")

#: How many jobs of a lane take turns; the others wait in the database, in the order they came.
MAX_ACTIVE = 8


class Wanting(Protocol):
    """A job at work, as far as its lane is concerned."""

    @property
    def wants(self) -> bool:
        """It has a chunk that may be started now."""
        ...


Member = TypeVar("Member", bound=Wanting)


class Lane(Generic[Member]):
    """The jobs of one lane that are at work. Belongs to the event loop."""

    def __init__(self) -> None:
        self._members: deque[Member] = deque()

    def __len__(self) -> int:
        return len(self._members)

    def join(self, member: Member) -> None:
        """A newcomer gets the turn after everybody who is there."""
        self._members.append(member)

    def leave(self, member: Member) -> None:
        """No more turns; nothing happens when it never joined."""
        if member in self._members:
            self._members.remove(member)

    def next(self) -> Member | None:
        """The next in turn that wants a chunk started; it goes to the end of the line."""
        for _ in range(len(self._members)):
            member = self._members[0]
            self._members.rotate(-1)
            if member.wants:
                return member
        return None
