"""LiveKit's OpenAI plugin, as installed: base URL, key and text in, a WAV file out."""

import asyncio
import sys
import wave

from livekit.plugins import openai


async def main(base_url: str, key: str, text: str, target: str) -> None:
    speech = openai.TTS(base_url=base_url, api_key=key)
    with wave.open(target, "wb") as file:
        file.setparams((1, 2, speech.sample_rate, 0, "NONE", ""))
        async with speech.synthesize(text) as stream:
            async for spoken in stream:
                file.writeframes(bytes(spoken.frame.data))
    await speech.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
