"""Writes small glTF files for tests, as the specification has them."""

import base64
import io
import json
import struct

import numpy as np
from PIL import Image

CODES = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}

SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
SQUARE_UV = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)  # v down: the picture upright
TWO_FACES = np.array([0, 1, 2, 0, 2, 3], np.uint16)


class GltfFile:
    """Collects what goes into a file; methods return numbers of entries."""

    def __init__(self):
        self.binary = b""
        self.tree = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": []}]}

    def add(self, table, entry):
        self.tree.setdefault(table, []).append(entry)
        return len(self.tree[table]) - 1

    def view(self, data, **more):
        self.binary += bytes(-len(self.binary) % 4)
        entry = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data)} | more
        self.binary += data
        return self.add("bufferViews", entry)

    def accessor(self, array, **more):
        array = np.ascontiguousarray(array)
        array = array.reshape(len(array), -1)
        kind = {"componentType": CODES[array.dtype.str[1:]], "count": len(array), "type": TYPES[array.shape[1]]}
        return self.add("accessors", {"bufferView": self.view(array.tobytes())} | kind | more)

    def texture(self, pixels, kind="PNG", **sampler):
        data = io.BytesIO()
        Image.fromarray(np.asarray(pixels, np.uint8)).save(data, kind, **({"lossless": True} if kind == "WEBP" else {}))
        image = self.add("images", {"bufferView": self.view(data.getvalue()), "mimeType": f"image/{kind.lower()}"})
        entry = {"source": image} | ({"sampler": self.add("samplers", sampler)} if sampler else {})
        return self.add("textures", entry)

    def material(self, factor=None, texture=None, **more):
        own = {} if factor is None else {"baseColorFactor": list(factor)}
        if texture is not None:
            own["baseColorTexture"] = texture if isinstance(texture, dict) else {"index": texture}
        return self.add("materials", {"pbrMetallicRoughness": own} | more)

    def square(self, positions=SQUARE, indices=TWO_FACES, attributes=None, **more):
        """A primitive of two triangles; ``attributes``: name -> array, or the number of an accessor."""
        given = {"POSITION": positions} | (attributes or {})
        numbers = {key: value if isinstance(value, int) else self.accessor(value) for key, value in given.items()}
        entry = {"attributes": numbers} | more
        return entry if indices is None else entry | {"indices": self.accessor(indices)}

    def mesh(self, *primitives, **more):
        return self.add("meshes", {"primitives": list(primitives)} | more)

    def node(self, root=True, **entry):
        number = self.add("nodes", entry)
        if root:
            self.tree["scenes"][0]["nodes"].append(number)
        return number

    def show(self, *primitives, **node):
        """A node with a mesh of these primitives."""
        return self.node(mesh=self.mesh(*primitives), **node)

    def use(self, *names, required=False):
        for key in ("extensionsUsed", "extensionsRequired")[: 2 if required else 1]:
            self.tree.setdefault(key, []).extend(names)

    def save(self, path):
        if path.suffix == ".gltf":
            uri = "data:application/octet-stream;base64," + base64.b64encode(self.binary).decode()
            buffers = self.tree.get("buffers") or [{"byteLength": len(self.binary), "uri": uri}]
            path.write_text(json.dumps(self.tree | {"buffers": buffers}))
        else:
            buffers = self.tree.get("buffers") or [{"byteLength": len(self.binary)}]
            path.write_bytes(glb_bytes(json.dumps(self.tree | {"buffers": buffers}).encode(), self.binary))
        return path


def glb_bytes(text, binary, version=2):
    """A GLB file of the text of its JSON, and its binary chunk."""
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    head = struct.pack("<4sII", b"glTF", version, 28 + len(text) + len(binary))
    return (
        head + struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(binary), 0x004E4942) + binary
    )
