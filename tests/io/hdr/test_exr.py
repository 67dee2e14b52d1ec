"""OpenEXR: round trips, PIZ against files and NumPy, and what is refused."""

import contextlib
import struct
import zlib

import numpy as np
import pytest
from names import ROOT

from taichi_dr.errors import FileError
from taichi_dr.io.hdr import exr, piz
from taichi_dr.io.hdr.exr import decode_exr, encode_exr

DATA = ROOT.parent / "shared" / "data"


def picture(height=37, width=23, seed=0):
    return np.random.default_rng(seed).lognormal(size=(height, width)).astype(np.float32)


def attribute(key, kind, value):
    return key + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value


def written(pixels, compression, blocks, version=2, kind=1):
    """A file with the one channel Y of ``pixels`` in blocks ``[(y, bytes)]``."""
    height, width = pixels.shape
    header = exr.MAGIC + struct.pack("<i", version)
    header += attribute(b"channels", b"chlist", b"Y\0" + struct.pack("<iB3xii", kind, 0, 1, 1) + b"\0")
    header += attribute(b"compression", b"compression", bytes([compression]))
    header += attribute(b"dataWindow", b"box2i", struct.pack("<4i", 0, 0, width - 1, height - 1)) + b"\0"
    chunks = [struct.pack("<2i", y, len(block)) + block for y, block in blocks]
    ends = np.cumsum([len(header) + 8 * len(chunks), *map(len, chunks)])
    return header + ends[:-1].astype("<u8").tobytes() + b"".join(chunks)


def test_what_is_encoded_is_decoded():
    channels = {name: picture(seed=k) for k, name in enumerate("RGBA")}
    channels["B"][:] = 0.25  # becomes smaller
    found = decode_exr(encode_exr(channels), "a.exr")
    assert list(found) == ["A", "B", "G", "R"]
    for name, values in channels.items():
        assert (found[name] == values).all()


def test_half_precision_without_compression():
    pixels = picture().astype(np.float16)
    lines = [(y, line.tobytes()) for y, line in enumerate(pixels)]
    found = decode_exr(written(pixels, exr.NONE, lines[::-1]), "a.exr")["Y"]  # in any order
    assert (found == pixels).all()


def test_run_lengths_by_hand():
    """Two lines of 4 half numbers: 8 zero bytes, of which the differences are 0 and 128s."""
    line = bytes([0, 0, 6, 128])  # 0 once; 128 seven times
    found = decode_exr(written(np.zeros((2, 4)), exr.RLE, [(0, line), (1, line)]), "a.exr")["Y"]
    assert (found == 0).all()
    literal = bytes([256 - 8, *np.frombuffer(exr._part_and_difference(np.arange(4, dtype="<f2").tobytes()), np.uint8)])
    found = decode_exr(written(np.zeros((1, 4)), exr.RLE, [(0, literal)]), "a.exr")["Y"]
    assert found.tolist() == [[0, 1, 2, 3]]


def test_single_lines_by_zip():
    pixels = np.tile(np.arange(64, dtype="<f2"), (3, 1))
    lines = [(y, zlib.compress(exr._part_and_difference(line.tobytes()))) for y, line in enumerate(pixels)]
    assert (decode_exr(written(pixels, exr.ZIPS, lines), "a.exr")["Y"] == pixels).all()


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("shape", [(4, 4), (32, 17), (5, 12), (1, 9), (7, 1)])
def test_the_wavelet_is_undone(shape, small):
    numbers = np.random.default_rng(1).integers(0, 1 << 13 if small else 1 << 16, shape).astype(np.int32)
    block = numbers.copy()
    forward_wavelet(block, small)
    assert shape in ((1, 9), (7, 1)) or (block != numbers).any()
    piz._undo_wavelet(block, small)
    assert (block == numbers).all()


def forward_wavelet(block, small):
    """ImfWav.cpp, number by number."""

    def encode(a, b):
        if small:
            a, b = (int(np.int16(np.uint16(x))) for x in (a, b))
            return ((a + b) >> 1) & 0xFFFF, (a - b) & 0xFFFF
        shifted = (a + 0x8000) & 0xFFFF
        mean, difference = (shifted + b) >> 1, shifted - b
        return (mean + 0x8000 if difference < 0 else mean) & 0xFFFF, difference & 0xFFFF

    rows, columns = block.shape
    p, p2 = 1, 2
    while p2 <= min(rows, columns):
        y = 0
        for y in range(0, rows - p2 + 1, p2):
            for x in range(0, columns - p2 + 1, p2):
                i00, i01 = encode(block[y, x], block[y, x + p])
                i10, i11 = encode(block[y + p, x], block[y + p, x + p])
                block[y, x], block[y + p, x] = encode(i00, i10)
                block[y, x + p], block[y + p, x + p] = encode(i01, i11)
            if columns & p:
                x = columns // p2 * p2
                block[y, x], block[y + p, x] = encode(block[y, x], block[y + p, x])
        if rows & p:
            y = rows // p2 * p2
            for x in range(0, columns - p2 + 1, p2):
                block[y, x], block[y, x + p] = encode(block[y, x], block[y, x + p])
        p, p2 = p2, p2 * 2


@pytest.mark.skipif(not DATA.exists(), reason="needs the shared data")
def test_a_file_of_piz():
    channels = decode_exr((DATA / "envmaps" / "museum.exr").read_bytes(), "museum.exr")
    pixels = np.stack([channels[name] for name in "RGB"], -1)
    assert pixels.shape == (256, 512, 3)
    assert pixels.max() == 19.28125  # MANIFEST.md: max 19.28, mean 0.3305
    assert abs(pixels.mean() - 0.3305) < 5e-5
    assert zlib.crc32(pixels.astype("<f2").tobytes()) == 1887897935  # that of the pixels that Mitsuba 3.9.1 reads


def test_other_kinds_are_named():
    pixels = np.zeros((1, 4))
    for version, kind in ((0x202, "tiled"), (0x802, "deep"), (0x1002, "in several parts")):
        with pytest.raises(FileError, match=rf"a.exr: .* scan lines, got one that is {kind}"):
            decode_exr(written(pixels, 0, [(0, bytes(8))], version), "a.exr")
    with pytest.raises(FileError, match=r"RLE, ZIP or PIZ, got DWAA"):
        decode_exr(written(pixels, 8, [(0, bytes(8))]), "a.exr")


def test_damage_is_an_error_or_a_picture():
    whole = encode_exr({"Y": picture()})
    rng = np.random.default_rng(2)
    for cut in (0, 3, 8, 40, len(whole) // 2, len(whole) - 1):
        with pytest.raises(FileError, match=r"a.exr: not an OpenEXR file, or damaged"):
            decode_exr(whole[:cut], "a.exr")
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[rng.integers(4, 600)] = rng.integers(256)
        with contextlib.suppress(FileError):  # and nothing else
            decode_exr(bytes(damaged), "a.exr")


@pytest.mark.skipif(not DATA.exists(), reason="needs the shared data")
def test_damaged_piz_is_an_error_or_a_picture():
    data = bytearray((DATA / "envmaps" / "museum.exr").read_bytes())
    rng = np.random.default_rng(3)
    for _ in range(6):
        damaged = data.copy()
        damaged[rng.integers(400, 12_000)] = rng.integers(256)  # of the first block; a bit elsewhere is another number
        with contextlib.suppress(FileError):
            decode_exr(bytes(damaged), "a.exr")
