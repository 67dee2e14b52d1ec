"""docs/simulations.md: its programs run and have right gradients, and the functions it names are free of loops."""

import re

import numpy as np
import pytest
from programs import Page, numbers

import taichi_dr as dr
from taichi_dr.kernels.base import random, vectors
from taichi_dr.kernels.camera import pack
from taichi_dr.straightline import require_straight_line

PAGE = Page("simulations")


def test_the_throw_is_found(tmp_path):
    np.testing.assert_allclose(numbers(PAGE.printed("throw", tmp_path)), [1.8, 2.4, 0.6], atol=0.05)


@pytest.mark.parametrize(("program", "count"), [("long", 2), ("functions", 3)])
def test_gradients_are_right(program, count, tmp_path):
    printed = PAGE.printed(program, tmp_path)
    assert len(re.findall(r"^\w+ +right ", printed, re.MULTILINE)) == count, printed


def test_every_program_is_run():
    assert set(PAGE.programs) == {"throw", "long", "functions"}


def test_what_may_be_called_is_free_of_loops():
    names = re.findall(r"`dr\.sdf\.([a-z_]+)", PAGE.path.read_text(encoding="utf-8"))
    functions = [getattr(dr.sdf, name) for name in names]
    for function in [*functions, vectors.unit, random.uniform, pack.rotation]:
        require_straight_line(function)


@pytest.mark.parametrize("target", PAGE.links)
def test_links_lead_somewhere(target):
    PAGE.require_target(target)
