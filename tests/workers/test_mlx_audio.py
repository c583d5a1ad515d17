"""Whatever mlx-audio loads, as a model: through a real family of it, and through stand-ins for what others do."""

import select
import sys
import wave
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from app.inference import wire
from app.inference.model import FinishReason, Frame, Lane, Model, Sampling, Utterance, VoiceKind, VoiceSpec
from tests.support.variants import in_test_long
from tests.support.waiting import PATIENCE_S
from tests.support.worker import Worker, stop
from tests.workers import small_models

if TYPE_CHECKING:
    from app.workers.synthesis.mlx_audio import MlxAudio

#: The small model gives 4.96 s for it.
TEXT = "Hi."
SECONDS = 4.96


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_models.pocket_tts(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Iterator["MlxAudio"]:
    from app.workers.synthesis.mlx_audio import MlxAudio

    model = MlxAudio.load(folder)
    yield model
    model.close()


@pytest.fixture
def small(loaded: "MlxAudio") -> Iterator["MlxAudio"]:
    yield loaded
    assert loaded.step() == (), "it is left as it was found"


@pytest.fixture(scope="module")
def alone(loaded: "MlxAudio") -> bytes:
    """What the small model says when nothing disturbs it."""
    return speak(loaded, utterance()).pcm


@pytest.fixture
def of() -> Callable[..., "MlxAudio"]:
    """Makes a model of a stand-in."""
    from app.workers.synthesis.mlx_audio import MlxAudio

    return MlxAudio


class Spoken:
    def __init__(self) -> None:
        self.frames: list[Frame] = []

    @property
    def pcm(self) -> bytes:
        return b"".join(frame.pcm for frame in self.frames)

    @property
    def samples(self) -> Any:
        return np.frombuffer(self.pcm, np.int16)

    @property
    def last(self) -> Frame:
        return self.frames[-1]

    @property
    def reason(self) -> FinishReason | None:
        return self.last.finish_reason


def utterance(text: str = TEXT, **changes: Any) -> Utterance:
    settings: dict[str, Any] = {
        "id": 1,
        "voice": VoiceSpec(VoiceKind.PRESET),
        "lane": Lane.RENDER,
        "seed": 1,
        **changes,
    }
    return Utterance(text=text, **settings)


def collect(spoken: dict[int, Spoken], frames: Sequence[Frame]) -> None:
    for frame in frames:
        spoken.setdefault(frame.id, Spoken()).frames.append(frame)


def finish(model: Model, spoken: dict[int, Spoken] | None = None) -> dict[int, Spoken]:
    found = {} if spoken is None else spoken
    while frames := model.step():
        collect(found, frames)
    return found


def speak(model: Model, one: Utterance) -> Spoken:
    model.add([one])
    return finish(model)[one.id]


class StandIn:
    """Speaks pieces of noise that depend on the global seed alone, and does as the text says."""

    sample_rate = 24_000

    def __init__(self, pieces: int = 3, **changes: Any) -> None:
        self.pieces = pieces
        self.alive = 0
        self.begun = 0
        self.kept: list[Iterator[Any]] = []
        self.__dict__.update(changes)

    def generate(self, text: str) -> Iterator[Any]:
        # Somebody may hold a generator; that nobody does must not be what ends it.
        self.kept.append(self._pieces(text))
        return self.kept[-1]

    def _pieces(self, text: str) -> Iterator[Any]:
        self.alive += 1
        self.begun += 1
        try:
            assert self.alive == 1, "one at a time"
            for piece in range(self.pieces):
                if text == f"raise {piece}":
                    raise RuntimeError("the weights are tired")
                if text == f"forget {piece}" and self.begun > 1:
                    return
                samples = np.random.uniform(-0.5, 0.5, 1_000).astype(np.float32)
                if text == f"nan {piece}":
                    samples[500] = np.nan
                if text == f"infinite {piece}":
                    samples[500] = -np.inf
                yield result(samples, self.sample_rate)
        finally:
            self.alive -= 1


def result(audio: Any, sample_rate: int = 24_000) -> Any:
    return SimpleNamespace(audio=audio, sample_rate=sample_rate)


class Fixed:
    """Gives what it is asked for."""

    def __init__(self, *results: Any, sample_rate: int = 24_000) -> None:
        self.results, self.sample_rate = results, sample_rate

    def generate(self, text: str) -> Iterator[Any]:
        yield from self.results


def test_it_speaks_in_small_pieces_and_stops(small: "MlxAudio") -> None:
    spoken = speak(small, utterance())

    assert spoken.reason is FinishReason.STOP
    assert len(spoken.samples) == SECONDS * 24_000
    assert max(len(frame.pcm) for frame in spoken.frames) <= 0.4 * 48_000
    assert np.abs(spoken.samples).max() > 100


def test_a_seed_gives_the_same_bytes_whatever_was_spoken_before(small: "MlxAudio", alone: bytes) -> None:
    other = speak(small, utterance("No.", id=2, seed=2))
    again = speak(small, utterance(id=3))

    assert again.pcm == alone
    assert other.pcm != alone


def test_another_seed_gives_another_reading(small: "MlxAudio", alone: bytes) -> None:
    other = speak(small, utterance(seed=2**64 - 1))

    assert other.pcm != alone
    assert len(other.pcm) == len(alone)


@pytest.mark.parametrize("steps", [0, 7])
def test_cancel_ends_an_utterance_with_the_next_step(small: "MlxAudio", alone: bytes, steps: int) -> None:
    small.add([utterance(id=5, seed=9), utterance()])
    for _ in range(steps):
        small.step()

    small.cancel(5)
    frames = small.step()
    rest = finish(small)

    assert list(frames) == [Frame(5, b"", final=True, finish_reason=FinishReason.CANCELED)]
    assert list(rest) == [1]
    assert rest[1].pcm == alone


def test_an_utterance_that_waits_can_be_canceled(small: "MlxAudio", alone: bytes) -> None:
    small.add([utterance(), utterance(id=6)])
    spoken: dict[int, Spoken] = {}
    collect(spoken, small.step())

    small.cancel(6)
    small.cancel(99)
    finish(small, spoken)

    assert spoken[6].frames == [Frame(6, b"", final=True, finish_reason=FinishReason.CANCELED)]
    assert spoken[1].pcm == alone


def test_speech_goes_before_a_render_which_loses_nothing(small: "MlxAudio", alone: bytes) -> None:
    small.add([utterance()])
    spoken: dict[int, Spoken] = {}
    for _ in range(9):
        collect(spoken, small.step())

    small.add([utterance("Now!", id=2, lane=Lane.SPEAK, seed=5)])
    (first,) = small.step()
    collect(spoken, [first])
    finish(small, spoken)

    assert first.id == 2
    assert first.pcm
    assert spoken[1].pcm == alone
    assert spoken[1].reason is spoken[2].reason is FinishReason.STOP


def test_a_render_that_is_interrupted_again_and_again_loses_nothing(of: Callable[..., "MlxAudio"]) -> None:
    # At another rate: the resampler has to begin again as well.
    stand_in = StandIn(pieces=8, sample_rate=16_000)
    model = of(stand_in)
    alone = speak(model, utterance()).pcm
    spoken: dict[int, Spoken] = {}
    model.add([utterance()])

    for id in range(2, 8):
        for _ in range(2 * id):
            collect(spoken, model.step())
            if spoken[1].last.final:
                break
        model.add([utterance(id=id, lane=Lane.SPEAK)])
    finish(model, spoken)

    assert spoken[1].pcm == alone
    assert stand_in.begun >= 10
    assert stand_in.alive == 0


def test_speech_is_not_interrupted_by_speech_that_comes_later(of: Callable[..., "MlxAudio"]) -> None:
    model = of(StandIn())
    model.add([utterance(lane=Lane.SPEAK)])
    model.step()

    model.add([utterance(id=2, lane=Lane.SPEAK)])

    assert list(finish(model)) == [1, 2]


def test_a_model_that_does_not_repeat_itself_is_found_out(of: Callable[..., "MlxAudio"]) -> None:
    model = of(StandIn())
    model.add([utterance("forget 1")])
    spoken: dict[int, Spoken] = {}
    collect(spoken, model.step())
    collect(spoken, model.step())
    model.add([utterance(id=2, lane=Lane.SPEAK)])
    finish(model, spoken)

    assert spoken[1].reason is FinishReason.ERROR
    assert "same audio again" in spoken[1].last.error
    assert spoken[2].reason is FinishReason.STOP


@pytest.mark.parametrize("text", ["nan 0", "nan 2", "infinite 1"])
def test_samples_that_are_not_finite_end_an_utterance(of: Callable[..., "MlxAudio"], text: str) -> None:
    model = of(StandIn())

    spoken = speak(model, utterance(text))

    assert spoken.reason is FinishReason.ERROR
    assert spoken.last.error == "the model produced NaN or infinite samples"
    assert len(spoken.samples) == 1_000 * int(text[-1])
    assert speak(model, utterance(id=2)).reason is FinishReason.STOP


@pytest.mark.parametrize("text", ["raise 0", "raise 2"])
def test_an_exception_ends_its_utterance_and_no_other(of: Callable[..., "MlxAudio"], text: str) -> None:
    model = of(StandIn())
    alone = speak(model, utterance()).pcm
    model.add([utterance(text, id=7), utterance()])

    spoken = finish(model)

    assert spoken[7].reason is FinishReason.ERROR
    assert spoken[7].last.error == "the model failed: RuntimeError: the weights are tired"
    assert spoken[1].pcm == alone


def test_a_generator_that_does_not_like_to_be_closed_harms_nobody(of: Callable[..., "MlxAudio"]) -> None:
    class Stubborn(StandIn):
        def generate(self, text: str) -> Iterator[Any]:
            try:
                yield from super().generate(text)
            finally:
                raise RuntimeError("not now")

    model = of(Stubborn())
    model.add([utterance(id=3), utterance()])
    model.step()
    model.cancel(3)

    assert [frame.finish_reason for frame in model.step()] == [FinishReason.CANCELED]
    assert model.step()[0].pcm
    model.cancel(1)
    model.step()


@pytest.mark.parametrize("samples", [1, 1_999, 2_000, 2_400])
def test_it_ends_at_the_limit_to_the_sample(of: Callable[..., "MlxAudio"], samples: int) -> None:
    stand_in = StandIn(pieces=100)
    model = of(stand_in)
    unlimited = speak(model, utterance()).pcm

    spoken = speak(model, utterance(max_seconds=samples / 24_000))

    assert spoken.reason is FinishReason.LENGTH
    assert spoken.pcm == unlimited[: 2 * samples]
    assert stand_in.alive == 0
    assert speak(model, utterance(max_seconds=5)).reason is FinishReason.STOP


def test_a_limit_holds_for_a_render_that_was_interrupted(of: Callable[..., "MlxAudio"]) -> None:
    model = of(StandIn(pieces=100))
    alone = speak(model, utterance(max_seconds=0.1)).pcm
    model.add([utterance(max_seconds=0.1)])
    spoken: dict[int, Spoken] = {}
    collect(spoken, model.step())
    model.add([utterance(id=2, lane=Lane.SPEAK)])

    finish(model, spoken)

    assert spoken[1].pcm == alone
    assert spoken[1].reason is FinishReason.LENGTH


def test_a_model_of_another_rate_speaks_for_as_long(tmp_path: Path) -> None:
    from app.workers.synthesis.mlx_audio import MlxAudio

    model = MlxAudio.load(small_models.pocket_tts(tmp_path, sample_rate=16_000))

    spoken = speak(model, utterance())
    model.close()

    assert spoken.reason is FinishReason.STOP
    assert len(spoken.samples) == pytest.approx(SECONDS * 24_000, abs=2)


def test_pieces_of_another_rate_are_joined_without_seams(of: Callable[..., "MlxAudio"]) -> None:
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)).astype(np.float32)
    pieces = [result(piece, 44_100) for piece in np.split(tone, [1, 700, 9_000, 9_000, 30_001])]

    whole = speak(of(Fixed(result(tone, 44_100))), utterance()).samples
    joined = speak(of(Fixed(*pieces)), utterance()).samples

    assert len(whole) == pytest.approx(24_000, abs=2)
    assert np.array_equal(whole, joined)
    expected = 0.5 * 32_767 * np.sin(2 * np.pi * 440 * np.arange(len(whole)) / 24_000)
    assert np.abs(whole - expected)[1_000:-1_000].max() < 10


@pytest.mark.parametrize(
    "shape", [(100,), (2, 100), *in_test_long(((1, 100),), ((100, 1),), ((100, 2),), ((1, 1, 100),))]
)
def test_arrays_of_every_shape_become_mono(of: Callable[..., "MlxAudio"], shape: tuple[int, ...]) -> None:
    import mlx.core as mx

    audio = np.full(shape, 0.25, np.float32)
    results = [result(audio), result(mx.array(audio).astype(mx.bfloat16)), result(audio[:0])]

    spoken = speak(of(Fixed(*results)), utterance())

    assert np.array_equal(spoken.samples, np.full(200, 8_192))


def test_samples_beyond_full_scale_are_clipped(of: Callable[..., "MlxAudio"]) -> None:
    loud = np.array([3.0, -3.0, 1.0, -1.0], np.float32)

    assert list(speak(of(Fixed(result(loud))), utterance()).samples) == [32_767, -32_767, 32_767, -32_767]


def test_a_model_that_says_nothing_stops(of: Callable[..., "MlxAudio"]) -> None:
    spoken = speak(of(Fixed()), utterance())

    assert spoken.frames == [Frame(1, b"", final=True, finish_reason=FinishReason.STOP)]


class Asked:
    """Keeps what it was called with."""

    sample_rate = 24_000

    def __init__(self) -> None:
        self.keywords: dict[str, Any] = {}

    def note(self, keywords: dict[str, Any]) -> Iterator[Any]:
        self.keywords = {name: value for name, value in keywords.items() if name not in ("self", "__class__")}
        yield result(np.zeros(9, np.float32))


class Streams(Asked):
    def generate(
        self,
        text: str,
        voice: str | None = None,
        lang_code: str = "en",
        instruct: str | None = None,
        temperature: float = 0.1,
        top_p: float = 0.2,
        top_k: int = 3,
        repetition_penalty: float = 0.4,
        speed: float = 1.5,
        verbose: bool = True,
        stream: bool = False,
        streaming_interval: float = 2.0,
        **kwargs: Any,
    ) -> Iterator[Any]:
        return self.note({**locals()})


class Little(Asked):
    def generate(
        self, text: str, stream: bool = False, max_tokens: int = 7, seed: int = 1024, **kwargs: Any
    ) -> Any:
        return self.note({**locals()})


class Names(Asked):
    def generate(self, text: str, voice: str = "af_heart", lang_code: str = "EN-US") -> Iterator[Any]:
        return self.note({**locals()})


EVERYTHING = utterance(
    voice=VoiceSpec(VoiceKind.PRESET, "ann", language="de"),
    language="fr-CA",
    sampling=Sampling(0.5, 5, 0.6, 1.7),
    instruct="softly",
    max_seconds=9,
    seed=2**63 + 5,
)


def test_a_model_is_given_all_that_it_takes(of: Callable[..., "MlxAudio"]) -> None:
    asked = Streams()

    speak(of(asked), EVERYTHING)

    assert asked.keywords == {
        "text": TEXT,
        "voice": "ann",
        "lang_code": "fr",
        "instruct": "softly",
        "temperature": 0.5,
        "top_p": 0.6,
        "top_k": 5,
        "repetition_penalty": 1.7,
        "speed": 1.5,
        "verbose": True,
        "stream": True,
        "streaming_interval": 0.32,
        "kwargs": {},
    }


def test_a_model_keeps_its_own_settings_where_nothing_is_said(of: Callable[..., "MlxAudio"]) -> None:
    asked = Streams()

    speak(of(asked), utterance(voice=VoiceSpec(VoiceKind.PRESET, "default")))

    told = {name for name in asked.keywords if asked.keywords[name] is not None}
    assert asked.keywords["voice"] is None
    assert asked.keywords["lang_code"] == "en"
    assert (asked.keywords["temperature"], asked.keywords["top_k"]) == (0.1, 3)
    assert told >= {"text", "stream"}


def test_a_model_is_given_nothing_that_it_does_not_take(of: Callable[..., "MlxAudio"]) -> None:
    asked = Little()

    speak(of(asked), utterance(sampling=Sampling(0.5), language="de", seed=2**63 + 5, max_seconds=9))

    assert asked.keywords == {"text": TEXT, "stream": False, "max_tokens": 7, "seed": 5, "kwargs": {}}


def test_a_limit_in_tokens_is_given_to_families_whose_tokens_are_known(of: Callable[..., "MlxAudio"]) -> None:
    asked = Little()

    speak(of(asked, "rumik_oss"), utterance(max_seconds=9))

    assert asked.keywords["max_tokens"] == 1_000


def test_what_a_family_takes_as_a_keyword_is_passed_as_one(of: Callable[..., "MlxAudio"]) -> None:
    asked = Little()

    speak(of(asked, "llama"), utterance(sampling=Sampling(0.5, 5, 0.6, 1.7)))

    assert asked.keywords["kwargs"] == {"top_k": 5, "repetition_penalty": 1.7}


@pytest.mark.parametrize(
    ("voice", "language", "expected"),
    [
        ("bf_emma", "en", "en-gb"),
        ("af_heart", "pt-PT", "pt-br"),
        *in_test_long(
            ("af_heart", "", "en-us"),
            ("bf_emma", "en-US", "en-us"),
            ("ff_siwis", "", "f"),
            ("af_heart", "ru", "en-us"),
            ("zf_xiaobei", "zh-CN", "zh"),
        ),
    ],
)
def test_kokoro_speaks_a_voices_own_language(
    of: Callable[..., "MlxAudio"], voice: str, language: str, expected: str
) -> None:
    asked = Names()

    speak(of(asked, "kokoro"), utterance(voice=VoiceSpec(VoiceKind.PRESET, voice), language=language))

    assert asked.keywords["lang_code"] == {"f": "fr"}.get(expected, expected)


def test_languages_of_another_kind_are_left_alone(of: Callable[..., "MlxAudio"]) -> None:
    asked = Names()

    speak(of(asked, "melotts"), utterance(language="de"))

    assert asked.keywords["lang_code"] == "EN-US"


@pytest.mark.parametrize(
    ("voice", "words"),
    [
        (VoiceSpec(VoiceKind.PRESET, "ann"), "no voice named 'ann'"),
        (VoiceSpec(VoiceKind.CLONE, folder="/nowhere"), "cannot speak with a cloned voice"),
        (VoiceSpec(VoiceKind.DESIGN, description="old"), "cannot make a voice"),
    ],
)
def test_a_voice_that_a_model_cannot_have_is_refused(
    of: Callable[..., "MlxAudio"], voice: VoiceSpec, words: str
) -> None:
    model = of(StandIn())

    spoken = speak(model, utterance(voice=voice))

    assert spoken.reason is FinishReason.ERROR
    assert words in spoken.last.error
    assert speak(model, utterance()).reason is FinishReason.STOP


@pytest.fixture
def clone(tmp_path: Path) -> VoiceSpec:
    tone = 8_000 * np.sin(np.arange(24_000) / 20)
    with wave.open(str(tmp_path / "reference.wav"), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(tone.astype("<i2").tobytes())
    return VoiceSpec(VoiceKind.CLONE, folder=str(tmp_path), transcript="Said before.")


def test_a_clone_is_made_from_the_reference_at_the_models_rate(
    of: Callable[..., "MlxAudio"], clone: VoiceSpec
) -> None:
    class Clones(Asked):
        sample_rate = 16_000

        def generate(self, text: str, ref_audio: Any = None, ref_text: str | None = None) -> Iterator[Any]:
            return self.note({**locals()})

    asked = Clones()
    speak(of(asked), utterance(voice=clone))

    heard = np.array(asked.keywords["ref_audio"])
    assert heard.shape == (16_000,)
    assert np.abs(heard).max() == pytest.approx(8_000 / 32_768, rel=0.01)
    assert asked.keywords["ref_text"] == "Said before."


class ClonesByPath(Asked):
    preserve_ref_audio_path = True

    def generate(self, text: str, ref_audio: Any = None) -> Iterator[Any]:
        return self.note({**locals()})


def test_a_model_that_reads_its_reference_itself_is_told_where_it_is(
    of: Callable[..., "MlxAudio"], clone: VoiceSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "miniaudio", sys.modules[__name__])
    asked = ClonesByPath()
    speak(of(asked), utterance(voice=clone))

    assert asked.keywords["ref_audio"] == str(Path(clone.folder) / "reference.wav")


def test_a_model_that_reads_its_reference_itself_says_what_it_lacks_for_that(
    of: Callable[..., "MlxAudio"], clone: VoiceSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "miniaudio", None)
    spoken = speak(of(ClonesByPath()), utterance(voice=clone))

    assert spoken.reason is FinishReason.ERROR
    assert "pip install miniaudio" in spoken.last.error


def test_a_clone_speaks_otherwise_than_the_models_own_voice(
    small: "MlxAudio", alone: bytes, clone: VoiceSpec
) -> None:
    first = speak(small, utterance(voice=clone))
    again = speak(small, utterance(voice=clone))

    assert first.reason is FinishReason.STOP
    assert first.pcm == again.pcm != alone


def test_a_reference_that_is_gone_is_an_error(small: "MlxAudio", tmp_path: Path) -> None:
    spoken = speak(small, utterance(voice=VoiceSpec(VoiceKind.CLONE, folder=str(tmp_path / "gone"))))

    assert spoken.reason is FinishReason.ERROR
    assert "reference.wav" in spoken.last.error


def test_a_closed_model_has_forgotten_everything(of: Callable[..., "MlxAudio"]) -> None:
    stand_in = StandIn()
    model = of(stand_in)
    model.add([utterance(), utterance(id=2)])
    model.step()

    model.close()

    assert stand_in.alive == 0
    assert model.step() == ()


def test_a_folders_name_does_not_choose_the_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlx_audio.utils  # pyright: ignore[reportMissingTypeStubs]

    from app.workers.synthesis.mlx_audio import MlxAudio

    (tmp_path / "soprano").mkdir()
    folder = small_models.pocket_tts(tmp_path / "soprano")
    asked: list[dict[str, Any]] = []
    choose = cast(Any, mlx_audio.utils).get_model_class

    def note(**keywords: Any) -> Any:
        asked.append(keywords)
        return choose(**keywords)

    monkeypatch.setattr(mlx_audio.utils, "get_model_class", note)
    MlxAudio.load(folder).close()

    assert [(keywords["model_type"], keywords["model_name"]) for keywords in asked] == [("pocket_tts", [])]


def test_the_stand_in_for_requests_does_not_stay(small: "MlxAudio") -> None:
    assert "requests" not in sys.modules or sys.modules["requests"].__file__


def test_it_serves_the_workers_pipe(folder: Path, alone: bytes) -> None:
    worker = Worker("-m", "app", "worker", "mlx_audio", str(folder))
    try:
        # The libraries of all of mlx-audio's families come first.
        assert select.select([worker.stdout], [], [], 3 * PATIENCE_S)[0]
        ready = worker.hear()
        assert isinstance(ready, wire.Ready)
        assert (ready.capacity, ready.processor.device) == (2, "cpu")
        worker.tell(wire.Add([utterance(id=1), utterance("Now!", id=2, lane=Lane.SPEAK)]))

        heard = worker.frames(1, 2)

        # The worker may have another BLAS than this process, which rounds otherwise.
        pcm, expected = (np.frombuffer(b, "<i2").astype(int) for b in (b"".join(f.pcm for f in heard[1]), alone))
        assert len(pcm) == len(expected)
        assert np.abs(pcm - expected).max() <= 4
        assert [frames[-1].finish_reason for frames in heard.values()] == [FinishReason.STOP] * 2
        worker.tell(wire.Add([utterance(id=3, lane=Lane.SPEAK)]), wire.Cancel(3), wire.Ping())
        assert worker.frames(3)[3][-1].finish_reason is FinishReason.CANCELED
        worker.close()
        assert worker.ended() == 0
    finally:
        stop(worker)
