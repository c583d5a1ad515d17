"""How long a program that is made for OpenAI waits for the first byte, beside a listener on the WebSocket."""

import json
import socket
import time
from contextlib import closing

from bench.bare import voice_id
from bench.engine import Client, Engine, engine
from bench.figures import Figure, Measurement, ratios, rounds_of, spread
from bench.process import scratch
from bench.prose import sentence
from bench.websocket import BINARY, Stream

FORMATS = ("pcm", "mp3")


def http_audio(*, quick: bool) -> Measurement:
    """From the request until the first byte of audio: `POST /v1/audio/speech` as `pcm` and as `mp3`, and
    `POST /v1/speak` with its WebSocket.

    The same sentence and seed three times in turns: WebSocket, `pcm`, `mp3`, each read to its end, with 20 ms
    between; ten sentences a round. Worker warm, FFmpeg loaded, nothing else to speak. `POST /v1/speak` has a
    connection that is kept, its WebSocket a new one; `POST /v1/audio/speech` a new one, as `curl` makes it. The
    ratios are of each round's medians.
    """
    heard: dict[str, list[list[float]]] = {"WebSocket": [], **{name: [] for name in FORMATS}}
    with scratch() as folder, engine(folder / "data") as running, closing(running.client()) as client:
        for name in FORMATS:
            _posted(running, name, 0)
        for number in range(1 if quick else 8):
            waits: dict[str, list[float]] = {name: [] for name in heard}
            for one in range(2 if quick else 10):
                seed = 100 * number + one
                waits["WebSocket"].append(_followed(running, client, seed))
                for name in FORMATS:
                    waits[name].append(_posted(running, name, seed))
            for name, values in waits.items():
                heard[name].append(values)
    medians = {name: [spread(values).middle for values in rounds] for name, rounds in heard.items()}
    return Measurement(
        figures=[
            *(_figure(name, rounds) for name, rounds in heard.items()),
            *(
                rounds_of(f"{name} / WebSocket", ratios(medians[name], medians["WebSocket"]), at_most=1.3)
                for name in FORMATS
            ),
        ],
        details={f"{name}_s": rounds for name, rounds in heard.items()},
    )


def _figure(name: str, rounds: list[list[float]]) -> Figure:
    middle, low, high = spread([1000 * value for values in rounds for value in values])
    return Figure(what=f"first audio, {name}, p50", value=middle, unit="ms", low=low, high=high)


def _followed(running: Engine, client: Client, seed: int) -> float:
    started, heard = time.perf_counter(), 0.0
    job = client.post("/v1/speak", {"voice_id": voice_id(), "text": sentence(seed), "seed": seed})
    with closing(Stream(running.port, running.token, job["job_id"], binary=True)) as stream:
        for opcode, _payload in stream.messages():
            if opcode == BINARY and not heard:
                heard = time.perf_counter() - started
    assert heard, "a sentence has audio"
    time.sleep(0.02)
    return heard


def _posted(running: Engine, format: str, seed: int) -> float:
    body = json.dumps(
        {"input": sentence(seed), "voice": voice_id(), "response_format": format, "seed": seed}
    ).encode()
    lines = (
        "POST /v1/audio/speech HTTP/1.1",
        f"Host: 127.0.0.1:{running.port}",
        f"Authorization: Bearer {running.token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        "\r\n",
    )
    started, heard, answer = time.perf_counter(), 0.0, b""
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall("\r\n".join(lines).encode() + body)
        while data := connection.recv(1 << 18):
            answer += data
            # The head comes with the first byte of audio, or just before.
            if not heard and answer.partition(b"\r\n\r\n")[2]:
                heard = time.perf_counter() - started
    assert answer.startswith(b"HTTP/1.1 200"), answer[:500]
    assert answer.endswith(b"0\r\n\r\n"), "it comes to its end"
    time.sleep(0.02)
    return heard
