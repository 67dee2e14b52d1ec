"""Writes meshes as glTF: one mesh of a primitive for each texture, over vertices that all of them share.

Source: glTF 2.0 (Khronos, 2021), 3.6 (accessors), 3.8 (samplers), 4 (GLB); KHR_materials_unlit.
"""

import base64
import json
import struct

import numpy as np

from taichi_dr.io.gltf.document.container import BINARY_CHUNK, JSON_CHUNK, MAGIC
from taichi_dr.io.gltf.textures import WRAPS
from taichi_dr.io.images import png_bytes

ARRAY, INDICES = 34962, 34963
FLOAT, SHORT, INT = 5126, 5123, 5125
CODES = {wrap: code for code, wrap in WRAPS.items()}


def encode_gltf(mesh, index, suffix, unlit=False):
    """The bytes of a ``.glb`` file, or a ``.gltf`` file with all in it, of mesh ``index`` of the batch.

    Vertices are repeated where their colours or texture coordinates differ, and are the mesh's own where they do not.
    Colours are ``COLOR_0``, floats of linear light, as 8 bits of it would be too few for dark ones; those that tint a
    texture all alike are its material's factor.
    Textures are PNG files, 8 bits of sRGB; ``unlit`` marks their materials.  An offset of the mesh moves its node.
    """
    file = _File()
    shown = np.zeros(mesh.face_count, int) if mesh.face_textures is None else mesh.face_textures
    factors = _factors(mesh, index, shown)
    colors = mesh.numpy("colors")[index] if any(factor is None for factor in factors.values()) else None
    corners, attributes = _split(mesh, index, colors)
    numbers = file.attributes(attributes)
    primitives = []
    for number, factor in factors.items():
        own = numbers if factor is None else {name: k for name, k in numbers.items() if name != "COLOR_0"}
        indices = file.indices(corners[shown == number], len(attributes["POSITION"]))
        primitives.append({"attributes": own, "indices": indices})
        if mesh.has("texture"):
            texture = mesh.textures[number] if number >= 0 else None
            primitives[-1]["material"] = file.material(texture, factor, unlit)
    file.add("meshes", {"primitives": primitives})
    if mesh.offset.any():
        file.tree["nodes"][0]["translation"] = mesh.offset.tolist()
    return file.glb() if suffix == ".glb" else file.gltf()


def _factors(mesh, index, shown):
    """Number of a texture, -1 for none -> the colour (3,) of all its faces; None where they differ, or without any
    texture."""
    numbers = np.unique(shown).tolist()
    if not mesh.has("texture"):
        return dict.fromkeys(numbers)
    if not mesh.tinted:
        return dict.fromkeys(numbers, np.ones(3))
    colors = np.clip(mesh.numpy("colors")[index], 0.0, 1.0)[mesh.color_topology.faces]
    by_texture = {number: colors[shown == number].reshape(-1, 3) for number in numbers}
    return {number: rows[0] if np.ptp(rows, axis=0).max() == 0 else None for number, rows in by_texture.items()}


def _split(mesh, index, colors):
    """(vertex of each corner (F, 3), name -> what the vertices have) with a vertex for each set of values."""
    vertices, own = mesh.numpy("vertices")[index], mesh.topology.faces.reshape(-1).astype(np.int64)
    values, rows = {"POSITION": vertices}, {"POSITION": own}
    if mesh.has("uv"):
        values["TEXCOORD_0"], rows["TEXCOORD_0"] = mesh.numpy("uv"), mesh.uv_faces.reshape(-1)
    if colors is not None:
        values["COLOR_0"], rows["COLOR_0"] = colors, mesh.color_topology.faces.reshape(-1)
    first, of_corner = _distinct(list(rows.values()))
    if len(first) == len(np.unique(own)):  # each vertex once: they are as they were, those without faces as well
        places, of_corner, count = own[first], own, len(vertices)
    else:
        places, count = np.arange(len(first)), len(first)
    attributes = {}
    for name, array in values.items():
        attributes[name] = np.zeros((count, array.shape[1]))
        attributes[name][places] = array[rows[name][first]]
    if count == len(vertices) and of_corner is own:
        attributes["POSITION"] = vertices
    return of_corner.reshape(-1, 3), attributes


def _distinct(rows):
    """(first corner with each set of row numbers, which set each corner has), ordered by the first of the numbers.

    >>> first, of_corner = _distinct([np.array([1, 0, 1]), np.array([5, 5, 5])])
    >>> first.tolist(), of_corner.tolist()
    ([1, 0], [1, 0, 1])
    """
    of_corner = np.zeros_like(rows[0])
    for numbers in rows:
        _, first, of_corner = np.unique(
            of_corner.astype(np.int64) * (int(numbers.max()) + 1) + numbers, return_index=True, return_inverse=True
        )
    return first, of_corner.reshape(-1)


class _File:
    """What is collected for a file: the JSON and the bytes."""

    def __init__(self):
        self.binary = bytearray()
        self.tree = {
            "asset": {"version": "2.0", "generator": "taichi-dr"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
        }

    def add(self, table, entry):
        """The number of a new entry of a table."""
        self.tree.setdefault(table, []).append(entry)
        return len(self.tree[table]) - 1

    def view(self, data, **more):
        self.binary += bytes(-len(self.binary) % 4)
        number = self.add("bufferViews", {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data)} | more)
        self.binary += data
        return number

    def accessor(self, array, code, kind, target=ARRAY, **more):
        dtype = {FLOAT: "<f4", SHORT: "<u2", INT: "<u4"}[code]
        view = self.view(np.ascontiguousarray(array, dtype).tobytes(), target=target)
        return self.add(
            "accessors", {"bufferView": view, "componentType": code, "count": len(array), "type": kind} | more
        )

    def attributes(self, given):
        """Name -> number of the accessor of what the vertices have; ``TEXCOORD_0`` is given with v up."""
        stored = np.asarray(given["POSITION"], np.float32)
        ends = {"min": stored.min(axis=0).tolist(), "max": stored.max(axis=0).tolist()}
        numbers = {"POSITION": self.accessor(stored, FLOAT, "VEC3", **ends)}
        if "TEXCOORD_0" in given:
            numbers["TEXCOORD_0"] = self.accessor(given["TEXCOORD_0"] * (1, -1) + (0, 1), FLOAT, "VEC2")
        if "COLOR_0" in given:
            opaque = np.pad(np.clip(given["COLOR_0"], 0.0, 1.0), [(0, 0), (0, 1)], constant_values=1.0)
            numbers["COLOR_0"] = self.accessor(opaque, FLOAT, "VEC4")
        return numbers

    def indices(self, corners, count):
        code = SHORT if count <= 0xFFFF else INT  # the largest number means the end of a strip
        return self.accessor(corners.reshape(-1), code, "SCALAR", INDICES)

    def material(self, texture, factor, unlit):
        """A matt material that shows a texture, if any."""
        own = {"metallicFactor": 0.0, "roughnessFactor": 1.0}
        if factor is not None and (factor != 1).any():
            own["baseColorFactor"] = [*factor.tolist(), 1.0]
        if texture is not None:
            own["baseColorTexture"] = {"index": self._texture(texture)}
        entry = {"pbrMetallicRoughness": own}
        if unlit:
            entry["extensions"] = {"KHR_materials_unlit": {}}
            self.tree["extensionsUsed"] = ["KHR_materials_unlit"]
        return self.add("materials", entry)

    def _texture(self, texture):
        image = self.add("images", {"bufferView": self.view(png_bytes(texture.pixels)), "mimeType": "image/png"})
        entry = {"source": image}
        if texture.wrap != ("repeat", "repeat"):
            wraps = dict(zip(("wrapS", "wrapT"), (CODES[wrap] for wrap in texture.wrap), strict=True))
            entry["sampler"] = self.add("samplers", wraps)
        return self.add("textures", entry)

    def gltf(self):
        """The JSON, with the bytes in a data URI."""
        uri = "data:application/octet-stream;base64," + base64.b64encode(self.binary).decode()
        return json.dumps(self.tree | {"buffers": [{"byteLength": len(self.binary), "uri": uri}]}).encode()

    def glb(self):
        """The JSON and the bytes as chunks."""
        self.binary += bytes(-len(self.binary) % 4)
        text = json.dumps(self.tree | {"buffers": [{"byteLength": len(self.binary)}]}).encode()
        text += b" " * (-len(text) % 4)
        chunks = [(JSON_CHUNK, text), (BINARY_CHUNK, bytes(self.binary))]
        body = b"".join(struct.pack("<II", len(data), kind) + data for kind, data in chunks)
        return struct.pack("<4sII", MAGIC, 2, 12 + len(body)) + body
