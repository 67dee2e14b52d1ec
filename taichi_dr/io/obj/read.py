"""Wavefront OBJ with MTL materials, read.

Read here rather than through trimesh, which keeps one index per vertex: it either tears the surface along texture seams
or drops the seams; a mesh that is to be deformed needs whole vertices *and* whole texture coordinates.
"""

import os
import re
import warnings
from pathlib import Path

import numpy as np

from taichi_dr.io.files import read_bytes
from taichi_dr.io.obj.colors import vertex_colors
from taichi_dr.io.obj.contents import parse
from taichi_dr.io.obj.find import find_file
from taichi_dr.io.obj.lines import cut, readings, shown
from taichi_dr.io.obj.mtl import MtlMaterial, find_materials, read_materials
from taichi_dr.io.obj.paint import Look, look, named, paint, visible
from taichi_dr.io.polygons import triangulate
from taichi_dr.io.triangles import Surface
from taichi_dr.scene.texture import NO_TEXTURE

UNNAMED = ("", "none", "(null)", "default")  # what programs write for no material
MOST_NOTES = 10


def read_obj(path):
    """A ``Surface`` with the file's own vertices in their order.

    Colours behind the coordinates of ``v`` lines, ``Kd`` and ``map_Kd`` are sRGB.  A face with texture coordinates
    whose material has a picture shows it, multiplied by Kd (``paint.look`` has exceptions) and by the colours of its
    vertices; others show the colours of their vertices, or Kd where there are none.  What cannot be shown as the file
    has it (transparency, missing pictures and materials, light of a surface's own) is said in warnings.

    Raises:
        FileError: the file is missing, empty or malformed (with the line), or has no faces; so has its MTL file.
        GeometryError: a face refers to a vertex that does not exist.
    """
    path, notes = Path(path), []
    contents = parse(path, read_bytes(path))
    coordinates = contents.vertices[:, :3]
    picked = triangulate(coordinates, contents.corners, contents.counts)
    polygon = np.repeat(np.arange(len(contents.counts)), contents.counts)[picked[:, 0]]
    looks, of_name = _looks(path, contents, notes)
    of_face = of_name[contents.materials[polygon]]
    seen = visible(looks, of_face, notes)
    picked, of_face = picked[seen], of_face[seen]

    uv, uv_corners = _finite_uv(contents, notes)
    faces, uv_faces = contents.corners[picked], uv_corners[picked]
    has_uv = (uv_faces >= 0).all(axis=1)
    painted = paint(looks, of_face, has_uv, notes)
    colors = _corner_colors(vertex_colors(contents.vertices, notes), faces, painted, (of_face > 0).any())
    uv, uv_faces = _placed(uv, np.where(has_uv[:, None], uv_faces, 0), painted) if has_uv.any() else (None, None)
    if contents.short:
        notes.append(f"{contents.short} faces have fewer than three corners, and are left out")
    _warn(path, notes)
    face_textures = painted.face_textures if painted.textures else np.where(has_uv, 0, NO_TEXTURE)
    if (face_textures == face_textures[0]).all():
        face_textures = None
    return Surface(coordinates, faces, colors, uv, uv_faces, painted.textures, face_textures)


def _warn(path, notes):
    notes = list(dict.fromkeys(notes))
    for note in notes[:MOST_NOTES]:
        warnings.warn(f"{path}: {note}", stacklevel=4)
    if len(notes) > MOST_NOTES:
        warnings.warn(f"{path}: {len(notes) - MOST_NOTES} more warnings are left out", stacklevel=4)


def _looks(path, contents, notes):
    """The looks of the materials in use, the first that of no material, and which of them each of ``contents.names``
    and, last, no name has."""
    materials = {}
    for file in _library_files(path, contents.libraries, notes):
        materials |= read_materials(file)
    names = list(dict.fromkeys(contents.names))
    looks, numbers, missing = [Look(MtlMaterial())], {}, []
    for name, material in zip(names, find_materials(materials, names), strict=True):
        numbers[name] = 0 if material is None else len(looks)
        looks += [] if material is None else [look(material, notes)]
        missing += [shown(name)] if material is None and name.lower() not in UNNAMED else []
    if materials and missing:
        notes.append(f"its material files have no material {named(missing)}: those faces have none")
    return looks, np.array([numbers[name] for name in contents.names] + [0])


def _library_files(path, libraries, notes):
    """The MTL files that ``mtllib`` lines name; one of the OBJ file's own name in place of those that are not there."""
    files, own = [], (path.with_suffix(".mtl"), path.with_name(f"{path.name}.mtl"))
    for name in (name for line in libraries for name in _library_names(path.parent, line)):
        file = find_file(path.parent, name)
        if file is None:
            file = next(filter(os.path.isfile, own), None)
            taken = f": {file.name} is read" if file else ""
            notes.append(f"its material file {cut(name)} is missing{taken}")
        files += [file] if file else []
    return list(dict.fromkeys(files))


def _library_names(folder, line):
    """The names in a ``mtllib`` line: all of it if that is a file's name, else what ends in .mtl, else its words."""
    whole = next((name for name in readings(line) if os.path.isfile(folder / name)), None)
    text = readings(line)[-1].replace('"', "")
    return [whole] if whole else re.findall(r"\S.*?\.mtl(?!\S)", text, re.IGNORECASE) or text.split()


def _corner_colors(own, faces, painted, is_known):
    """(F, 3, 3), or None where it would say nothing: ``own`` (N, 3) at the vertices, NaN without, or None."""
    textured = (painted.face_textures >= 0)[:, None, None]
    if own is None and (not is_known or (textured.all() and (painted.colors == 1).all())):
        return None
    base = np.broadcast_to(painted.colors[:, None], (len(faces), 3, 3))
    if own is None:
        return base
    corners = own[faces]
    return np.where(np.isnan(corners).all(axis=2, keepdims=True), base, np.where(textured, base * corners, corners))


def _finite_uv(contents, notes):
    """The texture coordinates (T, 2), and which of them each corner has (C,): none, -1, in place of one that is not
    finite."""
    is_finite = np.isfinite(contents.uv).all(axis=1)
    if is_finite.all():
        return contents.uv, contents.uv_corners
    lost = (contents.uv_corners >= 0) & ~is_finite[contents.uv_corners]
    if lost.any():
        notes.append(
            f"{np.count_nonzero(lost)} corners have texture coordinates that are not finite: their faces show none"
        )
    return np.where(is_finite[:, None], contents.uv, 0), np.where(lost, -1, contents.uv_corners)


def _placed(uv, uv_faces, painted):
    """Texture coordinates moved as each face's picture is: ``uv * scale + offset``."""
    kinds, of_face = np.unique(painted.placements, axis=0, return_inverse=True)
    if (kinds == (1, 1, 0, 0)).all():
        return uv, uv_faces
    used, rows = np.unique(of_face.reshape(-1, 1) * len(uv) + uv_faces, return_inverse=True)
    kind, row = np.divmod(used, len(uv))
    return uv[row] * kinds[kind, :2] + kinds[kind, 2:], rows.reshape(-1, 3)
