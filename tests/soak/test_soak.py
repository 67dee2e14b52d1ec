"""Two random scenes for each renderer, and that the soak would tell what is wrong."""

from functools import cache

import numpy as np
import pytest
from soak.run import looked_at, table
from soak.scenes import SCENES, Findings, Stage

from taichi_dr.runtime import runtime_token


@pytest.fixture
def stage(cpu32):
    return stage_of(runtime_token())


@cache
def stage_of(_token):
    return Stage()


@pytest.mark.parametrize("number", range(2))
@pytest.mark.parametrize("name", SCENES)
def test_every_number_of_a_random_scene_makes_sense(stage, name, number):
    assert looked_at(name, number, stage) == ""


@pytest.mark.parametrize("number", [501000047, 501000100, 501000112])
def test_antialiased_scenes_of_slivers_and_folds_make_sense(stage, number):
    """Where outlines of several surfaces cross within pixels, their areas do not add up to 1."""
    assert looked_at("rasterizer", number, stage) == ""


def test_what_makes_no_sense_is_told():
    good = {"color": np.ones((1, 2, 2, 3)), "alpha": np.ones((1, 2, 2)), "depth": np.full((1, 2, 2), 5.0)}
    assert Findings(good, {"gradient of eye": np.zeros(3)}, 1.0, 5.0).wrong() == ""
    assert Findings(good, {}, 1.0, 4.0).wrong() == "depth: from 5 to 5, expected from 1 to 4"
    assert (
        Findings(good | {"alpha": -good["alpha"]}, {}, 1.0, 5.0).wrong() == "alpha: from -1 to -1, expected from 0 to 1"
    )
    assert Findings(good | {"depth": 0.9 * good["depth"]}, {}, 5.0, 1e4).wrong().startswith("depth: from 4.5 to 4.5")
    assert (
        Findings(good, {}, 1.0, 5.0, apart=1e-4).wrong() == "a hit is 0.0001 of its ray's reach from where the ray is"
    )
    broken = {"gradient of eye": np.array([0.0, np.nan, np.inf])}
    assert Findings(good, broken, 1.0, 5.0).wrong() == "gradient of eye: 2 of 3 numbers are not finite"


def test_an_exception_is_told(stage):
    assert "KeyError: 'no renderer'" in looked_at("no renderer", 0, stage)


def test_the_table_adds_up_the_pieces():
    piece = {"seed": 3, "minutes": 30.0, "tried": {"ray_tracer": 700, "rasterizer": 700}, "crashes": 0}
    piece |= {"wrong": {"ray_tracer": 1, "rasterizer": 0}, "megabytes_by_round": {100: 900, 700: 905}}
    assert table([piece, piece | {"seed": 4}]).splitlines()[2:] == [
        "| ray tracer | 1,400 | 2 |",
        "| rasterizer | 1,400 | 0 |",
        "| all | 2,800 | 2 |",
        "",
        "60 minutes in 2 pieces, 0 crashes; memory of the process in MB:",
        "* seed 3: 900 after 100 rounds, 905 after 700 rounds",
        "* seed 4: 900 after 100 rounds, 905 after 700 rounds",
    ]
