"""Colours of OBJ's vertices."""

import numpy as np
import pytest

from taichi_dr.io.obj.colors import vertex_colors

HALF = 0.21404114  # linear of sRGB 0.5


def colors_of(*rows):
    notes = []
    colors = vertex_colors(np.array([[0.0, 0.0, 0.0, *row] for row in rows]), notes)
    return colors, notes


def test_numbers_up_to_one_are_srgb():
    colors, notes = colors_of((0.5, 0, 1), (1, 0.5, 0))
    np.testing.assert_allclose(colors, [[HALF, 0, 1], [1, HALF, 0]], atol=1e-7)
    assert not notes


@pytest.mark.parametrize("over", [1.0000001, 1.00001, 1.004])
def test_a_component_that_rounding_took_above_one_is_one(over):
    colors, notes = colors_of((over, 0.5, 0), (-1e-9, 0.5, 0))
    np.testing.assert_allclose(colors, [[1, HALF, 0], [0, HALF, 0]], atol=1e-7)
    assert not notes


def test_one_bright_colour_says_nothing_of_the_others():
    colors, notes = colors_of((0.5, 0.5, 0.5), (0.5, 0, 0), (255, 0, 0), (0, 0, 0))
    np.testing.assert_allclose(colors, [[HALF] * 3, [HALF, 0, 0], [1, 0, 0], [0, 0, 0]], atol=1e-7)
    assert notes == ["its vertex colours from 0 to 255 are clipped to [0, 1]"]


def test_bytes():
    colors, notes = colors_of((255, 0, 0), (0, 0, 0), (51, 102, 255), (1, 0, 0))
    np.testing.assert_allclose(
        colors, [[1, 0, 0], [0, 0, 0], [0.03310477, 0.13286832, 1], [1 / 255 / 12.92, 0, 0]], rtol=1e-6
    )
    assert not notes


def test_lines_without_a_colour():
    assert vertex_colors(np.zeros((3, 3)), []) is None
    assert vertex_colors(np.ones((3, 4)), []) is None
    colors, _ = colors_of((1, np.nan, np.nan), (1, 0.5, 0))
    assert np.isnan(colors[0]).all()
    np.testing.assert_allclose(colors[1], [1, HALF, 0], atol=1e-7)


def test_alpha_behind_the_colour():
    colors, notes = colors_of((1, 0.5, 0, 1), (1, 0, 0, 0.25))
    np.testing.assert_allclose(colors, [[1, HALF, 0], [1, 0, 0]], atol=1e-7)
    assert len(notes) == 1
    assert "alpha" in notes[0]
    assert colors_of((1, 0.5, 0, 1))[1] == []
    assert colors_of((255, 128, 0, 255))[1] == []
