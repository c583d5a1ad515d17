"""The use cases of voices, which all interfaces share: make one from a recording or a description, listen to it,
delete it. Their files and their rows are kept in step here.
"""

import asyncio
import logging
import shutil
from functools import partial as bound
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import msgspec

from app.audio.export.audio_file import AudioFile
from app.audio.recordings.decoder import RecordingDecoder
from app.audio.recordings.reference import Recording, from_base64, from_path, write_voice
from app.audio.wav import write_wav
from app.errors import (
    Forbidden,
    InferenceFailed,
    InvalidRequest,
    ModelNotReady,
    TranscriptRequired,
    VoiceNotFound,
)
from app.inference.languages import AUTO, language_tag
from app.inference.model import FinishReason, Lane, Utterance, VoiceKind, VoiceSpec
from app.models.registry import ModelRegistry
from app.models.transcriber import Transcriber, Transcript
from app.scheduler.scheduler import Scheduler
from app.store.clock import now_us
from app.store.rows import Voice
from app.store.voices import VoiceStore
from app.text.duration import speaking_seconds

#: A calm speaker would need that many times as long, or as short, for the transcript than the recording lasts.
TRANSCRIPT_FITS = 3.0

#: What a voice says of itself. Digits are spoken in any language.
PREVIEWS = {
    "de": "So klinge ich, wenn ich dir etwas vorlese.",
    "en": "This is how I sound when I read to you.",
    "es": "Así sueno cuando te leo algo.",
    "fr": "Voici comment je lis un texte pour vous.",
    "it": "Ecco come suono quando leggo per te.",
    "ja": "私の声はこのように聞こえます。",
    "ko": "제가 읽어 드리는 목소리는 이렇습니다.",
    "pt": "É assim que eu soo quando leio para você.",
    "ru": "Вот так я звучу, когда читаю вам.",
    "zh": "这就是我为你朗读时的声音。",
}
PREVIEW_OF_ANY = "1, 2, 3, 4, 5."

logger = logging.getLogger(__name__)


def voice_spec(folder: Path, voice: Voice) -> VoiceSpec:
    """The voice as the model is told of it; `folder` is that of all voices. Raises `VoiceNotFound` when its files
    are gone: it must not be spoken with any other voice.
    """
    language = voice.language_hint or ""
    match voice.kind:
        case VoiceKind.PRESET:
            return VoiceSpec(VoiceKind.PRESET, name=voice.name, language=language)
        case VoiceKind.DESIGN:
            return VoiceSpec(VoiceKind.DESIGN, description=voice.description or "", language=language)
        case VoiceKind.CLONE:
            own = folder / voice.id
            if not (own / "reference.wav").is_file():
                raise VoiceNotFound("the files of the voice are gone from the data folder", voice_id=voice.id)
            return VoiceSpec(VoiceKind.CLONE, folder=str(own), transcript=voice.transcript or "", language=language)


class Voices:
    """The use cases of voices. Belongs to the event loop."""

    def __init__(
        self,
        *,
        models: ModelRegistry,
        store: VoiceStore,
        scheduler: Scheduler,
        listener: RecordingDecoder,
        transcriber: Transcriber,
        folder: Path,
        previews: Path,
    ) -> None:
        self._store = store
        self._models, self._scheduler = models, scheduler
        self._listener, self._transcriber = listener, transcriber
        self._folder, self._previews = folder, previews
        self._new: set[str] = set()  #: have a folder and no row, for a moment
        self._previewing: dict[str, asyncio.Lock] = {}

    async def clone(
        self,
        *,
        display_name: str,
        path: str | None,
        wav_base64: str | None,
        transcript: str | None,
        language: str | None,
        normalize: bool,
    ) -> Voice:
        """Make a voice from a recording: an audio file on this machine, or a WAV file as base64.

        Raises `InvalidAudio`, `TranscriptRequired`, `InvalidRequest`, `ModelNotReady`.
        """
        hint = _hint(language)
        recording = await self._heard(path, wav_base64, normalize=normalize)
        entry = self._models.active
        card, said = entry.card, (transcript or "").strip()
        if not card.supports_clone:
            raise ModelNotReady(f"the model {card.model_id} cannot clone voices", model_id=card.model_id)
        entry.check_language("", hint or "")
        if not said:
            said = (await self._transcribed(recording, hint or "")).text
        _check_fit(said, recording)
        voice = Voice(
            id=str(uuid4()),
            kind=VoiceKind.CLONE,
            display_name=display_name,
            model_id=card.model_id,
            name="",
            language_hint=hint,
            transcript=said,
            created_at=now_us(),
        )
        # Files first: a folder without a row is harmless, a row without its recording is not.
        self._new.add(voice.id)
        try:
            await asyncio.to_thread(write_voice, self._folder / voice.id, recording)
            await self._store.add(voice)
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, self._folder / voice.id, ignore_errors=True)
            raise
        finally:
            self._new.discard(voice.id)
        return voice

    async def design(
        self, *, display_name: str, description: str, language: str | None, model_id: str | None = None
    ) -> Voice:
        """Make a voice of a model, at first the active one, from a description. Raises `InvalidRequest`,
        `ModelNotReady`.
        """
        entry = self._models.active if model_id is None else self._models.entry(model_id)
        hint = _hint(language)
        if not entry.card.supports_design:
            raise ModelNotReady(
                f"the model {entry.card.model_id} cannot make a voice from a description",
                model_id=entry.card.model_id,
            )
        if not description.strip():
            raise InvalidRequest.about("description", "the description is empty; say how the voice should sound")
        entry.check_language("", hint or "")
        voice = Voice(
            id=str(uuid4()),
            kind=VoiceKind.DESIGN,
            display_name=display_name,
            model_id=entry.card.model_id,
            name="",
            language_hint=hint,
            created_at=now_us(),
            description=description.strip(),
        )
        await self._store.add(voice)
        return voice

    async def transcribe(self, *, path: str | None, wav_base64: str | None, language: str | None) -> Transcript:
        """What is said in a recording. Raises `InvalidAudio`, `TranscriptRequired`, `InferenceFailed`."""
        recording = await self._heard(path, wav_base64, normalize=False)
        return await self._transcribed(recording, _hint(language) or "")

    async def rename(self, voice_id: str, display_name: str) -> Voice:
        """Give a voice that was made here another name. Like a new voice's, it may be one that others have.

        Raises `VoiceNotFound`, `Forbidden`.
        """
        voice = await self._store.get(voice_id)
        if voice.kind is VoiceKind.PRESET:
            raise Forbidden("a preset is part of its model and cannot be renamed", voice_id=voice_id)
        if not await self._store.rename(voice_id, display_name):
            raise VoiceNotFound(voice_id=voice_id)
        return msgspec.structs.replace(voice, display_name=display_name)

    async def delete(self, voice_id: str) -> None:
        """Delete a voice that was made here, and its files. Running jobs that need it fail.

        Raises `VoiceNotFound`, `Forbidden`.
        """
        voice = await self._store.get(voice_id)
        if voice.kind is VoiceKind.PRESET:
            raise Forbidden("a preset is part of its model and cannot be deleted", voice_id=voice_id)
        if not await self._store.delete(voice_id):
            raise VoiceNotFound(voice_id=voice_id)
        # Row first: a job that begins now finds no voice. Then those that have begun, then the files.
        await self._scheduler.voice_gone(voice_id)
        await asyncio.to_thread(shutil.rmtree, self._folder / voice_id, ignore_errors=True)
        await asyncio.to_thread(self._forget_previews, voice_id)
        self._previewing.pop(voice_id, None)

    async def preview(self, voice_id: str) -> AudioFile:
        """A sentence in the voice, spoken the first time it is asked for and kept.

        Raises `VoiceNotFound`, `ModelNotReady`, `InferenceFailed`.
        """
        voice = await self._store.get(voice_id)
        language = (voice.language_hint or "").partition("-")[0].lower()
        text = PREVIEWS.get(language, PREVIEW_OF_ANY if language else PREVIEWS["en"])
        entry = self._models.entry(voice.model_id)
        key = sha256(f"{text}|{entry.fingerprint}".encode()).hexdigest()[:16]
        kept = self._previews / f"{voice.id}.{key}.wav"
        async with self._previewing.setdefault(voice_id, asyncio.Lock()):
            if not kept.exists():
                pcm = await self._spoken(voice, text)
                await asyncio.to_thread(self._forget_previews, voice_id)
                await asyncio.to_thread(write_wav, kept, pcm)
        return AudioFile(b"", kept, 0, kept.stat().st_size, f"{voice.id}-{key}")

    async def sweep(self) -> None:
        """Remove what a crash left behind: folders of voices that have no row."""
        # In this order: a voice that is being made has a folder first, then a row, and is new until it has both.
        folders = await asyncio.to_thread(list, self._folder.iterdir())
        kept = set(self._new)
        kept.update(voice.id for voice in await self._store.list(kind=VoiceKind.CLONE))
        for folder in folders:
            if folder.name not in kept:
                logger.info("removing %s, which has no row", folder)
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _heard(self, path: str | None, wav_base64: str | None, *, normalize: bool) -> Recording:
        source = bound(from_base64, wav_base64 or "") if path is None else bound(from_path, path)
        return await self._listener.listen(await asyncio.to_thread(source), normalize=normalize)

    async def _transcribed(self, recording: Recording, language: str) -> Transcript:
        model = self._models.transcriber()
        if model is None:
            raise TranscriptRequired.about("ref_text")
        return await self._transcriber.transcribe(model, recording.wav, language)

    async def _spoken(self, voice: Voice, text: str) -> bytes:
        worker = await self._models.worker(voice.model_id)
        take = worker.submit(
            Utterance(
                text=text,
                voice=voice_spec(self._folder, voice),
                lane=Lane.SPEAK,
                seed=int.from_bytes(sha256(voice.id.encode()).digest()[:6]),
                max_seconds=4 * speaking_seconds(text) + 4,
            )
        )
        try:
            pcm = b"".join([piece async for piece in take.pcm()])
        finally:
            worker.cancel(take)
        if take.finish_reason not in (FinishReason.STOP, FinishReason.LENGTH) or not pcm:
            raise InferenceFailed(take.error or "the model gave no sound for the preview", voice_id=voice.id)
        return pcm

    def _forget_previews(self, voice_id: str) -> None:
        for path in self._previews.glob(f"{voice_id}.*"):
            path.unlink(missing_ok=True)


def _hint(language: str | None) -> str | None:
    """A voice's own language as BCP 47 tag; None if it has none. Raises `InvalidRequest`."""
    tag = language_tag(language or "")
    return None if tag in ("", AUTO) else tag


def _check_fit(transcript: str, recording: Recording) -> None:
    """Raises `InvalidRequest` when the transcript can hardly be what is said in the recording: a clone that is told
    of other words than it hears loses its way.
    """
    expected = speaking_seconds(transcript)
    if not expected / TRANSCRIPT_FITS <= recording.seconds <= TRANSCRIPT_FITS * expected + 1:
        why = (
            f"ref_text would take about {expected:.0f} s to say, but the recording lasts "
            f"{recording.seconds:.0f} s; ref_text must be exactly what is said in it, all of it and nothing else"
        )
        raise InvalidRequest.about("ref_text", why)
