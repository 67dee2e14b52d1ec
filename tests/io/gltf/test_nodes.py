"""Nodes: where the scene puts its meshes; hierarchies, instances, mirrors, skins, and graphs that are no trees."""

import numpy as np
import pytest
from gltf_files import SQUARE, GltfFile

from taichi_dr.errors import FileError
from taichi_dr.io.gltf.read import read_gltf, read_parts


def read(tmp_path, file):
    return read_gltf(file.save(tmp_path / "a.glb"))


def box(surface):
    return surface.vertices.min(axis=0).tolist(), surface.vertices.max(axis=0).tolist()


def test_a_hierarchy_of_matrices_and_of_parts(tmp_path):
    """By hand: the square [0, 1]^2, twice as large, a quarter turn about z, shifted; then by the parent's matrix."""
    file = GltfFile()
    half = 0.5**0.5
    child = file.node(
        False, mesh=file.mesh(file.square()), translation=[1, 0, 0], rotation=[0, 0, half, half], scale=[2, 4, 1]
    )
    file.node(matrix=[3, 0, 0, 0, 0, 3, 0, 0, 0, 0, 3, 0, 10, 20, 30, 1], children=[child])
    # (x, y) -> (1 - 4 y, 2 x) -> (13 - 12 y, 20 + 6 x, 30)
    np.testing.assert_allclose(
        read(tmp_path, file).vertices, [[13, 20, 30], [13, 26, 30], [1, 26, 30], [1, 20, 30]], atol=1e-12
    )


def test_instances_share_their_mesh(tmp_path):
    file = GltfFile()
    mesh = file.mesh(file.square())
    for x in (0, 5, 7):
        file.node(mesh=mesh, translation=[x, 0, 0])
    surface = read(tmp_path, file)
    assert surface.faces.tolist() == [
        [k, k + 1, k + 2] if odd else [k, k + 2, k + 3] for k in (0, 4, 8) for odd in (1, 0)
    ]
    assert surface.vertices[::4, 0].tolist() == [0, 5, 7]
    assert len(read_parts(tmp_path / "a.glb")) == 3


def test_mirrors_keep_the_outside_out(tmp_path):
    file = GltfFile()
    file.show(file.square(), scale=[-1, 1, 1])
    surface = read(tmp_path, file)
    a, b, c = (surface.vertices[surface.faces[:, k]] for k in range(3))
    assert np.cross(b - a, c - a)[:, 2].tolist() == [1, 1]
    assert box(surface) == ([-1, 0, 0], [0, 1, 0])
    file.tree["nodes"][0]["scale"] = [-1, -1, 1]
    assert read(tmp_path, file).faces.tolist() == [[0, 1, 2], [0, 2, 3]]


def test_which_scene(tmp_path):
    file = GltfFile()
    mesh = file.mesh(file.square())
    first, second = (file.node(False, mesh=mesh, translation=[x, 0, 0]) for x in (0, 50))
    file.tree["scenes"] = [{"nodes": [first]}, {"nodes": [second]}]
    for scene, x in ((0, 0), (1, 50)):
        file.tree["scene"] = scene
        assert read(tmp_path, file).vertices[0, 0] == x
    del file.tree["scene"]
    with pytest.warns(UserWarning, match=r"a\.glb: has 2 scenes and no default one: the first is read"):
        assert read(tmp_path, file).vertices[0, 0] == 0
    del file.tree["scenes"]
    assert box(read(tmp_path, file)) == ([0, 0, 0], [51, 1, 0])
    del file.tree["nodes"]
    assert read(tmp_path, file).vertices.tolist() == SQUARE.tolist()
    file.tree |= {"scene": 2, "scenes": [{}], "nodes": [{}]}
    with pytest.raises(FileError, match=r"scene: expected the number of one of 1 scenes, got 2"):
        read(tmp_path, file)


@pytest.mark.parametrize("children", [{0: [1], 1: [0]}, {0: [0]}, {0: [2], 1: [2]}, {0: [2, 2]}, {0: [1]}])
def test_graphs_that_are_no_trees(tmp_path, children):
    file = GltfFile()
    mesh = file.mesh(file.square())
    for number in range(3):
        file.node(number < 2, mesh=mesh, **({"children": children[number]} if number in children else {}))
    with pytest.raises(FileError, match=r"nodes\[\d\]: expected a node below one parent at most, and not below itself"):
        read(tmp_path, file)


def test_a_deep_hierarchy(tmp_path):
    file = GltfFile()
    file.show(file.square(), translation=[1, 0, 0])
    for number in range(1, 5000):
        file.node(False, children=[number - 1], translation=[1, 0, 0])
    file.tree["scenes"] = [{"nodes": [4999]}]
    assert read(tmp_path, file).vertices[0].tolist() == [5000, 0, 0]


def test_gpu_instancing(tmp_path):
    file = GltfFile()
    places = np.array([[0, 0, 0], [10, 0, 0]], np.float32)
    turns = np.array([[0, 0, 0, 127], [0, 0, 127, 0]], np.int8)
    attributes = {"TRANSLATION": file.accessor(places), "ROTATION": file.accessor(turns, normalized=True)}
    extension = {"EXT_mesh_gpu_instancing": {"attributes": attributes}}
    file.show(file.square(), extensions=extension, scale=[2, 2, 2])
    file.use("EXT_mesh_gpu_instancing", required=True)
    surface = read(tmp_path, file)
    np.testing.assert_allclose(
        surface.vertices[[0, 2, 4, 6]], [[0, 0, 0], [2, 2, 0], [20, 0, 0], [18, -2, 0]], atol=1e-12
    )
    attributes["SCALE"] = file.accessor(np.ones((3, 3), np.float32))
    with pytest.raises(FileError, match=r"expected as many of each, got \[2, 3\]"):
        read(tmp_path, file)


def test_more_instances_than_fit_are_refused_before_they_are_made(tmp_path):
    file = GltfFile()
    many = file.add("accessors", {"componentType": 5126, "count": 60_000, "type": "VEC3"})
    extension = {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": many}}}
    file.show(file.square(indices=np.zeros(3 * 2000, np.uint8)), extensions=extension)
    with pytest.raises(FileError, match=r"has 120000000 faces with all instances, expected at most 100000000"):
        read(tmp_path, file)


def test_invisible_nodes_are_left_out(tmp_path):
    file = GltfFile()
    mesh = file.mesh(file.square())
    child = file.node(False, mesh=mesh, translation=[9, 0, 0])
    file.node(children=[child], extensions={"KHR_node_visibility": {"visible": False}})
    file.node(mesh=mesh)
    assert len(read(tmp_path, file).faces) == 2


def test_skins_move_vertices_to_their_joints_at_rest(tmp_path):
    """By hand: joint 0 stays, joint 1 is shifted by (0, 5, 0) and bound at 0; the upper vertices hang on it, but one
    that is held by both; where the node of the mesh is does not matter."""
    file = GltfFile()
    joints, weights = np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.float32)
    joints[:, 1], weights[:, 0], weights[2], weights[3] = 1, 1, [0, 1, 0, 0], [0.5, 0.5, 0, 0]
    primitive = file.square(attributes={"JOINTS_0": joints, "WEIGHTS_0": weights})
    file.show(primitive, skin=0, translation=[100, 0, 0])
    still, moved = file.node(), file.node(translation=[2, 5, 0])
    inverse = np.tile(np.eye(4, dtype=np.float32).reshape(-1), (2, 1))
    inverse[1, 12] = -2  # column by column: the last one is the translation
    file.add("skins", {"joints": [still, moved], "inverseBindMatrices": file.accessor(inverse)})
    assert read(tmp_path, file).vertices.tolist() == [[0, 0, 0], [1, 0, 0], [1, 6, 0], [0, 3.5, 0]]
    weights_0 = primitive["attributes"].pop("WEIGHTS_0")
    with pytest.raises(FileError, match=r"primitives\[0\]\.attributes\.WEIGHTS_0: is missing"):
        read(tmp_path, file)
    primitive["attributes"]["WEIGHTS_0"] = weights_0
    file.tree["skins"][0]["joints"] = [still]
    with pytest.raises(FileError, match=r"attributes\.JOINTS_0: expected joints below 1, got 1"):
        read(tmp_path, file)
