"""Meshes to signed distances: closed forms, meshes that are open, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from skimage.measure import marching_cubes

import taichi_dr as dr
from taichi_dr.errors import GeometryError, InputError
from taichi_dr.implicit.sdf.from_mesh import mesh_distance, winding_numbers
from taichi_dr.measure.connectivity import connectivity

DATA = Path(__file__).parents[4] / "shared" / "data"
HALF = 1.2


def nodes(shape):
    axes = [np.linspace(-HALF, HALF, n) for n in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def distance(mesh, n=32, **options):
    """On ``n^3`` nodes over the cube of half side 1.2, and the spacing."""
    h = 2 * HALF / (n - 1)
    return mesh_distance(mesh, (-HALF,) * 3, h, (n, n, n), **options), h


def surface(values):
    vertices, faces, _, _ = marching_cubes(values.astype(np.float32), 0.0)
    return dr.Mesh(vertices, faces.astype(np.int32))


def box(half=0.7, lid=True):
    corners = np.array([[x, y, z] for x in (-half, half) for y in (-half, half) for z in (-half, half)])
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [triangle for a, b, c, d in sides[: 6 if lid else 5] for triangle in ((a, b, c), (a, c, d))]
    return dr.Mesh(corners, faces, name="box")


def box_distance(p, half=0.7):
    q = np.abs(p) - half
    return np.linalg.norm(np.maximum(q, 0), axis=-1) + np.minimum(q.max(axis=-1), 0)


def test_a_sphere(any32):
    found, h = distance(dr.shapes.icosphere(4))
    exact = np.linalg.norm(nodes(found.shape), axis=-1) - 1
    near = np.abs(exact) < 1.9 * h
    assert ((found < 0) == (exact < 0))[np.abs(exact) > 0.003].all()
    assert np.abs(found - exact)[near].max() < 0.004  # what the faces cut off
    assert np.abs(found - exact).mean() < 0.05 * h
    assert np.abs(found - exact).max() < 0.5 * h


def test_a_box_is_exact_near_its_faces_whatever_the_cells(cpu32):
    shape = (25, 31, 37)
    spacing = 2 * HALF / (np.array(shape) - 1)
    found = mesh_distance(box(), (-HALF,) * 3, spacing, shape)
    exact = box_distance(nodes(shape))
    near = np.abs(exact) < 1.99 * spacing.max()
    np.testing.assert_allclose(found[near], exact[near], atol=1e-6)
    assert np.abs(found - exact).max() < 0.5 * spacing.max()


def test_a_torus(cpu32):
    found, h = distance(dr.shapes.torus(0.8, 0.3, segments=96, sides=48), 48)
    p = nodes(found.shape)
    exact = np.hypot(np.hypot(p[..., 0], p[..., 2]) - 0.8, p[..., 1]) - 0.3
    assert np.abs(found - exact)[np.abs(exact) < 1.9 * h].max() < 0.003
    assert connectivity(surface(found)).genus == 1


def test_a_mesh_turned_inside_out_has_the_same_inside(cpu32):
    mesh = box()
    turned = dr.Mesh(mesh.numpy("vertices")[0], mesh.topology.faces[:, ::-1])
    np.testing.assert_array_equal(distance(turned, 20)[0], distance(mesh, 20)[0])


def test_the_winding_number_by_hand(any32):
    corner = np.array([[[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]])
    assert winding_numbers(corner, np.zeros((1, 3))) == pytest.approx([1 / 8], rel=1e-5)
    mesh = dr.shapes.icosphere(4)
    corners = mesh.numpy("vertices")[0][mesh.topology.faces]
    points = np.array([[0, 0, 0], [0.9, 0, 0], [0, 0.3, -0.9], [1.1, 0, 0], [0, 5, 0]])
    assert winding_numbers(corners, points) == pytest.approx([1, 1, 1, 0, 0], abs=0.02)


def test_a_box_without_its_lid(cpu32):
    with pytest.raises(GeometryError, match=r"box: is not watertight.* 4 of its 17 edges are open \(\(-0.7, -0.7, 0.7"):
        distance(box(lid=False))
    found, h = distance(box(lid=False), sign="winding")
    p = nodes(found.shape)
    exact = box_distance(p)
    away = p[..., 2] < 0.4  # from the lid, which is at z = 0.7
    assert ((found < 0) == (exact < 0))[away].all()
    assert np.abs(found - exact)[away & (np.abs(exact) < 0.5 * h)].max() < 0.15 * h
    middle = found[16, 16]
    assert (np.diff(np.sign(middle)) != 0).sum() == 2  # the opening is closed
    assert 0.3 < p[16, 16][np.flatnonzero(middle < 0)[-1], 2] < 0.9


def test_faces_that_look_to_different_sides(cpu32):
    mesh = box()
    faces = mesh.topology.faces.copy()
    faces[:2] = faces[:2, ::-1]
    with pytest.raises(GeometryError, match=r"the faces beside 4 of its 18 edges look to different sides"):
        distance(dr.Mesh(mesh.numpy("vertices")[0], faces))


def test_a_shell_of_a_plane(cpu32):
    square = dr.Mesh([[-0.6, -0.6, 0.1], [0.6, -0.6, 0.1], [0.6, 0.6, 0.1], [-0.6, 0.6, 0.1]], [[0, 1, 2], [0, 2, 3]])
    found, h = distance(square, sign="unsigned", thickness=0.3)
    p = nodes(found.shape)
    beyond = np.maximum(np.abs(p - [0, 0, 0.1]) - [0.6, 0.6, 0], 0)
    exact = np.linalg.norm(beyond, axis=-1) - 0.15
    np.testing.assert_allclose(found[exact < 1.9 * h], exact[exact < 1.9 * h], atol=1e-6)
    assert distance(square, sign="unsigned")[0].min() == pytest.approx(-1.5 * h, abs=0.5 * h)


def test_what_is_refused(cpu32):
    with pytest.raises(GeometryError, match="no faces with an area"):
        distance(dr.Mesh([[0, 0, 0], [1, 0, 0], [0, 0, 0]], [[0, 1, 2]]))
    with pytest.raises(GeometryError, match="does not reach into the grid"):
        mesh_distance(box(), (5, 5, 5), 0.1, (8, 8, 8))
    turned = dr.Mesh(box().numpy("vertices")[0], box().topology.faces[:, ::-1])
    with pytest.raises(GeometryError, match=r"encloses nothing, its winding number is .* expected faces that look out"):
        distance(turned, sign="winding")
    with pytest.raises(InputError, match="sign: expected watertight, winding or unsigned, got 'solid'"):
        distance(box(), sign="solid")
    with pytest.raises(InputError, match="thickness: only a shell has one"):
        distance(box(), thickness=0.1)
    for thickness in (-1, "thick"):
        with pytest.raises(InputError, match=f"thickness: expected a number > 0, got {thickness!r}"):
            distance(box(), sign="unsigned", thickness=thickness)
    with pytest.raises(InputError, match="mesh: expected a Mesh object, got None"):
        distance(None)


@pytest.mark.parametrize(
    ("name", "sign", "handles"),
    [
        ("meshes/spot_triangulated.obj", "watertight", 0),
        ("meshes/stanford-bunny.obj", "winding", 0),
        ("models/libigl/fertility.off", "watertight", 4),
        ("models/trimesh/featuretype.STL", "watertight", 9),
    ],
)
def test_known_meshes_keep_their_handles(cpu32, name, sign, handles):
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not among the test material here")
    found, _ = distance(dr.load_mesh(DATA / name).normalized(), 64, sign=sign)
    shape = connectivity(surface(found))
    assert (shape.parts, shape.genus, shape.is_watertight) == (1, handles, True)
