"""What takes more memory than there is is refused by name, with both sizes, before anything is made."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

import taichi_dr as dr
from taichi_dr import memory
from taichi_dr.io.images import decode_image, load_mask, picture_sizes
from taichi_dr.kernels.base.arrays import make_array

SIZES = r"would take [\d,.]+ [GM]B of memory, and there are 500 MB"


@pytest.fixture
def small(monkeypatch):
    """A machine that has 500 MB left."""
    monkeypatch.setattr(memory, "available", lambda: 500_000_000)


ASKED = {
    "size: a frame of 1,000,000,000,000 × 1,000,000,000,000 pixels": lambda: dr.Rasterizer(10**12),
    "size: a frame of 100,000 × 100,000 pixels": lambda: dr.SoftRasterizer(100_000),
    "size: a frame of 6,000 × 9,000 pixels": lambda: dr.RayTracer((6000, 9000)),
    "size: a frame of 40,000 × 40,000 pixels": lambda: dr.Supersampler(5000, 8),
    "100 views of 1,000 × 1,000 pixels": lambda: dr.Rasterizer(1000).render(
        dr.shapes.box(), dr.Camera.orbit(np.arange(100.0))
    ),
    "icosphere(12): a mesh of 335,544,320 faces": lambda: dr.shapes.icosphere(12),
    "sphere: a mesh of 1,000,000,000,000 faces": lambda: dr.shapes.sphere(10**12),
    "torus: a mesh of 2,000,000,000,000 faces": lambda: dr.shapes.torus(segments=10**6, sides=10**6),
    "plane: a mesh of 2,000,000,000,000,000,000 faces": lambda: dr.shapes.plane(segments=10**9),
    "cylinder: a mesh of 4,000,000,000,000 faces": lambda: dr.shapes.cylinder(segments=10**12),
    "cone: a mesh of 4,000,000,000,000 faces": lambda: dr.shapes.cone(segments=10**12),
    "box: subdivide(12): a mesh of 201,326,592 faces": lambda: dr.shapes.box().subdivide(12),
    "an array of shape (200000000, 3)": lambda: make_array((200_000_000, 3)),
}


@pytest.mark.parametrize("what", ASKED)
def test_what_is_too_large_is_refused_by_name(cpu64, small, what):
    with pytest.raises(dr.TooLargeError, match=SIZES) as caught:
        ASKED[what]()
    assert str(caught.value).startswith(what)


def test_a_million_subdivisions_are_not_counted(cpu64):
    for ask in (dr.shapes.icosphere, dr.shapes.box().subdivide):
        with pytest.raises(dr.TooLargeError, match="would take"):
            ask(1_000_000)


def test_kernels_count_in_32_bits_whatever_the_memory(cpu64, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 10**15)
    with pytest.raises(dr.TooLargeError, match=r"3,600,000,000 numbers, and an array has 2,147,483,647 at most"):
        dr.Rasterizer(30_000)
    with pytest.raises(dr.TooLargeError, match=r"shape \(65536, 65536\) are 4,294,967,296 numbers"):
        make_array((1 << 16, 1 << 16))
    with pytest.raises(dr.TooLargeError, match=r"icosphere\(13\): .* are 4,026,531,840 numbers"):
        dr.shapes.icosphere(13)


def png_of_size(width, height, size=0):
    """A PNG whose header says that it is so large, with so many bytes of data that are no pixels."""
    chunks = b""
    for kind, data in (
        (b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0") + bytes(size)),
        (b"IEND", b""),
    ):
        chunks += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_a_picture_is_refused_by_its_header(tmp_path, small):
    path = tmp_path / "a.png"
    path.write_bytes(png_of_size(12_000, 12_000, size=1_000_000))
    assert picture_sizes(path)[0] == (12_000, 12_000)
    for read in (dr.load_image, load_mask):
        with pytest.raises(dr.FileError, match=rf"a.png: its 12000 × 12000 pixels {SIZES}: make it smaller"):
            read(path)


def test_a_picture_of_fewer_bytes_than_its_header_needs(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png_of_size(12_000, 12_000))
    for read in (dr.load_image, load_mask):
        with pytest.raises(dr.FileError, match=r"a.png: its 12000 × 12000 pixels cannot be in 6\d bytes"):
            read(path)


def test_a_picture_of_more_pixels_than_pillow_reads(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png_of_size(50_000, 50_000))
    for read in (dr.load_image, load_mask, picture_sizes):
        with pytest.raises(dr.FileError, match=r"a.png: has too many pixels to be read: .*2500000000"):
            read(path)


def test_a_bright_picture_is_refused_by_its_header(small):
    header = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 8000 +X 8000\n"
    with pytest.raises(dr.FileError, match=rf"a.hdr: its 8000 × 8000 pixels {SIZES}"):
        decode_image(header + bytes(100), "a.hdr")
    with pytest.raises(dr.FileError, match="a damaged Radiance picture"):
        decode_image(header.replace(b"+X 8000", b"+X " + b"9" * 5000), "a.hdr")
    good = io.BytesIO()
    Image.new("RGB", (3, 2)).save(good, "PNG")
    assert decode_image(good.getvalue(), "a.png").shape == (2, 3, 3)
