"""Steps without finite gradients are counted; too many in a row are an error."""

import pytest

from taichi_dr.errors import GradientError
from taichi_dr.jobs.reconstruct.skipped_steps import MOST_IN_A_ROW, SkippedSteps


def test_many_skipped_steps_in_a_row_are_an_error():
    skipped = SkippedSteps("some advice")
    for moved in [False] * (MOST_IN_A_ROW - 1) + [True] + [False] * (MOST_IN_A_ROW - 1):
        skipped.note(moved)
    assert skipped.count == 2 * (MOST_IN_A_ROW - 1)
    with pytest.raises(GradientError, match=f"^{MOST_IN_A_ROW} steps in a row .* not finite; some advice$"):
        skipped.note(False)
