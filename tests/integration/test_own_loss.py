"""The page on losses of one's own, from formula to estimator, with any number of restarts."""

import re

import pytest
from pages import check_program, programs
from paths import ROOT

PAGE = ROOT / "docs" / "pages" / "own_loss.md"


@pytest.mark.parametrize(
    "restarts",
    [
        pytest.param(2_000, marks=pytest.mark.thorough),
        pytest.param(1_000_000, marks=pytest.mark.slow),
    ],
)
def test_the_page_holds_for_other_numbers_of_restarts(restarts, tmp_path):
    [(source, lines)] = programs(PAGE.read_text())
    changed, count = re.subn(r"^RESTARTS = [\d_]+$", f"RESTARTS = {restarts}", source, flags=re.M)
    assert count == 1
    check_program((changed, lines), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} >= {"late.npz", "late.h"}
