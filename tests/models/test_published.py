import ast
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from app.inference.families import ALIASES, FAMILIES, NATIVE_LANGUAGES, Task
from app.inference.languages import name_of, tag_of
from app.models.published import PUBLISHED, Published

IDS_OF_THE_SEED = (
    "qwen3-tts-12hz-0.6b-base",
    "qwen3-tts-12hz-0.6b-customvoice",
    "qwen3-tts-12hz-1.7b-base",
    "qwen3-tts-12hz-1.7b-customvoice",
    "qwen3-tts-12hz-1.7b-voicedesign",
)


def test_the_models_that_the_seed_names_are_there() -> None:
    assert [model_id for model_id in PUBLISHED if model_id in IDS_OF_THE_SEED] == sorted(IDS_OF_THE_SEED)


@pytest.mark.parametrize("model", PUBLISHED.values(), ids=PUBLISHED)
def test_a_model_is_pinned_to_a_commit_and_named_as_its_repository(model: Published) -> None:
    assert re.fullmatch("[0-9a-f]{40}", model.revision)
    owner, _, name = model.repository.partition("/")
    assert owner in ("Qwen", "mlx-community")
    assert name.lower().startswith(model.model_id)
    assert 10**8 < model.bytes < 10**10
    assert model.kind.replace("_", "") in model.model_id or model.task == "stt"


def test_no_two_models_share_a_commit() -> None:
    assert len({model.revision for model in PUBLISHED.values()}) == len(PUBLISHED)


def test_a_smaller_conversion_is_smaller_than_what_it_was_made_from() -> None:
    for model_id, model in PUBLISHED.items():
        original = PUBLISHED.get(model_id.removesuffix("-8bit"), model)
        assert model is original or (model.bytes < original.bytes and model.kind == original.kind)


def test_languages_are_ones_that_qwen_has_a_name_for() -> None:
    names = (
        "chinese",
        "english",
        "german",
        "italian",
        "portuguese",
        "spanish",
        "japanese",
        "korean",
        "french",
        "russian",
    )
    assert {tag_of(name) for name in names} == set(PUBLISHED["qwen3-tts-12hz-0.6b-base"].languages)
    assert all(name_of(tag, names) for tag in NATIVE_LANGUAGES.values())


@pytest.mark.parametrize("task", ["tts", "stt"])
def test_the_families_are_those_of_the_mlx_audio_that_is_installed(task: Task) -> None:
    """Read from its files: to import it would be to import MLX."""
    spec = find_spec("mlx_audio")
    if spec is None or spec.origin is None:
        pytest.skip("mlx-audio is not for this machine")
    folder = Path(spec.origin).parent / task
    assert FAMILIES[task] == {path.parent.name for path in folder.glob("models/*/__init__.py")}
    remapping = next(
        ast.literal_eval(node.value)
        for node in ast.parse((folder / "utils.py").read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "MODEL_REMAPPING"
    )
    assert ALIASES[task] == {name: family for name, family in remapping.items() if name != family}
