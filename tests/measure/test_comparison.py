"""Comparisons of shapes whose difference is known."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import taichi_dr as dr
from taichi_dr.errors import GeometryError, InputError


def moved(mesh, matrix=1.0, shift=0.0):
    """A copy with its vertices multiplied by a number or a matrix, and shifted."""
    vertices = mesh.numpy("vertices")[0].astype(float)
    return dr.Mesh(vertices @ (matrix * np.eye(3) if np.isscalar(matrix) else matrix).T + shift, mesh.topology.faces)


@pytest.fixture(scope="module")
def car():
    """Something without symmetries that a turn could hide behind."""
    return dr.shapes.car().normalized()


def test_concentric_balls():
    ball = dr.shapes.icosphere(5)
    found = dr.compare_meshes(moved(ball, 0.9), ball, samples=5000)
    assert found.chamfer == pytest.approx(0.1, abs=1e-4)
    assert found.accuracy == pytest.approx(0.1, abs=1e-4)
    assert found.hausdorff == pytest.approx(0.1, abs=1e-3)
    assert found.normal_error_deg < 0.5
    assert found.iou == pytest.approx(0.729, abs=2e-3)
    assert (found.precision, found.recall, found.f_score) == (0, 0, 0)
    assert found.threshold == pytest.approx(0.01 * 2 * 3**0.5)
    assert found.shape.volume == pytest.approx(4 / 3 * np.pi * 0.9**3, rel=2e-3)
    assert found.reference.area == pytest.approx(4 * np.pi, rel=1e-3)


def test_the_same_shape_otherwise_cut_into_triangles():
    box = dr.shapes.box()
    found = dr.compare_meshes(box.subdivide(3), box, samples=2000)
    assert found.chamfer < 1e-7
    assert found.normal_error_deg < 1e-3
    assert (found.f_score, found.iou) == (1, 1)


def test_a_shifted_cube():
    """One end is 0.2 away, the other one within the cube, four sides stick out by 0.2, at 0.1 on average.

    The end within is at most 0.2 from the surface, and nearer along its rim: ``integral_0^0.2 (1 - 2 u)^2 du``.
    """
    box = dr.shapes.box()
    found = dr.compare_meshes(moved(box, shift=(0.2, 0, 0)), box, samples=20_000)
    ends = (0.2 + (1 - 0.6**3) / 6) / 6
    sides = 4 / 6 * 0.2 * 0.1
    assert found.accuracy == pytest.approx(ends + sides, rel=0.02)
    assert found.completeness == pytest.approx(found.accuracy, rel=0.02)
    assert found.hausdorff == pytest.approx(0.2, rel=1e-3)
    assert found.recall == pytest.approx(found.precision, abs=0.02)
    assert found.iou == pytest.approx(0.8 / 1.2, abs=0.01)


def test_what_is_missing_and_what_is_too_much():
    vertices, faces = dr.shapes.box().numpy("vertices")[0], dr.shapes.box().numpy("faces")
    both = dr.Mesh(np.concatenate([vertices, vertices + (5, 0, 0)]), np.concatenate([faces, faces + 8]))
    lacking = dr.compare_meshes(dr.shapes.box(), both, samples=4000)
    assert lacking.accuracy < 1e-12
    assert lacking.precision == 1
    assert lacking.completeness == pytest.approx(0.5 * 4.5, rel=0.02)
    assert lacking.recall == pytest.approx(0.5, abs=0.02)
    assert lacking.f_score == pytest.approx(2 * lacking.recall / (1 + lacking.recall))
    assert (lacking.shape.parts, lacking.reference.parts) == (1, 2)
    assert dr.compare_meshes(both, dr.shapes.box(), samples=4000).completeness < 1e-12


def test_normals_of_a_roof():
    """Two squares that are folded by 90 degrees beside a flat one: 45 degrees everywhere."""
    flat = dr.Mesh([[-2, 0, 0], [2, 0, 0], [2, 1, 0], [-2, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    roof = [[-1, 0, 0], [0, 0, 1], [1, 0, 0], [1, 1, 0], [0, 1, 1], [-1, 1, 0]]
    folded = dr.Mesh(roof, [[0, 1, 4], [0, 4, 5], [1, 2, 3], [1, 3, 4]])
    found = dr.compare_meshes(folded, flat, samples=2000)
    assert found.normal_error_deg == pytest.approx(45)
    assert found.accuracy == pytest.approx(0.5, abs=0.02)
    assert (found.iou, found.shape.volume, found.shape.watertight) == (None, None, False)


def test_inside_out_shows_in_the_volume_alone():
    box = dr.shapes.box()
    found = dr.compare_meshes(dr.Mesh(box.numpy("vertices")[0], box.topology.faces[:, ::-1]), box, samples=500)
    assert (found.normal_error_deg, found.iou) == (0, 1)
    assert found.shape.volume == pytest.approx(-1)


def test_scale_and_shift_are_found(car):
    found = dr.compare_meshes(moved(car, 0.4, (3, -2, 1)), car, align="scale", samples=3000)
    assert found.chamfer < 1e-5 * found.reference.diagonal
    np.testing.assert_allclose(found.matrix[:3, :3], np.eye(3) / 0.4, atol=1e-4)
    np.testing.assert_allclose(found.matrix[:3, 3], np.array([-3, 2, -1]) / 0.4, atol=1e-3)


def test_turns_are_found(car):
    turn = Rotation.from_rotvec([0.25, -0.3, 0.1]).as_matrix()
    turned = moved(car, 3 * turn, (0.5, 0, 7))
    found = dr.compare_meshes(turned, car, align="turn", samples=3000)
    np.testing.assert_allclose(found.matrix[:3, :3], turn.T / 3, atol=1e-4)
    assert found.chamfer < 1e-5 * found.reference.diagonal


def test_a_ball_stays_at_rest(car):
    ball = dr.shapes.icosphere(4)
    found = dr.compare_meshes(ball, ball, align="turn", samples=2000)
    np.testing.assert_allclose(found.matrix, np.eye(4), atol=1e-6)


def test_the_same_seed_draws_the_same_points(car):
    one, two, other = (dr.compare_meshes(car, dr.shapes.box(), samples=300, seed=seed) for seed in (1, 1, 2))
    assert (one.chamfer, one.hausdorff) == (two.chamfer, two.hausdorff)
    assert one.chamfer != other.chamfer


@pytest.mark.parametrize("options", [{"align": "icp"}, {"threshold": 0.0}, {"samples": 0}])
def test_senseless_options_are_refused(options):
    (name,) = options
    with pytest.raises(InputError, match=f"{name}: expected"):
        dr.compare_meshes(dr.shapes.box(), dr.shapes.box(), **options)


def test_a_surface_without_area_is_refused():
    line = dr.Mesh([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]], name="line.obj")
    with pytest.raises(GeometryError, match=r"line.obj: its faces have no area"):
        dr.compare_meshes(dr.shapes.box(), line)
