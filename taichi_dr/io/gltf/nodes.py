"""Where a scene's nodes put its meshes.

Source: glTF 2.0 (Khronos, 2021), 3.5 (scenes, nodes, transforms), 3.7.3 (skins); EXT_mesh_gpu_instancing.
"""

from dataclasses import dataclass

import numpy as np

from taichi_dr.io.gltf.document.accessors import read_accessor
from taichi_dr.io.gltf.document.values import Json

TRANSLATION, ROTATION, SCALE = (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Placement:
    """A ``mesh`` with its morph ``weights`` at each of the ``transforms`` (M, 4, 4).

    With a skin, ``joints`` (J, 4, 4) move the vertices in place of the transforms: from the mesh to the world.
    """

    mesh: Json
    weights: list
    transforms: np.ndarray
    joints: np.ndarray | None = None


def placements(document):
    """Every ``Placement`` of the default scene, else the first one, else of all nodes, else every mesh as it is.

    Raises:
        FileError: a node that has two parents or is below itself, and whatever is not as it should be.
    """
    root = document.root
    if not root.value.get("nodes"):
        return [_plain(mesh) for mesh in root.entries("meshes")]
    worlds = _worlds(_roots(document))
    return [_placement(document, node, worlds) for node, _ in worlds.values() if node.has("mesh")]


def _plain(mesh):
    return Placement(mesh, mesh.numbers("weights", None, []), np.eye(4)[None])


def _roots(document):
    root = document.root
    scenes = root.entries("scenes")
    scene = root.refers("scene", "scenes")
    if len(scenes) > 1 and scene is None:
        document.warn(f"has {len(scenes)} scenes and no default one: the first is read")
    if scenes:
        return (scene or scenes[0]).referred("nodes", "nodes")
    nodes = root.entries("nodes")
    below = {child.place for node in nodes for child in node.referred("children", "nodes")}
    return [node for node in nodes if node.place not in below]


def _worlds(roots):
    """Place -> (node, its transform (4, 4) to the world) of the nodes that are visible, parents first."""
    worlds, waiting = {}, [(node, np.eye(4)) for node in reversed(roots)]
    seen = set()
    while waiting:
        node, parent = waiting.pop()
        if node.place in seen:
            raise node.error(None, "expected a node below one parent at most, and not below itself")
        seen.add(node.place)
        visibility = node.extension("KHR_node_visibility")
        if visibility and not visibility.flag("visible", True):
            continue
        world = parent @ _local(node)
        worlds[node.place] = node, world
        waiting += [(child, world) for child in reversed(node.referred("children", "nodes"))]
    return worlds


def _local(node):
    """The transform (4, 4) of a node in its parent's coordinates: its matrix, column by column, or ``T R S``."""
    if node.has("matrix"):
        return np.array(node.numbers("matrix", 16)).reshape(4, 4).T
    parts = ("translation", 3, TRANSLATION), ("rotation", 4, ROTATION), ("scale", 3, SCALE)
    return composed(*(np.array([node.numbers(*part)]) for part in parts))[0]


def composed(translation, rotation, scale):
    """The transforms (M, 4, 4) ``T R S`` of translations (M, 3), quaternions x, y, z, w (M, 4) and scales (M, 3).

    Quaternions are made of length 1; of length 0 they do not turn.

    >>> half_about_z = [[0, 0, 1, 0]]
    >>> composed([[5, 0, 0]], half_about_z, [[2, 1, 1]])[0, :2].tolist()
    [[-2.0, 0.0, 0.0, 5.0], [0.0, -1.0, 0.0, 0.0]]
    """
    rotation = np.asarray(rotation, np.float64)
    length = np.linalg.norm(rotation, axis=1, keepdims=True)
    x, y, z, w = np.where(length > 0, rotation / np.where(length > 0, length, 1), ROTATION).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    result = np.tile(np.eye(4), (len(rotation), 1, 1))
    result[:, :3, :3] = np.moveaxis(np.array(rows), 2, 0) * np.asarray(scale, np.float64)[:, None, :]
    result[:, :3, 3] = translation
    return result


def _placement(document, node, worlds):
    mesh, world = node.refers("mesh", "meshes"), worlds[node.place][1]
    weights = node.numbers("weights", None, []) or mesh.numbers("weights", None, [])
    instancing, skin = node.extension("EXT_mesh_gpu_instancing"), node.refers("skin", "skins")
    transforms = world @ _instances(document, instancing) if instancing else world[None]
    return Placement(mesh, weights, transforms, _joints(document, skin, worlds) if skin else None)


def _instances(document, instancing):
    """The transforms (M, 4, 4) of EXT_mesh_gpu_instancing."""
    attributes = instancing.member("attributes")
    if not attributes:
        raise instancing.error("attributes", "is missing")
    given = {
        name: read_accessor(document, attributes.refers(name, "accessors"), (kind,))
        for name, kind in (("TRANSLATION", "VEC3"), ("ROTATION", "VEC4"), ("SCALE", "VEC3"))
        if attributes.has(name)
    }
    counts = {len(values) for values in given.values()}
    if len(counts) != 1:
        raise attributes.error(None, f"expected as many of each, got {sorted(counts)}")
    (count,) = counts
    still = {"TRANSLATION": TRANSLATION, "ROTATION": ROTATION, "SCALE": SCALE}
    return composed(*(given.get(name, np.tile(values, (count, 1))) for name, values in still.items()))


def _joints(document, skin, worlds):
    """From the mesh at rest to the world, by each joint (J, 4, 4): ``world inverse_bind``."""
    joints = skin.referred("joints", "nodes")
    if not joints or not all(joint.place in worlds for joint in joints):
        raise skin.error("joints", "expected nodes of the scene")
    transforms = np.stack([worlds[joint.place][1] for joint in joints])
    if not skin.has("inverseBindMatrices"):
        return transforms
    inverse = read_accessor(document, skin.refers("inverseBindMatrices", "accessors"), ("MAT4",))
    if len(inverse) < len(joints):
        raise skin.error("inverseBindMatrices", f"expected a matrix for each of {len(joints)} joints", len(inverse))
    return transforms @ inverse[: len(joints)].reshape(-1, 4, 4).swapaxes(1, 2)
