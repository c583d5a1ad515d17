"""CI's own machine does not show in what CI sees."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".npmrc").write_text("offline=true\n")
    (tmp_path / ".cache").mkdir()
    return tmp_path


def fresh(home: Path, command: str = "env", **variables: str) -> list[str]:
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], **variables}
    told = ["bash", "-euo", "pipefail", "-c", f". .ci/fresh; {command}"]
    return subprocess.run(
        told, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.splitlines()


def test_the_home_folder_is_another_one_and_empty(home: Path) -> None:
    found, *files = fresh(home, 'echo "$HOME"; ls -A "$HOME"')
    assert found != str(home)
    assert files == []


def test_the_home_folder_is_gone_afterwards(home: Path) -> None:
    (found,) = fresh(home, 'touch "$HOME/file"; echo "$HOME"')
    assert not Path(found).exists()
    assert (home / ".npmrc").exists()


def test_rust_is_found_in_the_old_home_and_its_crates_in_the_new_one(home: Path) -> None:
    rust, crates, new = fresh(home, 'echo "$RUSTUP_HOME"; echo "$CARGO_HOME"; echo "$HOME"')
    assert rust == str(home / ".rustup")
    assert crates == f"{new}/.cargo"


@pytest.mark.parametrize(
    "name",
    ["PIP_FIND_LINKS", "PIP_CONFIG_FILE", "PIP_CACHE_DIR", "UV_OFFLINE", "UV_CACHE_DIR", "XDG_CACHE_HOME",
     "PYTHONPATH", "npm_config_cache", "CARGO_TARGET_DIR"],
)  # fmt: skip
def test_no_variable_helps_along(home: Path, name: str) -> None:
    assert [line for line in fresh(home, **{name: str(home)}) if line.startswith(f"{name}=")] == []


@pytest.mark.parametrize("name", ["PIP_CERT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "HTTPS_PROXY", "RUSTUP_HOME"])
def test_certificates_proxies_and_toolchains_stay(home: Path, name: str) -> None:
    assert f"{name}=/elsewhere" in fresh(home, **{name: "/elsewhere"})


def test_pip_keeps_nothing(home: Path) -> None:
    assert "PIP_NO_CACHE_DIR=1" in fresh(home)


def test_what_was_built_before_is_removed_first() -> None:
    told = (ROOT / ".ci/run").read_text()
    assert told.index(". .ci/fresh") < told.index("make clean") < told.index("make demo")
