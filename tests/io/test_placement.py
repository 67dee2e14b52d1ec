"""Shapes far from the origin keep their form, in memory and in files; vertices that no face uses decide nothing."""

import numpy as np
import pytest

from taichi_dr.errors import GeometryError, ShapeError
from taichi_dr.io.meshes import load_mesh, load_parts, save_mesh
from taichi_dr.measure.comparison import compare_meshes
from taichi_dr.render.mesh.rasterizer import Rasterizer
from taichi_dr.scene import shapes
from taichi_dr.scene.bounds import offset_of, sphere_around, used_points, world_vertices
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.mesh import Mesh

UTM, ECEF = (500000.0, 4500000.0, 100.0), (4027893.7, 307045.6, 4919474.9)


def far_obj(path, place, radius=2.0):
    """A ball in double precision; returns its vertices."""
    ball = shapes.icosphere(1)
    vertices = radius * ball.numpy("vertices")[0].astype(np.float64) + place
    lines = [f"v {x:.7f} {y:.7f} {z:.7f}" for x, y, z in vertices] + [
        f"f {a} {b} {c}" for a, b, c in ball.topology.faces + 1
    ]
    path.write_text("\n".join(lines))
    return vertices


@pytest.mark.parametrize("place", [UTM, ECEF, (0, 0, -1e9)])
def test_a_ball_far_away_is_a_ball(cpu32, tmp_path, place):
    vertices = far_obj(tmp_path / "a.obj", place)
    with pytest.warns(UserWarning, match=r"a\.obj: is far from the origin: its vertices are counted from"):
        mesh = load_mesh(tmp_path / "a.obj")
    assert np.abs(mesh.offset - np.asarray(place)).max() <= 1
    assert np.abs(world_vertices(mesh) - vertices).max() < 2e-6
    for copy in (mesh.copy(), mesh.subdivide()):
        assert copy.offset.tolist() == mesh.offset.tolist()
    ball = mesh.normalized()
    assert ball.offset.tolist() == [0, 0, 0]
    assert np.abs(np.linalg.norm(ball.numpy("vertices")[0], axis=1) - 1).max() < 1e-5


@pytest.mark.filterwarnings("ignore:.*far from the origin")
@pytest.mark.parametrize("suffix", [".obj", ".ply", ".off", ".stl", ".glb", ".gltf"])
def test_files_keep_the_place(cpu32, tmp_path, suffix):
    vertices = far_obj(tmp_path / "a.obj", UTM)
    mesh = load_mesh(tmp_path / "a.obj")
    save_mesh(mesh, tmp_path / f"b{suffix}")
    again = load_mesh(tmp_path / f"b{suffix}")
    corners, expected = world_vertices(again)[again.topology.faces], vertices[mesh.topology.faces]
    assert np.abs(corners - expected).max() < 1e-5
    for part in load_parts(tmp_path / f"b{suffix}"):
        assert part.offset.tolist() == again.offset.tolist()


def test_near_shapes_stay_where_they_are(cpu32, tmp_path):
    vertices = far_obj(tmp_path / "a.obj", (50, 0, -20))
    mesh = load_mesh(tmp_path / "a.obj")
    assert mesh.offset.tolist() == [0, 0, 0]
    np.testing.assert_allclose(mesh.numpy("vertices")[0], vertices, atol=1e-5)


@pytest.mark.parametrize(
    ("low", "high", "offset"),
    [
        ((0, 0, 0), (1, 1, 1), (0, 0, 0)),
        ((80, 0, 0), (81, 1, 1), (0, 0, 0)),  # numbers near 81 are 7.6e-6 apart
        ((1000, 0, 0), (1003, 3, 3), (1002, 2, 2)),
        ((4.5e6, 0, 0), (4.5e6 + 700, 30, 7), (4500400, 0, 0)),
        ((1, 1, 1), (1, 1, 1), (0, 0, 0)),
        ((0, 0, np.nan), (1, 1, 1), (0, 0, 0)),
    ],
)
def test_offsets(low, high, offset):
    assert offset_of(np.array([low, high], float)).tolist() == list(offset)


@pytest.mark.filterwarnings("ignore:.*far from the origin")
def test_meshes_of_different_offsets_are_compared_in_the_world(cpu32, tmp_path):
    far_obj(tmp_path / "a.obj", UTM)
    far_obj(tmp_path / "b.obj", np.add(UTM, (30, 0, 0)), radius=3)
    small, large = load_mesh(tmp_path / "a.obj"), load_mesh(tmp_path / "b.obj")
    assert (large.offset - small.offset).tolist() == [30, 0, 0]
    found = compare_meshes(small, large, samples=2000)
    assert found.hausdorff == pytest.approx(31, abs=0.3)  # from 33, the right end of the large one, to 2
    assert found.accuracy == pytest.approx(27, abs=0.3)


def test_users_are_told_of_digits_that_are_lost(cpu32):
    with pytest.warns(
        UserWarning, match=r"far: .*give them less \[500001\.0, 0\.0, 0\.0\], and set its offset to that"
    ):
        Mesh(np.eye(3) + [500000.3, 0, 0], [[0, 1, 2]], name="far")


def test_offsets_of_users(cpu32):
    mesh = Mesh(np.eye(3), [[0, 1, 2]])
    mesh.offset = [1, 2, 3]
    assert world_vertices(mesh).tolist() == [[2, 2, 3], [1, 3, 3], [1, 2, 4]]
    with pytest.raises(ShapeError, match=r"mesh\.offset: expected shape \(3,\), got \(2,\)"):
        mesh.offset = [1, 2]
    with pytest.raises(GeometryError, match=r"mesh\.offset is not finite"):
        mesh.offset = [1, 2, np.inf]


SQUARE = "v -1 -1 0\nv 1 -1 0\nv 1 1 0\nv -1 1 0\n"


@pytest.mark.parametrize("stray", ["1000 1000 1000", "1e30 0 0", "1e300 0 0", "nan 0 0", "0 inf 0"])
@pytest.mark.filterwarnings("ignore:.*vertices that no face uses")
def test_a_vertex_that_no_face_uses(cpu32, tmp_path, stray):
    (tmp_path / "a.obj").write_text(f"v {stray}\n{SQUARE}f 2 3 4 5\n")
    mesh = load_mesh(tmp_path / "a.obj")
    assert (mesh.vertex_count, mesh.offset.tolist()) == (5, [0, 0, 0])
    assert np.isfinite(mesh.numpy("vertices")).all()
    assert mesh.topology.used.tolist() == [False, True, True, True, True]
    center, radius = sphere_around(used_points(mesh))
    assert (center.tolist(), radius) == ([0, 0, 0], pytest.approx(2**0.5))
    corner = mesh.normalized().numpy("vertices")[0, 1]
    np.testing.assert_allclose(corner, [-(0.5**0.5), -(0.5**0.5), 0], atol=1e-6)


def test_a_stray_vertex_that_is_nowhere_is_told_of(cpu32, tmp_path):
    (tmp_path / "a.obj").write_text(f"{SQUARE}v nan 0 0\nf 1 2 3 4\n")
    with pytest.warns(UserWarning, match=r"a\.obj: 1 vertices that no face uses are not finite"):
        assert load_mesh(tmp_path / "a.obj").numpy("vertices")[0, 4].tolist() == [0, 0, 0]
    (tmp_path / "b.obj").write_text(f"{SQUARE}v nan 0 0\nf 1 2 3 5\n")
    with pytest.raises(GeometryError, match="not finite"):
        load_mesh(tmp_path / "b.obj")


@pytest.mark.parametrize("far", ["nan nan nan", "inf 0 0", "1e30 0 0", "1e38 1e38 1e38", "0 1e300 0"])
def test_what_no_face_uses_can_be_rendered_wherever_it_is(cpu32, tmp_path, far):
    square = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
    (tmp_path / "a.obj").write_text(f"v {far}\n{square}v 5 0 0\nf 2 3 4 5\n")
    with pytest.warns(UserWarning, match="1 vertices that no face uses are not finite, or far beyond it"):
        mesh = load_mesh(tmp_path / "a.obj")
    assert mesh.numpy("vertices")[0, [0, 5]].tolist() == [[0.5, 0.5, 0], [5, 0, 0]]
    alpha = Rasterizer(8).render(mesh, Camera((0.5, 0.5, 1), (0.5, 0.5, 0))).numpy("alpha")
    assert alpha.sum() > 20
