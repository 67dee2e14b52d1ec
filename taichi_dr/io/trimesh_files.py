"""GLB files written through trimesh."""

import numpy as np
import trimesh
from PIL import Image

from taichi_dr.io.images import image_bytes, quantized


def encode(mesh, index, unlit=False):
    """The bytes of a GLB file that holds one mesh of the batch; ``unlit`` marks its texture so."""
    options = {"tree_postprocessor": _mark_unlit} if unlit else {}
    return _to_glb(mesh, index).export(file_type="glb", **options)


def _mark_unlit(tree):
    for material in tree.get("materials", []):
        material["extensions"] = {"KHR_materials_unlit": {}}
        tree["extensionsUsed"] = ["KHR_materials_unlit"]


def _to_glb(mesh, index):
    vertices, faces = mesh.numpy("vertices")[index], mesh.topology.faces
    if mesh.has("texture"):
        pairs = np.stack([faces.reshape(-1), mesh.uv_faces.reshape(-1)], axis=1)
        pairs, split = np.unique(pairs, axis=0, return_inverse=True)
        material = trimesh.visual.material.PBRMaterial(
            baseColorTexture=Image.fromarray(image_bytes(mesh.numpy("texture"), "texture")),
            metallicFactor=0.0,
            roughnessFactor=1.0,
        )
        visual = trimesh.visual.TextureVisuals(uv=mesh.numpy("uv")[pairs[:, 1]], material=material)
        return trimesh.Trimesh(vertices[pairs[:, 0]], split.reshape(-1, 3), visual=visual, process=False)
    colors = mesh.numpy("colors")[index]
    if mesh.colors_per == "face":  # the format has colours at vertices only
        vertices, colors = vertices[faces.reshape(-1)], np.repeat(colors, 3, axis=0)
        faces = np.arange(len(vertices)).reshape(-1, 3)
    return trimesh.Trimesh(vertices, faces, vertex_colors=_bytes(_clipped(colors)), process=False)


def _clipped(colors):
    return np.clip(colors.astype(np.float64), 0, 1)


def _bytes(colors):
    """8-bit RGBA of colours in [0, 1]."""
    rgb = quantized(colors)
    return np.concatenate([rgb, np.full((len(rgb), 1), 255, dtype=np.uint8)], axis=1)
