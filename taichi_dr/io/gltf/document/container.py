"""A glTF file: its JSON, checked for what it needs, and the bytes that it refers to.

Source: glTF 2.0 (Khronos, 2021), 3.6.1 (buffers), 4 (GLB).
"""

import base64
import binascii
import json
import re
import struct
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes

from taichi_dr.errors import FileError
from taichi_dr.io.files import read_bytes
from taichi_dr.io.gltf.document import compression
from taichi_dr.io.gltf.document.values import Json, shown
from taichi_dr.io.obj.find import find_file

CONVERT = "convert it, for example with gltf-pipeline"
MAGIC, JSON_CHUNK, BINARY_CHUNK = b"glTF", 0x4E4F534A, 0x004E4942

SUPPORTED = {
    *compression.DRACO,
    *compression.MESHOPT,
    "KHR_mesh_quantization",
    "KHR_texture_transform",
    "EXT_texture_webp",
    "EXT_texture_avif",
    "EXT_mesh_gpu_instancing",
    "KHR_node_visibility",
    "KHR_lights_punctual",
    "KHR_xmp_json_ld",
    "KHR_animation_pointer",
    "FB_ngon_encoding",
    "MSFT_lod",
}
"""Extensions that a file may require: what they say is done, or says nothing about how the meshes look at rest.
Those of ``MATERIALS`` are read as far as the package has a word for them."""
MATERIALS = "KHR_materials_"
LONGEST_PATH = 500


class Document:
    """A ``.glb`` or ``.gltf`` file, told apart by what is in it: ``root`` is its JSON.

    Buffers are read when they are asked for, so that what nobody refers to may be missing.

    Raises:
        FileError: missing, empty, cut off, no glTF 2, or in need of an extension that is not supported.
    """

    def __init__(self, path):
        self.path = Path(path)
        data = read_bytes(self.path)
        text, self._binary = _chunks(self.path, data) if data.startswith(MAGIC) else (data, None)
        self.root = Json(self.path, _tree(self.path, text))
        self._buffers, self._views = {}, {}
        self._warnings = {}  # kept in order, each once
        self._size = len(data)
        _check_version(self.root)
        _check_required(self.root)

    @cached_property
    def required(self):
        """The names of the extensions without which the file says it cannot be shown."""
        return set(self.root.names("extensionsRequired"))

    @property
    def size(self):
        """Bytes that have been read: no honest file describes many more things than it has bytes."""
        return self._size

    def warn(self, text):
        """Keeps a warning, which names the file, for ``warnings``: one of each."""
        self._warnings[f"{self.path}: {text}"] = None

    @property
    def warnings(self):
        """What the readers of the document had to say so far, in their order."""
        return list(self._warnings)

    def view(self, view):
        """The bytes of a ``bufferViews`` entry, decompressed if they were compressed."""
        if view.place not in self._views:
            self._views[view.place] = self._read_view(view)
        return self._views[view.place]

    def _read_view(self, view):
        packed = view.extension(*compression.MESHOPT)
        if packed and not self._has_data(view.refers("buffer", "buffers")):
            return compression.decode_meshopt(packed, self._slice(packed))
        return self._slice(view)

    def _slice(self, view):
        """The part of a buffer that a buffer view, or the extension of one, speaks of."""
        data = self.buffer(view.entry("buffers", view.integer("buffer"), "buffer"))
        start, length = view.integer("byteOffset", 0), view.integer("byteLength")
        if start + length > len(data):
            raise view.error(None, f"expected bytes {start} to {start + length} within the {len(data)} of its buffer")
        return memoryview(data)[start : start + length]

    def _has_data(self, buffer):
        """Whether a buffer is more than a place for what is to be decompressed."""
        marked = buffer.extension(*compression.MESHOPT)
        return buffer.has("uri") or (buffer.place == "buffers[0]" and self._binary is not None and not marked)

    def buffer(self, buffer):
        """The bytes of a ``buffers`` entry."""
        if buffer.place not in self._buffers:
            data = self._read_buffer(buffer)
            length = buffer.integer("byteLength")
            if length > len(data):
                raise buffer.error("byteLength", f"expected at most the {len(data)} bytes that there are", length)
            self._buffers[buffer.place] = data
            self._size += len(data)
        return self._buffers[buffer.place]

    def _read_buffer(self, buffer):
        if buffer.has("uri"):
            return self.resource(buffer)
        if buffer.place != "buffers[0]" or self._binary is None:
            raise buffer.error("uri", "is missing, and there is no binary chunk that it could be")
        return self._binary

    def resource(self, owner):
        """The bytes that the ``uri`` of a buffer or an image stands for: of the URI itself, or of a file.

        Raises:
            FileError: bad base64, a place that no file may refer to, or a missing file (see ``resource_path``).
        """
        uri = owner.text("uri")
        if uri[:5].lower() == "data:":
            return _of_data_uri(owner, uri)
        path = self.resource_path(owner)
        if not _is_file(path):
            raise owner.error("uri", f"there is no such file: {str(path)!r}")
        return read_bytes(path)

    def picture_data(self, image):
        """The bytes of an ``images`` entry with a ``uri``; None, with a warning, where its file is missing."""
        if image.text("uri")[:5].lower() != "data:" and not _is_file(path := self.resource_path(image)):
            self.warn(f"its picture {path} is missing; the colours without it are shown")
            return None
        return self.resource(image)

    def resource_path(self, owner):
        """The path that the ``uri`` of a buffer or an image means, at most one folder up from the file's own; spelled
        otherwise, if there is no file as it is (see ``find_file``).

        Raises:
            FileError: an address elsewhere, an absolute path, or one that leads further up.
        """
        uri = owner.text("uri")
        path = unquote(uri).replace("\\", "/")
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", uri):
            raise owner.error("uri", "expected a file beside this one: addresses are not followed", uri)
        if path.startswith("/") or re.match(r"[A-Za-z]:", path) or not _is_name(path):
            raise owner.error("uri", "expected a relative path", uri)
        if len(uri) > LONGEST_PATH:
            raise owner.error("uri", f"expected at most {LONGEST_PATH} characters, got {len(uri)}: {shown(uri)}")
        if _folders_up(path) > 1:
            raise owner.error("uri", "expected a path that leads at most one folder up", uri)
        expected = self.path.parent / path
        return expected if _is_file(expected) else find_file(self.path.parent, uri) or expected


def _folders_up(path):
    """How far above where it starts a relative path leads.

    >>> _folders_up("a/../../../b")
    2
    """
    depth = lowest = 0
    for part in path.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        lowest = min(lowest, depth)
    return -lowest


def _is_name(path):
    """Whether a file system can have it: no NUL, no half of a character."""
    return "\0" not in path and path.encode(errors="ignore").decode() == path


def _is_file(path):
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that the file system cannot have
        return False


def _of_data_uri(owner, uri):
    """The bytes in ``data:[type][;base64],...``."""
    head, comma, body = uri.partition(",")
    if not comma:
        raise owner.error("uri", "expected a comma in a data URI", uri)
    if not head.lower().endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        text = re.sub(r"\s", "", unquote(body)).rstrip("=")
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise owner.error("uri", f"is no base64: {error}") from error


def _chunks(path, data):
    """(JSON, binary or None) of the bytes of a GLB file."""
    if len(data) < 20:
        raise FileError(f"{path}: cannot be read as GLB: it is cut off after {len(data)} bytes")
    version, length, size, kind = struct.unpack_from("<IIII", data, 4)
    if version != 2:
        raise FileError(f"{path}: is glTF {version}.0, expected 2.0: {CONVERT}")
    if length > len(data):
        raise FileError(f"{path}: cannot be read as GLB: it is cut off: expected {length} bytes, got {len(data)}")
    if kind != JSON_CHUNK or 20 + size > length:
        raise FileError(
            f"{path}: cannot be read as GLB: expected a chunk of JSON first, of at most {length - 20} bytes"
        )
    text, start = data[20 : 20 + size], 20 + size
    while start + 8 <= length:
        size, kind = struct.unpack_from("<II", data, start)
        if start + 8 + size > length:
            raise FileError(f"{path}: cannot be read as GLB: the chunk at byte {start} is cut off")
        if kind == BINARY_CHUNK:
            return text, data[start + 8 : start + 8 + size]
        start += 8 + size
    return text, None


def _tree(path, text):
    kind = path.suffix[1:].upper() or "glTF"
    try:
        return json.loads(text.strip(b"\0 \t\r\n"), parse_constant=_refuse_constant)
    except RecursionError as error:
        raise FileError(f"{path}: cannot be read as {kind}: its JSON is nested too deeply") from error
    except ValueError as error:  # of encoding, of JSON, or of an integer with thousands of digits
        raise FileError(f"{path}: cannot be read as {kind}: {str(error)[:200]}") from error


def _refuse_constant(name):
    raise ValueError(f"{name} is no number of JSON")


def _check_version(root):
    asset = root.member("asset")
    key, pattern = ("minVersion", r"2(\.0)?") if asset and asset.has("minVersion") else ("version", r"2(\.\d+)?")
    given = asset.value.get(key, "2.0") if asset else "2.0"
    if not re.fullmatch(pattern, str(given)[:10]):
        raise FileError(f"{root.path}: is glTF {shown(given)}, expected 2.0: {CONVERT}")
    if isinstance(root.value.get("meshes"), dict):
        raise FileError(f"{root.path}: is glTF 1.0, expected 2.0: {CONVERT}")


def _check_required(root):
    for name in root.names("extensionsRequired"):
        if name not in SUPPORTED and not name.startswith(MATERIALS):
            raise FileError(
                f"{root.path}: needs the extension {shown(name)}, which is not supported: export it without"
                f"{' (pictures as PNG or JPEG)' if 'texture' in name else ''}"
            )
