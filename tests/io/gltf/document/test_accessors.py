"""Accessors: every component type, normalised integers, strides, sparse ones; values worked out by hand."""

import numpy as np
import pytest
from gltf_files import SQUARE, GltfFile

from taichi_dr.errors import FileError
from taichi_dr.io.gltf.document.accessors import read_accessor
from taichi_dr.io.gltf.document.container import Document


def read(tmp_path, file, number=0, types=("SCALAR", "VEC2", "VEC3", "VEC4"), **options):
    document = Document(file.save(tmp_path / "a.glb"))
    return read_accessor(document, document.root.entries("accessors")[number], types, **options)


@pytest.mark.parametrize(
    ("dtype", "stored", "meant"),
    [
        ("u1", [0, 51, 255], [0, 0.2, 1]),
        ("i1", [-128, -127, 127], [-1, -1, 1]),
        ("u2", [0, 13107, 65535], [0, 0.2, 1]),
        ("i2", [-32768, 0, 32767], [-1, 0, 1]),
    ],
)
def test_normalised_integers(tmp_path, dtype, stored, meant):
    file = GltfFile()
    file.accessor(np.array([stored], dtype), normalized=True)
    file.accessor(np.array([stored], dtype))
    np.testing.assert_allclose(read(tmp_path, file), [meant], atol=1e-15)
    assert read(tmp_path, file, 1).tolist() == [stored]
    np.testing.assert_allclose(read(tmp_path, file, 1, normalized=True), [meant], atol=1e-15)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4"])
def test_indices_of_every_type(tmp_path, dtype):
    file = GltfFile()
    file.accessor(np.array([3, 200, 7], dtype))
    found = read(tmp_path, file)
    assert found.dtype == np.int64
    assert found[:, 0].tolist() == [3, 200, 7]


def test_interleaved_with_offsets(tmp_path):
    rows = np.zeros(3, np.dtype([("position", "<f4", 3), ("color", "u1", 4), ("uv", "<u2", 2)]))
    rows["position"], rows["color"], rows["uv"] = np.arange(9).reshape(3, 3), 255, [[0, 65535]] * 3
    file = GltfFile()
    view = file.view(b"front" + bytes(3) + rows.tobytes(), byteStride=20)
    common = {"bufferView": view, "count": 3}
    file.add("accessors", common | {"byteOffset": 8, "componentType": 5126, "type": "VEC3"})
    file.add("accessors", common | {"byteOffset": 20, "componentType": 5121, "type": "VEC4", "normalized": True})
    file.add("accessors", common | {"byteOffset": 24, "componentType": 5123, "type": "VEC2", "normalized": True})
    assert read(tmp_path, file).tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert read(tmp_path, file, 1).tolist() == [[1, 1, 1, 1]] * 3
    assert read(tmp_path, file, 2).tolist() == [[0, 1]] * 3


def test_a_stride_of_zero_means_none(tmp_path):
    file = GltfFile()
    file.accessor(SQUARE)
    file.tree["bufferViews"][0]["byteStride"] = 0
    assert read(tmp_path, file).tolist() == SQUARE.tolist()


def sparse(file, rows, values):
    indices = {"bufferView": file.view(np.array(rows, np.uint8).tobytes()), "componentType": 5121}
    return {"count": len(rows), "indices": indices, "values": {"bufferView": file.view(values.tobytes())}}


def test_sparse_over_values_and_over_zeros(tmp_path):
    file = GltfFile()
    other = sparse(file, [1, 3], np.array([[9, 9, 9], [7, 7, 7]], np.float32))
    file.accessor(SQUARE, sparse=other)
    file.add("accessors", {"componentType": 5126, "count": 4, "type": "VEC3", "sparse": other})
    file.add("accessors", {"componentType": 5126, "count": 2, "type": "VEC3"})
    assert read(tmp_path, file, 0).tolist() == [[0, 0, 0], [9, 9, 9], [1, 1, 0], [7, 7, 7]]
    assert read(tmp_path, file, 1).tolist() == [[0, 0, 0], [9, 9, 9], [0, 0, 0], [7, 7, 7]]
    assert read(tmp_path, file, 2).tolist() == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 5}, r"accessors\[0\]: expected its 5 elements to end within 48 bytes, they end at 60"),
        ({"count": 2**52}, r"accessors\[0\]: expected its \d+ elements to end within 48 bytes"),
        ({"count": -1}, r"accessors\[0\]\.count: expected an integer of at least 0, got -1"),
        ({"count": 10**400}, r"accessors\[0\]\.count: expected an integer .* got 10000"),
        ({"count": True}, r"accessors\[0\]\.count: expected an integer"),
        ({"count": None}, r"accessors\[0\]\.count: is missing"),
        ({"byteOffset": 4}, r"they end at 52"),
        ({"bufferView": 1}, r"accessors\[0\]\.bufferView: expected the number of one of 1 bufferViews, got 1"),
        ({"bufferView": -1}, r"accessors\[0\]\.bufferView: expected an integer of at least 0, got -1"),
        ({"bufferView": "0"}, r"accessors\[0\]\.bufferView: expected an integer of at least 0, got '0'"),
        ({"bufferView": None, "count": 2**40}, r"accessors\[0\]\.count: expected no more elements than"),
        ({"componentType": 5124}, r"accessors\[0\]\.componentType: expected one of 5120, .*, got 5124"),
        ({"type": "MAT2"}, r"accessors\[0\]\.type: expected SCALAR or VEC2 or VEC3 or VEC4, got 'MAT2'"),
        ({"type": 3}, r"accessors\[0\]\.type: expected a string, got 3"),
        ({"normalized": 1, "componentType": 5121}, r"accessors\[0\]\.normalized: expected true or false, got 1"),
        ({"sparse": []}, r"accessors\[0\]\.sparse: expected an object, got \[\]"),
        ({"sparse": {"count": 5}}, r"accessors\[0\]\.sparse\.count: expected an integer in \[0, 4\], got 5"),
        ({"sparse": {"count": 1}}, r"accessors\[0\]\.sparse: expected indices and values"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, change, message):
    file = GltfFile()
    file.accessor(SQUARE)
    file.tree["accessors"][0] |= change
    with pytest.raises(FileError, match=r"a\.glb: .*" + message):
        read(tmp_path, file)


def test_strides_and_sparse_indices_out_of_range(tmp_path):
    file = GltfFile()
    file.accessor(SQUARE, sparse=sparse(file, [4], np.zeros(3, np.float32)))
    with pytest.raises(FileError, match=r"accessors\[0\]\.sparse\.indices: expected indices below 4, got 4"):
        read(tmp_path, file)
    file = GltfFile()
    file.accessor(SQUARE)
    file.tree["bufferViews"][0]["byteStride"] = 8
    with pytest.raises(FileError, match=r"bufferViews\[0\]\.byteStride: expected an integer in \[12, 65536\], got 8"):
        read(tmp_path, file)
