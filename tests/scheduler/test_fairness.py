"""Turns within a lane, and the order of the lanes."""

from app.inference.model import Lane
from app.scheduler.fairness import RoundRobin


class Member:
    def __init__(self, name: str, chunks: int) -> None:
        self.name, self.chunks = name, chunks

    @property
    def can_start(self) -> bool:
        return self.chunks > 0


def turns(line: RoundRobin[Member]) -> str:
    """Whose turn it is, until no one can start a chunk."""
    names = ""
    while (member := line.next()) is not None:
        member.chunks -= 1
        names += member.name
    return names


def line_of(*members: Member) -> RoundRobin[Member]:
    line: RoundRobin[Member] = RoundRobin()
    for member in members:
        line.join(member)
    return line


def test_listeners_come_first() -> None:
    assert list(Lane) == ["speak", "render"]


def test_each_gets_a_turn_after_the_other() -> None:
    assert turns(line_of(Member("a", 3), Member("b", 1), Member("c", 2))) == "abcaca"


def test_a_newcomer_is_served_after_all_the_others() -> None:
    line = line_of(Member("a", 2), Member("b", 2))
    first = line.next()
    assert first is not None
    first.chunks -= 1

    line.join(Member("c", 2))

    assert turns(line) == "bacbc"


def test_a_member_that_cannot_start_is_passed_over_and_keeps_its_place() -> None:
    sleepy = Member("s", 0)
    line = line_of(sleepy, Member("a", 1))
    assert turns(line) == "a"

    sleepy.chunks = 1

    assert turns(line) == "s"


def test_a_member_that_leaves_gets_no_more_turns_and_may_leave_twice() -> None:
    a, b = Member("a", 5), Member("b", 2)
    line = line_of(a, b)

    line.leave(a)
    line.leave(a)

    assert len(line) == 1
    assert turns(line) == "bb"


def test_an_empty_line_has_no_next() -> None:
    assert RoundRobin[Member]().next() is None
