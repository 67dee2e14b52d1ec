"""Accessors: typed arrays in the bytes of a document.

Source: glTF 2.0 (Khronos, 2021), 3.6.2: component types, normalised integers, strides, sparse accessors.
"""

import numpy as np

DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
COMPONENTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
FREE_COUNT = 1 << 16
"""Elements without bytes of their own that the smallest file may have."""


def read_accessor(document, accessor, types, normalized=False):
    """The elements (count, k) of an ``accessors`` entry, of one of the ``types``: float64, or the indices, int64.

    Normalised integers become what they mean: ``c / 255``, ``max(c / 127, -1)``, ``c / 65535``, ``max(c / 32767, -1)``;
    all integers do if ``normalized``, whatever the accessor says.

    Raises:
        FileError: another type, or more elements than there are bytes for.
    """
    kind = accessor.text("type")
    if kind not in types:
        raise accessor.error("type", f"expected {' or '.join(types)}", kind)
    values = _stored(document, accessor, COMPONENTS[kind])
    sparse = accessor.member("sparse")
    if sparse:
        values = _overridden(document, accessor, sparse, values)
    if values.dtype.kind == "f":
        return values.astype(np.float64)
    if normalized or accessor.flag("normalized"):
        return normal_values(values)
    return values.astype(np.int64 if kind == "SCALAR" else np.float64)


def normal_values(values):
    """Integers as the numbers in [0, 1], or [-1, 1] where they are signed, that they stand for.

    >>> normal_values(np.array([0, 51, 255], np.uint8)).tolist(), normal_values(np.array([-128, 127], np.int8)).tolist()
    ([0.0, 0.2, 1.0], [-1.0, 1.0])
    """
    return np.maximum(values / np.float64(np.iinfo(values.dtype).max), -1.0)


def _stored(document, accessor, components):
    """The elements (count, components) without what is sparse; zeros where there is no buffer view."""
    dtype, count = _dtype(accessor), accessor.integer("count")
    if not accessor.has("bufferView"):
        if count > max(FREE_COUNT, document.size):
            raise accessor.error("count", f"expected no more elements than the file's {document.size} bytes", count)
        return np.zeros((count, components), dtype)
    view = accessor.refers("bufferView", "bufferViews")
    size = components * dtype.itemsize
    stride = size if view.value.get("byteStride") == 0 else view.integer("byteStride", size, size, 1 << 16)
    return _elements(document.view(view), accessor, count, components, dtype, stride)


def _elements(data, place, count, components, dtype, stride=None):
    """``count`` elements of ``data``, from the ``byteOffset`` of ``place`` on, ``stride`` bytes apart."""
    start, size = place.integer("byteOffset", 0), components * dtype.itemsize
    stride = size if stride is None else stride
    end = start + (count - 1) * stride + size if count else start
    if end > len(data):
        raise place.error(None, f"expected its {count} elements to end within {len(data)} bytes, they end at {end}")
    if not count:
        return np.zeros((0, components), dtype)
    return np.ndarray((count, components), dtype, data, start, (stride, dtype.itemsize))


def _overridden(document, accessor, sparse, values):
    """A copy of ``values`` (count, k) with the elements that ``sparse`` lists."""
    count = sparse.integer("count", most=len(values))
    indices, stored = sparse.member("indices"), sparse.member("values")
    if not indices or not stored:
        raise sparse.error(None, "expected indices and values")
    rows = _elements(_view(document, indices), indices, count, 1, _dtype(indices))[:, 0]
    if rows.dtype.kind != "u":
        raise indices.error("componentType", "expected an unsigned integer type")
    if count and rows.max() >= len(values):
        raise indices.error(None, f"expected indices below {len(values)}", int(rows.max()))
    values = values.copy()
    values[rows] = _elements(_view(document, stored), stored, count, values.shape[1], _dtype(accessor))
    return values


def _view(document, place):
    return document.view(place.entry("bufferViews", place.integer("bufferView"), "bufferView"))


def _dtype(place):
    code = place.integer("componentType")
    if code not in DTYPES:
        raise place.error("componentType", f"expected one of {', '.join(map(str, DTYPES))}", code)
    return np.dtype(DTYPES[code])
