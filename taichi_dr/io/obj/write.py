"""Wavefront OBJ with MTL materials, written."""

import warnings
from contextlib import ExitStack
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from taichi_dr.io.files import atomic_path
from taichi_dr.io.images import image_bytes, linear_to_srgb
from taichi_dr.io.obj.paint import SAME, is_standard
from taichi_dr.scene.bounds import text_digits, world_vertices
from taichi_dr.scene.texture import NO_TEXTURE


def write_obj(mesh, path, index):
    """Writes mesh ``index`` of the batch as OBJ, with ``<name>.mtl`` and a picture for each texture beside it.

    Colours of vertices stand behind the coordinates (sRGB); vertices whose corners have several are written once for
    each.  Colours of faces, and textures, become a material for each pair of them.  The only texture is
    ``<name>_texture.png``, of several the first ``<name>_texture0.png``.  A failure leaves none of the files behind,
    and those that were there as they were.
    """
    path = Path(path)
    _check_wraps(mesh, path)
    vertices, faces = _colored_vertices(mesh, index)
    pictures = texture_paths(path, len(mesh.textures))
    library, face_materials = _materials(mesh, pictures, index)
    lines = ["# vertices are x y z, or x y z red green blue (sRGB)"]
    if library:
        lines.append(f"mtllib {path.with_suffix('.mtl').name}")
    digits = text_digits(mesh)
    lines += ["v " + " ".join(f"{x:{digits}}" for x in row) for row in vertices.tolist()]
    corners = [[str(i) for i in face] for face in (faces + 1).tolist()]
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
        for texture, picture in zip(mesh.textures, pictures, strict=True):
            pixels = image_bytes(_unmirrored(texture), "texture")
            png = iio.imwrite("<bytes>", pixels, extension=".png", plugin="pillow")
            files.enter_context(atomic_path(picture)).write_bytes(png)


def texture_paths(path, count):
    """Where ``write_obj`` puts the textures of ``path``: not where a picture of the mesh would go by default.

    >>> [str(one) for one in texture_paths(Path("out/mesh.obj"), 1)]
    ['out/mesh_texture.png']
    """
    return [path.with_name(f"{path.stem}_texture{i if count > 1 else ''}.png") for i in range(count)]


def _colored_vertices(mesh, index):
    """``v`` lines (N, 3 or 6) and the faces (F, 3) that refer to them."""
    points, faces = world_vertices(mesh, index), mesh.topology.faces
    if not mesh.has_colors or mesh.colors_per == "face":
        return points, faces
    colors = linear_to_srgb(np.clip(mesh.numpy("colors")[index], 0, 1))
    if mesh.colors_per == "vertex":
        return np.concatenate([points, colors], axis=1), faces
    pairs = np.stack([faces, mesh.color_topology.faces], axis=2).reshape(-1, 2)
    used, rows = np.unique(pairs, axis=0, return_inverse=True)
    return np.concatenate([points[used[:, 0]], colors[used[:, 1]]], axis=1), rows.reshape(-1, 3)


def _materials(mesh, pictures, index):
    """The lines of the MTL file (none if it is not needed) and each face's material."""
    has_own = mesh.has_colors and mesh.colors_per == "face"
    if not (has_own or pictures):
        return [], [None] * mesh.face_count
    numbers = np.full(mesh.face_count, 0 if pictures else NO_TEXTURE)
    numbers = numbers if mesh.face_textures is None else mesh.face_textures
    colors = linear_to_srgb(np.clip(mesh.numpy("colors")[index], 0, 1)) if has_own else np.ones((mesh.face_count, 3))
    unique, of_face = np.unique(np.column_stack([numbers, colors]), axis=0, return_inverse=True)
    lines = []
    for i, (number, *color) in enumerate(unique.tolist()):
        is_textured = number != NO_TEXTURE
        kd = np.array(color) + (2 * SAME if is_textured and is_standard(color) else 0)
        lines += [f"newmtl material{i}", "Kd " + " ".join(f"{c:.9g}" for c in kd.tolist())]
        if is_textured:
            options = _options(mesh.textures[int(number)])
            lines.append(f"map_Kd {options}{pictures[int(number)].name}")
    return lines, [f"material{i}" for i in of_face.reshape(-1)]


def _unmirrored(texture):
    """The pixels of a texture; with their mirror image beside or above them, where that repeats."""
    pixels, (along_u, along_v) = texture.pixels, texture.wrap
    if along_u == "mirror":
        pixels = np.concatenate([pixels, pixels[:, ::-1]], axis=1)
    return np.concatenate([pixels[::-1], pixels]) if along_v == "mirror" else pixels


def _check_wraps(mesh, path):
    for texture in mesh.textures:
        if texture.wrap != ("clamp", "clamp") and "clamp" in texture.wrap:
            axis = "uv"[texture.wrap.index("clamp")]
            warnings.warn(f"{path}: MTL cannot clamp a texture along {axis} alone: it repeats", stacklevel=4)


def _options(texture):
    """What stands before the name of its picture: -clamp, and -s where its mirror image is part of the picture."""
    scale = [0.5 if mode == "mirror" else 1 for mode in texture.wrap]
    size = "" if scale == [1, 1] else f"-s {scale[0]:g} {scale[1]:g} 1 "
    return size + ("-clamp on " if texture.wrap == ("clamp", "clamp") else "")
