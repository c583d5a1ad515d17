"""What `make sabotage` removes is there: a line that was rewritten would leave its promise without a proof."""

import pytest

from tests.sabotage import ROOT, SABOTAGES, Sabotage


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: f"{sabotage.file}: {sabotage.old[:40]!r}")
def test_each_sabotage_finds_its_line_and_its_tests(sabotage: Sabotage) -> None:
    assert (ROOT / sabotage.file).read_text().count(sabotage.old) == 1
    for test in sabotage.tests:
        assert (ROOT / test.split("::")[0]).exists()
