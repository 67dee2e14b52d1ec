"""Radiance's pictures (``.hdr``): bytes of red, green and blue, and an exponent that they share.

    color = byte 2^(exponent - 136)

Source: Ward, Real pixels, Graphics Gems II, 1991; the Radiance file formats (radsite.lbl.gov), run lengths included.
"""

import re

import numpy as np

from taichi_dr.errors import FileError
from taichi_dr.memory import lacking

MAGIC = b"#?"
DIGITS = 9  # of a width or a height, at most
BYTES_PER_PIXEL = 4 + 12 + 24  # as stored, decoded, and on the way
WIDEST = 1 << 20  # pixels of a row


def decode_rgbe(data, name):
    """(H, W, 3) float32 of the bytes of a file called ``name``.

    Raises:
        FileError: no such file, or damaged.
    """
    found = re.match(rb"#\?.*?\n\n([-+])Y (\d+) ([-+])X (\d+)\n", data, re.DOTALL)
    if found is None:
        raise FileError(f"{name}: not a Radiance picture (.hdr) of rows from top to bottom, or damaged")
    if b"32-bit_rle_xyze" in found[0]:
        raise FileError(f"{name}: expected red, green and blue (32-bit_rle_rgbe), got the colours XYZ: save it anew")
    if max(len(found[2]), len(found[4])) > DIGITS:
        raise FileError(f"{name}: a damaged Radiance picture (.hdr)")
    height, width = int(found[2]), int(found[4])
    if missing := lacking(BYTES_PER_PIXEL * height * width):
        raise FileError(f"{name}: its {width} × {height} pixels {missing}: make it smaller")
    try:
        exposure = _exposure(found[0])
        bytes_ = _pixels(data, found.end(), height, width)
    except (IndexError, ValueError) as error:
        raise FileError(f"{name}: a damaged Radiance picture (.hdr)") from error
    picture = bytes_[..., :3] * np.ldexp(np.float32(1), bytes_[..., 3:].astype(int) - 136).astype(np.float32)
    picture /= exposure
    return picture[:: 1 if found[1] == b"-" else -1, :: 1 if found[3] == b"+" else -1]


def _exposure(header):
    """What the colours were multiplied by: all exposures of the header."""
    exposure = np.prod([np.float32(number) for number in re.findall(rb"^EXPOSURE=(.*)$", header, re.MULTILINE)])
    if not 1e-30 < exposure < 1e30:
        raise ValueError("an exposure that is none")
    return np.float32(exposure)


def _pixels(data, place, height, width):
    """(height, width, 4) bytes."""
    if not 0 < width <= WIDEST or 4 * height > len(data) - place:  # no row has less than a pixel's bytes
        raise ValueError("no pixels, or more than there can be")
    rows = np.empty((height, 4, width), np.uint8)
    for row in range(height):
        if 8 <= width < 1 << 15 and data[place : place + 2] == b"\2\2" and data[place + 2] < 128:
            line, place = _runs(data, place + 4, 4 * width)
            rows[row] = np.frombuffer(line, np.uint8).reshape(4, width)
        else:
            line, place = _repeats(data, place, width)
            rows[row] = np.frombuffer(line, np.uint8).reshape(width, 4).T
    return rows.transpose(0, 2, 1)


def _runs(data, place, count):
    """A line, component by component: a count above 128 and the byte that it repeats, or a count and as many bytes."""
    line = bytearray()
    while len(line) < count:
        length = data[place]
        if length > 128:
            line += data[place + 1 : place + 2] * (length - 128)
            place += 2
        else:
            line += data[place + 1 : place + 1 + length]
            place += 1 + length
    return line, place


def _repeats(data, place, width):
    """A line, pixel by pixel, as the oldest files have it: (1, 1, 1, n) repeats the pixel before n times."""
    line, shift = bytearray(), 0
    while len(line) < 4 * width:
        pixel = data[place : place + 4]
        if len(pixel) < 4:
            raise ValueError("no more bytes")
        place += 4
        if pixel[:3] == b"\1\1\1":
            line += line[-4:] * min(pixel[3] << shift, width)
            shift += 8
        else:
            line += pixel
            shift = 0
    return line, place
