"""Procedural categories: closed parts of right size, one shape for one seed, and a front that looks towards +x."""

import numpy as np
import pytest

from taichi_dr.errors import InputError
from taichi_dr.measure.volume import voxels
from taichi_dr.scene.procedural.categories import CATEGORIES, random_shape
from taichi_dr.scene.procedural.parts import aerofoil, box, column, four_legs, section, tube, wheel

EACH = pytest.mark.parametrize("category", CATEGORIES)
TRIED = 12


@EACH
def test_every_shape_is_closed_and_touches_its_sphere(category):
    for index in range(TRIED):
        mesh = random_shape(category, 5, index)
        vertices = mesh.numpy("vertices")[0].astype(np.float64)
        assert mesh.topology.is_closed  # part by part; parts may touch
        assert np.linalg.norm(vertices, axis=1).max() == pytest.approx(0.5)
        np.testing.assert_allclose(vertices.min(axis=0), -vertices.max(axis=0), atol=1e-6)
        colors = mesh.numpy("colors")
        assert colors.min() >= 0
        assert colors.max() <= 1


@EACH
def test_every_part_is_oriented_outwards(category):
    for index in range(TRIED):
        parts = CATEGORIES[category](np.random.default_rng(index))
        assert all(solid.volume() > 0 for solid, _ in parts)


@EACH
def test_every_shape_fills_voxels_and_no_two_are_alike(category):
    filled = []
    for index in range(TRIED):
        mesh = random_shape(category, 7, index)
        filled.append(voxels(mesh.numpy("vertices")[0].astype(np.float64)[mesh.topology.faces], 32))
    counts = [found.sum() for found in filled]
    assert min(counts) > 100  # of 32,768
    assert max(counts) < 12_000
    shares = [(a & b).sum() / (a | b).sum() for i, a in enumerate(filled) for b in filled[:i]]
    assert max(shares) < 0.97


def test_the_same_numbers_give_the_same_shape():
    def numbers(*arguments):
        mesh = random_shape(*arguments)
        return np.concatenate([mesh.numpy("vertices").ravel(), mesh.numpy("colors").ravel()])

    np.testing.assert_array_equal(numbers("boat", 3, 4), numbers("boat", 3, 4))
    assert numbers("boat", 3, 4).shape != numbers("boat", 3, 5).shape or np.any(
        numbers("boat", 3, 4) != numbers("boat", 3, 5)
    )
    assert not np.array_equal(numbers("boat", 3, 4), numbers("boat", 4, 4))


def test_fronts_look_towards_x():
    def points(category):
        return np.concatenate([random_shape(category, 2, i).numpy("vertices")[0] for i in range(TRIED)])

    chairs = points("chair")
    assert chairs[chairs[:, 1] > 0.35][:, 0].mean() < -0.05  # the back
    sofas = points("sofa")
    assert sofas[sofas[:, 1] > 0.15][:, 0].mean() < -0.05
    planes = points("airplane")
    assert planes[planes[:, 1] > 0.1][:, 0].mean() < -0.2  # the fin


def test_an_unknown_category():
    with pytest.raises(InputError, match=r"category: expected one of airplane, boat, .*, got 'cat'"):
        random_shape("cat", 0)


def test_parts_have_the_volumes_of_their_closed_forms():
    assert box((0, 0, 0), (2, 3, 0.5)).volume() == pytest.approx(3)
    frustum = column([(0, 0, 0, 1, 1), (0, 3, 0, 0.5, 0.5)])
    assert frustum.volume() == pytest.approx(3 / 3 * (4 + 2 + 1))  # h / 3 (A + sqrt(A a) + a)
    sheared = column([(0, 0, 0, 1, 0.5), (2, 3, 1, 1, 0.5)], 8)
    octagon = 4 * np.sin(np.pi / 4)
    assert sheared.volume() == pytest.approx(3 * 0.5 * octagon)
    assert tube([(0, 0, 1), (2, 5, 1)], 4).volume() == pytest.approx(4)
    decagon = 5 * np.sin(np.pi / 5)
    assert aerofoil([(0, 2, 0, 0), (0, 2, 0, 3)], 0.1).volume() == pytest.approx(3 * decagon * 1 * 0.1)
    tyre, _ = wheel(0.5, 0.2, (1, 2, 3))[0]
    assert tyre.volume() == pytest.approx(0.2 * 7 * np.sin(np.pi / 7) * 0.25)
    np.testing.assert_allclose(tyre.vertices.mean(axis=0), (1, 2, 3), atol=1e-9)


def test_sections_stand_where_they_are_put():
    ring = section(2.0, 1.0, 0.25, 0.5)
    assert (ring[:, 0] == 2).all()
    np.testing.assert_allclose(ring[:, 1:].min(axis=0), (0.75, -0.5))
    np.testing.assert_allclose(ring[:, 1:].max(axis=0), (1.25, 0.5))


def test_legs_stand_on_the_ground_under_the_corners():
    legs = four_legs(0.5, 0.4, 0.9, np.random.default_rng(0), (1, 1, 1))
    assert len(legs) == 4
    for solid, _ in legs:
        assert solid.vertices[:, 1].min() == 0
        assert solid.vertices[:, 1].max() == pytest.approx(0.9)
    assert {tuple(np.sign(solid.vertices.mean(axis=0)[[0, 2]])) for solid, _ in legs} == {
        (-1, -1),
        (-1, 1),
        (1, -1),
        (1, 1),
    }
