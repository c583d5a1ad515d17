"""How long a listener waits for a text that is still being written, beside one whose first sentence is there."""

import json
import time
from contextlib import closing

from bench.bare import voice_id
from bench.engine import Client, Engine, engine
from bench.figures import Figure, Measurement, ratios, rounds_of, spread
from bench.process import scratch
from bench.prose import sentence
from bench.websocket import BINARY, TEXT, Connection, Stream

#: What follows the first sentence, and shows that it has ended.
NEXT = "And then"


def text_in(*, quick: bool) -> Measurement:
    """From the first word until the first byte of audio: `WS /v1/speak`, on which a sentence and the beginning of
    the next come word by word, and `POST /v1/speak` of that sentence with its WebSocket, from the request on.

    The same sentence and seed in turns, each read to its end, with 20 ms between; ten sentences a round. Worker
    warm, nothing else to speak. The context is open before the first word, as it is before a language model
    answers; `POST /v1/speak` has a connection that is kept, its WebSocket a new one. The words come at once: what
    is measured is the engine, not who writes. The ratio is of each round's medians.
    """
    heard: dict[str, list[list[float]]] = {"speak": [], "word by word": []}
    with scratch() as folder, engine(folder / "data") as running, closing(running.client()) as client:
        _whole(running, client, 0)
        for number in range(1 if quick else 8):
            waits: dict[str, list[float]] = {name: [] for name in heard}
            for one in range(2 if quick else 10):
                waits["speak"].append(_whole(running, client, 100 * number + one))
                waits["word by word"].append(_written(running, 100 * number + one))
            for name, values in waits.items():
                heard[name].append(values)
    medians = {name: [spread(values).middle for values in rounds] for name, rounds in heard.items()}
    return Measurement(
        figures=[
            *(_figure(name, rounds) for name, rounds in heard.items()),
            rounds_of("word by word / speak", ratios(medians["word by word"], medians["speak"]), at_most=1.2),
        ],
        details={f"{name.replace(' ', '_')}_s": rounds for name, rounds in heard.items()},
    )


def _figure(name: str, rounds: list[list[float]]) -> Figure:
    middle, low, high = spread([1000 * value for values in rounds for value in values])
    return Figure(what=f"first audio, {name}, p50", value=middle, unit="ms", low=low, high=high)


def _whole(running: Engine, client: Client, seed: int) -> float:
    started, heard = time.perf_counter(), 0.0
    job = client.post("/v1/speak", {"voice_id": voice_id(), "text": sentence(seed), "seed": seed})
    with closing(Stream(running.port, running.token, job["job_id"], binary=True)) as stream:
        for opcode, _payload in stream.messages():
            if opcode == BINARY and not heard:
                heard = time.perf_counter() - started
    assert heard, "a sentence has audio"
    time.sleep(0.02)
    return heard


def _written(running: Engine, seed: int) -> float:
    def say(kind: str, **fields: object) -> None:
        socket.send(json.dumps({"type": kind, "context_id": "bench", **fields}))

    heard = 0.0
    with closing(Connection(running.port, running.token, "/speak", binary=True)) as socket:
        say("OPEN", voice_id=voice_id(), seed=seed)
        messages = socket.messages()
        assert json.loads(next(messages)[1])["type"] == "CONTEXT_OPENED"
        started = time.perf_counter()
        for word in f"{sentence(seed)} {NEXT}".split(" "):
            say("APPEND", text=f"{word} ")
        for opcode, payload in messages:
            if opcode == BINARY and not heard:
                heard = time.perf_counter() - started
                say("END")
            if opcode == TEXT and json.loads(payload)["type"] in ("JOB_DONE", "ERROR", "JOB_ERROR"):
                assert json.loads(payload)["type"] == "JOB_DONE", payload
                break
    assert heard, "a sentence has audio"
    time.sleep(0.02)
    return heard
