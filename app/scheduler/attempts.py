"""How a chunk is spoken at each attempt, and what makes a take acceptable. Pure; a restart must come to the same
answers.

First the chunk is spoken whole, then with another seed, then in two halves: a model that loses its way in a long
text often finds it in a short one.
"""

import math
import re
import unicodedata
from hashlib import blake2b
from typing import NamedTuple

from app.inference.model import FinishReason
from app.text.chunking import Boundary
from app.text.clauses import clause_cuts
from app.text.duration import SYLLABLE_S, speaking_seconds
from app.text.sentences import sentence_starts

#: How often a chunk is spoken, each time with another seed, before its job fails.
ATTEMPTS_ALLOWED = 3

#: A take that is this many times as long as its text seems to be is a runaway. A short one gets some seconds more.
RUNAWAY, RUNAWAY_S = 4.0, 8.0

#: A take that is not even this part of what its words seem to need has left most of them out: nobody speaks four
#: times as fast as the estimate, 800 words a minute. Words for less than this many seconds cannot be judged.
TOO_SHORT, SOME_WORDS_S = 0.25, 1.0

_REPEATED = re.compile(r"(.)\1+")


def chunk_seed(job_seed: int, chunk_index: int, attempt: int, part: int = 0) -> int:
    """53 bits, which JavaScript keeps, from the numbers alone: spoken again, a chunk sounds the same."""
    key = f"{job_seed}:{chunk_index}:{attempt}" + (f":{part}" if part else "")
    digest = blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 11


class Part(NamedTuple):
    """What the model says in one go."""

    spoken: str
    ends: Boundary | None = None  #: what ends it; None where the chunk ends


def parts(spoken: str, attempt: int) -> list[Part]:
    """A chunk as it is spoken at this attempt, one after the other: all of it, or two halves."""
    cut = _middle(spoken) if attempt % ATTEMPTS_ALLOWED == ATTEMPTS_ALLOWED - 1 else None
    if cut is None:
        return [Part(spoken)]
    at, ends = cut
    return [Part(spoken[:at].strip(), ends), Part(spoken[at:].strip())]


def _middle(text: str) -> tuple[int, Boundary] | None:
    """Where to cut a text in two: between two sentences, or clauses, or words; None for one word."""
    least = len(text) // 5
    starts = [at for at in sentence_starts(text, 0, len(text)) if least <= at <= len(text) - least]
    if starts:
        return min(starts, key=lambda at: abs(at - len(text) / 2)), Boundary.SENTENCE
    cut = next(clause_cuts(text, 0, len(text), math.ceil(0.6 * len(text))), None)
    if cut is None:
        return None
    if cut.clause:
        return cut.at, Boundary.CLAUSE
    between_words = text[cut.at - 1].isspace() or speaking_seconds(text[cut.at]) >= SYLLABLE_S
    return (cut.at, Boundary.WORD) if between_words else None


def max_take_seconds(spoken: str, allowed: float | None) -> float:
    """How long a take may get, in seconds, before it counts as a runaway; `allowed` is what the caller says."""
    return RUNAWAY_S + RUNAWAY * speaking_seconds(spoken) if allowed is None else allowed


def min_take_seconds(spoken: str, rate: float = 1.0) -> float:
    """How long a take must sound, in seconds, to count as the whole text; 0 where nothing can be said of that.

    `rate` is the factor by which the model itself speaks faster. Only letters count, a drawn-out one once: of dots,
    symbols and numbers much may be said in no time.
    """
    letters = "".join(filter(str.isalpha, unicodedata.normalize("NFKC", spoken)))
    words_s = speaking_seconds(_REPEATED.sub(r"\1", letters))
    return TOO_SHORT * words_s / rate if words_s > SOME_WORDS_S else 0.0


def rejection_reason(
    spoken: str, heard_s: float, finish_reason: FinishReason, error: str = "", *, rate: float = 1.0
) -> str | None:
    """Why a take cannot stand for its text, or None. `spoken` is what the model was to say, at which `rate` of its
    own, `heard_s` how long there is something to be heard in it, `error` what the model says of one.
    """
    if finish_reason is FinishReason.LENGTH:
        return "the model reached its limit before the end of the text"
    if finish_reason is not FinishReason.STOP:
        return error or f"the model ended with {finish_reason}"
    if not heard_s and any(character.isalnum() for character in spoken):
        return "the model gave no sound for the text"
    if heard_s < min_take_seconds(spoken, rate):
        return f"the model gave {heard_s:.2f} s of sound, which is too little for the text"
    return None
