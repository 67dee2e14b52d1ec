"""docs/uncertainty.md: its programs run and find what they say."""

import numpy as np
import pytest
from programs import Page, numbers

PAGE = Page("uncertainty")


def test_the_lamp_is_found_within_its_error_bars(tmp_path):
    *lines, last = PAGE.printed("lamp", tmp_path).strip().splitlines()
    rows = [line.split() for line in lines if line.startswith("lamp[")]
    values, errors = (np.array([float(row[column]) for row in rows]) for column in (1, 3))
    assert (np.abs(values - [0.3, 0.6, 0.8, 0.5]) < 3.5 * errors).all()
    assert ((errors > 0.001) & (errors < 0.005)).all()
    assert numbers(last)[0] == pytest.approx(0.03, abs=0.001)


def test_the_product_is_not_determined(tmp_path):
    assert "not determined: 0.97 lamp - 0.24 paint" in PAGE.printed("product", tmp_path)


def test_every_program_is_run():
    assert set(PAGE.programs) == {"lamp", "product"}


@pytest.mark.parametrize("target", PAGE.links)
def test_links_lead_somewhere(target):
    PAGE.require_target(target)
