"""`/v1/voices`."""

import builtins
from typing import Unpack
from urllib.parse import quote

from q3tts_client.answers import Deleted, NewVoice, Transcript, Voice, VoiceList
from q3tts_client.files import Recording, ref_audio
from q3tts_client.requests import CloneArguments, DesignArguments, TranscribeArguments, VoiceFilter
from q3tts_client.sync.http import Http


class Voices:
    """The voices of an engine."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list(self, **filters: Unpack[VoiceFilter]) -> builtins.list[Voice]:
        """Voices that were made here, newest first, then the presets. `language="en"` finds `en-GB` too."""
        return (self._http.json(VoiceList, "GET", "/voices", query=filters)).voices

    def get(self, voice_id: str) -> Voice:
        """One voice."""
        return self._http.json(Voice, "GET", path_of(voice_id))

    def preview(self, voice_id: str) -> bytes:
        """A short WAV file in the voice."""
        return self._http.bytes("GET", path_of(voice_id, "/preview"))

    def clone(self, display_name: str, recording: Recording, **options: Unpack[CloneArguments]) -> NewVoice:
        """Make a voice of the active model from a recording of 1 to 30 seconds, which is a file or its bytes.
        `ref_text` is exactly what is said in it.
        """
        body = {**options, "display_name": display_name, "ref_audio": ref_audio(recording)}
        return self._http.json(NewVoice, "POST", "/voices/clone", body=body, once=True)

    def transcribe(self, recording: Recording, **options: Unpack[TranscribeArguments]) -> Transcript:
        """What is said in a recording, by the active speech-to-text model."""
        body = {**options, "ref_audio": ref_audio(recording)}
        return self._http.json(Transcript, "POST", "/voices/clone/transcribe", body=body)

    def design(self, display_name: str, description: str, **options: Unpack[DesignArguments]) -> NewVoice:
        """Make a voice of the active model from a description."""
        body = {**options, "display_name": display_name, "description": description}
        return self._http.json(NewVoice, "POST", "/voices/design", body=body, once=True)

    def rename(self, voice_id: str, display_name: str) -> Voice:
        """Give a voice that was made here another name."""
        return self._http.json(Voice, "PATCH", path_of(voice_id), body={"display_name": display_name})

    def delete(self, voice_id: str) -> None:
        """Delete a voice that was made here."""
        self._http.json(Deleted, "DELETE", path_of(voice_id), once=True)


def path_of(voice_id: str, rest: str = "") -> str:
    """Where a voice is."""
    return f"/voices/{quote(voice_id, safe='')}{rest}"
