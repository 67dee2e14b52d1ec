"""Changes to the bytes of a valid file: of any file, of text, of JSON, of archives of arrays.

Half of them get right checksums afterwards.
"""

import copy
import io
import json
import re
import zipfile
import zlib

import numpy as np

NUMBERS = ("nan", "inf", "-inf", "-1", "0", "2147483648", "-2147483649", "1e309", "1e-320", "9" * 400, "1e38", "")
VALUES = (None, True, -1, 0, 1e308, 10**400, float("nan"), "", "x" * 5000, [], {}, [[]], [1, "a"], "\0", "../" * 40)
WORDS = (b"\0", b"\n", b"\\", b" ", b"\xff\xfe", b"1/2/3", b"'", b'"', b"{", b"x" * 5000)
BINARY = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\0\0\xc0\x7f", b"\0\0\x80\x7f")
LARGE = 1_000_000  # bytes of archives that take seconds to pack
PNG = b"\x89PNG\r\n\x1a\n"
HEADERS = (
    *("(", "{'descr': '<f8'", "[]", "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "(" * 500),
    "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}",
    "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}",
    "{'descr': '<U9', 'fortran_order': False, 'shape': ()}",
)


def mutated(data, random, kind):
    """The bytes of a file with one to four changes; ``kind``: text, json, archive or binary, of which more is known."""
    for _ in range(min(random.geometric(0.6), 4)):
        special = {"text": _text, "json": _json, "archive": _archive}.get(kind, _binary)
        change = special if random.random() < 0.6 else ANYWHERE[random.integers(len(ANYWHERE))]
        try:
            data = change(data, random)
        except Exception:  # NumPy's, zipfile's, json's own, which are no matter here
            data = _flip(data, random)  # what an earlier change has left is no longer of its kind
    return repaired(data) if random.random() < 0.5 else data


def repaired(data):
    """The bytes with right checksums of the PNG chunks and of the archives' members in them, without which a change is
    refused before anybody looks at what it has changed."""
    data = bytearray(data)
    for start in (found.end() for found in re.finditer(re.escape(PNG), bytes(data))):
        while start + 12 <= len(data):
            end = start + 8 + int.from_bytes(data[start : start + 4], "big")
            if end + 4 > len(data):
                break
            data[end : end + 4] = zlib.crc32(data[start + 4 : end]).to_bytes(4, "big")
            start = end + 4
    for entry in (found.start() for found in re.finditer(b"PK\1\2", bytes(data))):
        size, local = (int.from_bytes(data[entry + at : entry + at + 4], "little") for at in (20, 42))
        if data[entry + 10 : entry + 12] == b"\0\0":  # not packed: what is changed can still be read
            first = local + 30 + sum(int.from_bytes(data[local + at : local + at + 2], "little") for at in (26, 28))
            data[entry + 16 : entry + 20] = zlib.crc32(data[first : first + size]).to_bytes(4, "little")
    return bytes(data)


def _place(data, random):
    return int(random.integers(len(data) + 1))


def _flip(data, random):
    if not data:
        return b"\0"
    at = int(random.integers(len(data)))
    return data[:at] + bytes([data[at] ^ (1 << int(random.integers(8)))]) + data[at + 1 :]


def _delete(data, random):
    at = _place(data, random)
    return data[:at] + data[at + int(random.integers(1, 40)) :]


def _insert(data, random):
    at = _place(data, random)
    return data[:at] + random.bytes(int(random.integers(1, 40))) + data[at:]


def _repeat(data, random):
    at, length = _place(data, random), int(random.integers(1, 400))
    return data[: at + length] + data[at : at + length] * int(random.integers(1, 20)) + data[at + length :]


def _truncate(data, random):
    return data[: _place(data, random)]


def _splice(data, random):
    a, b = _place(data, random), _place(data, random)
    return data[:a] + data[b:]


ANYWHERE = (_flip, _flip, _delete, _insert, _repeat, _truncate, _splice)


def _binary(data, random):
    at = _place(data, random) // 4 * 4
    word = BINARY[random.integers(len(BINARY))]
    return data[:at] + word + data[at + len(word) :]


def _text(data, random):
    tokens = re.split(rb"([\s,:/]+)", data)
    at = int(random.integers(len(tokens)))
    kind = random.integers(5)
    if kind == 0:
        tokens[at] = NUMBERS[random.integers(len(NUMBERS))].encode()
    elif kind == 1:
        other = int(random.integers(len(tokens)))
        tokens[at], tokens[other] = tokens[other], tokens[at]
    elif kind == 2:
        tokens[at] = b""
    elif kind == 3:
        tokens[at] += WORDS[random.integers(len(WORDS))]
    else:
        lines = data.split(b"\n")
        at, other = random.integers(len(lines), size=2)
        lines[at] = lines[other]
        return b"\n".join(lines)
    return b"".join(tokens)


def _json(data, random):
    tree = json.loads(data)
    places = list(_places(tree))
    holder, key = places[random.integers(len(places))]
    kind = random.integers(4)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        other, name = places[random.integers(len(places))]
        holder[key] = copy.deepcopy(other[name])
    elif kind == 2 and random.random() < 0.2:
        return data.replace(json.dumps(holder[key]).encode(), b"[" * 3000, 1)
    else:
        holder[key] = VALUES[random.integers(len(VALUES))]
    return json.dumps(tree).encode()


def _places(tree):
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield tree, key
        yield from _places(value)


def _archive(data, random):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    names = list(parts)
    name, kind = names[random.integers(len(names))], random.integers(7)
    if kind == 0:
        del parts[name]
    elif kind == 1:
        parts[f"{name[:-4]}x.npy"] = parts.pop(name)
    elif kind == 2:
        parts[name] = parts[names[random.integers(len(names))]]
    elif kind == 3:
        parts[name] = _with_header(parts[name], HEADERS[random.integers(len(HEADERS))])
    elif kind == 4:
        parts[name] = _npy(_changed(np.load(io.BytesIO(parts[name])), random))
    elif kind == 5:
        parts[name] = _flip(parts[name], random)
    else:
        parts[name] = _npy(np.zeros(int(random.choice([0, 1, 100, 3_000_000]))))
    out = io.BytesIO()
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)[
        : 1 if len(data) > LARGE else 4
    ]
    with zipfile.ZipFile(out, "w", methods[random.integers(len(methods))]) as file:
        for name, part in parts.items():
            file.writestr(name, part)
    return out.getvalue()


def _npy(array):
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def _changed(array, random):
    """An array of other numbers, of another type or of another shape; JSON in bytes with another value."""
    if array.dtype == np.uint8 and array.ndim == 1 and array[:1].tobytes() == b"{":
        return np.frombuffer(_json(array.tobytes(), random), np.uint8)
    kind = random.integers(5)
    if kind == 0 and array.size and array.dtype.kind == "f":
        with np.errstate(all="ignore"):
            array.flat[random.integers(array.size)] = random.choice([np.nan, np.inf, -1, 1e30, 0])
    elif kind == 1 and array.dtype.kind in "fiu":
        with np.errstate(all="ignore"):
            return array.astype(random.choice(["<i8", "<f2", "<c16", "<u1", "<U9"]))
    elif kind == 2:
        return array[..., None]
    elif kind == 3 and array.ndim:
        return array[: len(array) // 2]
    else:
        return array.reshape(-1)
    return array


def _with_header(part, header):
    text = header.encode()
    text += b" " * (-(11 + len(text)) % 64) + b"\n"
    length = int.from_bytes(part[8:10], "little")
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text + part[10 + length :]
