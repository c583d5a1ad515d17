"""Pipecat's OpenAI service in a pipeline, as installed: base URL, key and text in, a WAV file out."""

import asyncio
import sys
import wave

from pipecat.frames.frames import EndFrame, Frame, TTSAudioRawFrame, TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.workers.runner import WorkerRunner


class Recorder(FrameProcessor):
    """Writes what is spoken to a file."""

    def __init__(self, file: wave.Wave_write) -> None:
        super().__init__()
        self._file = file

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """A frame of the pipeline."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self._file.writeframes(frame.audio)
        await self.push_frame(frame, direction)


async def main(base_url: str, key: str, text: str, target: str) -> None:
    with wave.open(target, "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        service = OpenAITTSService(api_key=key, base_url=base_url)
        worker = PipelineWorker(Pipeline([service, Recorder(file)]))
        await worker.queue_frames([TTSSpeakFrame(text), EndFrame()])
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        await runner.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
