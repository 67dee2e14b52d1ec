"""What a PLY file says of itself: its format, and which rows of which numbers follow.

Source: G. Turk, The PLY Polygon File Format, 1994; names of types and elements as programs write them since.
"""

import re
from dataclasses import dataclass

from taichi_dr.errors import FileError
from taichi_dr.io.words import decoded

TYPES = {
    "char": "i1",
    "int8": "i1",
    "uchar": "u1",
    "uint8": "u1",
    "short": "i2",
    "int16": "i2",
    "ushort": "u2",
    "uint16": "u2",
    "int": "i4",
    "int32": "i4",
    "uint": "u4",
    "uint32": "u4",
    "long": "i8",
    "int64": "i8",
    "ulong": "u8",
    "uint64": "u8",
    "float": "f4",
    "float32": "f4",
    "double": "f8",
    "float64": "f8",
}
"""NumPy's code of each type's name."""

ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
"""NumPy's byte order of each format, none for text."""

END = re.compile(rb"(?:^|[\r\n])[ \t]*end_header[ \t]*(\r\n|\n|\r|$)")


@dataclass(frozen=True)
class Property:
    """A number of a row, or a list of them behind their count: NumPy's codes of their types, ``count`` of a list's."""

    name: str
    code: str
    count: str | None = None


@dataclass(frozen=True)
class Element:
    """``count`` rows of the same properties."""

    name: str
    count: int
    properties: tuple[Property, ...]


@dataclass(frozen=True)
class Header:
    """``order``: "<", ">" or, for text, ""; the rows' elements in order; where the rows begin in the file."""

    order: str
    elements: tuple[Element, ...]
    comments: tuple[str, ...]
    start: int


def read_header(path, data):
    """The ``Header`` of a file's bytes.

    Raises:
        FileError: it is no PLY file, or has a line that says nothing known; the message names the line.
    """
    end = END.search(data)
    if not data.removeprefix(b"\xef\xbb\xbf").lstrip()[:3].lower() == b"ply" or end is None:
        raise FileError(f'{path}: cannot be read as PLY: expected a header from "ply" to "end_header"')
    order, elements, comments = None, [], []
    for number, line in enumerate(decoded(data[: end.start()]).splitlines()[1:], start=2):
        words = line.split()
        try:
            match [word.lower() for word in words[:1]]:
                case [] | ["obj_info"]:
                    pass
                case ["comment"]:
                    comments.append(line.split(None, 1)[1].strip() if len(words) > 1 else "")
                case ["format"]:
                    order = ORDERS[words[1].lower()]
                case ["element"]:
                    elements.append((words[1].lower(), _count(words[2]), []))
                case ["property"]:
                    elements[-1][2].append(_property(words[1:]))
                case _:
                    raise ValueError
        except (ValueError, IndexError, KeyError) as error:
            raise FileError(f"{path}, line {number}: cannot be read as PLY: {line[:80]!r}") from error
    if order is None:
        raise FileError(f"{path}: cannot be read as PLY: its header has no line that says its format")
    rows = tuple(Element(name, count, tuple(properties)) for name, count, properties in elements)
    return Header(order, rows, tuple(comments), _start(data, end))


def _start(data, end):
    """Where the rows begin: if the header's lines end in "\\r" alone, a "\\n" behind it is of the first number."""
    only_return = b"\n" not in data[: end.start() + 1]
    return end.end() - (only_return and end[1] == b"\r\n")


def _count(word):
    count = int(word)
    if count < 0:
        raise ValueError
    return count


def _property(words):
    if words[0].lower() != "list":
        return Property(words[1].lower(), TYPES[words[0].lower()])
    count, code = TYPES[words[1].lower()], TYPES[words[2].lower()]
    if count[0] == "f":
        raise ValueError
    return Property(words[3].lower(), code, count)
