"""The C library espeak-ng, through ctypes: one blocking call that speaks one text.

The library keeps state between texts that none of its own functions resets (the phase of its flutter, gain control,
filters, noise), so the same text would sound different depending on what was spoken before. Therefore the library
is loaded for one text and unloaded afterwards: its state is unloaded with it. That costs a quarter of a
millisecond.

The functions are called with the GIL held (`PyDLL`, `PYFUNCTYPE`), so that a greenlet may be switched inside
the callback. Written for Linux and macOS. One text at a time in a process.
"""

import ctypes
import logging
import os
import shutil
import tempfile
from _ctypes import dlclose
from collections.abc import Callable
from contextlib import suppress
from ctypes import POINTER, PYFUNCTYPE, PyDLL, byref, c_char_p, c_int, c_long, c_size_t, c_uint, c_void_p
from pathlib import Path
from typing import Any

from espeakng_loader import get_library_path  # pyright: ignore[reportMissingTypeStubs]  # typed inline, no marker
from msgspec import Struct

from app.errors import InferenceFailed

logger = logging.getLogger(__name__)

#: In Hertz; all of espeak-ng's voices have this rate.
ESPEAK_RATE = 22_050

#: The library calls its listener after this much audio.
BUFFER_MS = 100

#: The library copies the path of its data into fixed buffers of 160 bytes and appends to it.
MAX_PATH = 110

# The names are those of speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_RATE, _PITCH, _RANGE = 1, 3, 4
_POS_CHARACTER = 1
_CHARS_UTF8 = 1

_LIBC = PyDLL(None)

_SynthCallback = PYFUNCTYPE(c_int, c_void_p, c_int, c_void_p)

#: Takes signed 16-bit PCM at `ESPEAK_RATE`; False ends the speech early.
Listener = Callable[[bytes], bool]


class SpeechRequest(Struct, frozen=True):
    """A text and how to speak it, in the library's own units."""

    text: str
    voice: str  #: as SetVoiceByName takes it, "gmw/de+f3"
    seed: int  #: of the noise in breathy and synthetic voices
    rate: int  #: words per minute, 175 is normal
    pitch: int  #: 0 to 99, 50 is normal
    pitch_range: int  #: 0 to 99, 50 is normal


class EspeakLibrary:
    """espeak-ng with one data folder. The library is loaded only while it speaks."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._library = get_library_path()
        self._link: Path | None = None
        self._warned = False

    def speak(self, speech: SpeechRequest, listener: Listener) -> None:
        """Speak a text to the listener, buffer by buffer, until it ends or the listener has enough."""
        library = self._load()
        listed = None
        try:
            path = self._initialize(library)
            listed = _list_for(library, path, speech.voice)
            _set_up(library, speech)
            _synthesize(library, speech.text, listener)
        finally:
            library.espeak_Terminate()
            dlclose(library._handle)
            self._leave(listed)

    def close(self) -> None:
        """Remove what was put on the disk."""
        if self._link is not None:
            shutil.rmtree(self._link.parent, ignore_errors=True)
            self._link = None

    def _load(self) -> PyDLL:
        try:
            library = PyDLL(self._library)
        except OSError as error:
            raise InferenceFailed(f"espeak-ng cannot be loaded: {error}") from error
        library.espeak_Info.restype = c_char_p
        library.espeak_Info.argtypes = [POINTER(c_char_p)]
        library.espeak_Initialize.argtypes = [c_int, c_int, c_char_p, c_int]
        library.espeak_ListVoices.argtypes = [c_void_p]
        library.espeak_ListVoices.restype = c_void_p
        library.espeak_SetVoiceByName.argtypes = [c_char_p]
        library.espeak_SetParameter.argtypes = [c_int, c_int, c_int]
        library.espeak_SetSynthCallback.argtypes = [_SynthCallback]
        library.espeak_SetSynthCallback.restype = None
        library.espeak_ng_SetRandSeed.argtypes = [c_long]
        library.espeak_Synth.argtypes = [
            c_char_p, c_size_t, c_uint, c_int, c_uint, c_uint, POINTER(c_uint), c_void_p,
        ]  # fmt: skip
        return library

    def _initialize(self, library: PyDLL) -> bytes:
        path = self._short_path()
        library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, BUFFER_MS, path, _INITIALIZE_DONT_EXIT)
        # Without data there it falls back to that of $ESPEAK_DATA_PATH, the home folder or the system.
        if library.espeak_ng_GetSampleRate() != ESPEAK_RATE or not _data_path(library).startswith(path):
            raise InferenceFailed(f"espeak-ng finds no data of its version in {self._data}")
        return path

    def _leave(self, listed: int | None) -> None:
        """Free what the library does not free, unless it is still loaded and may use it."""
        try:
            dlclose(PyDLL(self._library, mode=os.RTLD_NOLOAD)._handle)
        except OSError:
            _LIBC.free(c_void_p(listed))
            return
        if not self._warned:
            # Not seen so far: something else in this process holds the library, or the system never unloads it.
            self._warned = True
            logger.warning("espeak-ng stays loaded between texts; its audio may differ from run to run")

    def _short_path(self) -> bytes:
        """The data folder, or a link to it where its own path is too long for the library."""
        path = os.fsencode(self._data)
        if len(path) <= MAX_PATH:
            return path
        # Temporary folders are cleaned now and then, so the link may be gone since the last text.
        if self._link is None or not self._link.exists():
            self.close()
            self._link = _link_to(self._data)
        return os.fsencode(self._link)


def _link_to(data: Path) -> Path:
    for folder in (tempfile.gettempdir(), "/tmp"):
        with suppress(OSError):
            link = Path(tempfile.mkdtemp(prefix="q3tts-", dir=folder), "data")
            if len(os.fsencode(link)) <= MAX_PATH:
                link.symlink_to(data, target_is_directory=True)
                return link
            link.parent.rmdir()
    raise InferenceFailed(f"the path of espeak-ng's data is too long and cannot be linked to: {data}")


def _data_path(library: PyDLL) -> bytes:
    """Where the library found its data."""
    path = c_char_p()
    library.espeak_Info(byref(path))
    return path.value or b""


def _list_for(library: PyDLL, path: bytes, voice: str) -> int | None:
    """Have the library list all voices if it will need that to find this one.

    It looks for a voice's file by its name in lower case, and if there is none, through all files. That takes a
    millisecond, and the list outlives the library. When it is asked for here, it can be freed.
    """
    file = voice.partition("+")[0].lower()
    return None if os.path.exists(path + b"/lang/" + file.encode()) else library.espeak_ListVoices(None)


def _set_up(library: PyDLL, speech: SpeechRequest) -> None:
    if library.espeak_SetVoiceByName(speech.voice.encode()):
        raise InferenceFailed(f"espeak-ng cannot load the voice {speech.voice!r}")
    # After the voice, because the speed takes in a factor of the voice's own.
    library.espeak_SetParameter(_RATE, speech.rate, 0)
    library.espeak_SetParameter(_PITCH, speech.pitch, 0)
    library.espeak_SetParameter(_RANGE, speech.pitch_range, 0)
    # Most noise comes from the library's own generator, that of Reed and caleb from the C library's.
    seed = speech.seed & 0x7FFF_FFFF
    library.espeak_ng_SetRandSeed(seed)
    _LIBC.srand(c_uint(seed))


def _synthesize(library: PyDLL, text: str, listener: Listener) -> None:
    failures: list[BaseException] = []

    def hear(samples: int | None, count: int, _events: Any) -> int:
        if samples is None:
            return 1  # the end; on "stop" the library frees its speed-up buffers, on "go on" it does not
        if count == 0:
            return 0
        try:
            return 0 if listener(ctypes.string_at(samples, 2 * count)) else 1
        except BaseException as failure:
            # It cannot pass through C, so it is raised afterwards. That includes GreenletExit.
            failures.append(failure)
            return 1

    callback = _SynthCallback(hear)
    library.espeak_SetSynthCallback(callback)
    utf8 = _speakable(text).encode("utf-8", errors="ignore")
    error = library.espeak_Synth(utf8, len(utf8) + 1, 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None)
    if failures:
        raise failures[0]
    if error:
        raise InferenceFailed(f"espeak-ng failed to speak (error {error})")


#: Control characters are not spoken; NUL would end the text, and \x01 begins a command to the library.
_CONTROLS = {code: " " for code in (*range(0x20), 0x7F) if chr(code) not in "\t\n\r"}


def _speakable(text: str) -> str:
    return text.translate(_CONTROLS)
