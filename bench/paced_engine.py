"""The real engine with the model of `paced.py`: `python -m bench.paced_engine [ROWS]`, which speaks like
`--sidecar`.
"""

import asyncio
import os
import sys
from pathlib import Path

from app import SAMPLE_RATE
from app.config import Config, private_folder
from app.engine.serving import serving
from app.engine.sidecar import Payload, StatusPipe, read_payload, watch_lifeline
from app.engine.start import bind
from app.inference.model import ModelCard
from app.models.spec import ModelSpec, Preset

VOICE_ID = "7a6f2f0e-4d57-5f0e-9a55-0b8e6f6c2f10"

PACED = ModelSpec(
    card=ModelCard(
        model_id="paced",
        languages=("en",),
        native_settings=frozenset({"rate", "pitch"}),
        supports_clone=False,
        streams=True,
    ),
    presets=lambda: [Preset(VOICE_ID, "beat", "Beat", "")],
    check_language=lambda _name, _language: None,
    command=(sys.executable, "-m", "bench.paced", *sys.argv[1:]),
)


async def _serve(payload: Payload, status: StatusPipe) -> None:
    assert payload.data_dir is not None
    sock = bind("127.0.0.1", payload.port)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    watch_lifeline(lambda: loop.call_soon_threadsafe(stop.set) and None)
    config = Config(data_dir=private_folder(Path(payload.data_dir)), token=payload.token, model_id="paced")
    async with serving(config, sock, builtin=[PACED]):
        status.send("ready", port=sock.getsockname()[1], pid=os.getpid(), sample_rate=SAMPLE_RATE)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(_serve(read_payload(), StatusPipe()))
