"""A cloned voice: a recording is read, turned into codes by the encoder of a tiny Qwen3-TTS checkpoint, and spoken
with.
"""

import base64
import io
import wave
from array import array
from math import sin, tau

from app import SAMPLE_RATE
from app.selftest.check import Place
from app.selftest.hearing import spoken
from app.selftest.qwen3 import activated

MODEL = "selftest-base"
SECONDS, HERTZ, WOBBLE_HERTZ = 3, 200.0, 4.0


def look(here: Place) -> str:
    """How much the clone said."""
    engine = here.engine()
    activated(here, engine, MODEL, "base")
    recording = {
        "display_name": "Self-test",
        "ref_audio": {"wav_base64": base64.b64encode(_recording()).decode()},
        "ref_text": "The sea was calm, and so was I that day.",
        "language": "en",
    }
    voice_id = engine.ask("POST", "/voices/clone", recording)[0]["voice_id"]
    heard = spoken(engine, {"voice_id": voice_id, "text": "The tide is out.", "seed": 1})
    return f"{heard.seconds:.1f} s at {heard.dbfs:.0f} dBFS from {SECONDS} s of a recording"


def _recording() -> bytes:
    """A tone that wavers as a voice does."""
    samples = array(
        "h",
        (
            round(
                9_800
                * sin(tau * HERTZ * at / SAMPLE_RATE)
                * (0.6 + 0.4 * sin(tau * WOBBLE_HERTZ * at / SAMPLE_RATE))
            )
            for at in range(SECONDS * SAMPLE_RATE)
        ),
    )
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.tobytes())
    return target.getvalue()
