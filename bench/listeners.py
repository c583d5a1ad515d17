"""Many subscribers of one stream, in one process and one thread: `python -m bench.listeners PLAN`.

PLAN is JSON. Says `{"listening": …}` when all are connected, and reports when the stream has ended for all.
"""

import gc
import select
import sys
import time
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from app.events import BINARY_HEADER
from bench.figures import percentile
from bench.paced import stamps
from bench.process import allow_files
from bench.websocket import BINARY, Stream

#: Until the replay of what was said before everybody was there has settled.
SETTLE_S = 1.0


class Plan(Struct, frozen=True):
    """Whom to listen to, and how many times."""

    port: int
    token: str
    job_id: str
    count: int
    binary: bool


class Sound(Struct, frozen=True):
    """The part of an AUDIO_CHUNK that is audio."""

    data_base64: bytes


class Said(Struct, frozen=True):
    """An event as JSON, as far as it matters here."""

    type: str
    seq: int = 0
    audio: Sound | None = None


class Heard(Struct, frozen=True):
    """What all of them have heard. Lateness in milliseconds, of each frame at each subscriber."""

    subscribers: int
    complete: int  #: subscribers that got every chunk in order, and the final event
    chunks: int
    frames: int
    deliveries: int
    late_p50_ms: float
    late_p99_ms: float
    late_max_ms: float
    late_subscriber_max_ms: float  #: p99 of the subscriber that had it worst
    cpu_s: float


class Listener:
    """One subscriber: what it has heard, and how late."""

    def __init__(self, plan: Plan, stream: Stream, decoder: "msgspec.json.Decoder[Said]") -> None:
        self.stream = stream
        self._binary, self._decoder = plan.binary, decoder
        self.messages: list[tuple[int, float, bytes]] = []  # seq, when it came, PCM's stamps are read later
        self.last = ""

    def read(self) -> bool:
        """Take what has come; false at the end."""
        try:
            for opcode, payload in self.stream.received():
                now = time.monotonic()
                if opcode == BINARY:
                    _magic, seq, *_ = BINARY_HEADER.unpack_from(payload)
                    self.messages.append((seq, now, payload[BINARY_HEADER.size :]))
                    continue
                said = self._decoder.decode(payload)
                self.last = said.type
                if said.audio is not None:
                    self.messages.append((said.seq, now, said.audio.data_base64))
        except EOFError:
            return False
        return True


def listen(plan: Plan) -> Heard:
    """Connect, say so, follow to the end."""
    allow_files(plan.count + 64)
    decoder = msgspec.json.Decoder(Said)
    listeners = {
        one.stream.socket.fileno(): one
        for one in (
            Listener(plan, Stream(plan.port, plan.token, plan.job_id, binary=plan.binary), decoder)
            for _ in range(plan.count)
        )
    }
    poll = select.poll()
    for number in listeners:
        poll.register(number, select.POLLIN)
    listening, open_ones = time.monotonic() + SETTLE_S, len(listeners)
    gc.freeze()
    gc.disable()
    print(msgspec.json.encode({"listening": listening}).decode(), flush=True)
    cpu = time.process_time()
    while open_ones:
        for number, _ in poll.poll():
            if not listeners[number].read():
                poll.unregister(number)
                open_ones -= 1
    return _summary(list(listeners.values()), listening, time.process_time() - cpu)


def _summary(listeners: Sequence[Listener], since: float, cpu_s: float) -> Heard:
    late: list[float] = []
    worst = complete = 0.0
    spoken = max(len(one.messages) for one in listeners)
    frames = 0
    for one in listeners:
        heard = [(*stamp, at) for _, at, pcm in one.messages for stamp in stamps(pcm)]
        frames = max(frames, len(heard))
        numbers = [number for number, _, _ in heard]
        whole = [seq for seq, _, _ in one.messages] == list(range(1, spoken + 1))
        in_order = bool(numbers) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        complete += whole and in_order and one.last == "JOB_DONE"
        mine = [1000 * (at - due) for _, due, at in heard if due >= since]
        if mine:
            worst = max(worst, percentile(mine, 99))
            late += mine
    late = late or [float("nan")]
    return Heard(
        subscribers=len(listeners),
        complete=round(complete),
        chunks=spoken,
        frames=frames,
        deliveries=len(late),
        late_p50_ms=percentile(late, 50),
        late_p99_ms=percentile(late, 99),
        late_max_ms=max(late),
        late_subscriber_max_ms=worst,
        cpu_s=cpu_s,
    )


if __name__ == "__main__":
    heard = listen(msgspec.json.decode(sys.argv[1], type=Plan))
    print(msgspec.json.encode(heard).decode(), flush=True)
