"""Qwen3-TTS: a checkpoint of its form, tiny and of random weights, through the engine and a worker of its own.

What is heard is noise, but every part that speaks with a real checkpoint takes part in it.
"""

from typing import Any

from app.selftest.check import Place, Seen, Wrong, form
from app.selftest.checkpoint import write_checkpoint
from app.selftest.checkpoint.dims import Kind
from app.selftest.hearing import spoken
from app.selftest.sidecar import SidecarEngine

MODEL = "selftest"


def look(here: Place) -> Seen:
    """How much there was to hear, and what computed it, how fast."""
    engine = here.engine()
    activated(here, engine, MODEL, "custom_voice")
    voices = engine.ask("GET", "/voices?kind=preset")[0]["voices"]
    voice = next((each for each in voices if each["tts_model_id"] == MODEL), None)
    if voice is None:
        raise Wrong("the checkpoint's speakers are not among the voices", form().remedy)
    heard = spoken(engine, {"voice_id": voice["voice_id"], "text": "The tide is out.", "seed": 1})
    health = engine.ask("GET", "/health")[0]
    return Seen(
        f"{heard.seconds:.1f} s at {heard.dbfs:.0f} dBFS; MLX on the {_processor(health)}",
        " ".join(warning["message"] for warning in health["warnings"]),
    )


def activated(here: Place, engine: SidecarEngine, model_id: str, kind: Kind) -> None:
    """Put a checkpoint into the models folder, and have the engine load it. Raises `Wrong`, or OSError."""
    write_checkpoint(here.models_dir / model_id, type=kind)
    listed = {each["model_id"]: each for each in engine.ask("GET", "/models")[0]["models"]}
    if model_id not in listed or listed[model_id]["state"] == "broken":
        why = listed.get(model_id, {}).get("message") or "it is not listed"
        raise Wrong(f"the checkpoint is not taken: {why}", form().remedy)
    engine.ask("POST", f"/models/{model_id}/activate", {})


def _processor(health: dict[str, Any]) -> str:
    if health["device"] != "cpu":
        return f"GPU ({health['device']})"
    return f"CPU with {health['blas']}, {health['gflops']:.0f} GFLOP/s"
