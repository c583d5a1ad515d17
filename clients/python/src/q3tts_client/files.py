"""Files: recordings that are sent, and audio that is saved. A file is there whole, or not at all."""

import base64
import os
import wave
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias

from q3tts_client.requests import RefAudio
from q3tts_client.wire import AudioChunk

#: The bytes of a WAV, FLAC, MP3, M4A or Ogg file, or where one is.
Recording: TypeAlias = bytes | str | os.PathLike[str]
FilePath: TypeAlias = str | os.PathLike[str]


def ref_audio(recording: Recording) -> RefAudio:
    """As it is sent. A file is read here, so that it need not be on the engine's machine."""
    data = recording if isinstance(recording, bytes) else Path(recording).read_bytes()
    return {"wav_base64": base64.b64encode(data).decode("ascii")}


@contextmanager
def saved(path: FilePath) -> Generator[BinaryIO]:
    """A file to write into, which gets its name when the block ends well."""
    target = Path(path)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def wav_saved(path: FilePath) -> Generator[Callable[[AudioChunk], None]]:
    """The same for a WAV file, to write the audio of a stream into."""
    with saved(path) as file, wave.Wave_write(file) as wav:
        wav.setparams((1, 2, 24_000, 0, "NONE", ""))

        def write(chunk: AudioChunk) -> None:
            if not wav.tell():
                wav.setframerate(chunk.sample_rate)
            wav.writeframesraw(chunk.pcm)

        yield write
