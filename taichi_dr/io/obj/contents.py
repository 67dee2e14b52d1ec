"""What the lines of an OBJ file say, as arrays."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, compress, repeat

import numpy as np

from taichi_dr.errors import FileError, GeometryError
from taichi_dr.io.obj.lines import logical_lines, rest_of, shown, without_comment

MOST_NUMBERS = 7  # that are read of a line: x y z red green blue alpha
NOTHING = np.iinfo(np.int64).max  # the index of what is not there
LARGEST = 2**62  # more than any index, and int64 still
LONGEST_REASON = 200


@dataclass
class Rows:
    """The lines of one kind, that begin with ``key``, and their numbers in the file."""

    key: bytes
    lines: list[bytes] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    @cached_property
    def words(self):
        """The words of all lines behind their keys, as one list, and how many of them each line has."""
        words, count = b" ".join(self.lines).split(), len(self.lines)
        width = len(words) // max(count, 1)
        if width and len(words) == width * count and words[::width].count(self.key) == count:
            del words[::width]
            return words, np.full(count, width - 1)
        split = [line.split() for line in self.lines]
        return list(chain.from_iterable(line[1:] for line in split)), np.fromiter(map(len, split), np.int64, count) - 1


@dataclass
class Contents:
    """A file's polygons, indices counted from 0.

    ``vertices`` (N, 3 to 7): x y z and, where lines have them, red, green, blue and alpha, else NaN; ``uv`` (T, 2);
    ``counts`` (P,): corners of each polygon, ``lines`` (P,) where it stands; ``corners`` and ``uv_corners`` (C,) vertex
    and texture coordinate of the corners, polygon by polygon, -1 for no texture coordinate; ``names``: the materials
    that are asked for, ``materials`` (P,) which of them each polygon has, -1 for none; ``libraries``: what ``mtllib``
    lines say; ``short``: how many faces had fewer than three corners and are left out.
    """

    vertices: np.ndarray
    uv: np.ndarray
    counts: np.ndarray
    lines: np.ndarray
    corners: np.ndarray
    uv_corners: np.ndarray
    names: list[str]
    materials: np.ndarray
    libraries: list[str]
    short: int


def parse(path, data):
    """The ``Contents`` of the bytes of a file at ``path``.

    Raises:
        FileError: a line that cannot be read, or no faces.
        GeometryError: a face refers to a vertex or texture coordinate that is not there.
    """
    numeric = {key: Rows(key) for key in (b"v", b"vt", b"f")}
    named = {b"usemtl": [], b"mtllib": []}
    for number, line in logical_lines(data):
        first = line.split(None, 1)
        rows = numeric.get(first[0]) if first else None
        if rows is not None:
            rows.lines.append(without_comment(line) if b"#" in line else line)
            rows.numbers.append(number)
        elif first and first[0] in named:
            named[first[0]].append((number, rest_of(line)))
    return _contents(path, *numeric.values(), named)


def _contents(path, v, vt, f, named):
    vertices, uv = _checked(path, v, _coordinates), _checked(path, vt, _texture_coordinates)
    polygons = _polygons(path, f, v)
    counts = polygons.words[1]
    lines, owners = np.array(polygons.numbers), np.repeat(np.arange(len(counts)), counts)
    indices = _checked(path, polygons, _corners)
    corners = _absolute(indices[:, 0], v, lines, owners)
    _check_indices(path, corners, len(vertices), "vertex", lines, owners)
    uv_corners = np.full(len(corners), -1)
    if len(uv):
        uv_corners = np.where(indices[:, 1] == 0, -1, _absolute(indices[:, 1], vt, lines, owners))
        _check_indices(path, uv_corners, len(uv), "texture coordinate", lines, owners)
    kept = ~_repeated(corners, counts, owners)
    uses = np.searchsorted([number for number, _ in named[b"usemtl"]], lines) - 1
    return Contents(
        vertices=vertices,
        uv=uv,
        counts=np.bincount(owners[kept], minlength=len(counts)),
        lines=lines,
        corners=corners[kept],
        uv_corners=uv_corners[kept],
        names=[name for _, name in named[b"usemtl"]],
        materials=uses,
        libraries=[value for _, value in named[b"mtllib"] if value],
        short=len(f.lines) - len(polygons.lines),
    )


def _checked(path, rows, convert):
    """``convert(rows)``; if it fails, an error that names the first line that fails by itself."""
    try:
        return convert(rows)
    except ValueError as whole:
        for line, number in zip(rows.lines, rows.numbers, strict=True):
            try:
                convert(Rows(rows.key, [line], [number]))
            except ValueError as error:
                raise _unreadable(path, number, error, line) from error
        raise FileError(f"{path}: cannot be read as OBJ ({whole})") from whole


def _unreadable(path, number, error, line):
    reason = str(error)
    reason = reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}..."
    return FileError(f"{path}, line {number}: cannot be read as OBJ ({reason}): {shown(line.strip())}")


def _coordinates(rows):
    table, counts = _table(rows, MOST_NUMBERS)
    if (counts < 3).any():
        raise ValueError("a vertex needs three coordinates")
    return table


def _texture_coordinates(rows):
    """Their first two numbers; the second is 0 where there is but one."""
    table, counts = _table(rows, 2)
    if (counts < 1).any():
        raise ValueError("a texture coordinate needs a number")
    both = np.zeros((len(table), 2))
    both[:, : table.shape[1]] = table
    both[counts < 2, 1] = 0
    return both


def _table(rows, most):
    """The first numbers of lines, ``most`` of each at most, NaN where a line has fewer; and how many each has."""
    words, counts = rows.words
    numbers = _numbers(words)
    width = counts.max(initial=0)
    if (counts == width).all():
        return numbers.reshape(len(counts), width)[:, :most], counts
    table, starts = np.full((len(counts), min(width, most)), np.nan), np.cumsum(counts) - counts
    for column in range(table.shape[1]):
        has = counts > column
        table[has, column] = numbers[starts[has] + column]
    return table, counts


def _numbers(words):
    """Their numbers; NaN for what Windows calls ``-1.#IND``, ``1.#QNAN`` and ``1.#INF``."""
    try:
        return np.array(list(map(float, words)))
    except ValueError:
        return np.array([np.nan if b".#" in word else float(word) for word in words])


def _polygons(path, f, v):
    """The ``Rows`` of faces with three corners or more: others are lines and points, which some programs call faces."""
    if not f.lines:
        nothing = 'no "v" and "f" lines found: is this an OBJ file?'
        raise FileError(f"{path}: {'has no faces' if v.lines else nothing}")
    if not v.lines:
        raise GeometryError(f"{path}: has faces but no vertices")
    has_three = f.words[1] >= 3
    if has_three.all():
        return f
    if not has_three.any():
        raise _unreadable(path, f.numbers[0], "a face needs three corners", f.lines[0])
    return Rows(f.key, list(compress(f.lines, has_three)), list(compress(f.numbers, has_three)))


def _corners(rows):
    """(C, 2) of corners ``v``, ``v/vt``, ``v/vt/vn`` or ``v//vn``: the numbers v and vt as they stand, vt 0 without."""
    words = rows.words[0]
    vertices, uv = _alike(words) or zip(*map(_split, words), strict=True)
    corners = np.zeros((len(words), 2), np.int64)
    for column, numbers in enumerate((vertices, uv)):
        if numbers:
            corners[:, column] = _integers(numbers)
    return corners


def _alike(words):
    """The parts v and vt (() without) of all corners, cut at once if they are all of one form; else None."""
    text = b" ".join(words)
    slashes, doubled = set(map(bytes.count, words, repeat(b"/"))), text.count(b"//")
    if len(slashes) != 1 or doubled not in (0, len(words)):
        return None
    width = slashes.pop() + 1 - (doubled > 0)
    parts = text.replace(b"//", b" ").replace(b"/", b" ").split()
    if len(parts) != width * len(words):
        return None
    return parts[::width], () if doubled or width == 1 else parts[1::width]


def _split(word):
    """The parts v and vt of one corner, b"0" for no vt."""
    vertex, _, rest = word.partition(b"/")
    return vertex, rest.partition(b"/")[0] or b"0"


def _integers(words):
    """Their numbers; those beyond int64 become ``LARGEST``."""
    numbers = list(map(int, words))
    try:
        return np.array(numbers, np.int64)
    except OverflowError:
        return np.array([max(-LARGEST, min(LARGEST, number)) for number in numbers], np.int64)


def _absolute(indices, rows, lines, owners):
    """From 1-based, or negative and counted from the last of ``rows`` before; ``NOTHING`` for what is not there."""
    absolute = indices - 1
    if indices.min() < 0:
        latest = np.searchsorted(rows.numbers, lines)[owners]
        absolute = np.where(indices < 0, latest + indices, absolute)
    return np.where(absolute < 0, NOTHING, absolute)


def _check_indices(path, indices, count, what, lines, owners):
    if indices.max() >= count:
        polygon = int(owners[np.argmax(indices >= count)])
        raise GeometryError(
            f"{path}, line {lines[polygon]}: face {polygon} refers to a {what} that is not there (the file has {count})"
        )


def _repeated(corners, counts, owners):
    """Which corners (C,) are the one before them again, in polygons of which three others are left."""
    ends = np.cumsum(counts)
    before = np.roll(corners, 1)
    before[ends - counts] = corners[ends - 1]
    repeated = corners == before
    left = counts - np.bincount(owners, repeated, len(counts))
    return repeated & (left[owners] >= 3)
