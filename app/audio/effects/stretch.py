"""Changes how fast speech is and how high, each without the other, as a stream.

Knows nothing of chunks or jobs. The work is done by FFmpeg's filters, through PyAV, which is imported with the
first samples: the engine starts without it.

`atempo` (WSOLA) changes the tempo and keeps the pitch. For a pitch, the tempo is divided by it, and the result
is declared to have another sample rate (`asetrate`) and resampled from there: that moves pitch and tempo
together, so the tempo comes out as asked. Formants move along with the pitch.

Chosen by measurement, 2026: exact pitch within 1 cent, and the clearest low voices; Signalsmith's stretch
blurs attacks and detunes by up to 8 cents, and a shorter window than atempo's makes low voices rough. What
`atempo` lacks is added here: exact length, a place in time that is right on average, and no whim in silence.
"""

from math import sqrt
from typing import TYPE_CHECKING

from app.audio.pcm import SAMPLE_BYTES, SAMPLE_RATE, fade_out, sample_count, silence

if TYPE_CHECKING:
    from av.filter import Graph

#: Samples. The filters get blocks of this size, however the input came, so that the output cannot depend on it.
BLOCK = 480

#: Samples. When the filters yield more than is due, the cut is faded over this stretch.
FADE = 120

#: Samples. `atempo` yields nothing for less than half its window (1,024 samples); shorter input is padded.
SHORT = 4096

#: In seconds, times 1 / tempo: `atempo` places slowed audio early by about this much (measured on attacks and on
#: speech at 0.5 to 0.95), since its search prefers later input. There is no such shift above a tempo of 1.
_EARLY_S = 0.012

#: `atempo` compares stretches of audio. In digital silence all are equal, and it then takes the latest, up to
#: 20 ms off, which displaces the next attack. Noise far below half a step of 16 bits makes that choice even,
#: and is rounded away at the end. `random(0)` is a fixed sequence.
_NOISE = "exprs=val(0)+2e-6*(random(0)-0.5):c=same"


class Stretch:
    """One stretch of speech, at `rate` times its speed and `pitch` times its pitch. From one thread at a time."""

    def __init__(self, *, rate: float, pitch: float) -> None:
        self._rate = rate
        self._declared_rate = round(SAMPLE_RATE * pitch)  # in whole Hertz: the pitch is right to 1 part in 24,000
        self._tempos = _tempos(rate * SAMPLE_RATE / self._declared_rate)
        self._lead = round(_early_s(self._tempos) * SAMPLE_RATE**2 / self._declared_rate)
        self._graph: Graph | None = None
        self._taken = 0  # samples, as the counts below
        self._given = 0
        self._waiting = bytearray()  # input, less than a block of it
        self._ready = bytearray(silence(self._lead))  # output that is not yet given

    def push(self, pcm: bytes) -> bytes:
        """Take samples in; what is ready by now comes back.

        Never more than is due for the input so far, less what `finish` may have to change.
        """
        self._taken += sample_count(pcm)
        self._waiting += pcm
        whole = len(self._waiting) - len(self._waiting) % (BLOCK * SAMPLE_BYTES)
        for at in range(0, whole, BLOCK * SAMPLE_BYTES):
            self._feed(bytes(self._waiting[at : at + BLOCK * SAMPLE_BYTES]))
        del self._waiting[:whole]
        return self._give(int(self._taken / self._rate) - self._held - self._given)

    def finish(self) -> bytes:
        """The rest: with it, round(input / rate) samples were given in all.

        What the filters yield beyond that is cut off, with a fade (at most 26 ms were seen); what they yield
        less is made up by silence.
        """
        if not self._taken:
            return b""
        if self._waiting:
            self._feed(bytes(self._waiting))
        if self._taken < SHORT:
            self._feed(silence(SHORT))
        self._feed(None)
        self._graph = None
        due = round(self._taken / self._rate)
        if due <= self._held:  # nothing was given yet; the lead must not push out what little there is
            surplus = sample_count(self._ready) - due
            del self._ready[: SAMPLE_BYTES * max(0, min(self._lead, surplus))]
        due -= self._given
        surplus = sample_count(self._ready) - due
        rest = self._give(due)
        return fade_out(rest, FADE) if surplus > 0 else rest + silence(-surplus)

    @property
    def _held(self) -> int:
        """Samples at the end that only `finish` may give, since it may change them."""
        return self._lead + FADE

    def _give(self, samples: int) -> bytes:
        given = bytes(self._ready[: SAMPLE_BYTES * max(0, samples)])
        del self._ready[: len(given)]
        self._given += sample_count(given)
        return given

    def _feed(self, block: bytes | None) -> None:
        """Put a block through the filters; None is the end of the input."""
        from av.audio.frame import AudioFrame

        graph = self._graph = self._graph or self._new_graph()
        if block is None:
            graph.push(None)
        else:
            frame = AudioFrame(format="s16", layout="mono", samples=sample_count(block))
            frame.sample_rate = SAMPLE_RATE
            frame.planes[0].update(block)
            graph.push(frame)
        while True:
            try:
                frame = graph.pull()
            except (BlockingIOError, EOFError):  # nothing more for now, or at all
                return
            assert isinstance(frame, AudioFrame)
            self._ready += bytes(frame.planes[0])[: SAMPLE_BYTES * frame.samples]  # a plane may be padded

    def _new_graph(self) -> "Graph":
        from av.filter import Graph

        graph = Graph()
        graph.threads = 1  # a pool of threads per chunk would only cost
        nodes = [graph.add_abuffer(sample_rate=SAMPLE_RATE, format="s16", layout="mono")]
        if self._tempos:
            nodes.append(graph.add("aeval", _NOISE))
        # Left to choose, FFmpeg would take 16 bits from here on: coarse, and the noise would be rounded away.
        nodes.append(graph.add("aformat", "sample_fmts=flt"))
        nodes += [graph.add("atempo", f"{tempo:.9f}") for tempo in self._tempos]
        if self._declared_rate != SAMPLE_RATE:
            nodes += [graph.add("asetrate", str(self._declared_rate)), graph.add("aresample", str(SAMPLE_RATE))]
        nodes += [graph.add("aformat", "sample_fmts=s16"), graph.add("abuffersink")]
        graph.link_nodes(*nodes).configure()
        return graph


def _tempos(tempo: float) -> list[float]:
    """The tempo in steps of 0.5 to 2, for tempos of 0.25 to 4.

    `atempo` goes no lower than 0.5 in one step, and above 2 it leaves out samples instead of blending them.
    """
    if abs(tempo - 1.0) < 1e-6:
        return []
    return [tempo] if 0.5 <= tempo <= 2.0 else [sqrt(tempo), sqrt(tempo)]


def _early_s(tempos: list[float]) -> float:
    """By how much these steps place audio early, in seconds; a later step stretches what an earlier one did."""
    early = 0.0
    for tempo in tempos:
        early = early / tempo + (_EARLY_S / tempo if tempo < 1.0 else 0.0)
    return early
