"""One sentence of a Qwen3-TTS checkpoint through a supervisor and a real worker: `python -m bench.sentence FOLDER`.

Prints how long loading and the first audio took, how the work compares with the length of the audio, and the most
memory that the worker had (VmHWM of its status, so on Linux only). The audio ends by itself, or after `--seconds`.
One run, no repetition: it shows that a checkpoint works and what it needs, not how fast this machine can be.
"""

import argparse
import asyncio
import time
from pathlib import Path

from app import SAMPLE_RATE
from app.inference.checkpoint.inspect import read_checkpoint
from app.inference.model import Lane, Utterance, VoiceKind, VoiceSpec
from app.inference.processor import Processor
from app.models.spec import of_checkpoint
from app.models.worker.supervisor import WorkerSupervisor

SENTENCE = "The tide is out, and the keeper of the light is asleep."


async def measure(folder: Path, seconds: float, text: str) -> None:
    """Speak a text with the first speaker of a checkpoint, or a designed voice."""
    checkpoint = read_checkpoint(folder)
    entry = of_checkpoint(checkpoint, folder)
    speakers = [preset.name for preset in entry.presets()]
    voice = (
        VoiceSpec(VoiceKind.PRESET, name=speakers[0])
        if speakers
        else VoiceSpec(VoiceKind.DESIGN, description="An old man.")
    )
    async with WorkerSupervisor(entry.command, idle_unload_s=60, answer_s=entry.answer_s, start_s=600) as worker:
        started = time.monotonic()
        await worker.load()
        loaded = time.monotonic()
        take = worker.submit(
            Utterance(text=text, voice=voice, lane=Lane.SPEAK, seed=1, language="en", max_seconds=seconds)
        )
        first, samples = 0.0, 0
        async for pcm in take.pcm():
            first = first or time.monotonic()
            samples += len(pcm) // 2
        ended = time.monotonic()
        audio_s = samples / SAMPLE_RATE
        print(f"{folder.name}: {checkpoint.bytes / 1e9:.2f} GB on disk, {_computed_by(worker.processor)}")
        print(f"loaded in            {loaded - started:8.1f} s")
        print(f"first audio after    {first - loaded:8.1f} s")
        print(f"audio                {audio_s:8.2f} s, ended with {take.finish_reason} {take.error}")
        print(f"work / audio         {(ended - loaded) / audio_s if audio_s else float('nan'):8.1f}")
        print(f"most memory          {_most_memory_mb(worker.worker_pid):8.0f} MB")


def _computed_by(processor: Processor | None) -> str:
    if processor is None or processor.gflops is None:
        return "" if processor is None else processor.device
    return f"{processor.device}, {processor.blas}, {processor.gflops:.1f} GFLOP/s"


def _most_memory_mb(pid: int | None) -> float:
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), float("nan"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=4.0, help="the most audio (default: %(default)s)")
    parser.add_argument("--text", default=SENTENCE)
    options = parser.parse_args()
    asyncio.run(measure(options.folder.resolve(), options.seconds, options.text))
