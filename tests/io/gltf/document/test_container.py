"""The file around the meshes: GLB, JSON, data URIs, files beside it; and all that can be wrong with them."""

import base64
import json
import struct

import pytest
from gltf_files import GltfFile, glb_bytes

from taichi_dr.errors import FileError
from taichi_dr.io.gltf.document.container import Document
from taichi_dr.io.gltf.read import read_gltf


def square():
    file = GltfFile()
    file.show(file.square())
    return file


def beside(tmp_path, uri, **buffer):
    """A square whose buffer is where ``uri`` says."""
    file = square()
    file.tree["buffers"] = [{"byteLength": len(file.binary), "uri": uri} | buffer]
    return file


def test_glb_and_gltf_are_told_apart_by_what_is_in_them(tmp_path):
    assert len(read_gltf(square().save(tmp_path / "a.gltf")).faces) == 2
    assert len(read_gltf(square().save(tmp_path / "a.glb")).faces) == 2
    (tmp_path / "a.glb").replace(tmp_path / "b.gltf")
    (tmp_path / "a.gltf").replace(tmp_path / "b.glb")
    assert len(read_gltf(tmp_path / "b.gltf").faces) == len(read_gltf(tmp_path / "b.glb").faces) == 2


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("a.bin", "a.bin"),
        ("a%20b.bin", "a b.bin"),
        ("a b.bin", "a b.bin"),
        ("100%25.bin", "100%.bin"),
        ("a%20b.bin", "a%20b.bin"),
        ("./sub/a.bin", "sub/a.bin"),
        ("sub\\a.bin", "sub/a.bin"),
        ("Sub/A.BIN", "sub/a.bin"),
        ("elsewhere/a.bin", "a.bin"),
        ("../a.bin", "../a.bin"),
        ("sub/../a.bin", "a.bin"),
    ],
)
def test_files_beside_it(tmp_path, uri, name):
    file = beside(tmp_path, uri)
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in" / name).write_bytes(file.binary)
    assert len(read_gltf(file.save(tmp_path / "in/a.gltf")).faces) == 2


@pytest.mark.parametrize(
    "head", ["data:;base64,", "data:application/octet-stream;base64,", "DATA:a/b;charset=x;base64,"]
)
def test_data_uris(tmp_path, head):
    file = square()
    text = base64.b64encode(file.binary).decode()
    for body in (text, text.rstrip("="), text[:8] + "\n" + text[8:], text.replace("=", "%3D")):
        file.tree["buffers"] = [{"byteLength": len(file.binary), "uri": head + body}]
        assert len(read_gltf(file.save(tmp_path / "a.gltf")).faces) == 2


def test_json_may_have_a_byte_order_mark_or_end_in_zeros(tmp_path):
    file = square()
    path = file.save(tmp_path / "a.gltf")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_gltf(path).faces) == 2
    text = json.dumps(file.tree | {"buffers": [{"byteLength": len(file.binary)}]}).encode()
    (tmp_path / "a.glb").write_bytes(glb_bytes(text + b"\0\0\0\0", file.binary))
    assert len(read_gltf(tmp_path / "a.glb").faces) == 2


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("none.bin", r"buffers\[0\]\.uri: there is no such file: '.*none\.bin'"),
        (
            "http://a.b/c.bin",
            r"buffers\[0\]\.uri: expected a file beside this one: addresses are not followed, got 'http",
        ),
        ("file:///etc/passwd", r"buffers\[0\]\.uri: expected a file beside this one"),
        ("/etc/passwd", r"buffers\[0\]\.uri: expected a relative path, got '/etc/passwd'"),
        ("C:\\a.bin", r"buffers\[0\]\.uri: expected a relative path"),
        ("%2Fetc/passwd", r"buffers\[0\]\.uri: expected a relative path"),
        ("../../a.bin", r"buffers\[0\]\.uri: expected a path that leads at most one folder up"),
        ("a%00.bin", r"buffers\[0\]\.uri: expected a relative path"),
        ("a" * 5000, r"buffers\[0\]\.uri: expected at most 500 characters, got 5000: 'aaa"),
        ("a" * 400, r"there is no such file"),
        ("\ud800.bin", r"buffers\[0\]\.uri: expected a relative path, got '.ud800\.bin'"),
        ("data:;base64,####", r"buffers\[0\]\.uri: is no base64"),
        ("data:;base64", r"buffers\[0\]\.uri: expected a comma in a data URI"),
        ("data:;base64,AAAA", r"buffers\[0\]\.byteLength: expected at most the 3 bytes that there are, got 60"),
        (7, r"buffers\[0\]\.uri: expected a string, got 7"),
        ("", r"there is no such file"),
    ],
)
def test_buffers_that_are_not_to_be_had(tmp_path, uri, message):
    with pytest.raises(FileError, match=message):
        read_gltf(beside(tmp_path, uri).save(tmp_path / "a.gltf"))


def test_a_missing_chunk_and_views_beyond_their_buffer(tmp_path):
    file = square()
    file.tree["buffers"] = [{"byteLength": 60}]
    with pytest.raises(FileError, match=r"buffers\[0\]\.uri: is missing, and there is no binary chunk"):
        read_gltf(file.save(tmp_path / "a.gltf"))
    file = square()
    file.tree["bufferViews"][0]["byteLength"] = 61
    with pytest.raises(FileError, match=r"bufferViews\[0\]: expected bytes 0 to 61 within the 60 of its buffer"):
        read_gltf(file.save(tmp_path / "a.glb"))
    file.tree["bufferViews"][0] |= {"byteOffset": 2**50}
    with pytest.raises(FileError, match=r"bufferViews\[0\]: expected bytes"):
        read_gltf(file.save(tmp_path / "a.glb"))


def written(tmp_path, data):
    (tmp_path / "a.glb").write_bytes(data)
    return tmp_path / "a.glb"


def test_damaged_containers(tmp_path):
    good = square().save(tmp_path / "a.glb").read_bytes()
    for data, message in (
        (good[:15], "it is cut off after 15 bytes"),
        (good[:-1], f"it is cut off: expected {len(good)} bytes, got {len(good) - 1}"),
        (good[:12] + struct.pack("<I", 10**9) + good[16:], "expected a chunk of JSON first"),
        (good[:16] + b"BIN\0" + good[20:], "expected a chunk of JSON first"),
        (b"\x89PNG\r\n" + bytes(50), "cannot be read as GLB"),
    ):
        with pytest.raises(
            FileError, match=r"a\.glb: cannot be read as GLB: .*" + message.replace("cannot be read as GLB", "")
        ):
            Document(written(tmp_path, data))
    assert len(read_gltf(written(tmp_path, good + b"bytes behind")).faces) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"asset": {"version": "1.0"}}', r"is glTF '1\.0', expected 2\.0: convert it"),
        (b'{"asset": {"version": "3.0"}}', r"is glTF '3\.0'"),
        (b'{"asset": {"version": "2.1", "minVersion": "2.1"}}', r"is glTF '2\.1'"),
        (b'{"meshes": {}}', r"is glTF 1\.0"),
        (b"[" * 100_000, r"its JSON is nested too deeply"),
        (b'{"a":' * 100_000, r"its JSON is nested too deeply"),
        (b"[1, 2]", r"the JSON: expected an object"),
        (b'{"asset": 2}', r"asset: expected an object, got 2"),
        (b'{"nodes": [{"mesh": NaN}]}', r"cannot be read as GLB: NaN is no number of JSON"),
        (b'{"nodes": [{"mesh": -Infinity}]}', r"-Infinity is no number of JSON"),
        (b'{"scene": ' + b"9" * 5000 + b"}", r"cannot be read as GLB"),
        (b'{"scene": 0, "scenes": 3, "nodes": [{}]}', r"scenes: expected a list, got 3"),
        (
            b'{"scenes": [{"nodes": [5]}], "nodes": [{}]}',
            r"scenes\[0\]\.nodes\[0\]: expected the number of one of 1 nodes",
        ),
        (b'{"scenes": [{"nodes": ["a"]}], "nodes": [{}]}', r"scenes\[0\]\.nodes\[0\]: expected the number .*, got 'a'"),
        (b'{"nodes": [[]]}', r"nodes\[0\]: expected an object, got \[\]"),
        (b'{"nodes": [{"mesh": 0}]}', r"nodes\[0\]\.mesh: expected the number of one of 0 meshes, got 0"),
        (b'{"nodes": [{"scale": [1, 1, 1e999]}]}', r"nodes\[0\]\.scale\[2\]: expected a finite number, got inf"),
        (b'{"nodes": [{"scale": [1, 1]}]}', r"nodes\[0\]\.scale: expected a list of 3 numbers, got \[1, 1\]"),
        (b'{"nodes": [{"scale": [1, 1, 1' + b"0" * 400 + b"]}]}", r"nodes\[0\]\.scale\[2\]: expected a finite number"),
        (b'{"meshes": [{}]}', r"has no triangles"),
        (b'{"meshes": [{"primitives": [{}]}]}', r"has no triangles"),
        (
            b'{"meshes": [{"primitives": [{"mode": 7}]}]}',
            r"primitives\[0\]\.mode: expected an integer in \[0, 6\], got 7",
        ),
        (b"{}", r"has no triangles"),
        (b'"\xff"', r"cannot be read as GLB"),
    ],
)
def test_json_that_is_wrong(tmp_path, text, message):
    with pytest.raises(FileError, match=r"a\.glb: .*" + message) as caught:
        read_gltf(written(tmp_path, glb_bytes(text, b"")))
    assert len(str(caught.value)) < 500


def test_gltf_1_in_a_glb(tmp_path):
    with pytest.raises(FileError, match=r"a\.glb: is glTF 1\.0, expected 2\.0: convert it"):
        Document(written(tmp_path, glb_bytes(b"{}", b"", version=1)))


@pytest.mark.parametrize("version", ["2.0", "2", "2.1", 2.0])
def test_versions_that_are_read(tmp_path, version):
    file = square()
    file.tree["asset"]["version"] = version
    assert len(read_gltf(file.save(tmp_path / "a.glb")).faces) == 2


def test_required_extensions_refuse_by_name(tmp_path):
    file = square()
    file.use("KHR_materials_unlit", "KHR_materials_variants", "KHR_mesh_quantization", required=True)
    assert len(read_gltf(file.save(tmp_path / "a.glb")).faces) == 2
    file.use("EXT_from_elsewhere")
    assert len(read_gltf(file.save(tmp_path / "a.glb")).faces) == 2
    file.use("EXT_from_elsewhere", required=True)
    with pytest.raises(FileError, match=r"a\.glb: needs the extension 'EXT_from_elsewhere', which is not supported"):
        read_gltf(file.save(tmp_path / "a.glb"))
