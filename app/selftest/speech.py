"""The voice that is built in, from text to samples."""

from importlib.util import find_spec

from app.process.executable import is_frozen
from app.selftest.check import Place, Wrong, form
from app.selftest.hearing import spoken

LANGUAGE = "en-GB"
TEXT = "The tide is out. Take good shoes."


def frozen_without_espeak() -> bool:
    """Whether this is a bundle that was built without espeak-ng, which is under the GPL."""
    return is_frozen() and find_spec("espeakng_loader") is None


def look(here: Place) -> str:
    """How much speech there was, and how loud."""
    engine = here.engine()
    voices = engine.ask("GET", f"/voices?kind=preset&language={LANGUAGE}")[0]["voices"]
    if frozen_without_espeak():
        return "left out of this build on purpose; other models speak"
    voice = next((each for each in voices if each["tts_model_id"] == "espeak-ng"), None)
    if voice is None:
        raise Wrong(
            f"espeak-ng has no voice for {LANGUAGE}",
            form().remedy,
        )
    heard = spoken(engine, {"voice_id": voice["voice_id"], "text": TEXT, "seed": 1})
    return f"{heard.seconds:.1f} s at {heard.dbfs:.0f} dBFS; stream and file are the same samples"
