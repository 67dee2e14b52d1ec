"""Mesh: what it holds, what it refuses and says, and what it makes of itself."""

from functools import partial

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr
from taichi_dr.errors import GeometryError, InputError, RuntimeStateError, ShapeError
from taichi_dr.scene.material import Material
from taichi_dr.scene.mesh import Mesh

QUAD = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]], dtype=float)
FACES = [[0, 1, 2], [0, 2, 3]]
RGB = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.25, 0.5, 0.75]])
UV = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)


def test_fields_and_sizes(any32):
    mesh = Mesh(QUAD, FACES, colors=RGB, uv=UV, texture=np.full((2, 3, 3), 0.5))
    assert (mesh.batch, mesh.vertex_count, mesh.face_count) == (1, 4, 2)
    assert mesh.vertices.shape == (1, 4)
    assert mesh.colors.shape == (1, 4)
    assert mesh.uv.shape == (4,)
    assert mesh.texture.shape == (2, 3)
    assert mesh.faces.shape == (2,)
    assert mesh.faces.to_numpy().tolist() == FACES
    assert mesh.vertices[0, 2].to_list() == [2, 1, 0]
    assert mesh.colors[0, 3].to_list() == [0.25, 0.5, 0.75]
    assert mesh.colors_per == "vertex"
    assert mesh.numpy("vertices").tolist() == [QUAD.tolist()]
    assert mesh.numpy("faces").tolist() == FACES
    assert mesh.uv_topology is mesh.topology


def test_gradients_reach_the_fields(any32):
    mesh = Mesh(QUAD, FACES)
    loss = ti.field(ti.f32, shape=(), needs_grad=True)

    @ti.kernel
    def energy(points: ti.template()):
        for b, i in points:
            loss[None] += points[b, i].norm_sqr()

    with ti.ad.Tape(loss):
        energy(mesh.vertices)
    assert loss[None] == 4 + 5 + 1
    np.testing.assert_array_equal(mesh.vertices.grad.to_numpy()[0], 2 * QUAD)


def test_defaults(cpu32):
    mesh = Mesh(QUAD, FACES)
    assert mesh.uv is None
    assert mesh.texture is None
    assert mesh.uv_faces is None
    np.testing.assert_allclose(mesh.numpy("colors"), np.full((1, 4, 3), 0.7), rtol=1e-7)
    assert mesh.material == Material("gouraud", 0.0, 32.0)


def test_batches_share_faces_and_colors(cpu32):
    mesh = Mesh(np.stack([QUAD, QUAD + 1, QUAD * 2]), FACES, colors=RGB)
    assert mesh.batch == 3
    assert mesh.vertices.shape == (3, 4)
    assert mesh.numpy("colors").tolist() == [RGB.tolist()] * 3


def test_face_colors(cpu32):
    mesh = Mesh(np.stack([QUAD, QUAD]), FACES, face_colors=RGB[:2])
    assert mesh.colors_per == "face"
    assert mesh.colors.shape == (2, 2)
    assert mesh.color_topology.faces.tolist() == [[0, 0, 0], [1, 1, 1]]
    assert mesh.color_topology.rows == 2


def test_one_color_for_all(cpu32):
    assert Mesh(QUAD, FACES, colors=(1, 0, 0)).numpy("colors").tolist() == [[[1, 0, 0]] * 4]


def test_uv_with_an_index_of_its_own(cpu32):
    mesh = Mesh(QUAD, FACES, uv=np.vstack([UV, UV]), uv_faces=[[0, 1, 2], [4, 6, 7]])
    assert mesh.uv_faces.tolist() == [[0, 1, 2], [4, 6, 7]]
    assert mesh.uv_topology.rows == 8
    assert mesh.topology.rows == 4


def test_set_and_copy_are_independent(cpu32):
    mesh = Mesh(QUAD, FACES, colors=RGB, uv=UV, texture=np.zeros((2, 2, 3)), material=Material("phong"), name="quad")
    twin = mesh.copy()
    mesh.set("vertices", QUAD + 5)
    assert twin.numpy("vertices").tolist() == [QUAD.tolist()]
    assert mesh.numpy("vertices").tolist() == [(QUAD + 5).tolist()]
    assert twin.material is mesh.material
    assert twin.name == "quad"
    assert twin.texture.shape == (2, 2)
    assert "quad" in repr(twin)


def test_set_refuses_other_shapes_and_names(cpu32):
    mesh = Mesh(QUAD, FACES, name="quad")
    with pytest.raises(ShapeError, match=r"quad.vertices: expected shape \(1, 4, 3\), got \(5, 3\)"):
        mesh.set("vertices", np.zeros((5, 3)))
    with pytest.raises(InputError, match=r"no field 'texture'.*vertices, colors"):
        mesh.set("texture", 0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"vertices": np.zeros((4, 2))}, ShapeError, r"expected shape \(N, 3\) or \(B, N, 3\), got \(4, 2\)"),
        ({"vertices": "abc"}, ShapeError, "expected an array of numbers"),
        ({"vertices": np.zeros((0, 3))}, GeometryError, "0 vertices"),
        ({"vertices": np.zeros((0, 4, 3))}, GeometryError, "0 meshes"),
        ({"faces": np.zeros((0, 3), int)}, GeometryError, "0 faces"),
        ({"faces": [[0, 1, 2, 3]]}, ShapeError, r"expected shape \(F, 3\), got \(1, 4\)"),
        ({"faces": [[0.0, 1.0, 2.0]]}, InputError, "expected integers, got float64"),
        ({"faces": [[0, 1, 2], [0, 2, 4]]}, GeometryError, r"thing: face 1 refers to row 4 of 4.*1 such"),
        ({"faces": [[0, -1, 2]]}, GeometryError, "face 0 refers to row -1"),
        ({"faces": [[0, 2**40, 2]]}, GeometryError, "face 0 refers to row 2147483647"),
        ({"colors": np.zeros((5, 3))}, ShapeError, r"colors: expected shape \(4, 3\) or \(1, 4, 3\), got \(5, 3\)"),
        ({"face_colors": np.zeros((4, 3))}, ShapeError, r"face_colors: expected shape \(2, 3\)"),
        ({"colors": RGB, "face_colors": RGB[:2]}, InputError, "not both"),
        ({"uv_faces": FACES}, InputError, "uv_faces needs uv"),
        ({"uv": np.zeros((4, 3))}, ShapeError, r"uv: expected shape \(T, 2\)"),
        ({"uv": UV, "uv_faces": [[0, 1, 2]]}, ShapeError, r"uv_faces: expected shape \(2, 3\), got \(1, 3\)"),
        ({"uv": UV[:3]}, GeometryError, "uv face 1 refers to row 3 of 3"),
        ({"texture": np.zeros((2, 2, 3))}, InputError, "a texture needs uv"),
        ({"uv": UV, "texture": np.zeros((2, 2))}, ShapeError, r"texture: expected shape \(Ht, Wt, 3\), got \(2, 2\)"),
        ({"uv": UV + np.inf}, GeometryError, r"uv\[0\] is not finite"),
    ],
)
def test_refusals(cpu32, arguments, error, message):
    with pytest.raises(error, match=message):
        Mesh(**({"vertices": QUAD, "faces": FACES, "name": "thing"} | arguments))


def test_vertices_that_are_not_finite_are_named(cpu32):
    vertices = np.stack([QUAD, QUAD])
    vertices[1, 2, 1] = np.nan
    with pytest.raises(GeometryError, match=r"thing.vertices\[1, 2\] is not finite: \[2.0, nan, 0.0\]; 1 such"):
        Mesh(vertices, FACES, name="thing")


def test_check_sees_what_kernels_wrote(any32):
    mesh = Mesh(QUAD, FACES, name="thing")
    mesh.check()
    mesh.vertices[0, 3][2] = np.inf
    with pytest.raises(GeometryError, match=r"thing.vertices\[0, 3\] is not finite"):
        mesh.check()


def test_normalized_touches_the_unit_sphere(cpu32):
    moved = Mesh(QUAD * 3 + [5, -7, 2], FACES, colors=RGB, uv=UV).normalized()
    vertices = moved.numpy("vertices")[0]
    np.testing.assert_allclose(np.linalg.norm(vertices, axis=1), np.ones(4), rtol=1e-6)
    np.testing.assert_allclose(vertices[1] - vertices[0], [2 * 2 / np.sqrt(5), 0, 0], atol=1e-6)
    np.testing.assert_array_equal(moved.numpy("colors")[0], RGB.astype(np.float32))
    with pytest.raises(GeometryError, match="all vertices are at"):
        Mesh(np.ones((3, 3)), [[0, 1, 2]]).normalized()


def test_a_batch_is_normalized_as_one(cpu32):
    vertices = Mesh(np.stack([QUAD, QUAD + [4, 0, 0]]), FACES).normalized().numpy("vertices")
    gap = vertices[1] - vertices[0]
    np.testing.assert_allclose(gap, np.broadcast_to(gap[0], gap.shape), atol=1e-6)
    np.testing.assert_allclose(vertices[0, 0], [-3 / np.hypot(3, 0.5), -0.5 / np.hypot(3, 0.5), 0], rtol=1e-6)


def test_subdivide_carries_everything(cpu32):
    mesh = Mesh(
        np.stack([QUAD, QUAD * 2]), FACES, colors=RGB, uv=UV, texture=np.full((2, 2, 3), 0.5), material=Material("flat")
    )
    finer = mesh.subdivide()
    assert (finer.batch, finer.vertex_count, finer.face_count) == (2, 4 + 5, 8)
    assert finer.parents.shape == (9, 2)
    for name in ("vertices", "colors"):
        np.testing.assert_allclose(finer.numpy(name), mesh.numpy(name)[:, finer.parents].mean(axis=2), atol=1e-7)
    np.testing.assert_array_equal(
        finer.numpy("uv")[finer.uv_faces] * [2, 1], finer.numpy("vertices")[0][finer.numpy("faces")][..., :2]
    )
    assert finer.face_parents.tolist() == [0] * 4 + [1] * 4
    assert finer.material.shading == "flat"
    assert finer.texture.shape == (2, 2)


def test_subdivide_twice_at_once_is_twice(cpu32):
    mesh = Mesh(QUAD, FACES, face_colors=RGB[:2])
    at_once, in_turn = mesh.subdivide(2), mesh.subdivide().subdivide()
    assert at_once.face_count == 32
    assert at_once.parents.shape == (at_once.vertex_count, 4)
    for name in ("vertices", "colors", "faces"):
        np.testing.assert_allclose(at_once.numpy(name), in_turn.numpy(name), atol=1e-6)
    np.testing.assert_allclose(
        at_once.numpy("vertices"), mesh.numpy("vertices")[:, at_once.parents].mean(axis=2), atol=1e-6
    )
    with pytest.raises(InputError, match="positive number of times"):
        mesh.subdivide(0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"shading": "shiny"}, "none, flat, gouraud, phong; got 'shiny'"),
        ({"specular": -0.1}, "specular: expected a finite number >= 0, got -0.1"),
        ({"specular": float("nan")}, "specular"),
        ({"shininess": 0}, "shininess: expected a finite number > 0, got 0"),
        ({"reflectivity": 1.1}, r"reflectivity: expected a number in \[0, 1\], got 1.1"),
        ({"reflectivity": float("nan")}, "reflectivity"),
        ({"index_of_refraction": 0}, "index_of_refraction: expected a finite number > 0 .* or None .*, got 0"),
        ({"index_of_refraction": float("inf")}, "index_of_refraction"),
        ({"albedo": (0.5, 1.2, 0)}, r"albedo: .* in \[0, 1\], got \(0.5, 1.2, 0\)"),
        ({"albedo": (1, 1)}, "albedo"),
        ({"albedo": "red"}, "albedo: .* got 'red'"),
        ({"emission": -1}, "emission: .* finite and >= 0, got -1"),
        ({"emission": (0, float("inf"), 0)}, "emission"),
    ],
)
def test_materials_are_validated(values, message):
    with pytest.raises(InputError, match=message):
        Material(**values)


def test_a_material_has_colors_of_three_numbers():
    material = Material(albedo=0.5, emission=np.array([1, 2, 3]), index_of_refraction=1.5)
    assert material.albedo == (0.5, 0.5, 0.5)
    assert material.emission == (1, 2, 3)
    assert material == Material(albedo=(0.5, 0.5, 0.5), emission=(1, 2, 3), index_of_refraction=1.5)
    assert hash(material) == hash(Material(albedo=0.5, emission=[1, 2, 3], index_of_refraction=1.5))


def test_an_old_mesh_says_so(own_runtime):
    dr.init("cpu")
    mesh = Mesh(QUAD, FACES, uv=UV, texture=np.zeros((2, 2, 3)), name="thing")
    assert mesh.vertices.shape == (1, 4)
    dr.init("cpu")
    uses = [partial(mesh.numpy, "vertices")]
    uses += [partial(getattr, mesh, name) for name in ("vertices", "colors", "uv", "texture", "faces")]
    for use in uses:
        with pytest.raises(RuntimeStateError, match=r"thing: made before the latest ti\.init"):
            use()


def test_before_init_there_are_values_but_no_fields(own_runtime):
    ti.reset()
    mesh = Mesh(QUAD, FACES).subdivide().normalized()
    assert mesh.numpy("vertices").dtype == np.float32
    with pytest.raises(RuntimeStateError, match="not initialised"):
        _ = mesh.vertices
    dr.init("cpu", float64=True)
    assert mesh.numpy("vertices").dtype == np.float64
    assert mesh.vertices.shape == (1, 9)
    assert mesh.numpy("vertices").dtype == np.float64


def test_fields_may_be_made_inside_a_tape(any32):
    mesh = Mesh(QUAD, FACES)
    loss = ti.field(ti.f32, shape=(), needs_grad=True)

    @ti.kernel
    def energy(points: ti.template()):
        for b, i in points:
            loss[None] += points[b, i].norm_sqr()

    with ti.ad.Tape(loss):
        energy(mesh.vertices)
        assert mesh.faces.shape == (2,)
    np.testing.assert_array_equal(mesh.vertices.grad.to_numpy()[0], 2 * QUAD)
    np.testing.assert_array_equal(mesh.numpy("vertices")[0], QUAD)


@pytest.mark.parametrize("with_fields", [False, True])
def test_set_is_the_same_with_and_without_fields(own_runtime, with_fields):
    (dr.init if with_fields else ti.reset)()
    mesh = Mesh(np.stack([QUAD, QUAD]), FACES, name="thing")
    if with_fields:
        assert mesh.vertices.shape == (2, 4)
    mesh.set("vertices", QUAD + 1)
    mesh.set("colors", (1, 0, 0))
    assert mesh.numpy("vertices").tolist() == [(QUAD + 1).tolist()] * 2
    assert mesh.numpy("colors")[1, 3].tolist() == [1, 0, 0]
    with pytest.raises(ShapeError, match=r"thing.vertices: expected shape \(2, 4, 3\), got \(5, 3\)"):
        mesh.set("vertices", np.zeros((5, 3)))
    mesh.set("vertices", np.full(3, np.nan))
    with pytest.raises(GeometryError, match=r"thing.vertices\[0, 0\] is not finite.*8 such"):
        mesh.check()


@ti.data_oriented
class Reader:
    def __init__(self, mesh):
        self.mesh = mesh

    @ti.kernel
    def second_x(self) -> float:
        return self.mesh.vertices[0, 1][0]


def test_a_kernel_may_be_the_first_to_name_a_field(any32):
    mesh, seen = Mesh(QUAD, FACES), Mesh(QUAD, FACES)

    @ti.kernel
    def sum_of_x() -> float:
        total = 0.0
        for i in range(4):
            total += seen.vertices[0, i][0]
        return total

    assert Reader(mesh).second_x() == QUAD[1][0]
    np.testing.assert_allclose(sum_of_x(), np.sum(np.asarray(QUAD)[:, 0]))


def test_a_kernel_that_is_the_first_to_name_a_field_makes_it(any32):
    mesh = Mesh(QUAD, FACES, name="thing")
    assert Reader(mesh).second_x() == QUAD[1][0]
    mesh.set("vertices", np.array(QUAD) + 1)
    assert Reader(mesh).second_x() == mesh.vertices[0, 1][0] == QUAD[1][0] + 1
