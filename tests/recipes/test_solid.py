"""What is known of a solid besides its silhouettes: values by hand, gradients by central differences."""

import numpy as np
import pytest
import taichi as ti
from oracles.differences import relative_errors

import taichi_dr as dr
from taichi_dr.recipes.solid import PUSH, VOLUME, Solid


@pytest.fixture
def add(cpu64):
    """What a Solid adds to a loss; its gradient is made."""
    loss = ti.field(ti.f64, shape=(), needs_grad=True)

    def run(solid):
        with ti.ad.Tape(loss):
            solid.add(loss)
        return loss[None]

    return run


def test_a_box_of_volume_e_adds_minus_the_weight(add):
    box = dr.shapes.box((np.e, 1, 1))
    assert add(Solid(box, 1.0)) == pytest.approx(-VOLUME, rel=1e-12)


def test_a_face_that_is_seen_from_behind_is_pushed_out(add):
    """Of the unit box seen from within its back: the face at z = -1/2, normal -z, and area 1/2 for each half of it."""
    box = dr.shapes.box(1.0)
    solid = Solid(box, 2.0)
    camera = dr.Camera(eye=(0.1, 0.05, 0.3), target=(0.1, 0.05, -1), fov_y=0.2, near=0.01)
    solid.look(dr.Rasterizer(8).render(box, camera).numpy("face_id"), camera)
    assert np.abs(solid.push).sum() in (pytest.approx(0.5), pytest.approx(1.0))
    np.testing.assert_allclose(solid.push[solid.push.any(axis=1)] / 0.5, [[0, 0, -1]] * solid.push.any(axis=1).sum())
    faces = solid.push.any(axis=1).sum()
    assert add(solid) == pytest.approx(-PUSH / 8 * 0.5 * 0.5 * faces, rel=1e-6)


def test_gradient_equals_central_differences(add):
    mesh = dr.shapes.icosphere(1, radius=0.7)
    random = np.random.default_rng(1)
    mesh.set("vertices", mesh.numpy("vertices") + random.normal(size=(1, 42, 3)) * 0.05)
    solid = Solid(mesh, 1.1)
    solid.push[:5] = random.normal(size=(5, 3)) * 0.1

    def forward(x):
        mesh.set("vertices", x["vertices"])
        return add(solid)

    inputs = {"vertices": mesh.numpy("vertices")}
    forward(inputs)
    errors = relative_errors(forward, inputs, {"vertices": mesh.gradient("vertices")}, inputs)
    assert errors["vertices"] < 1e-7


def test_a_surface_is_pushed_out_where_it_is_seen_from_behind(any32):
    sphere = dr.shapes.icosphere(2, radius=0.6)
    points, faces = sphere.numpy("vertices")[0], sphere.topology.faces
    outward = pushes(points, faces).any(axis=1)
    assert outward.mean() < 0.01, "all are seen from outside, but for ties of depth at the silhouette"
    inward = pushes(points, faces[:, ::-1])
    assert (np.einsum("fk,fk->f", inward, points[faces].mean(axis=1)) <= 0).all(), "along the faces' normals"
    assert inward.any(axis=1).mean() > 0.9, "nearly all faces are seen"


@pytest.mark.parametrize("lens", [{"fov_y": 0.8}, {"half_height": 0.8}])
def test_both_projections_know_behind(cpu32, lens):
    sphere = dr.shapes.icosphere(2, radius=0.6)
    camera = dr.Camera(eye=(0, 0, 2.5), **lens)
    solid = Solid(sphere, 1.0)
    solid.look(dr.Rasterizer(64).render(sphere, camera).numpy("face_id"), camera)
    assert solid.push.any(axis=1).mean() < 0.01


def pushes(points, faces):
    """The faces may look inwards here, which a Solid refuses: it is told of them after it was made."""
    mesh = dr.Mesh(points, faces)
    outward = np.cross(*(points[faces[0, k]] - points[faces[0, 0]] for k in (1, 2))) @ points[faces[0, 0]] > 0
    solid = Solid(mesh if outward else dr.Mesh(points, faces[:, ::-1]), 1.0)
    solid.vertices, solid.faces = mesh.variable("vertices"), mesh.topology.faces
    azimuth, elevation = np.repeat([0, 90, 180, 270], 3), np.tile([-50, 0, 50], 4)
    camera = dr.Camera.orbit(azimuth, elevation, 2.0, 45)
    solid.look(dr.Rasterizer(128).render(mesh, camera).numpy("face_id"), camera)
    return solid.push


def test_open_meshes_have_no_inside(add):
    triangle = dr.Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    assert add(Solid(triangle, 1.0)) == 0


def test_inside_out_is_refused(cpu32):
    box = dr.shapes.box(1.0)
    inverted = dr.Mesh(box.numpy("vertices")[0], box.numpy("faces")[:, ::-1], name="inverted")
    with pytest.raises(dr.GeometryError, match=r"inverted: its faces look inwards \(they enclose a volume of -1\)"):
        Solid(inverted, 1.0)
