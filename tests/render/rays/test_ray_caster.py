"""What rays meet: against each ray with each triangle, through edges and corners, and where hierarchies go wrong."""

import numpy as np
import pytest
import taichi as ti
from oracles.ray_triangles import first_met

import taichi_dr as dr

TRIANGLE = [[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]


def sphere_directions(count, seed=0):
    directions = np.random.default_rng(seed).normal(size=(count, 3))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def soup(count, seed=0, size=0.3):
    """Triangles anywhere in [-1, 1]^3."""
    random = np.random.default_rng(seed)
    middles = random.uniform(-1, 1, (count, 1, 3))
    return dr.Mesh(
        (middles + random.normal(size=(count, 3, 3)) * size).reshape(-1, 3), np.arange(3 * count).reshape(-1, 3)
    )


@pytest.mark.parametrize("count", [1, 3, 5, 64, 3000])
def test_meets_what_each_ray_with_each_triangle_gives(any32, count):
    mesh, random = soup(count, seed=count), np.random.default_rng(1)
    origins, targets = 3 * sphere_directions(400), random.uniform(-1, 1, (400, 3))
    hits = dr.RayCaster(mesh).closest(origins, targets - origins)
    t, face, certain = first_met(mesh.numpy("vertices")[0], mesh.topology.faces, origins, targets - origins, 1e-4)
    assert certain.mean() > 0.5
    assert (hits.face_id == face)[certain].all()
    there = certain & (face >= 0)
    t[~there] = 0
    assert np.abs(np.where(there, hits.t, 0) - t).max() < 1e-5
    corners = mesh.numpy("vertices")[0][mesh.topology.faces[hits.face_id]]
    points = origins + t[:, None] * (targets - origins)
    assert np.abs((hits.barycentrics[:, :, None] * corners).sum(1) - points)[there].max(initial=0) < 2e-4
    assert np.isinf(hits.t[hits.face_id < 0]).all()


def test_whether_is_whether_there_is_a_closest_one(any32):
    origins, directions = 3 * sphere_directions(2000), sphere_directions(2000, 1)
    caster = dr.RayCaster(soup(500))
    for t_max in (2.5, 3.0, np.inf):
        met = caster.occluded(origins, directions, 0.5, t_max)
        assert (met == (caster.closest(origins, directions, 0.5, t_max).face_id >= 0)).all()
        assert 0 < met.mean() < 1


def edge_targets(mesh, count, seed):
    """Corners, middles of edges and places on edges."""
    vertices, faces, random = (
        mesh.numpy("vertices")[0].astype(np.float64),
        mesh.topology.faces,
        np.random.default_rng(seed),
    )
    face, k = random.integers(0, len(faces), count), random.integers(0, 3, count)
    share = random.choice([0, 0.5, 1], count)
    share = np.where(random.random(count) < 0.5, random.random(count), share)[:, None]
    return vertices[faces[face, k]] * (1 - share) + vertices[faces[face, (k + 1) % 3]] * share


@pytest.mark.parametrize("shape", ["icosphere", "sphere", "box", "car"])
def test_nothing_comes_through_edges_and_corners(any32, shape):
    mesh = getattr(dr.shapes, shape)()
    origin = 0.3 * mesh.numpy("vertices")[0].mean(axis=0) + [0.011, 0.007, 0.003]
    caster = dr.RayCaster(mesh)
    hits = caster.closest(origin, edge_targets(mesh, 100000, 0) - origin)
    assert (hits.face_id >= 0).all()
    assert caster.occluded(origin, edge_targets(mesh, 100000, 1) - origin).all()


def test_a_ray_along_an_axis_meets_what_lies_in_its_plane(any32):
    grid = dr.shapes.box()
    x = np.linspace(-0.5, 0.5, 11)
    origins = np.stack(np.meshgrid(x, x, [2.0], indexing="ij"), -1).reshape(-1, 3)
    caster = dr.RayCaster(grid)
    for axis in range(3):
        turned = np.roll(origins, axis, axis=1)
        direction = np.roll([0, 0, -1], axis)
        assert np.allclose(caster.closest(turned, direction).t, 1.5, atol=1e-6)


def test_one_triangle_is_met_from_both_sides_and_follows(any32):
    mesh = dr.Mesh(TRIANGLE, [[0, 1, 2]])
    caster = dr.RayCaster(mesh)
    hits = caster.closest([[0.25, 0.25, 1], [0.25, 0.25, -2], [0.75, 0.75, 1]], [[0, 0, -2], [0, 0, 1], [0, 0, -1]])
    assert hits.t.tolist() == [0.5, 2, np.inf]
    assert hits.face_id.tolist() == [0, 0, -1]
    assert np.allclose(hits.barycentrics, [[0.5, 0.25, 0.25], [0.5, 0.25, 0.25], [0, 0, 0]])
    mesh.set("vertices", np.array(TRIANGLE) + [5, 0, 0])
    assert caster.closest([[5.25, 0.25, 1], [0.25, 0.25, 1]], [0, 0, -1]).face_id.tolist() == [0, -1]


def test_moved_meshes_are_met_where_they_are(any32):
    mesh, moved = soup(800), soup(800, seed=1)
    caster = dr.RayCaster(mesh)
    mesh.set("vertices", moved.numpy("vertices"))
    origins, directions = 3 * sphere_directions(3000), sphere_directions(3000, 1)
    one, other = caster.closest(origins, directions), dr.RayCaster(moved).closest(origins, directions)
    assert (one.face_id == other.face_id).mean() > 0.999
    assert np.allclose(one.t, other.t, atol=1e-4)
    caster.rebuild()
    assert (caster.closest(origins, directions).face_id == other.face_id).all()


def test_identical_and_degenerate_triangles(any32):
    same = np.tile(TRIANGLE, (100, 1, 1))
    flat = np.tile([[0.2, 0.2, 0.5], [0.3, 0.3, 0.5], [0.4, 0.4, 0.5]], (50, 1, 1))
    point = np.tile([[0.1, 0.1, 0.7]] * 3, (50, 1, 1))
    everything = np.concatenate([point, same, flat]).reshape(-1, 3)
    caster = dr.RayCaster(dr.Mesh(everything, np.arange(600).reshape(-1, 3)))
    hits = caster.closest([[0.25, 0.25, 2], [0.1, 0.1, 2], [0.9, 0.9, 2]], [0, 0, -1])
    assert (hits.t[:2] == 2).all()
    assert (hits.face_id[:2] // 50 % 3 != 0).all()
    assert hits.face_id[2] == -1
    assert np.isfinite(hits.barycentrics).all()


def test_a_hierarchy_that_would_go_on_and_on_ends(any32):
    where = np.concatenate([2.0 ** -np.arange(120), -(2.0 ** -np.arange(120)), np.full(200, 2.0**-60)])
    triangles = np.array(TRIANGLE)[None] * 0.1 + np.stack([where, 0 * where, 0 * where], 1)[:, None]
    caster = dr.RayCaster(dr.Mesh(triangles.reshape(-1, 3), np.arange(3 * len(where)).reshape(-1, 3)))
    hits = caster.closest([[1.02, 0.02, 1], [0.52, 0.02, 1], [-0.98, 0.02, 1], [0.02, 0.02, 1]], [0, 0, -1])
    assert hits.face_id[:3].tolist() == [0, 1, 120]
    assert hits.t.tolist() == [1, 1, 1, 1]


def test_shapes_and_fields(cpu32):
    caster = dr.RayCaster(dr.shapes.box())
    hits = caster.closest(np.zeros((2, 5, 3)) + [0, 0, 3], [0, 0, -1])
    assert hits.t.shape == hits.face_id.shape == (2, 5)
    assert hits.barycentrics.shape == (2, 5, 3)
    origins = ti.Vector.field(3, float, 4)
    origins.fill(3.0)
    assert np.allclose(caster.closest(origins, [-1, -1, -1]).t, 2.5)
    assert caster.closest(np.zeros((0, 3)), [0, 0, 1]).t.shape == (0,)
    assert caster.occluded(np.zeros((0, 3)), [0, 0, 1]).shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([0, 0, 0], [0, 0, 0]), dr.InputError, "ray 0"),
        (([[0, 0, 0], [0, np.nan, 0]], [0, 0, 1]), dr.InputError, "ray 1"),
        (([0, 0], [0, 0]), dr.ShapeError, "3"),
        ((np.zeros((2, 3)), np.ones((3, 3))), dr.ShapeError, "fit"),
        (([0, 0, 0], [0, 0, 1], 2, 1), dr.InputError, "t_min"),
    ],
)
def test_wrong_rays_are_named(cpu32, arguments, error, words):
    caster = dr.RayCaster(dr.shapes.box())
    with pytest.raises(error, match=words):
        caster.closest(*arguments)


def test_wrong_meshes_are_named(cpu32):
    with pytest.raises(dr.ShapeError, match="batch of 2"):
        dr.RayCaster(dr.Mesh(np.zeros((2, 3, 3)) + np.array(TRIANGLE), [[0, 1, 2]]))
    with pytest.raises(dr.InputError, match="Mesh"):
        dr.RayCaster("bunny.obj")
    mesh = dr.Mesh(TRIANGLE, [[0, 1, 2]])
    caster = dr.RayCaster(mesh)
    mesh.vertices[0, 1] = [np.nan, 0, 0]
    with pytest.raises(dr.GeometryError):
        caster.closest([0, 0, 1], [0, 0, -1])
