"""Compressed meshes: Draco's and meshoptimizer's, each decoded by its library where that is installed.

Sources: KHR_draco_mesh_compression, EXT_meshopt_compression, KHR_meshopt_compression (Khronos).
"""

import importlib.util

import numpy as np

DRACO = ("KHR_draco_mesh_compression",)
MESHOPT = ("KHR_meshopt_compression", "EXT_meshopt_compression")
MOST_UNPACKED = 1 << 14
"""Bytes out of one byte of meshopt data, at most: its runs of equal vertices take a few bits per 16 of a byte each."""
PACKAGES = {"DracoPy": "draco", "meshoptimizer": "meshopt"}


def decode_draco(extension, data):
    """(attribute name -> numbers (N, k) as they are stored, corners of the faces (3 F,)) of the bytes of a mesh.

    Raises:
        FileError: no DracoPy, or bytes that it cannot decode.
    """
    library = _library(extension, "DracoPy")
    try:
        mesh = library.decode(bytes(data))
        corners = np.asarray(mesh.faces, np.int64).reshape(-1)
        stored = {entry["unique_id"]: np.asarray(entry["data"]) for entry in mesh.attributes}
    except Exception as error:  # the library raises types of its own; without faces it is a point cloud
        raise extension.error(None, f"cannot be decoded by DracoPy ({error})") from error
    named = extension.member("attributes")
    attributes = {}
    for name in extension.members("attributes"):
        number = named.integer(name)
        if number not in stored:
            raise named.error(name, f"expected one of the attributes {sorted(stored)} of the Draco data", number)
        attributes[name] = stored[number].reshape(len(stored[number]), -1)
    return attributes, corners


def decode_meshopt(extension, data):
    """The bytes of a buffer view whose compressed form is ``data``.

    Raises:
        FileError: no meshoptimizer, bytes that it cannot decode, or more of them than such bytes can hold.
    """
    _library(extension, "meshoptimizer")
    count, stride = extension.integer("count"), extension.integer("byteStride", least=2, most=256)
    if count * stride > MOST_UNPACKED * len(data):
        raise extension.error("count", f"expected no more than {len(data)} bytes can hold", count)
    mode, name = extension.text("mode"), extension.text("filter", "NONE")
    if mode not in MODES:
        raise extension.error("mode", f"expected one of {', '.join(MODES)}", mode)
    if name not in ("NONE", *FILTERS):
        raise extension.error("filter", f"expected one of NONE, {', '.join(FILTERS)}", name)
    try:
        decoded = MODES[mode](count, stride, np.frombuffer(data, np.uint8))
        return memoryview(FILTERS[name](decoded, count, stride) if name != "NONE" else decoded).cast("B")
    except (ValueError, RuntimeError, KeyError) as error:
        raise extension.error(None, f"cannot be decoded by meshoptimizer ({error})") from error


def _vertices(count, stride, data):
    from meshoptimizer import decode_vertex_buffer

    return decode_vertex_buffer(count, stride, data, np.dtype((np.uint8, stride))).reshape(-1)


def _triangles(count, stride, data):
    from meshoptimizer import decode_index_buffer

    return decode_index_buffer(count, 4, data).astype({2: np.uint16, 4: np.uint32}[stride])


def _indices(count, stride, data):
    from meshoptimizer import decode_index_sequence

    return decode_index_sequence(count, 4, data).astype({2: np.uint16, 4: np.uint32}[stride])


MODES = {"ATTRIBUTES": _vertices, "TRIANGLES": _triangles, "INDICES": _indices}


def _octahedral(decoded, count, stride):
    from meshoptimizer import decode_filter_oct

    return decode_filter_oct(decoded, count, stride)


def _quaternion(decoded, count, stride):
    from meshoptimizer import decode_filter_quat

    return decode_filter_quat(decoded, count, stride)


def _exponential(decoded, count, stride):
    from meshoptimizer import decode_filter_exp

    return decode_filter_exp(decoded, count, stride)


FILTERS = {"OCTAHEDRAL": _octahedral, "QUATERNION": _quaternion, "EXPONENTIAL": _exponential}


def _library(extension, name):
    """The package of that name.

    Raises:
        FileError: it is not installed.
    """
    if not is_installed(name):
        kind = extension.place.rpartition(".")[2]
        raise extension.error(
            None, f"is compressed by {kind}: pip install 'taichi-dr[{PACKAGES[name]}]', or export it uncompressed"
        )
    return importlib.import_module(name)


def is_installed(name):
    """Whether a package can be imported."""
    return importlib.util.find_spec(name) is not None
