"""How the next code of each sequence is sampled, inside the graph: by the Gumbel-max trick among the likeliest
codes (Maddison, Tarlow and Minka, 2014), with noise that depends on the sequence's own seed and frame, and on
nothing else in the batch. Also the logits processing of a frame's first code: specials, repetition penalty and
minimum length.
"""

# MLX's types are partly unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import mlx.core as mx

#: How many of the likeliest codes are sorted, unless a sequence wants more.
DEFAULT_CANDIDATES = 64

#: More than any vocabulary has.
_ALL = 1 << 30


class CodeSampling(NamedTuple):
    """How one code of a frame is sampled."""

    temperature: float  #: 0 takes the likeliest
    top_k: int  #: 0 takes all
    top_p: float


class SamplingParams(NamedTuple):
    """How a sequence is sampled. Nothing is left to a default."""

    seed: int
    temperature: float
    top_k: int
    top_p: float
    penalty: float  #: of repetition, 1 is none
    min_frames: int
    others: CodeSampling | None = None  #: a frame's other codes, if they are sampled in another way than its first

    @property
    def codes(self) -> tuple[CodeSampling, CodeSampling]:
        """A frame's first code and its others."""
        first = CodeSampling(self.temperature, self.top_k, self.top_p)
        return first, self.others or first


class SamplingArrays(NamedTuple):
    """The sampling of a batch of sequences, [batch] each. Names with `other` are for all codes of a frame but its
    first.
    """

    seeds: mx.array  #: uint32, [batch, 2]
    temperature: mx.array
    last: mx.array  #: int32; the rank of the last code of `top_k`
    top_p: mx.array
    other_temperature: mx.array
    other_last: mx.array  #: int32
    other_top_p: mx.array
    penalty: mx.array
    min_frames: mx.array  #: int32


class SamplingMode(NamedTuple):
    """What the graph must be able to do. There are few modes, because each is compiled."""

    greedy: bool  #: no sequence needs noise
    all_codes: bool  #: a sequence wants more than the default candidates
    nucleus: bool  #: a sequence has a top_p


def stack_sampling(batch: Sequence[SamplingParams]) -> tuple[SamplingArrays, SamplingMode]:
    """The sampling of several sequences as arrays, and what their graph must be able to do."""
    firsts, others = ([params.codes[which] for params in batch] for which in (0, 1))
    arrays = SamplingArrays(
        mx.array([_key(params.seed) for params in batch], mx.uint32),
        *_arrays(firsts),
        *_arrays(others),
        mx.array([params.penalty for params in batch], mx.float32),
        mx.array([params.min_frames for params in batch], mx.int32),
    )
    sampled = [code for code in (*firsts, *others) if code.temperature > 0]
    mode = SamplingMode(
        greedy=not sampled,
        all_codes=any(not 0 < code.top_k <= DEFAULT_CANDIDATES for code in sampled),
        nucleus=any(0 < code.top_p < 1 for code in sampled),
    )
    return arrays, mode


def _arrays(codes: Sequence[CodeSampling]) -> tuple[mx.array, mx.array, mx.array]:
    return (
        mx.array([code.temperature for code in codes], mx.float32),
        mx.array([_last(code) for code in codes], mx.int32),
        mx.array([code.top_p for code in codes], mx.float32),
    )


def _last(code: CodeSampling) -> int:
    if code.temperature > 0:
        return code.top_k - 1 if code.top_k else _ALL
    return 0  # unused where the likeliest is taken


def _key(seed: int) -> tuple[int, int]:
    """The key of a sequence's noise. Frames are added to it, so keys of neighbouring seeds must lie far apart."""
    digest = int.from_bytes(blake2b(str(seed).encode(), digest_size=8).digest())
    return digest >> 32, digest & 0xFFFF_FFFF


class FrameSampler:
    """Samples the codes of one frame of each sequence. `frames`, [batch], is the frame's number in each."""

    def __init__(
        self, sampling: SamplingArrays, mode: SamplingMode, frames: mx.array, groups: int, codes: int
    ) -> None:
        self._sampling, self._mode = sampling, mode
        self._noise: mx.array | None = None
        if not mode.greedy:
            usual = min(DEFAULT_CANDIDATES, codes)
            more = codes - usual if mode.all_codes else 0
            # Threefry with a counter: every sequence and frame has a key of its own, and so noise of its own.
            keys = sampling.seeds + mx.stack([mx.zeros_like(frames), frames], axis=1).astype(mx.uint32)

            def make_noise(key: mx.array) -> mx.array:
                noise = mx.random.gumbel((groups, usual), key=key)
                if not more:
                    return noise
                # From another key, so that a sequence's noise stays the same when another one wants more
                # candidates.
                rest = mx.random.gumbel((groups, more), key=mx.random.split(key)[0])
                return mx.concatenate([noise, rest], axis=1)

            self._noise = mx.vmap(make_noise)(keys)

    def sample(self, logits: mx.array, group: int) -> mx.array:
        """A code for each sequence, uint32, [batch], from logits, float32, [batch, codes]. As in transformers,
        codes that are as likely as the last of `top_k` are kept with it: bfloat16 often has such ties.
        """
        if self._noise is None:
            return mx.argmax(logits, axis=-1)
        sampling, noise = self._sampling, self._noise[:, group]
        temperature, last, top_p = sampling[1:4] if group == 0 else sampling[4:7]
        count = min(noise.shape[-1], logits.shape[-1])
        # Noise goes by rank, so equal logits must keep their order: a full sort does that, a partition does not.
        order = mx.argsort(-logits, axis=-1)[:, :count]
        values = mx.take_along_axis(logits, order, axis=-1)
        warm = temperature[:, None] > 0
        scaled = values / mx.where(warm, temperature[:, None], 1.0)
        if self._mode.all_codes or count < DEFAULT_CANDIDATES:  # else it is one of the candidates
            last = mx.minimum(last, count - 1)
        smallest = mx.take_along_axis(values, last[:, None], axis=-1)
        scaled = mx.where(values < smallest, -mx.inf, scaled)
        if self._mode.nucleus:
            scaled = _nucleus(scaled, top_p[:, None])
        picked = mx.argmax(mx.where(warm, scaled + noise[:, :count], values), axis=-1, keepdims=True)
        return mx.take_along_axis(order, picked, axis=-1)[:, 0]


def _nucleus(sorted_logits: mx.array, top_p: mx.array) -> mx.array:
    """Keep only the likeliest codes that make up `top_p` together, and at least one. Logits are sorted, falling."""
    before = mx.cumsum(mx.softmax(sorted_logits, axis=-1), axis=-1, inclusive=False)
    return mx.where((top_p > 0) & (top_p < 1) & (before >= top_p), -mx.inf, sorted_logits)


class FirstCodeProcessor:
    """The logits processor of a frame's first code. The last 1,024 codes of its vocabulary are specials, of which
    only the end may be sampled.
    """

    def __init__(self, codes: int, end: int) -> None:
        self._codes, self._end = codes, end
        numbers = mx.arange(codes)
        self._special = (numbers >= codes - 1_024) & (numbers != end)
        self._is_end = numbers == end
        mx.eval(self._special, self._is_end)

    def make_history(self, batch: int) -> mx.array:
        """An empty history: which codes each sequence has generated, bool, [batch, codes]."""
        return mx.zeros((batch, self._codes), mx.bool_)

    def process(self, logits: mx.array, history: mx.array, frames: mx.array, sampling: SamplingArrays) -> mx.array:
        """Logits, [batch, codes], as they are sampled from, in float32. As in the official code, the penalty is on
        all that a sequence has generated since its beginning; mlx-audio looks back 64 frames.
        """
        logits = logits.astype(mx.float32)
        penalty = sampling.penalty[:, None]
        logits = mx.where(history, mx.where(logits < 0, logits * penalty, logits / penalty), logits)
        forbidden = self._special | (self._is_end & (frames < sampling.min_frames)[:, None])
        return mx.where(forbidden, -mx.inf, logits)

    @staticmethod
    def push_history(history: mx.array, codes: mx.array) -> mx.array:
        """The history with these codes, [batch], added."""
        return mx.put_along_axis(history, codes[:, None], mx.array(True), axis=1)
