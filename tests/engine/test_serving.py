"""What is said in the log while connections cannot be accepted."""

import logging

from app.engine.serving import QUIET_S, Seldom


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("asyncio", logging.ERROR, __file__, 1, message, (), None)


def test_asyncio_says_seldom_that_it_cannot_accept_connections_and_all_else_always() -> None:
    clock = [100.0]
    seldom = Seldom(lambda: clock[0])
    exhausted, other = record("socket.accept() out of system resource"), record("Task was destroyed")

    assert [seldom.filter(each) for each in (exhausted, exhausted, other, other)] == [True, False, True, True]

    clock[0] += QUIET_S
    assert [seldom.filter(exhausted) for _ in range(2)] == [True, False]
