"""Wavefront OBJ with MTL materials, read.

Read here rather than through trimesh, which keeps one index per vertex: it either tears the surface along
texture seams or drops the seams; a mesh that is to be deformed needs whole vertices *and* whole texture coordinates.
"""

import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from taichi_dr.errors import FileError, GeometryError
from taichi_dr.io.files import read_bytes
from taichi_dr.io.images import linear_to_srgb, load_image, srgb_to_linear
from taichi_dr.io.polygons import triangulate
from taichi_dr.io.triangles import Surface, sample_texture
from taichi_dr.scene.mesh import GREY
from taichi_dr.scene.texture import Texture


@dataclass
class _Contents:
    """What the lines of a file say, indices counted from 0; corners in the order of the file."""

    vertices: list = field(default_factory=list)
    uv: list = field(default_factory=list)
    corners: list = field(default_factory=list)  # vertex of each polygon corner
    uv_corners: list = field(default_factory=list)  # its texture coordinate, -1 without
    counts: list = field(default_factory=list)  # corners per polygon
    lines: list = field(default_factory=list)  # line number of each polygon
    materials: list = field(default_factory=list)  # material name of each polygon
    libraries: list = field(default_factory=list)


def read_obj(path):
    """A ``Surface`` with the file's own vertices in their order.

    Colours behind the coordinates of ``v`` lines, ``Kd`` and ``map_Kd`` are sRGB.  One texture over all faces becomes
    the texture; several (or some faces without) become colours read off them at the corners, with a warning.

    Raises:
        FileError: the file or its texture is missing, empty or malformed (with the line), or has no faces.
        GeometryError: a face refers to a vertex that does not exist.
    """
    path = Path(path)
    contents = _parse(path, read_bytes(path).decode("utf-8", errors="replace"))
    if not contents.counts:
        nothing = 'no "v" and "f" lines found: is this an OBJ file?'
        raise FileError(f"{path}: {'has no faces' if contents.vertices else nothing}")
    coordinates, colors = _vertex_rows(path, contents.vertices)
    corners = _checked(path, contents, contents.corners, len(coordinates), "vertex")
    picked = triangulate(coordinates, corners, np.array(contents.counts))
    polygon = np.repeat(np.arange(len(contents.counts)), contents.counts)[picked[:, 0]]
    faces = corners[picked]

    uv, uv_faces = None, None
    uv_corners = np.array(contents.uv_corners)
    if contents.uv and (uv_corners >= 0).all():
        uv = np.array(contents.uv)
        uv_faces = _checked(path, contents, contents.uv_corners, len(uv), "texture coordinate")[picked]
    elif (uv_corners >= 0).any():
        warnings.warn(
            f"{path}: some faces have no texture coordinates, so those of the others are left out", stacklevel=3
        )
    corner_colors = None if colors is None else colors[faces]
    names = np.array(contents.materials)[polygon]
    painted, texture = _apply_materials(path, _read_materials(path, contents.libraries), names, uv, uv_faces)
    textures = () if texture is None else (Texture(texture),)
    return Surface(coordinates, faces, painted if corner_colors is None else corner_colors, uv, uv_faces, textures)


def _parse(path, text):
    contents, material = _Contents(), ""
    for number, line in enumerate(text.replace("\\\n", " ").splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            if words[0] == "v":
                contents.vertices.append([float(word) for word in words[1:]])
                if len(words) < 4:
                    raise ValueError("a vertex needs three coordinates")
            elif words[0] == "vt":
                contents.uv.append((float(words[1]), float(words[2]) if len(words) > 2 else 0.0))
            elif words[0] == "f":
                _parse_face(contents, words[1:])
                contents.lines.append(number)
                contents.materials.append(material)
            elif words[0] == "usemtl":
                material = line.split(None, 1)[1].strip() if len(words) > 1 else ""
            elif words[0] == "mtllib" and len(words) > 1:
                contents.libraries.append(line.split(None, 1)[1].strip())
        except (ValueError, IndexError) as error:
            raise FileError(f"{path}, line {number}: cannot be read as OBJ ({error}): {line[:80]!r}") from error
    return contents


def _parse_face(contents, words):
    if len(words) < 3:
        raise ValueError("a face needs three corners")
    for word in words:
        vertex, _, rest = word.partition("/")
        uv = rest.partition("/")[0]
        contents.corners.append(_absolute(int(vertex), len(contents.vertices)))
        contents.uv_corners.append(_absolute(int(uv), len(contents.uv)) if uv else -1)
    contents.counts.append(len(words))


def _absolute(index, count):
    """From 1-based, or negative and counted from the latest; what refers to nothing becomes a huge index."""
    index = index - 1 if index > 0 else count + index if index < 0 else -1
    return index if index >= 0 else np.iinfo(np.int32).max


def _checked(path, contents, indices, count, what):
    indices = np.array(indices, dtype=np.int64)
    if indices.max() >= count:
        corner = int(np.argmax(indices >= count))
        polygon = int(np.searchsorted(np.cumsum(contents.counts), corner, side="right"))
        raise GeometryError(
            f"{path}, line {contents.lines[polygon]}: face {polygon} refers to a {what} that is not there"
            f" (the file has {count})"
        )
    return indices


def _vertex_rows(path, rows):
    """Coordinates (N, 3) and, where lines have them, linear colours (N, 3)."""
    if not rows:
        raise GeometryError(f"{path}: has faces but no vertices")
    coordinates = np.array([row[:3] for row in rows])
    if not any(len(row) >= 6 for row in rows):
        return coordinates, None
    grey = linear_to_srgb(GREY).tolist()
    colors = np.array([row[3:6] if len(row) >= 6 else grey for row in rows])
    if np.nanmax(colors) > 1:  # some programs write bytes
        colors = colors / 255
    return coordinates, srgb_to_linear(colors)


def _read_materials(path, libraries):
    """Name -> (linear colour, texture path or None) of every material in the libraries that are found."""
    materials = {}
    for library in _each_library(path, libraries):
        file = _beside(path, library)
        if not file.is_file():
            warnings.warn(f"{path}: its material file {library} is missing", stacklevel=4)
            continue
        name = None
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            key, value = (*line.split(None, 1), "", "")[:2]
            if key == "newmtl":
                name = value.strip()
                materials[name] = (np.array(GREY), None)
            elif key == "Kd" and name is not None:
                materials[name] = (_diffuse(file, value), materials[name][1])
            elif key == "map_Kd" and name is not None and value.strip():
                materials[name] = (materials[name][0], _texture_path(file, value.strip()))
    return materials


def _each_library(path, libraries):
    """One name for each file of every ``mtllib`` line: the whole line if it is a file's name, else its words."""
    for line in libraries:
        yield from [line] if _beside(path, line).is_file() else line.split()


def _beside(path, name):
    return path.parent / name.replace("\\", "/")


def _diffuse(file, value):
    try:
        red, green, blue = (float(word) for word in value.split()[:3])
    except ValueError:
        raise FileError(f"{file}: Kd needs three numbers: {value!r}") from None
    return srgb_to_linear(np.array([red, green, blue]))


def _texture_path(file, value):
    if value.startswith("-"):  # options and their values come before the name
        value = value.split()[-1]
    found = _beside(file, value)
    if found.is_file():
        return found
    warnings.warn(f"{file}: its texture {value} is missing", stacklevel=5)
    return None


def _apply_materials(path, materials, names, uv, uv_faces):
    """(corner colours or None, texture or None) of faces with the given material names."""
    used = {name: materials[name] for name in np.unique(names).tolist() if name in materials}
    if not used:
        return None, None
    textures = {name: load_image(file)[:, :, :3] for name, (_, file) in used.items() if file and uv is not None}
    if len(textures) == 1 and len(used) == 1 and (names == next(iter(used))).all():
        return None, textures.popitem()[1]
    if textures:
        warnings.warn(f"{path}: several materials: textures become colours at the corners of faces", stacklevel=4)
    colors = np.tile(np.array(GREY), (len(names), 3, 1))
    for name, (color, _) in used.items():
        chosen = names == name
        colors[chosen] = sample_texture(textures[name], uv[uv_faces[chosen]]) if name in textures else color
    return colors, None
