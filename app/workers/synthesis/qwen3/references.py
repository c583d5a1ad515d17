"""The reference of a cloned voice: its codes and its speaker embedding, computed once, stored beside the recording,
and used for every chunk from then on.

They are valid for one recording, the weights that computed them and one version of the encoder. If any of these
changes, they are computed again.
"""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import mlx.core as mx
import numpy as np
import soundfile  # pyright: ignore[reportMissingTypeStubs]

from app.inference.model import SAMPLE_RATE
from app.process.files import atomic_write
from app.workers.synthesis.qwen3.reference_encoder import VERSION
from app.workers.synthesis.qwen3.vocoder import Vocoder, VocoderState

CODES_FILE = "codes.safetensors"

#: Voices in memory. One with a reference of 30 s takes about 30 MB.
MAX_VOICES = 8

#: Frames of a reference that are decoded at once.
PRIME_FRAMES = 4


class Reference:
    """A clone's reference as the model needs it. Runs on the worker's thread."""

    def __init__(self, key: str, codes: mx.array, speaker: mx.array, inputs: mx.array) -> None:
        self.key = key  #: of the recording, the model and the version of the encoder
        self.codes = codes  #: int32, [1, code groups, frames]
        self.speaker = speaker  #: float32, [1, width of the speaker encoder]
        self.inputs = inputs  #: inputs of the talker, [1, frames, hidden]
        self._vocoder: VocoderState | None = None
        self._primed_frames = 0

    def prime(self, vocoder: Vocoder) -> VocoderState | None:
        """The vocoder's state after the reference, from which a clone starts; mlx-audio's streams start without it
        (github.com/Blaizzy/mlx-audio/pull/946). None while it is not known yet. Each call decodes a few frames
        more, so that nobody has to wait for all of it at once.
        """
        frames = self.codes.shape[-1]
        if self._primed_frames < frames:
            codes = self.codes[..., self._primed_frames : self._primed_frames + PRIME_FRAMES]
            _, self._vocoder = vocoder.step(codes, self._vocoder)
            mx.async_eval(self._vocoder)
            self._primed_frames += codes.shape[-1]
        return self._vocoder if self._primed_frames == frames else None


class ReferenceCache:
    """References in memory, and beside their recordings on disk. Runs on the worker's thread.

    `encode` turns audio, [samples], into codes; `embed_speaker` turns it into a speaker embedding; `embed_codes`
    turns codes into inputs of the talker; `fingerprint` is the model's.
    """

    def __init__(
        self,
        encode: Callable[[mx.array], mx.array],
        embed_speaker: Callable[[mx.array], mx.array],
        embed_codes: Callable[[mx.array], mx.array],
        fingerprint: str,
    ) -> None:
        self._encode, self._embed_speaker, self._embed_codes = encode, embed_speaker, embed_codes
        self._fingerprint = fingerprint
        self._in_memory: OrderedDict[str, Reference] = OrderedDict()

    def get(self, folder: Path) -> Reference:
        """The reference in a voice's folder. Raises OSError when its files are gone."""
        recording = (folder / "reference.wav").read_bytes()
        key = sha256(recording + f"{self._fingerprint}\0{VERSION}".encode()).hexdigest()
        reference = self._in_memory.get(key)
        if reference is None:
            codes, speaker = self._load(folder, key) or self._compute(folder, key, _read_samples(recording))
            reference = self._in_memory[key] = Reference(key, codes, speaker, self._embed_codes(codes))
        elif not (folder / CODES_FILE).exists():  # another voice with the same recording
            self._store(folder, key, reference.codes, reference.speaker)
        self._in_memory.move_to_end(key)
        while len(self._in_memory) > MAX_VOICES:
            self._in_memory.popitem(last=False)
        return reference

    def _load(self, folder: Path, key: str) -> tuple[mx.array, mx.array] | None:
        try:
            loaded = mx.load(str(folder / CODES_FILE), return_metadata=True)
            arrays, metadata = cast(tuple[dict[str, mx.array], dict[str, str]], loaded)
            codes, speaker = arrays["codes"], arrays["speaker"]
            # A code beyond the codebook would be looked up all the same, wherever that is.
            whole = metadata.get("key") == key and metadata.get("sum") == _checksum(codes, speaker)
        except (KeyError, OSError, RuntimeError, ValueError):
            return None
        return (codes, speaker) if whole else None

    def _compute(self, folder: Path, key: str, audio: mx.array) -> tuple[mx.array, mx.array]:
        codes, speaker = self._encode(audio), self._embed_speaker(audio)
        mx.eval(codes, speaker)
        if not codes.shape[-1]:
            raise ValueError("nothing can be heard in reference.wav")
        if not bool(mx.isfinite(speaker).all()):
            raise ValueError(
                "the model's speaker encoder gives NaN or infinite values; the recording has been checked, so the "
                "model's weights may be damaged: q3tts models check"
            )
        self._store(folder, key, codes, speaker)
        return codes, speaker

    def _store(self, folder: Path, key: str, codes: mx.array, speaker: mx.array) -> None:
        metadata = {"key": key, "sum": _checksum(codes, speaker)}
        with (
            suppress(OSError, RuntimeError),  # a full disk costs time, but not the voice
            atomic_write(folder / CODES_FILE, mode=0o600, durable=False) as file,
        ):
            mx.save_safetensors(file, {"codes": codes, "speaker": speaker}, metadata=metadata)


def _checksum(*arrays: mx.array) -> str:
    """A hash of their bytes and shapes."""
    parts = (b"%a %a" % (array.shape, str(array.dtype)) + np.array(array).tobytes() for array in arrays)
    return sha256(b"".join(parts)).hexdigest()


def _read_samples(recording: bytes) -> mx.array:
    read: Any = soundfile.read  # pyright: ignore[reportUnknownMemberType]
    try:
        found = read(BytesIO(recording), dtype="float32", always_2d=False)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"reference.wav cannot be read: {error.error_string}") from error
    samples, rate = cast(tuple[np.ndarray[Any, Any], int], found)
    if rate != SAMPLE_RATE or samples.ndim != 1:
        raise ValueError("reference.wav is not 24 kHz mono")
    return mx.array(samples)
