"""What Qwen3-TTS hears in the reference of a clone: its codes and its speaker vector, worked out once, kept beside
the recording, and used for every chunk from then on.

They belong to the model that made them. With other weights, another recording, or an engine that hears otherwise,
they are worked out anew.
"""

# mlx-audio has no types, and those of MLX are half unknown.
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
from app.workers.synthesis.qwen3.hearing import VERSION
from app.workers.synthesis.qwen3.vocoder import Vocoder, VocoderState

CODES_FILE = "codes.safetensors"

#: Of voices at hand. One with 30 s of reference has about 30 MB.
MAX_VOICES = 8

#: A reference is heard through in pieces of so many frames.
PIECE_FRAMES = 4


class Reference:
    """A clone's reference as the model takes it. Belongs to the worker's thread."""

    def __init__(self, key: str, codes: mx.array, speaker: mx.array, embedded: mx.array) -> None:
        self.key = key  #: of the recording, and of the model that heard it
        self.codes = codes  #: int32, [1, code groups, frames]
        self.speaker = speaker  #: float32, [1, width of the speaker encoder]
        self.embedded = embedded  #: inputs of the talker, [1, frames, hidden]
        self._vocoder: VocoderState | None = None
        self._heard = 0

    def primed(self, vocoder: Vocoder) -> VocoderState | None:
        """The vocoder's state behind the reference; None while it is not there yet. Each call goes a piece further,
        so that nobody has to wait for all of it in one step.
        """
        frames = self.codes.shape[-1]
        if self._heard < frames:
            piece = self.codes[..., self._heard : self._heard + PIECE_FRAMES]
            _, self._vocoder = vocoder.step(piece, self._vocoder)
            mx.async_eval(self._vocoder)
            self._heard += piece.shape[-1]
        return self._vocoder if self._heard == frames else None


class References:
    """Belongs to the worker's thread.

    `encode` turns audio, [samples], into codes; `embed` turns it into a speaker vector; `embedded` turns codes into
    inputs of the talker; `fingerprint` is the model's.
    """

    def __init__(
        self,
        encode: Callable[[mx.array], mx.array],
        embed: Callable[[mx.array], mx.array],
        embedded: Callable[[mx.array], mx.array],
        fingerprint: str,
    ) -> None:
        self._encode, self._embed, self._embedded = encode, embed, embedded
        self._fingerprint = fingerprint
        self._at_hand: OrderedDict[str, Reference] = OrderedDict()

    def get(self, folder: Path) -> Reference:
        """The reference in a voice's folder. Raises OSError when its files are gone."""
        recording = (folder / "reference.wav").read_bytes()
        key = sha256(recording + f"{self._fingerprint}\0{VERSION}".encode()).hexdigest()
        reference = self._at_hand.get(key)
        if reference is None:
            codes, speaker = self._kept(folder, key) or self._worked_out(folder, key, _samples_of(recording))
            reference = self._at_hand[key] = Reference(key, codes, speaker, self._embedded(codes))
        elif not (folder / CODES_FILE).exists():  # another voice of the same recording
            self._keep(folder, key, reference.codes, reference.speaker)
        self._at_hand.move_to_end(key)
        while len(self._at_hand) > MAX_VOICES:
            self._at_hand.popitem(last=False)
        return reference

    def _kept(self, folder: Path, key: str) -> tuple[mx.array, mx.array] | None:
        try:
            loaded = mx.load(str(folder / CODES_FILE), return_metadata=True)
            arrays, metadata = cast(tuple[dict[str, mx.array], dict[str, str]], loaded)
            codes, speaker = arrays["codes"], arrays["speaker"]
            # A code that no codebook has would be looked up all the same, wherever that is.
            whole = metadata.get("key") == key and metadata.get("sum") == _sum_of(codes, speaker)
        except (KeyError, OSError, RuntimeError, ValueError):
            return None
        return (codes, speaker) if whole else None

    def _worked_out(self, folder: Path, key: str, audio: mx.array) -> tuple[mx.array, mx.array]:
        codes, speaker = self._encode(audio), self._embed(audio)
        mx.eval(codes, speaker)
        if not codes.shape[-1] or not bool(mx.isfinite(speaker).all()):
            raise ValueError("nothing can be heard in reference.wav")
        self._keep(folder, key, codes, speaker)
        return codes, speaker

    def _keep(self, folder: Path, key: str, codes: mx.array, speaker: mx.array) -> None:
        metadata = {"key": key, "sum": _sum_of(codes, speaker)}
        with (
            suppress(OSError, RuntimeError),  # a full disk costs time, but not the voice
            atomic_write(folder / CODES_FILE, mode=0o600, durable=False) as file,
        ):
            mx.save_safetensors(file, {"codes": codes, "speaker": speaker}, metadata=metadata)


def _sum_of(*arrays: mx.array) -> str:
    """What changes with any bit of them, and with their shapes."""
    parts = (b"%a %a" % (array.shape, str(array.dtype)) + np.array(array).tobytes() for array in arrays)
    return sha256(b"".join(parts)).hexdigest()


def _samples_of(recording: bytes) -> mx.array:
    read: Any = soundfile.read  # pyright: ignore[reportUnknownMemberType]
    try:
        found = read(BytesIO(recording), dtype="float32", always_2d=False)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"reference.wav cannot be read: {error.error_string}") from error
    samples, rate = cast(tuple[np.ndarray[Any, Any], int], found)
    if rate != SAMPLE_RATE or samples.ndim != 1:
        raise ValueError("reference.wav is not 24 kHz mono")
    return mx.array(samples)
