"""The benchmark works, and says how it measures. What it measures is never asserted: this machine may be busy."""

import json
from pathlib import Path

import msgspec
import pytest

from bench import service
from bench.figures import WIDTH, Figure, number, percentile, ratios, spread, table


@pytest.mark.long
@pytest.mark.parametrize("name", [measure.__name__ for measure in service.MEASUREMENTS])
def test_a_measurement_gives_figures_and_its_method(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"

    assert service.main(["--quick", "--only", name, "--json", str(file)]) == 0

    report = msgspec.json.decode(file.read_bytes(), type=service.Report)
    assert report.quick
    assert report.machine["cores"]
    (taken,) = report.measurements
    assert taken.name == name
    assert len(taken.method.splitlines()) > 3
    assert taken.result.figures
    assert all(figure.value >= 0 for figure in taken.result.figures)
    assert json.loads(file.read_bytes())["measurements"][0]["result"]["details"]
    shown = capsys.readouterr().out.splitlines()
    assert all(len(line) <= WIDTH for line in shown), max(shown, key=len)
    assert all(any(figure.what in line for line in shown) for figure in taken.result.figures)


def test_a_measurement_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        service.main(["--only", "ready,speed"])

    assert "there is no speed; there is: ready, " in capsys.readouterr().err


def test_a_figure_is_compared_with_its_target() -> None:
    assert Figure(what="a", value=1.0).reached is None
    assert Figure(what="a", value=1.5, at_most=1.5).reached
    assert Figure(what="a", value=1.6, at_most=1.5).reached is False
    assert Figure(what="a", value=0.6, at_least=0.6).reached
    assert Figure(what="a", value=0.59, at_least=0.6).reached is False


def test_a_table_says_what_was_missed() -> None:
    lines = table("some", [Figure(what="ratio", value=1.64, low=1.5, high=1.81, at_most=1.5)])

    assert lines[2].split() == ["ratio", "1.64", "(1.5–1.81)", "≤", "1.5", "MISSED"]


def test_rounds_become_a_median_with_quartiles() -> None:
    assert spread([5, 1, 4, 2, 3]) == (3, 2, 4)
    assert percentile(range(1, 101), 99) == 99
    assert ratios([2, 9], [1, 3]) == [2, 3]


def test_numbers_have_three_digits() -> None:
    shown = [number(value) for value in (0, 0.0449, 1.0, 1.256, 66.04, 3640.2, 1_000_000)]

    assert shown == ["0", "0.0449", "1", "1.26", "66", "3,640", "1,000,000"]
