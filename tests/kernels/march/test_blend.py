"""Layers of pixels blended front to back, against the formula and central differences."""

import numpy as np
import taichi as ti
from oracles import march
from oracles.differences import relative_errors

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.march.blend import blend, blend_adjoint, overlap, show, show_adjoint
from taichi_dr.kernels.march.rows import CENTER, COVERED

FIRST = [0, 2, 2, 3, 6, 9]  # five pixels of 2, 0, 1, 3 and 3 layers
EDGE = [0, COVERED, COVERED, 1, 2, 3, 4, 5, 6]
NORMALS = [(1, 0), (1, 0), (-0.6, -0.8), (-0.6, 0.8), (0, 1), (0.6, 0.8), (0, 1)]
FAR = 9.0
CAMERA = np.array([[1, 0, 0, 0, 1, 0, 0, 0, 1, 0.1, 0.2, 3.0, 1.5, 1.5, 0, 0]])


def inputs():
    random = np.random.default_rng(1)
    names = {"color": (9, 3), "gradient": (9, 3), "points": (9, 3)}
    made = {name: random.normal(size=shape) for name, shape in names.items()}
    return made | {"coverage": np.array([0.3, 0.7, 0.2, 0.6, 0.6, 0.3, 0.8])}


def images(x):
    rgba, shown = make_array((5, 4)), (make_array((5,)), make_array((5, 3)), make_array((5, 3)))
    rows = array_from(FIRST, ti.i32), array_from(EDGE, ti.i32)
    coverage, color, gradient, points = (array_from(x[name]) for name in ("coverage", "color", "gradient", "points"))
    blend(*rows, coverage, array_from(NORMALS), color, rgba)
    show(*rows, coverage, gradient, points, array_from(CAMERA), FAR, *shown)
    return [image.to_numpy() for image in (rgba, *shown)]


def test_images_equal_the_formula(any32):
    x = inputs()
    rgba, depth, normal, position = images(x)
    for pixel in range(5):
        rows = range(FIRST[pixel], FIRST[pixel + 1])
        a = {row: x["coverage"][EDGE[row]] if EDGE[row] >= 0 else 1.0 for row in rows}
        color, alpha = march.blend(
            [(a[row], x["color"][row], NORMALS[EDGE[row]] if EDGE[row] >= 0 else None) for row in rows]
        )
        np.testing.assert_allclose(rgba[pixel], [*color, alpha], atol=1e-6)
        seen = next((row for row in rows if a[row] >= 0.5), None)
        if seen is None:
            assert depth[pixel] == FAR
            assert not normal[pixel].any()
            assert not position[pixel].any()
        else:
            g = x["gradient"][seen]
            np.testing.assert_allclose(normal[pixel], g / np.linalg.norm(g), atol=1e-6)
            np.testing.assert_allclose(position[pixel], x["points"][seen], atol=1e-6)
            np.testing.assert_allclose(depth[pixel], 3.0 - x["points"][seen, 2], atol=1e-6)


def test_adjoints_equal_central_differences(cpu64):
    x = inputs()
    weights = [np.random.default_rng(2).normal(size=image.shape) for image in images(x)]
    names = {"color": (9, 3), "coverage": (7,), "gradient": (9, 3), "points": (9, 3)}
    out, depth = {name: make_array(shape) for name, shape in names.items()}, make_array((9,))
    rows = (array_from(FIRST, ti.i32), array_from(EDGE, ti.i32), array_from(x["coverage"]))
    rgba, *shown = (array_from(w) for w in weights)
    blend_adjoint(*rows, array_from(NORMALS), array_from(x["color"]), rgba, out["color"], out["coverage"])
    given = (array_from(x["gradient"]), array_from(CAMERA), *shown)
    show_adjoint(*rows, *given, out["gradient"], out["points"], depth)
    adjoints = {name: array.to_numpy() for name, array in out.items()}
    value = lambda x: sum(np.sum(w * image) for w, image in zip(weights, images(x), strict=True))  # noqa: E731
    assert max(relative_errors(value, x, adjoints, x, components=9).values()) < 1e-8
    np.testing.assert_array_equal(
        depth.to_numpy(), [0, weights[1][0], weights[1][2], weights[1][3], 0, 0, weights[1][4], 0, 0]
    )


def test_what_the_centre_sees_is_shown_and_not_blended(any32):
    """The first of two rows is the ``CENTER`` of the second, which covers 0.7 of the pixel."""
    rows = array_from([0, 2], ti.i32), array_from([CENTER, 0], ti.i32), array_from([0.7])
    color, gradient = array_from([[9.0] * 3, [0.5] * 3]), array_from([[0.0, 0, 2], [0, 1, 0]])
    points, rgba = array_from([[0.0, 0, 1], [5, 5, 5]]), make_array((1, 4))
    shown = make_array((1,)), make_array((1, 3)), make_array((1, 3))
    blend(*rows, array_from([[1.0, 0]]), color, rgba)
    show(*rows, gradient, points, array_from(CAMERA), FAR, *shown)
    np.testing.assert_allclose(rgba.to_numpy(), [[0.35, 0.35, 0.35, 0.7]], atol=1e-6)
    np.testing.assert_allclose(shown[0].to_numpy(), [2.0], atol=1e-6)
    np.testing.assert_allclose(shown[1].to_numpy(), [[0, 0, 1]], atol=1e-6)
    np.testing.assert_allclose(shown[2].to_numpy(), [[0, 0, 1]], atol=1e-6)


def test_an_opaque_layer_hides_what_is_behind_exactly(cpu64):
    x = inputs()
    x["color"][1] = 0.4
    x["coverage"][0] = 1.0
    first = images(x)[0][0]
    x["color"][1] = 7.0
    np.testing.assert_array_equal(images(x)[0][0], first)


@ti.kernel
def shared(a: float, b: float, c: float) -> float:
    return overlap(a, b, c)


def test_half_planes_share_what_counting_says(cpu64):
    x, y = (np.arange(400) + 0.5) / 400, ((np.arange(400) + 0.5) / 400)[:, None]
    for a, b in ((0.3, 0.4), (0.7, 0.6), (0.2, 0.9)):
        left, others = x < a, {1: x < b, 0: y < b, -1: x > 1 - b}
        for c, other in others.items():
            assert abs(shared(a, b, c) - (left & other).mean()) < 1e-9
