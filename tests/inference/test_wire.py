"""The framing of the pipe: what goes in at one end comes out at the other, however it is cut on its way."""

import os
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.inference import wire
from app.inference.model import FinishReason, Frame, Lane, Utterance, VoiceKind, VoiceSpec
from app.inference.processor import Processor
from app.workers.synthesis.main import Pipe

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
INT64 = st.integers(0, 2**53 - 1)
FACTOR = st.floats(0.5, 2.0)

UTTERANCES = st.builds(
    Utterance,
    id=INT64,
    text=TEXT,
    voice=st.builds(VoiceSpec, kind=st.sampled_from(VoiceKind), name=TEXT, folder=TEXT),
    lane=st.sampled_from(Lane),
    seed=INT64,
    language=TEXT,
    rate=FACTOR,
    pitch=FACTOR,
)
PROCESSORS = st.builds(Processor, device=TEXT, blas=TEXT, gflops=st.none() | st.floats(0, 1e6))
FRAMES = st.builds(
    Frame,
    id=INT64,
    pcm=st.binary(max_size=500),
    final=st.booleans(),
    finish_reason=st.none() | st.sampled_from(FinishReason),
    error=TEXT,
)
TO_WORKER: st.SearchStrategy[wire.ToWorker] = st.one_of(
    st.builds(wire.Add, st.lists(UTTERANCES, max_size=3)),
    st.builds(wire.Cancel, INT64),
    st.just(wire.Ping()),
)
FROM_WORKER: st.SearchStrategy[wire.FromWorker] = st.one_of(
    st.builds(wire.Ready, st.integers(1, 100), PROCESSORS),
    st.builds(wire.LoadFailed, TEXT),
    st.builds(wire.Frames, st.lists(FRAMES, max_size=4)),
    st.just(wire.Pong()),
)


def body_of(message: bytes) -> bytes:
    """The body, whose length must be the one announced."""
    assert wire.body_bytes(message[: wire.LENGTH_BYTES]) == len(message) - wire.LENGTH_BYTES
    return message[wire.LENGTH_BYTES :]


@given(TO_WORKER)
def test_the_worker_reads_what_the_engine_wrote(message: wire.ToWorker) -> None:
    assert wire.to_worker(body_of(wire.packed(message))) == message


@given(FROM_WORKER)
def test_the_engine_reads_what_the_worker_wrote(message: wire.FromWorker) -> None:
    assert wire.from_worker(body_of(wire.packed(message))) == message


def test_audio_travels_as_raw_bytes() -> None:
    pcm = bytes(range(256)) * 40

    message = wire.packed(wire.Frames([Frame(1, pcm)]))

    assert pcm in message
    assert len(message) < len(pcm) + 100


@given(st.lists(TO_WORKER, min_size=1, max_size=6), st.data())
@settings(deadline=None, max_examples=50)
def test_messages_may_be_cut_anywhere_on_their_way(messages: list[wire.ToWorker], data: st.DataObject) -> None:
    stream = b"".join(wire.packed(message) for message in messages)
    source, target = os.pipe()
    pipe = Pipe(source, target)
    received: list[wire.ToWorker] = []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        os.write(target, stream[:cut])
        stream = stream[cut:]

        received += pipe.receive(wait=False)

    os.close(source)
    os.close(target)
    assert received == messages


def test_nothing_has_come_when_nothing_was_sent() -> None:
    source, target = os.pipe()
    try:
        assert Pipe(source, target).receive(wait=False) == []
    finally:
        os.close(source)
        os.close(target)


def test_a_length_beyond_the_limit_means_that_the_stream_is_out_of_step() -> None:
    assert wire.body_bytes(wire.MAX_BYTES.to_bytes(4, "big")) == wire.MAX_BYTES
    for count in (wire.MAX_BYTES + 1, 2**32 - 1):
        with pytest.raises(ValueError, match="out of step"):
            wire.body_bytes(count.to_bytes(4, "big"))


OBJECTS: list[Any] = [{"type": "Nobody"}, {"type": "Add"}, {"type": "Cancel", "utterance_id": "one"}, {}, [1, 2]]
MALFORMED = [b"", b"\xc1", b"not msgpack at all", *(msgspec.msgpack.encode(thing) for thing in OBJECTS)]


@pytest.mark.parametrize("body", MALFORMED)
def test_a_body_that_is_not_a_message_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        wire.to_worker(body)
    with pytest.raises(msgspec.DecodeError):
        wire.from_worker(body)


@pytest.mark.parametrize("message", [wire.Ready(1, Processor("cpu")), wire.Pong(), wire.Frames([])])
def test_a_message_in_the_wrong_direction_is_refused(message: wire.FromWorker) -> None:
    with pytest.raises(msgspec.DecodeError):
        wire.to_worker(body_of(wire.packed(message)))
