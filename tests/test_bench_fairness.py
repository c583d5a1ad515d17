"""The measurement of listeners beside renders works, and says how it measures. Its times are never asserted."""

import json
import subprocess
import sys
from typing import Any

import pytest

from bench.fairness.jobs import texts
from bench.figures import WIDTH

pytestmark = pytest.mark.long

COMMAND = [sys.executable, "-m", "bench.fairness"]
LISTENERS = 2


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, Any]]:
    """What a short run on a small checkpoint prints, and what it writes."""
    file = tmp_path_factory.mktemp("bench") / "figures.json"
    short = ["--dims", "tiny", "--rounds", "1", "--renders", "4"]
    printed = subprocess.check_output([*COMMAND, *short, "--json", str(file)], text=True)
    return printed.splitlines(), json.loads(file.read_bytes())


def test_every_figure_is_shown_and_fits_on_a_terminal(report: tuple[list[str], dict[str, Any]]) -> None:
    printed, written = report

    assert all(len(line) <= WIDTH for line in printed), max(printed, key=len)
    for measurement in written["measurements"].values():
        for figure in measurement["figures"]:
            (line,) = [line for line in printed if line.startswith(f"{figure['what']} ")]
            assert len(line.split()) > len(figure["what"].split())


def test_targets_are_named(report: tuple[list[str], dict[str, Any]]) -> None:
    _, written = report

    reach = {
        name: [figure["at_most"] for figure in measurement["figures"] if figure["at_most"]]
        for name, measurement in written["measurements"].items()
    }

    assert reach == {"first_audio": [1.5], "batches": [1.15]}


def test_every_listener_has_heard_something(report: tuple[list[str], dict[str, Any]]) -> None:
    _, written = report
    first_audio = written["measurements"]["first_audio"]["details"]
    alone = written["measurements"]["batches"]["details"]["listeners_alone"]

    heard = [one for listeners in (*first_audio["idle"], *first_audio["busy"], *alone) for one in listeners]

    assert len(heard) == 3 * LISTENERS
    assert all(0 < one["first_s"] <= one["whole_s"] and one["samples"] > 0 for one in heard)


def test_a_batch_is_the_same_with_a_listener(report: tuple[list[str], dict[str, Any]]) -> None:
    _, written = report
    details = written["measurements"]["batches"]["details"]

    before, behind = details["alone"]
    (beside,) = details["with_a_listener"]

    assert len(beside["samples"]) == 4
    assert before["samples"] == beside["samples"] == behind["samples"]
    assert before["listener"] is None
    assert beside["listener"]["samples"] > 0


def test_the_report_says_how_and_on_what(report: tuple[list[str], dict[str, Any]]) -> None:
    _, written = report

    assert len(written["method"].splitlines()) > 20
    assert {"cores", "mlx", "mlx-audio", "device"} <= set(written["machine"])
    assert (written["dims"], written["rounds"], written["renders"]) == ("tiny", 1, 4)


def test_the_texts_of_renders_differ_from_job_to_job_and_not_from_time_to_time() -> None:
    one, two = texts(8, 3), texts(8, 3)

    assert one == two
    assert len({text.text for text in one}) == len({text.seed for text in one}) == 8
    assert all(text.text.count("\n\n") == 2 for text in one)


def test_no_rounds_are_refused() -> None:
    refused = subprocess.run([*COMMAND, "--rounds", "0"], capture_output=True, text=True, check=False)

    assert refused.returncode == 2
    assert "there must be at least one" in refused.stderr
