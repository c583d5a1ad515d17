"""How the next code of each row is chosen, inside the graph: by Gumbel's trick among the likeliest (Maddison,
Tarlow and Minka, 2014), with noise that depends on the row's own seed and frame, and on nothing else in the batch.

What belongs to the first code of a frame alone (specials, repetition, the end) is here too. It knows no model.
"""

# Those of MLX are half unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import mlx.core as mx

#: So many of the likeliest codes are sorted, unless a row wants more.
USUAL_CANDIDATES = 64

#: More than any vocabulary has.
_ALL = 1 << 30


class Choice(NamedTuple):
    """Among how many codes one is chosen, and how evenly."""

    temperature: float  #: 0 takes the likeliest
    top_k: int  #: 0 takes all
    top_p: float


class Controls(NamedTuple):
    """Of some rows, [rows] each. What begins with `other` is for all codes of a frame but its first."""

    seeds: mx.array  #: uint32, [rows, 2]
    temperature: mx.array
    last: mx.array  #: int32; the rank of the last code of `top_k`
    top_p: mx.array
    other_temperature: mx.array
    other_last: mx.array  #: int32
    other_top_p: mx.array
    penalty: mx.array  #: of repetition, 1 is none
    min_frames: mx.array  #: int32; no end before


class Mode(NamedTuple):
    """What the graph must be able to do; there are few, for each is compiled."""

    greedy: bool  #: no row samples
    all_codes: bool  #: a row wants more than the usual candidates
    nucleus: bool  #: a row has a top_p


class Sampling(NamedTuple):
    """Of one row, everything said."""

    seed: int
    temperature: float
    top_k: int
    top_p: float
    penalty: float
    min_frames: int
    others: Choice | None = None  #: of a frame's other codes, where they are chosen otherwise than its first

    @property
    def choices(self) -> tuple[Choice, Choice]:
        """Of a frame's first code and of its others."""
        first = Choice(self.temperature, self.top_k, self.top_p)
        return first, self.others or first


def controls_of(rows: Sequence[Sampling]) -> tuple[Controls, Mode]:
    """For a batch of these."""
    firsts, others = ([row.choices[which] for row in rows] for which in (0, 1))
    controls = Controls(
        mx.array([_key(row.seed) for row in rows], mx.uint32),
        *_arrays(firsts),
        *_arrays(others),
        mx.array([row.penalty for row in rows], mx.float32),
        mx.array([row.min_frames for row in rows], mx.int32),
    )
    sampling = [choice for choice in (*firsts, *others) if choice.temperature > 0]
    mode = Mode(
        greedy=not sampling,
        all_codes=any(not 0 < choice.top_k <= USUAL_CANDIDATES for choice in sampling),
        nucleus=any(0 < choice.top_p < 1 for choice in sampling),
    )
    return controls, mode


def _arrays(choices: Sequence[Choice]) -> tuple[mx.array, mx.array, mx.array]:
    return (
        mx.array([choice.temperature for choice in choices], mx.float32),
        mx.array([_last(choice) for choice in choices], mx.int32),
        mx.array([choice.top_p for choice in choices], mx.float32),
    )


def _last(choice: Choice) -> int:
    if choice.temperature > 0:
        return choice.top_k - 1 if choice.top_k else _ALL
    return 0  # greedy rows do not use it


def _key(seed: int) -> tuple[int, int]:
    """Of the noise of a row. Frames are counted on it, so keys of neighboring seeds must lie far apart."""
    digest = int.from_bytes(blake2b(str(seed).encode(), digest_size=8).digest())
    return digest >> 32, digest & 0xFFFF_FFFF


class Dice:
    """The noise of one frame. `frames`, [rows], counts each row's own."""

    def __init__(self, controls: Controls, mode: Mode, frames: mx.array, groups: int, codes: int) -> None:
        self._controls, self._mode = controls, mode
        self._noise: mx.array | None = None
        if not mode.greedy:
            usual = min(USUAL_CANDIDATES, codes)
            more = codes - usual if mode.all_codes else 0
            # Threefry with a counter: the key of each row and frame is another, so its noise is its own.
            keys = controls.seeds + mx.stack([mx.zeros_like(frames), frames], axis=1).astype(mx.uint32)

            def noise(key: mx.array) -> mx.array:
                usually = mx.random.gumbel((groups, usual), key=key)
                if not more:
                    return usually
                # Apart, so that a row's noise does not change when another one wants more candidates.
                rest = mx.random.gumbel((groups, more), key=mx.random.split(key)[0])
                return mx.concatenate([usually, rest], axis=1)

            self._noise = mx.vmap(noise)(keys)

    def choose(self, logits: mx.array, group: int) -> mx.array:
        """A code for each row, uint32, [rows]; logits are [rows, codes], float32. As in transformers, codes that
        are as likely as the last of `top_k` are kept with it: in bfloat16 there often are some.
        """
        if self._noise is None:
            return mx.argmax(logits, axis=-1)
        controls, noise = self._controls, self._noise[:, group]
        temperature, last, top_p = controls[1:4] if group == 0 else controls[4:7]
        count = min(noise.shape[-1], logits.shape[-1])
        # All are sorted, which keeps the order of equal ones; a partition does not, and noise goes by rank.
        order = mx.argsort(-logits, axis=-1)[:, :count]
        values = mx.take_along_axis(logits, order, axis=-1)
        warm = temperature[:, None] > 0
        scaled = values / mx.where(warm, temperature[:, None], 1.0)
        if self._mode.all_codes or count < USUAL_CANDIDATES:  # else it is among the usual ones
            last = mx.minimum(last, count - 1)
        least = mx.take_along_axis(values, last[:, None], axis=-1)
        scaled = mx.where(values < least, -mx.inf, scaled)
        if self._mode.nucleus:
            scaled = _nucleus(scaled, top_p[:, None])
        picked = mx.argmax(mx.where(warm, scaled + noise[:, :count], values), axis=-1, keepdims=True)
        return mx.take_along_axis(order, picked, axis=-1)[:, 0]


def _nucleus(sorted_logits: mx.array, top_p: mx.array) -> mx.array:
    """Only the likeliest that make up `top_p` together, and at least one; logits are sorted, falling."""
    before = mx.cumsum(mx.softmax(sorted_logits, axis=-1), axis=-1, inclusive=False)
    return mx.where((top_p > 0) & (top_p < 1) & (before >= top_p), -mx.inf, sorted_logits)


class FirstCode:
    """The logits of a frame's first code as they are to be chosen from. The last 1,024 codes of the vocabulary are
    specials, of which only the end may be chosen.
    """

    def __init__(self, codes: int, end: int) -> None:
        self._codes, self._end = codes, end
        numbers = mx.arange(codes)
        self._special = (numbers >= codes - 1_024) & (numbers != end)
        self._is_end = numbers == end
        mx.eval(self._special, self._is_end)

    def fresh_history(self, rows: int) -> mx.array:
        """Of rows that have said nothing: which codes each has said, bool, [rows, codes]."""
        return mx.zeros((rows, self._codes), mx.bool_)

    def allowed(self, logits: mx.array, history: mx.array, frames: mx.array, controls: Controls) -> mx.array:
        """Of logits, [rows, codes], the same in float32. As in the official code, whatever a row has said since its
        beginning costs; mlx-audio looks back 64 frames.
        """
        logits = logits.astype(mx.float32)
        penalty = controls.penalty[:, None]
        logits = mx.where(history, mx.where(logits < 0, logits * penalty, logits / penalty), logits)
        forbidden = self._special | (self._is_end & (frames < controls.min_frames)[:, None])
        return mx.where(forbidden, -mx.inf, logits)

    @staticmethod
    def remembered(history: mx.array, codes: mx.array) -> mx.array:
        """The history with these codes, [rows], in it."""
        return mx.put_along_axis(history, codes[:, None], mx.array(True), axis=1)
