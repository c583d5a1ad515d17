"""What goes into the bundle and what stays out. PyInstaller follows imports; what is found by name or read from
disk is listed here, and so is what imports drag in that never runs. It builds nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

#: Imported by name: SQLAlchemy's driver, uvicorn's protocols, what the migrations use, what mlx-audio and
#: transformers look up when a checkpoint names it.
BY_NAME = (
    "aiosqlite",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "uvicorn.protocols.http.h11_impl",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
    "uvicorn.lifespan.off",
    "logging.config",
    "alembic.command",
    "alembic.op",
    "alembic.context",
    "app.workers.synthesis.espeak.model",
    "mlx.__array_api_info",
    "mlx._reprlib_fix",
    "mlx_audio.tts.models.qwen3_tts",
    "mlx_audio.stt.models.qwen3_asr",
    "mlx_audio.stt.models.whisper",
    "mlx_audio.codec.models.mimi",
    "transformers.models.auto.tokenization_auto",
)

#: Packages all of whose modules are imported by name: a command when it is called, the handlers at each request, a
#: check of the self-test.
WHOLE = ("app.cli", "app.daemon", "app.selftest")

#: Of these folders of models, only the ones listed. What else mlx-audio and transformers know is code that a
#: download could never bring: the engine offers Qwen3-TTS to speak, Qwen3-ASR and Whisper to listen. mlx-audio
#: imports all that listen when it imports one, so those are all there.
KEPT = {
    "mlx_audio.tts.models": ("base", "qwen3_tts"),
    "mlx_audio.codec.models": ("mimi",),
    # audioflamingo3 is the first in transformers' table that has Qwen's tokenizer, and is asked for it.
    "transformers.models": ("audioflamingo3", "auto", "encoder_decoder", "qwen2", "whisper"),
}

#: What imports drag in that never runs here.
LEFT_OUT = (
    # of mlx-audio: its server, what it does beside speech, its tests
    "mlx_audio.convert", "mlx_audio.lid", "mlx_audio.lm.convert", "mlx_audio.music", "mlx_audio.realtime_vad",
    "mlx_audio.server", "mlx_audio.server_inference", "mlx_audio.sts", "mlx_audio.tests", "mlx_audio.vad",
    "mlx_audio.tts.tests", "mlx_audio.stt.tests", "mlx_audio.codec.tests",
    # of transformers: whatever needs PyTorch, which is not there
    "transformers.cli", "transformers.data", "transformers.decision", "transformers.distributed",
    "transformers.exporters", "transformers.loss", "transformers.pipelines", "transformers.quantizers",
    "transformers.conversion_mapping", "transformers.core_model_loading", "transformers.masking_utils",
    "transformers.modeling_outputs", "transformers.modeling_utils", "transformers.optimization",
    "transformers.testing_utils", "transformers.tokenization_mistral_common", "transformers.trainer",
    "transformers.trainer_pt_utils", "transformers.training_args",
    # of MLX: it trains nothing here, and computes on one machine
    "mlx.optimizers", "mlx.extension",
    # `q3tts mcp` says that it is not there: its packages are as large as espeak-ng and its voices
    "mcp", "mcp_types", "starlette", "sse_starlette", "python_multipart", "jsonschema", "jsonschema_specifications",
    "referencing", "rpds", "opentelemetry", "jwt", "attr", "attrs",
    # of others: what would be wanted by someone else
    "alembic.testing", "sqlalchemy.testing", "litestar.testing", "litestar.cli", "litestar.contrib", "numpy.f2py",
    "pydantic", "pydantic_core", "faker", "polyfactory", "rich_click", "typer", "shellingham", "pygments",
    "hf_xet", "fsspec", "sentencepiece", "miniaudio", "scipy", "pandas", "torch", "tensorflow", "jax", "librosa",
    "numba", "matplotlib", "IPython", "PIL", "uvloop", "httptools", "watchfiles", "tkinter", "_tkinter", "pytest",
    "_pytest", "hypothesis", "setuptools", "pkg_resources", "pip", "distutils", "lib2to3", "pydoc_data",
    "ensurepip", "readline", "curses", "_curses", "dbm", "_dbm",
    "idlelib", "turtledemo", "sphinx", "docutils", "psycopg2", "MySQLdb", "cryptography", "eventlet", "gevent",
)  # fmt: skip

#: How a package's modules are kept. transformers lists its own folders and reads its own sources to know what it
#: has; mlx-audio lists its folders. Neither finds anything in an archive.
AS_FILES = {"mlx_audio": "pyz+py", "transformers": "pyz+py"}

#: Libraries that talk to the system's own sound service, and have to be of its version. A build machine may have
#: them or not; the bundle takes those of the machine where it runs.
#: libmvec is a part of glibc that PyInstaller does not know as one: it fits no other glibc than its own.
OF_THE_SYSTEM = ("libportaudio.so", "libasound.so", "libjack.so", "libdb-", "libmvec.so")

#: espeak-ng, with the embedded voice. It is under the GPL; so are x264 and x265 in PyAV's wheel, which stay.
ESPEAK = ("espeakng_loader",)


def excluded(packages: Path, *, espeak: bool) -> list[str]:
    """The modules that PyInstaller is not to follow; `packages` is where they are installed."""
    names = [*LEFT_OUT, *(() if espeak else ESPEAK)]
    for folder, kept in KEPT.items():
        place = packages / folder.replace(".", "/")
        if not place.is_dir():  # mlx-audio is not installed everywhere; what uses it says so
            continue
        found = _modules_in(place)
        if missing := set(kept) - found:
            raise ValueError(f"{folder} has no {', '.join(sorted(missing))}; frozen/contents.py is out of date")
        names += [f"{folder}.{name}" for name in sorted(found - set(kept))]
    return names


def is_of_the_system(name: str) -> bool:
    """Whether a library is left to the machine where the bundle runs."""
    return "/" not in name and name.startswith(OF_THE_SYSTEM)


def is_read_from_disk(path: str) -> bool:
    """Whether a file beside the modules is ever opened: no tests, headers, stubs or static libraries."""
    parts, name = Path(path).parts, Path(path).name
    if {"tests", "testing", "include", "cmake", "pkgconfig", "__pycache__"} & set(parts[:-1]):
        return False
    return not name.endswith((".pyi", ".pxd", ".pyx", ".h", ".hpp", ".c", ".cpp", ".a", ".lib", ".cmake", ".md"))


def present(modules: Iterable[str], owners: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The distributions that these modules are of, by the names of their metadata's folders."""
    tops = {module.replace("/", ".").partition(".")[0] for module in modules}
    return frozenset(normal(name) for top in tops for name in owners.get(top, ()))


def is_metadata_of_others(path: str, distributions: frozenset[str]) -> bool:
    """Whether a file tells of a distribution that is not in the bundle: transformers would believe it."""
    folder = Path(path).parts[0]
    if not folder.endswith(".dist-info"):
        return False
    return normal(folder.removesuffix(".dist-info").rpartition("-")[0]) not in distributions


def normal(name: str) -> str:
    """A distribution's name as its metadata's folder has it."""
    return name.lower().replace("-", "_").replace(".", "_")


def _modules_in(folder: Path) -> set[str]:
    return {
        entry.stem
        for entry in folder.iterdir()
        if not entry.name.startswith(("_", ".")) and (entry.is_dir() or entry.suffix == ".py")
    }
