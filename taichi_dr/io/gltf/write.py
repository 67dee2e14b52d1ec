"""Writes meshes as glTF: one mesh of a primitive for each texture, over vertices that all of them share.

Source: glTF 2.0 (Khronos, 2021), 3.6 (accessors), 3.8 (samplers), 4 (GLB); KHR_materials_unlit.
"""

import base64
import json
import struct

import numpy as np

from taichi_dr.io.gltf.document.container import BINARY_CHUNK, JSON_CHUNK, MAGIC
from taichi_dr.io.gltf.textures import WRAPS
from taichi_dr.io.images import png_bytes, quantized
from taichi_dr.scene.texture import Texture

ARRAY, INDICES = 34962, 34963
FLOAT, BYTE, SHORT, INT = 5126, 5121, 5123, 5125
CODES = {wrap: code for code, wrap in WRAPS.items()}


def encode_gltf(mesh, index, suffix, unlit=False):
    """The bytes of a ``.glb`` file, or a ``.gltf`` file with all in it, of mesh ``index`` of the batch.

    Vertices are repeated where their colours or texture coordinates differ, and are the mesh's own where they do not.
    Colours are ``COLOR_0``, 8 bits of linear light, or the material's factor if they tint a texture all alike; textures
    are PNG files of 8 bits sRGB; ``unlit`` marks their materials.
    """
    file = _File()
    textures, shown = _textures(mesh)
    factor, colors = _colors(mesh, index, bool(textures))
    corners, attributes = _split(mesh, index, colors)
    numbers = {"POSITION": file.positions(attributes["POSITION"])}
    if "TEXCOORD_0" in attributes:
        numbers["TEXCOORD_0"] = file.accessor(attributes["TEXCOORD_0"] * (1, -1) + (0, 1), FLOAT, "VEC2")
    if "COLOR_0" in attributes:
        rgba = np.pad(quantized(attributes["COLOR_0"]), ((0, 0), (0, 1)), constant_values=255)
        numbers["COLOR_0"] = file.accessor(rgba, BYTE, "VEC4", normalized=True)
    primitives = []
    for number in np.unique(shown).tolist():
        primitive = {
            "attributes": numbers,
            "indices": file.indices(corners[shown == number], len(attributes["POSITION"])),
        }
        if textures:
            primitive["material"] = file.material(textures[number] if number >= 0 else None, factor, unlit)
        primitives.append(primitive)
    file.add("meshes", {"primitives": primitives})
    return file.glb() if suffix == ".glb" else file.gltf()


def _textures(mesh):
    """(the textures, which of them each face (F,) shows: 0 for the only one)."""
    nothing = np.zeros(mesh.face_count, int)
    return ((Texture(mesh.numpy("texture")),), nothing) if mesh.has("texture") else ((), nothing)


def _colors(mesh, index, textured):
    """(factor (3,) or None, colours (C, 3) or None) that the textures are multiplied by, or that are seen alone."""
    return (None, None) if textured else (None, mesh.numpy("colors")[index])


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
        dtype = {FLOAT: "<f4", BYTE: "u1", SHORT: "<u2", INT: "<u4"}[code]
        view = self.view(np.ascontiguousarray(array, dtype).tobytes(), target=target)
        return self.add(
            "accessors", {"bufferView": view, "componentType": code, "count": len(array), "type": kind} | more
        )

    def positions(self, vertices):
        stored = np.asarray(vertices, np.float32)
        ends = {"min": stored.min(axis=0).tolist(), "max": stored.max(axis=0).tolist()}
        return self.accessor(stored, FLOAT, "VEC3", **ends)

    def indices(self, corners, count):
        code = SHORT if count <= 0xFFFF else INT  # the largest number means the end of a strip
        return self.accessor(corners.reshape(-1), code, "SCALAR", INDICES)

    def material(self, texture, factor, unlit):
        """A matt material that shows a texture, if any."""
        own = {"metallicFactor": 0.0, "roughnessFactor": 1.0}
        if factor is not None:
            own["baseColorFactor"] = [*np.clip(factor, 0.0, 1.0).tolist(), 1.0]
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
