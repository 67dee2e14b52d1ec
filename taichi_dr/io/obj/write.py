"""Wavefront OBJ with MTL materials, written."""

from contextlib import ExitStack
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from taichi_dr.io.files import atomic_path
from taichi_dr.io.images import image_bytes, linear_to_srgb


def write_obj(mesh, path, index):
    """Writes mesh ``index`` of the batch as OBJ; a texture as ``<name>_texture.png``, with ``<name>.mtl``, beside it.

    Vertex colours stand behind the coordinates (sRGB); face colours become one material each.  A failure leaves none
    of the files behind, and those that were there as they were.
    """
    path = Path(path)
    vertices = mesh.numpy("vertices")[index]
    lines = ["# vertices are x y z, or x y z red green blue (sRGB)"]
    library, face_materials = _material_lines(mesh, path, index)
    if library:
        lines.append(f"mtllib {path.with_suffix('.mtl').name}")
    if not mesh.has("texture") and mesh.colors_per == "vertex":
        vertices = np.concatenate([vertices, linear_to_srgb(np.clip(mesh.numpy("colors")[index], 0, 1))], axis=1)
    lines += ["v " + " ".join(f"{x:.9g}" for x in row) for row in vertices.tolist()]
    corners = [[str(i) for i in face] for face in (mesh.topology.faces + 1).tolist()]
    if mesh.has("uv"):
        lines += [f"vt {u:.9g} {v:.9g}" for u, v in mesh.numpy("uv").tolist()]
        uv_faces = (mesh.uv_faces + 1).tolist()
        corners = [[f"{i}/{j}" for i, j in zip(*pair, strict=True)] for pair in zip(corners, uv_faces, strict=True)]
    current = None
    for face, material in zip(corners, face_materials, strict=True):
        if material != current:
            lines.append(f"usemtl {material}")
            current = material
        lines.append("f " + " ".join(face))
    with ExitStack() as files:  # they appear in reverse once all are written: the OBJ, which needs the others, last
        files.enter_context(atomic_path(path)).write_text("\n".join(lines) + "\n", encoding="utf-8")
        if library:
            mtl = files.enter_context(atomic_path(path.with_suffix(".mtl")))
            mtl.write_text("\n".join(library) + "\n", encoding="utf-8")
        if mesh.has("texture"):
            pixels = image_bytes(mesh.numpy("texture"), "texture")
            png = iio.imwrite("<bytes>", pixels, extension=".png", plugin="pillow")
            files.enter_context(atomic_path(texture_path(path))).write_bytes(png)


def texture_path(path):
    """Where ``write_obj`` puts the texture of ``path``, which is not where a picture of the mesh would go by default.

    >>> str(texture_path(Path("out/mesh.obj")))
    'out/mesh_texture.png'
    """
    return path.with_name(f"{path.stem}_texture.png")


def _material_lines(mesh, path, index):
    """The lines of the MTL file (none if it is not needed) and each face's material."""
    if mesh.has("texture"):
        return ["newmtl texture", "Kd 1 1 1", f"map_Kd {texture_path(path).name}"], ["texture"] * mesh.face_count
    if mesh.colors_per == "vertex":
        return [], [None] * mesh.face_count
    colors = linear_to_srgb(np.clip(mesh.numpy("colors")[index], 0, 1))
    unique, of_face = np.unique(colors, axis=0, return_inverse=True)
    lines = []
    for i, color in enumerate(unique.tolist()):
        lines += [f"newmtl color{i}", "Kd " + " ".join(f"{c:.9g}" for c in color)]
    return lines, [f"color{i}" for i in of_face.reshape(-1)]
