"""`python -m tests.golden` has the makers' own code speak, greedily and in float32, and keeps what it said."""

# Neither PyTorch nor the makers' package is where the types are checked.
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from qwen_tts import Qwen3TTSModel

from tests.golden.cases import (
    CASES,
    CHECKPOINTS,
    FRAME_SAMPLES,
    KEPT,
    ONE_SAMPLE_IN,
    RECORDINGS,
    TRANSCRIPT,
    Case,
    checkpoint,
    checkpoint_sum,
    recording,
)

_LANGUAGES = {"": "Auto", "en": "English", "de": "German", "fr": "French", "zh": "Chinese"}


def main() -> None:
    """Write `KEPT`."""
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    kept: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as parent:
        for kind in CHECKPOINTS:
            folder = checkpoint(Path(parent) / kind, kind)
            kept[f"{kind}/sum"] = checkpoint_sum(folder)
            model: Any = Qwen3TTSModel.from_pretrained(str(folder), dtype=torch.float32, attn_implementation="sdpa")
            voices = _heard(model, kept) if kind == "base" else {}
            for case in CASES:
                if case.kind == kind:
                    codes, samples = _spoken(model, case, voices)
                    kept[f"{case.name}/codes"] = codes.astype(np.int16)
                    kept[f"{case.name}/samples"] = samples[::ONE_SAMPLE_IN]
                    print(f"{case.name}: {len(codes)} frames, {len(set(codes[:, 0]))} different first codes")
    np.savez_compressed(KEPT, **kept)
    print(f"{KEPT}: {KEPT.stat().st_size:,} bytes")


def _heard(model: Any, kept: dict[str, Any]) -> dict[str, Any]:
    """What the model hears in each recording."""
    voices: dict[str, Any] = {}
    for name in RECORDINGS:
        samples = recording(name) / np.float32(32_768)
        voices[name] = model.create_voice_clone_prompt((samples, 24_000), ref_text=TRANSCRIPT)
        (heard,) = voices[name]
        kept[f"{name}/codes"] = heard.ref_code.numpy().astype(np.int16)
        kept[f"{name}/speaker"] = heard.ref_spk_embedding.numpy()
    return voices


def _spoken(model: Any, case: Case, voices: dict[str, Any]) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Codes, [frames, groups], and samples."""
    noted: list[NDArray[Any]] = []
    generate = model.model.generate

    def noting(**told: Any) -> Any:
        codes, hidden = generate(**told)
        noted.append(codes[0].numpy())
        return codes, hidden

    told: dict[str, Any] = {
        "text": case.text,
        "language": _LANGUAGES[case.language],
        "non_streaming_mode": case.layout == "before",
        "do_sample": False,
        "subtalker_dosample": False,
        "max_new_tokens": case.frames + 1,  # the last one is not looked up
    }
    if case.penalty is not None:
        told["repetition_penalty"] = case.penalty
    model.model.generate = noting
    try:
        match case.kind:
            case "custom_voice":
                waves, _ = model.generate_custom_voice(speaker=case.voice, instruct=case.instruct or None, **told)
            case "voice_design":
                waves, _ = model.generate_voice_design(instruct=case.voice, **told)
            case "base":
                waves, _ = model.generate_voice_clone(voice_clone_prompt=voices[case.voice], **told)
    finally:
        del model.model.generate
    (codes,) = noted
    # Where they cut a reference off by its share of the length, a sample of it may be left.
    return codes, waves[0][-len(codes) * FRAME_SAMPLES :]


if __name__ == "__main__":
    main()
