"""Radiance's pictures: bytes by hand, both ways of run lengths, and what is refused."""

import numpy as np
import pytest
from names import ROOT

from taichi_dr.errors import FileError
from taichi_dr.io.hdr.rgbe import decode_rgbe

DATA = ROOT.parent / "shared" / "data"


def file(body, size=b"-Y 1 +X 8", header=b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n"):
    return header + b"\n" + size + b"\n" + bytes(body)


def test_bytes_and_exponents():
    """(128, 64, 0) with the exponent 129: bytes over 2^(136 - 129) = 128."""
    found = decode_rgbe(file([128, 64, 0, 129, 128, 64, 0, 0], b"-Y 1 +X 2"), "a.hdr")
    assert found.dtype == np.float32
    assert found.tolist()[0][0] == [1, 0.5, 0]
    assert np.abs(found[0, 1]).max() < 1e-37  # a normal number: processors may take denormal ones for 0


def test_runs_of_components():
    red, green, blue = [128 + 8, 128], [8, 0, 16, 32, 48, 64, 80, 96, 112], [128 + 3, 1, 5, 2, 2, 2, 2, 2]
    found = decode_rgbe(file([2, 2, 0, 8, *red, *green, *blue, 128 + 8, 136]), "a.hdr")
    assert found[0, :, 0].tolist() == [128] * 8
    assert found[0, :, 1].tolist() == [0, 16, 32, 48, 64, 80, 96, 112]
    assert found[0, :, 2].tolist() == [1, 1, 1, 2, 2, 2, 2, 2]


def test_repeated_pixels_of_the_oldest_files():
    found = decode_rgbe(file([3, 4, 5, 136, 1, 1, 1, 2, 9, 9, 9, 136], b"-Y 1 +X 4"), "a.hdr")
    assert found[0, :, 0].tolist() == [3, 3, 3, 9]


def test_upside_down_and_exposed():
    header = b"#?RGBE\nEXPOSURE=2.0\nFORMAT=32-bit_rle_rgbe\n"
    found = decode_rgbe(file([2, 4, 6, 136, 8, 8, 8, 136], b"+Y 2 -X 1", header), "a.hdr")
    assert found[:, 0].tolist() == [[4, 4, 4], [1, 2, 3]]


@pytest.mark.skipif(not DATA.exists(), reason="needs the shared data")
def test_a_sky():
    found = decode_rgbe((DATA / "envmaps" / "venice_sunset_1k.hdr").read_bytes(), "venice.hdr")
    assert found.shape == (512, 1024, 3)
    assert found.max() == 9.6875  # MANIFEST.md: max 9.69, mean 0.7407
    assert abs(found.mean() - 0.7407) < 1e-4


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a Radiance picture"),
        (file([], b"+X 8 -Y 1"), "not a Radiance picture .* of rows from top to bottom"),
        (file([1, 2, 3, 4]), "a damaged Radiance picture"),
        (file([2, 2, 0, 8, 128 + 9, 1]), "a damaged Radiance picture"),
        (file([1, 2, 3, 4], b"-Y 1000000000 +X 1000000000"), "a damaged Radiance picture"),
        (file([2, 4, 6, 136], b"-Y 1 +X 1", b"#?RGBE\nEXPOSURE=0\n"), "a damaged Radiance picture"),
        (file([2, 4, 6, 136], b"-Y 1 +X 1", b"#?RGBE\nEXPOSURE=+-\n"), "a damaged Radiance picture"),
        (file([], header=b"#?RADIANCE\nFORMAT=32-bit_rle_xyze\n"), "got the colours XYZ"),
    ],
)
def test_bad_files_say_what_is_wrong(data, message):
    with pytest.raises(FileError, match=f"a.hdr: .*{message}|a.hdr: {message}"):
        decode_rgbe(data, "a.hdr")
