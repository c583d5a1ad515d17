"""Turns within a lane."""

from app.scheduler.lanes import LANES, Lane


class Member:
    def __init__(self, name: str, chunks: int) -> None:
        self.name, self.chunks = name, chunks

    @property
    def wants(self) -> bool:
        return self.chunks > 0


def turns(lane: Lane[Member]) -> str:
    """Who gets the turns, until nobody wants one."""
    names = ""
    while (member := lane.next()) is not None:
        member.chunks -= 1
        names += member.name
    return names


def lane_of(*members: Member) -> Lane[Member]:
    lane: Lane[Member] = Lane()
    for member in members:
        lane.join(member)
    return lane


def test_listeners_come_first() -> None:
    assert LANES == ("speak", "render")


def test_each_gets_a_turn_after_the_other() -> None:
    assert turns(lane_of(Member("a", 3), Member("b", 1), Member("c", 2))) == "abcaca"


def test_a_newcomer_is_served_after_everybody_who_is_there() -> None:
    lane = lane_of(Member("a", 2), Member("b", 2))
    first = lane.next()
    assert first is not None
    first.chunks -= 1

    lane.join(Member("c", 2))

    assert turns(lane) == "bacbc"


def test_who_wants_nothing_is_passed_over_and_keeps_a_place() -> None:
    sleepy = Member("s", 0)
    lane = lane_of(sleepy, Member("a", 1))
    assert turns(lane) == "a"

    sleepy.chunks = 1

    assert turns(lane) == "s"


def test_who_leaves_gets_no_more_turns_and_may_leave_twice() -> None:
    a, b = Member("a", 5), Member("b", 2)
    lane = lane_of(a, b)

    lane.leave(a)
    lane.leave(a)

    assert len(lane) == 1
    assert turns(lane) == "bb"


def test_an_empty_lane_has_no_next() -> None:
    assert Lane[Member]().next() is None
