"""Things: closed, as large as their word says, and the right way round."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

from taichi_dr.measure.connectivity import connectivity
from taichi_dr.measure.volume import enclosed_volume
from taichi_dr.torch.dreamer.things import thing
from taichi_dr.torch.dreamer.words import SHAPES, SIZES


def corners(mesh):
    """(F, 3, 3): the corners of every face."""
    return mesh.numpy("vertices")[0].astype(np.float64)[mesh.numpy("faces")]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_thing_is_closed_and_within_the_sphere_of_its_size(cpu32, shape):
    for size, radius in SIZES.items():
        mesh = thing(shape, size)
        points = mesh.numpy("vertices")[0]
        assert mesh.topology.is_closed, size
        assert enclosed_volume(corners(mesh)) > 0.05 * radius**3
        assert np.linalg.norm(points, axis=1).max() == pytest.approx(radius, rel=1e-6)
        np.testing.assert_allclose(points.max(axis=0), -points.min(axis=0), atol=0.12 * radius)
    small = thing(shape, "small").numpy("vertices")[0]
    np.testing.assert_allclose(small * SIZES["large"] / SIZES["small"], points, atol=1e-6)


@pytest.mark.parametrize(("shape", "genus"), [("ball", 0), ("torus", 1), ("star", 0), ("pyramid", 0)])
def test_only_the_torus_has_a_hole(cpu32, shape, genus):
    found = connectivity(thing(shape))
    assert (found.parts, found.genus) == (1, genus)


def test_a_chair_looks_towards_positive_x(cpu32):
    points = thing("chair").numpy("vertices")[0]
    high = points[points[:, 1] > 0.3 * points[:, 1].max()]
    assert high[:, 0].max() < 0
    np.testing.assert_allclose(high[:, 0].min(), points[:, 0].min())


def test_a_car_is_long_along_x_and_its_bonnet_is_longer_than_its_boot(cpu32):
    points = thing("car").numpy("vertices")[0]
    assert np.ptp(points[:, 0]) > 1.8 * np.ptp(points[:, 2])
    roof = points[points[:, 1] > 0.95 * points[:, 1].max()]
    before, behind = points[:, 0].max() - roof[:, 0].max(), roof[:, 0].min() - points[:, 0].min()
    assert before > 1.5 * behind > 0


def test_a_star_is_flat_along_x_and_has_a_tip_above(cpu32):
    points = thing("star").numpy("vertices")[0]
    assert np.ptp(points[:, 0]) < 0.3 * np.ptp(points[:, 1])
    top = points[points[:, 1] > points[:, 1].max() - 1e-4]
    np.testing.assert_allclose(top[:, 2], 0, atol=1e-5)
    np.testing.assert_allclose(np.sort(points[:, 2]), np.sort(-points[:, 2]), atol=1e-5)
