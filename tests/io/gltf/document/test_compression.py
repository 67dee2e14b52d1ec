"""Draco and meshopt: decoded where their libraries are, else refused with what to do."""

import numpy as np
import pytest
from gltf_files import SQUARE, SQUARE_UV, TWO_FACES, GltfFile

from taichi_dr.errors import FileError
from taichi_dr.io.gltf.document import compression
from taichi_dr.io.gltf.document.container import Document
from taichi_dr.io.gltf.read import read_gltf

DRACO = "KHR_draco_mesh_compression"


def draco(data, **attributes):
    """A square whose arrays are in Draco's bytes; ``attributes``: their names and unique ids there."""
    file = GltfFile()
    accessors = {"POSITION": SQUARE, "TEXCOORD_0": SQUARE_UV, "COLOR_0": np.ones((4, 4), np.uint8)}
    numbers = {name: file.accessor(accessors[name], normalized=name == "COLOR_0") for name in attributes}
    extension = {DRACO: {"bufferView": file.view(data), "attributes": attributes}}
    primitive = {"attributes": numbers, "indices": file.accessor(TWO_FACES), "extensions": extension}
    for accessor in file.tree["accessors"]:
        del accessor["bufferView"]
    file.show(primitive)
    file.use(DRACO, required=True)
    return file


def encoded():
    library = pytest.importorskip("DracoPy", reason="DracoPy: not installed")
    colors = np.array([[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [51, 102, 153, 255]], np.uint8)
    return library.encode(
        SQUARE, faces=TWO_FACES.reshape(-1, 3), tex_coord=SQUARE_UV.astype(float), colors=colors, preserve_order=True
    )


def unique_ids(data):
    library = pytest.importorskip("DracoPy")
    kinds = {0: "POSITION", 3: "TEXCOORD_0", 2: "COLOR_0"}
    return {kinds[entry["attribute_type"]]: entry["unique_id"] for entry in library.decode(data).attributes}


def test_draco_with_coordinates_and_normalised_colors(tmp_path):
    data = encoded()
    surface = read_gltf(draco(data, **unique_ids(data)).save(tmp_path / "a.glb"))
    corners = surface.vertices[surface.faces]
    np.testing.assert_allclose(np.sort(corners.reshape(-1, 3), axis=0), np.sort(SQUARE[TWO_FACES], axis=0), atol=1e-3)
    flipped = surface.uv[surface.uv_faces]
    np.testing.assert_allclose(flipped, corners[:, :, :2], atol=1e-3)  # SQUARE_UV, upright
    at_origin = np.abs(corners).max(axis=2) < 1e-3
    np.testing.assert_allclose(surface.corner_colors[at_origin], [[1, 0, 0]] * at_origin.sum(), atol=1e-2)
    at_end = np.abs(corners - (0, 1, 0)).max(axis=2) < 1e-3
    np.testing.assert_allclose(surface.corner_colors[at_end], [[0.2, 0.4, 0.6]], atol=1e-2)


def test_draco_that_is_not_needed_is_not_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(compression, "is_installed", lambda name: False)
    file = GltfFile()
    extension = {DRACO: {"bufferView": file.view(b"nothing "), "attributes": {"POSITION": 0}}}
    file.show(file.square(extensions=extension))
    file.use(DRACO)
    assert len(read_gltf(file.save(tmp_path / "a.glb")).faces) == 2


def test_draco_without_its_library_is_refused_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(compression, "is_installed", lambda name: False)
    message = r"a\.glb: .*is compressed by KHR_draco_mesh_compression: pip install 'taichi-dr\[draco\]', or export it"
    with pytest.raises(FileError, match=message):
        read_gltf(draco(b"DRACO", POSITION=0).save(tmp_path / "a.glb"))


@pytest.mark.parametrize("length", [0, 5, 20, 60])
def test_draco_that_is_damaged(tmp_path, length):
    with pytest.raises(FileError, match=r"a\.glb: .*KHR_draco_mesh_compression: cannot be decoded by DracoPy"):
        read_gltf(draco(encoded()[:length] or b"\0", POSITION=0).save(tmp_path / "a.glb"))


def test_draco_attributes_that_are_not_there(tmp_path):
    with pytest.raises(
        FileError, match=r"attributes\.POSITION: expected one of the attributes \[.*\] of the Draco data"
    ):
        read_gltf(draco(encoded(), POSITION=77).save(tmp_path / "a.glb"))


def test_draco_attributes_of_other_sizes(tmp_path):
    data = encoded()
    wrong = unique_ids(data) | {"TEXCOORD_0": unique_ids(data)["POSITION"]}
    with pytest.raises(FileError, match=r"attributes\.TEXCOORD_0: expected \[2\] numbers each, got 3"):
        read_gltf(draco(data, **wrong).save(tmp_path / "a.glb"))


def meshopt(name="EXT_meshopt_compression", fallback=None):
    """A square whose arrays are compressed; ``fallback``: bytes of the buffer that they would be in without."""
    library = pytest.importorskip("meshoptimizer", reason="meshoptimizer: not installed")
    file = GltfFile()
    file.tree["buffers"] = [{"byteLength": 0}, {"byteLength": 64, "extensions": {name: {"fallback": True}}}]
    if fallback:
        file.tree["buffers"][1]["uri"] = fallback
    packed = {
        "POSITION": (library.encode_vertex_buffer(SQUARE, 4, 12), 12, "ATTRIBUTES", 4, 0),
        "indices": (library.encode_index_buffer(TWO_FACES.astype(np.uint32), 6, 4), 2, "TRIANGLES", 6, 48),
    }
    for data, stride, mode, count, start in packed.values():
        view = file.view(bytes(data))
        own = file.tree["bufferViews"][view]
        entry = {"buffer": 0, "byteOffset": own["byteOffset"], "byteLength": own["byteLength"], "count": count}
        extension = {name: entry | {"byteStride": stride, "mode": mode}}
        file.tree["bufferViews"][view] = {
            "buffer": 1,
            "byteOffset": start,
            "byteLength": stride * count,
            "extensions": extension,
        }
    position = {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"}
    indices = {"bufferView": 1, "componentType": 5123, "count": 6, "type": "SCALAR"}
    file.tree["accessors"] = [position, indices]
    file.tree["buffers"][0]["byteLength"] = len(file.binary)
    file.show({"attributes": {"POSITION": 0}, "indices": 1})
    file.use(name, required=not fallback)
    return file


@pytest.mark.parametrize("name", compression.MESHOPT)
def test_meshopt(tmp_path, name):
    surface = read_gltf(meshopt(name).save(tmp_path / "a.glb"))
    assert surface.vertices.tolist() == SQUARE.tolist()
    assert sorted(np.sort(surface.faces, axis=1).tolist()) == [[0, 1, 2], [0, 2, 3]]


def test_meshopt_by_its_fallback_or_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(compression, "is_installed", lambda name: False)
    (tmp_path / "plain.bin").write_bytes(SQUARE.tobytes() + TWO_FACES.tobytes() + bytes(4))
    surface = read_gltf(meshopt(fallback="plain.bin").save(tmp_path / "a.glb"))
    assert surface.vertices.tolist() == SQUARE.tolist()
    assert surface.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    message = r"is compressed by EXT_meshopt_compression: pip install 'taichi-dr\[meshopt\]', or export it uncompressed"
    with pytest.raises(FileError, match=message):
        read_gltf(meshopt().save(tmp_path / "b.glb"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 10**9}, r"count: expected no more than \d+ bytes can hold"),
        ({"mode": "ALL"}, r"mode: expected one of ATTRIBUTES, TRIANGLES, INDICES, got 'ALL'"),
        ({"filter": "SOFT"}, r"filter: expected one of NONE, OCTAHEDRAL"),
        ({"byteStride": 10}, r"cannot be decoded by meshoptimizer"),
        ({"byteLength": 3}, r"cannot be decoded by meshoptimizer"),
    ],
)
def test_meshopt_that_is_damaged(tmp_path, change, message):
    file = meshopt()
    file.tree["bufferViews"][0]["extensions"]["EXT_meshopt_compression"] |= change
    with pytest.raises(FileError, match=r"bufferViews\[0\]\.extensions\.EXT_meshopt_compression.*" + message):
        read_gltf(file.save(tmp_path / "a.glb"))


def test_meshopt_exponents(tmp_path):
    """By hand: the exponential filter keeps 8 bits of exponent, 24 of mantissa: 3 * 2^-1 = 1.5 is 0xff000003."""
    library = pytest.importorskip("meshoptimizer", reason="meshoptimizer: not installed")
    stored = np.array([0xFF000003, 0x00000005, 0x01FFFFFF], np.uint32)
    file = GltfFile()
    data = bytes(library.encode_vertex_buffer(stored.view(np.float32), 3, 4))
    entry = {"buffer": 0, "byteOffset": 0, "byteLength": len(data), "count": 3, "byteStride": 4, "mode": "ATTRIBUTES"}
    file.view(data)
    file.tree["bufferViews"][0]["extensions"] = {"EXT_meshopt_compression": entry | {"filter": "EXPONENTIAL"}}
    document = Document(file.save(tmp_path / "a.glb"))
    extension = document.root.entries("bufferViews")[0].extension("EXT_meshopt_compression")
    decoded = np.frombuffer(compression.decode_meshopt(extension, data), np.float32)
    assert decoded.tolist() == [1.5, 5.0, -2.0]
