"""OpenEXR files of scan lines: half and single precision, uncompressed or by RLE, ZIP or PIZ.

Source: Technical Introduction to OpenEXR, and the OpenEXR File Layout (openexr.com).
"""

import struct
import zlib

import numpy as np

from taichi_dr.errors import FileError
from taichi_dr.io.hdr.piz import decode_piz
from taichi_dr.memory import lacking

MAGIC = b"\x76\x2f\x31\x01"
OTHER_KINDS = {0x200: "tiled", 0x800: "deep", 0x1000: "in several parts"}
TYPES = ("<u4", "<f2", "<f4")
NONE, RLE, ZIPS, ZIP, PIZ = range(5)
LINES = (1, 1, 1, 16, 32)  # of a block, by compression
MOST_SAVED = 2000  # bytes that a byte stands for; ZIP's limit is 1032
OTHERS = {5: "PXR24", 6: "B44", 7: "B44A", 8: "DWAA", 9: "DWAB"}


def decode_exr(data, name):
    """{channel: (H, W) float32} of the bytes of a file called ``name``.

    Raises:
        FileError: no such file, or one of a kind that is not read (the message says which).
    """
    try:
        return _decode(data, name)
    except (ValueError, IndexError, KeyError, OverflowError, struct.error, zlib.error) as error:
        raise FileError(f"{name}: not an OpenEXR file, or damaged") from error


def encode_exr(channels):
    """The bytes of a file, ZIP compressed, of channels {name: (H, W) numbers}: single precision."""
    names = sorted(channels)
    pixels = np.stack([np.asarray(channels[name], "<f4") for name in names], axis=1)  # (H, channels, W): line by line
    height, _, width = pixels.shape
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    listed = b"".join(name.encode() + b"\0" + struct.pack("<iB3xii", 2, 0, 1, 1) for name in names) + b"\0"
    attributes = (
        ("channels", "chlist", listed),
        ("compression", "compression", bytes([ZIP])),
        ("dataWindow", "box2i", window),
        ("displayWindow", "box2i", window),
        ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", 1)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1)),
    )
    header = MAGIC + struct.pack("<i", 2)
    for key, kind, value in attributes:
        header += key.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value
    header += b"\0"
    blocks = []
    for top in range(0, height, LINES[ZIP]):
        plain = pixels[top : top + LINES[ZIP]].tobytes()
        packed = zlib.compress(_part_and_difference(plain))
        packed = packed if len(packed) < len(plain) else plain
        blocks.append(struct.pack("<2i", top, len(packed)) + packed)
    ends = np.cumsum([len(header) + 8 * len(blocks), *map(len, blocks)])
    return header + ends[:-1].astype("<u8").tobytes() + b"".join(blocks)


def _decode(data, name):
    if data[:4] != MAGIC:
        raise ValueError("another magic number")
    (version,) = struct.unpack_from("<i", data, 4)
    for flag, kind in OTHER_KINDS.items():
        if version & flag:
            raise FileError(f"{name}: expected an OpenEXR file of scan lines, got one that is {kind}: save it anew")
    attributes, start = _attributes(data)
    compression = attributes["compression"][0]
    if compression >= len(LINES):
        kind = OTHERS.get(compression, f"compression {compression}")
        raise FileError(f"{name}: expected an OpenEXR file without compression or by RLE, ZIP or PIZ, got {kind}")
    left, top, right, bottom = struct.unpack("<4i", attributes["dataWindow"])
    width, height = right - left + 1, bottom - top + 1
    channels, lines = _channels(attributes["channels"], name), LINES[compression]
    size_of_pixel = sum(kind.itemsize for kind in channels.values())
    if width < 1 or height < 1 or width * height * size_of_pixel > MOST_SAVED * len(data):
        raise ValueError("no pixels, or more than there can be")
    if missing := lacking(4 * width * height * len(channels)):
        raise FileError(f"{name}: its {width} × {height} pixels {missing}: make it smaller")
    offsets = np.frombuffer(data, "<u8", -(-height // lines), start).tolist()
    picture = {channel: np.empty((height, width), np.float32) for channel in channels}
    for offset in offsets:
        y, size = struct.unpack_from("<2i", data, offset)
        rows = min(lines, bottom + 1 - y)
        if not (top <= y <= bottom and 0 <= size <= len(data) - offset - 8):
            raise ValueError("a block that is not there")
        block = _block(data[offset + 8 : offset + 8 + size], compression, rows, width, list(channels.values()))
        for channel, pixels in zip(channels, block, strict=True):
            picture[channel][y - top : y - top + rows] = pixels
    return picture


def _attributes(data):
    """The header's attributes, and where it ends."""
    attributes, place = {}, 8
    while data[place]:
        key_end = data.index(0, place)
        kind_end = data.index(0, key_end + 1)
        (size,) = struct.unpack_from("<i", data, kind_end + 1)
        if size < 0:
            raise ValueError("an attribute of less than nothing")
        first = kind_end + 5
        attributes[data[place:key_end].decode("latin-1")] = data[first : first + size]
        place = first + size
    return attributes, place + 1


def _channels(listed, name):
    """{name: NumPy's type} in the file's order."""
    channels, place = {}, 0
    while listed[place]:
        end = listed.index(0, place)
        kind, _, across, down = struct.unpack_from("<iB3xii", listed, end + 1)
        channel = listed[place:end].decode("latin-1")
        if (across, down) != (1, 1):
            raise FileError(f"{name}: channel {channel} has fewer samples than pixels, which is not read")
        channels[channel] = np.dtype(TYPES[kind])
        place = end + 17
    return channels


def _block(data, compression, rows, width, types):
    """The pixels (rows, width) of every channel in a block."""
    sizes = [width * kind.itemsize for kind in types]
    if len(data) == rows * sum(sizes):  # what would not have become smaller
        compression = NONE
    if compression == PIZ:
        words = [kind.itemsize // 2 for kind in types]
        found = decode_piz(data, rows, width, words)
        return [part.astype("<u2").view(kind)[..., 0] for part, kind in zip(found, types, strict=True)]
    if compression == RLE:
        data = _undo_differences(_undo_runs(data))
    elif compression != NONE:
        data = _undo_differences(zlib.decompress(data))
    lines = np.frombuffer(data, np.uint8).reshape(rows, sum(sizes))
    edges = np.cumsum([0, *sizes])
    return [
        np.ascontiguousarray(lines[:, first:last]).view(kind)
        for first, last, kind in zip(edges[:-1], edges[1:], types, strict=True)
    ]


def _undo_runs(data):
    """RLE: a count below 0 and as many bytes, or a count and the byte that is there once more than it says."""
    out, place = bytearray(), 0
    while place < len(data):
        count = data[place] - 256 if data[place] > 127 else data[place]
        if count < 0:
            out += data[place + 1 : place + 1 - count]
            place += 1 - count
        else:
            out += data[place + 1 : place + 2] * (count + 1)
            place += 2
    return bytes(out)


def _undo_differences(data):
    """Bytes of differences from one to the next, the even ones before the odd ones, as they were."""
    parts = np.frombuffer(data, np.uint8).copy()
    parts[1:] -= np.uint8(128)
    parts = np.cumsum(parts, dtype=np.uint8)
    plain, half = np.empty_like(parts), (len(parts) + 1) // 2
    plain[0::2], plain[1::2] = parts[:half], parts[half:]
    return plain.tobytes()


def _part_and_difference(data):
    """The inverse of ``_undo_differences``."""
    plain = np.frombuffer(data, np.uint8)
    parts = np.concatenate([plain[0::2], plain[1::2]])
    parts[1:] = parts[1:] - parts[:-1] + np.uint8(128)
    return parts.tobytes()
