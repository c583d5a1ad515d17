"""Uses the speakers in the way that its argument names, and prints what comes of it."""

import asyncio
import ctypes.util
import sys
from collections.abc import AsyncGenerator

from app.audio.playback.speakers import Speakers
from app.errors import NoSpeakers


async def silence(size: int) -> AsyncGenerator[bytes]:
    yield bytes(size)


def find_nothing(name: str) -> str | None:
    return None


async def check(speakers: Speakers) -> None:
    try:
        await speakers.check()
    except NoSpeakers as error:
        print(error.message)


async def play(speakers: Speakers, *, close: bool) -> None:
    for attempt in (speakers.check(), speakers.play(silence(4_800))):
        try:
            print(await attempt)
        except NoSpeakers as error:
            print(error.code, error.message)
    if close:
        await speakers.close()


async def cancel(speakers: Speakers) -> None:
    try:
        await asyncio.wait_for(speakers.play(silence(100)), 0.2)
    except TimeoutError:
        print("canceled")
    await speakers.close()


def main(way: str) -> None:
    speakers = Speakers()
    match way:
        case "load":
            print(*sys.modules, sep="\n")
        case "check":
            asyncio.run(check(speakers))
        case "check without a library":
            ctypes.util.find_library = find_nothing
            asyncio.run(check(speakers))
        case "play" | "play and leave open":
            asyncio.run(play(speakers, close=way == "play"))
        case "cancel":
            asyncio.run(cancel(speakers))
        case _:
            raise ValueError(way)


if __name__ == "__main__":
    main(sys.argv[1])
