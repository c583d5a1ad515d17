"""What the pauses between takes must be, worked out anew and in the simplest way, for tests that compare bytes."""

from array import array
from collections.abc import Iterable, Sequence
from itertools import pairwise

MS = 24  # samples
LEFT = 250 * MS
PAUSES = {"word": 0, "clause": 120, "sentence": 320, "item": 450, "paragraph": 650, "heading": 900}


def loud(pcm: bytes) -> list[int]:
    """Which samples can be heard."""
    return [place for place, sample in enumerate(array("h", pcm)) if not -256 <= sample <= 255]


def with_pauses(takes: Iterable[tuple[bytes, int]], *, rate: float = 1.0) -> list[bytes]:
    """The audio of each take, from the takes of a job's beginning and the pause in milliseconds after each."""
    found: list[bytes] = []
    due = silent = 0
    for take, pause_ms in takes:
        heard, pause = loud(take), round(pause_ms * MS / rate)
        if not heard:
            found.append(take)
            silent, due = silent + len(take) // 2, max(due, pause)
            continue
        front = max(0, due - silent - heard[0])
        silent = len(take) // 2 - 1 - heard[-1]
        behind = max(0, pause - round(LEFT / rate) - silent)
        found.append(bytes(2 * front) + take + bytes(2 * behind))
        silent, due = silent + behind, pause
    return found


def pauses_behind(chunks: Sequence[tuple[str, str]]) -> list[int]:
    """In milliseconds, to the next chunk that says something; from what each says and the boundary that ends it."""
    pauses: list[int] = []
    for place, (spoken, _) in enumerate(chunks):
        later = [index for index in range(place + 1, len(chunks)) if chunks[index][0]]
        between = [PAUSES[boundary] for _, boundary in chunks[place : later[0]]] if spoken and later else []
        pauses.append(max(between, default=0))
    return pauses


def silences(pcm: bytes, *, min_ms: int) -> list[float]:
    """How long it is silent each time between two sounds, in milliseconds, if it is as long as that at least."""
    heard = loud(pcm)
    gaps = [(after - before - 1) / MS for before, after in pairwise(heard)]
    return [gap for gap in gaps if gap >= min_ms]
