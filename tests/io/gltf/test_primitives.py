"""Primitives: lists, strips and fans with their winding, indices, morph targets; and what is refused."""

import numpy as np
import pytest
from gltf_files import SQUARE, GltfFile

from taichi_dr.errors import FileError, GeometryError
from taichi_dr.io.gltf.read import read_gltf

ZIGZAG = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 2, 0]], np.float32)


def read(tmp_path, primitive, positions=SQUARE, indices=None, **more):
    file = GltfFile()
    file.show(file.square(positions, indices, mode=primitive, **more))
    return read_gltf(file.save(tmp_path / "a.glb"))


def upward(surface):
    """The signed area of each face, seen from +z."""
    a, b, c = (surface.vertices[surface.faces[:, k]] for k in range(3))
    return np.cross(b - a, c - a)[:, 2] / 2


def test_strips_turn_every_second_triangle(tmp_path):
    surface = read(tmp_path, 5, ZIGZAG)
    assert surface.faces.tolist() == [[0, 1, 2], [1, 3, 2], [2, 3, 4]]
    assert upward(surface).tolist() == [0.5, 0.5, 0.5]


def test_strips_with_indices_leave_out_what_only_leads_on(tmp_path):
    indices = np.array([0, 1, 2, 2, 2, 3, 3, 4, 0], np.uint8)
    assert read(tmp_path, 5, ZIGZAG, indices).faces.tolist() == [[0, 1, 2], [3, 4, 0]]


def test_fans(tmp_path):
    surface = read(tmp_path, 6)
    assert surface.faces.tolist() == [[1, 2, 0], [2, 3, 0]]
    assert upward(surface).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("mode", [4, None])
def test_lists_without_indices(tmp_path, mode):
    assert read(tmp_path, mode, SQUARE[[0, 1, 2, 0, 2, 3]]).faces.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_lists_keep_their_faces_as_they_are(tmp_path):
    indices = np.array([0, 1, 2, 1, 1, 2], np.uint32)
    assert read(tmp_path, 4, indices=indices).faces.tolist() == [[0, 1, 2], [1, 1, 2]]


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_points_and_lines_are_passed_over(tmp_path, mode):
    with pytest.raises(FileError, match=r"a\.glb: has no triangles"):
        read(tmp_path, mode)
    file = GltfFile()
    file.show(file.square(indices=None, mode=mode), file.square())
    assert read_gltf(file.save(tmp_path / "a.glb")).faces.tolist() == [[0, 1, 2], [0, 2, 3]]


def test_strips_of_two_are_no_triangles(tmp_path):
    with pytest.raises(FileError, match="has no triangles"):
        read(tmp_path, 5, SQUARE[:2])


def test_primitives_that_share_their_vertices_do_not_repeat_them(tmp_path):
    file = GltfFile()
    positions = file.accessor(SQUARE)
    faces = [file.square(positions, np.array(corners, np.uint16)) for corners in ([0, 1, 2], [0, 2, 3])]
    file.show(*faces)
    surface = read_gltf(file.save(tmp_path / "a.glb"))
    assert surface.vertices.tolist() == SQUARE.tolist()
    assert surface.faces.tolist() == [[0, 1, 2], [0, 2, 3]]


def test_morph_targets_at_the_default_weights(tmp_path):
    file = GltfFile()
    targets = [{"POSITION": file.accessor(SQUARE + k)} for k in (1, 10)] + [{}]
    primitive = file.square(targets=targets)
    mesh = file.mesh(primitive, weights=[0.5, 0.0, 1.0])
    file.node(mesh=mesh)
    expected = SQUARE + 0.5 * (SQUARE + 1)
    assert read_gltf(file.save(tmp_path / "a.glb")).vertices.tolist() == expected.tolist()
    file.tree["nodes"][0]["weights"] = [0, 0.25]
    expected = SQUARE + 0.25 * (SQUARE + 10)
    assert read_gltf(file.save(tmp_path / "a.glb")).vertices.tolist() == expected.tolist()


def test_quantized_positions_and_coordinates(tmp_path):
    file = GltfFile()
    positions = np.zeros((4, 4), np.int16)
    positions[:, :3] = SQUARE * 32767
    view = file.view(positions.tobytes(), byteStride=8)
    kind = {"bufferView": view, "componentType": 5122, "count": 4, "type": "VEC3"}
    number = file.add("accessors", kind | {"normalized": True})
    uv = file.accessor(np.array([[0, 65535], [65535, 65535], [65535, 0], [0, 0]], np.uint16), normalized=True)
    file.show(file.square(number, attributes={"TEXCOORD_0": uv}), scale=[2, 3, 1], translation=[5, 0, 0])
    file.use("KHR_mesh_quantization", required=True)
    surface = read_gltf(file.save(tmp_path / "a.glb"))
    np.testing.assert_allclose(surface.vertices, SQUARE * (2, 3, 1) + (5, 0, 0), atol=1e-12)
    assert surface.uv.tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]
    file.tree["accessors"][number]["normalized"] = False
    file.tree["nodes"][0]["scale"] = [1 / 32767] * 3
    np.testing.assert_allclose(
        read_gltf(file.save(tmp_path / "a.glb")).vertices, SQUARE + np.array([5, 0, 0]), atol=1e-12
    )


@pytest.mark.parametrize(
    ("indices", "error", "message"),
    [
        (np.array([0, 1], np.uint16), FileError, r"indices: expected three for each triangle, got 2"),
        (np.array([0, 1, 4], np.uint16), GeometryError, r"indices: a face refers to vertex 4, there are 4 vertices"),
        (np.array([0, 1, 65535], np.uint16), GeometryError, r"refers to vertex 65535"),
        (np.array([0, 1, 2**32 - 1], np.uint32), GeometryError, r"refers to vertex 4294967295"),
        (np.array([0, 1, 2], np.float32), FileError, r"indices: expected integers"),
        (np.array([[0, 1, 2]], np.uint16), FileError, r"type: expected SCALAR, got 'VEC3'"),
    ],
)
def test_indices_that_are_wrong(tmp_path, indices, error, message):
    with pytest.raises(error, match=r"a\.glb: .*" + message):
        read(tmp_path, 4, indices=indices)


def test_attributes_of_other_lengths(tmp_path):
    with pytest.raises(FileError, match=r"primitives\[0\]\.attributes\.COLOR_0: expected 4 elements, got 3"):
        read(tmp_path, 6, attributes={"COLOR_0": np.ones((3, 3), np.float32)})
    file = GltfFile()
    file.node(mesh=file.mesh(file.square(targets=[{"POSITION": file.accessor(SQUARE[:3])}]), weights=[1.0]))
    with pytest.raises(FileError, match=r"primitives\[0\]\.targets\[0\]\.POSITION: expected 4 elements, got 3"):
        read_gltf(file.save(tmp_path / "a.glb"))
