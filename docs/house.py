"""Draws docs/house.svg: the package as a house, from its own files and imports.

Floors are those that ``tests/test_layers.py`` holds the imports to, rooms are folders with their files and lines, and
an arrow leads from a room down to one that it imports.  Imports that follow from others are left out: who imports
``render`` stands on ``kernels`` as well.

make docs
"""

import ast
import math
import re
import runpy
import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon, Rectangle
from matplotlib.path import Path as Curve

ROOT = Path(__file__).resolve().parents[1]

STOREYS = (
    ("ground floor", "errors", "tape", "#6b7280"),
    ("kernels: compiled", "kernels.base", "kernels.soft", "#b45309"),
    ("what users own", "fields", "io", "#4d7c0f"),
    ("renderers", "render", "render.mesh.primitives", "#0f766e"),
    ("door", "public", "taichi_dr", "#1d4ed8"),
    ("jobs", "jobs.listener", "jobs", "#7e22ce"),
    ("command", "cli", "__main__", "#be123c"),
)
"""Name, a room of the lowest floor, a room of the highest floor, colour."""

EVERYWHERE = ("errors", "version", "kernels")
"""Rooms whose arrows would say nothing."""

COLUMNS, COLUMN, LINE = 8, 15.5, 1.75
"""Columns of files across the house; width of one; height of a line of text."""

HEADER, PAD, GAP, AISLE = 2.5, 0.7, 3.4, 1.1
"""Heights of a room's title, the space around its files, between floors, and between rooms."""

LONGEST = 420
"""Lines of a file whose bar is as wide as its column."""

WIDTH = COLUMNS * COLUMN
LEFT, RIGHT, ROOF, FOOT = 4.5, 1.5, 11.0, 4.2
"""Space around the floors."""

INCHES = 13
"""Width of the picture."""

LEGEND = (
    "Numbers and bars: lines.  Arrows: imports that do not follow from other arrows (errors, version: everybody's).  "
    "tests/test_layers.py holds the imports to these floors."
)

INK, PAPER = "#1f2937", "#fbfaf7"


class Room:
    """A room's files, what it says of itself, and its place: ``x``, ``y`` (upper left), ``width``, ``height``."""

    def __init__(self, name, files, purpose, color):
        self.name, self.files, self.purpose, self.color = name, files, purpose, color
        self.lines = sum(lines for _, lines in files)
        self.alone = files[0][0] in (name.split(".")[-1], "__init__")  # a module, not a folder

    def subtitle(self):
        """As much of the purpose as fits beside the name, up to a mark of punctuation."""
        letters = int((self.width - 5.5 - 1.05 * len(self.name)) / 0.66) - len(f"{self.lines:,}")
        ends = [mark.start() for mark in re.finditer(r"[:;(]|$", self.purpose)][::-1]
        cuts = [self.purpose[:end] for end in ends] + [self.purpose.split(",")[0]]
        return next((cut.strip() for cut in cuts if len(cut) <= letters), "")

    def columns(self, rows):
        """Columns that the files take, in so many rows, or the name."""
        return max(math.ceil((len(self.name) + 5) / COLUMN), math.ceil(len(self.files) / rows))


def read_house():
    """Floors from the top, each a list of Rooms, and the arrows: pairs of room names."""
    sys.path.insert(0, str(ROOT / "tests"))
    layers = runpy.run_path(str(ROOT / "tests" / "test_layers.py"))
    files, purposes = {}, {}
    for module, path in sorted(layers["module_files"]().items()):
        name, text = layers["short"](module), path.read_text(encoding="utf-8")
        first_line = ast.get_docstring(ast.parse(text)).splitlines()[0]
        purposes[name] = first_line.replace("`", "").rstrip(".")
        if path.name != "__init__.py" or module == "taichi_dr":
            files.setdefault(layers["room_of"](name), []).append((path.stem, len(text.splitlines())))
    floors, color = [], None
    for floor in layers["FLOORS"]:
        color = next((color for _, first, _, color in STOREYS if first in floor), color)
        if rooms := [Room(name, files[name], purposes[name], color) for name in floor if name in files]:
            floors.append(rooms)
    return floors[::-1], arrows_of(layers["imports"](), layers["room_of"])


def arrows_of(imports, room_of):
    """The imports between rooms that do not follow from others."""
    below = {}
    for item in imports:
        source, target = room_of(item.source), room_of(item.target)
        if source != target and target not in EVERYWHERE:
            below.setdefault(source, set()).add(target)

    def reached(room, without):
        seen, waiting = set(), list(below.get(room, set()) - {without})
        while waiting:
            found = waiting.pop()
            if found not in seen:
                seen.add(found)
                waiting += below.get(found, ())
        return seen

    return sorted((a, b) for a, targets in below.items() for b in targets if b not in reached(a, b))


def place(floors):
    """Gives every room its place; returns the height of the house."""
    top = 0.0
    for floor in floors:
        rows = next(n for n in range(1, 99) if sum(room.columns(n) for room in floor) <= COLUMNS)
        counts = [room.columns(rows) for room in floor]
        rows = max(math.ceil(len(room.files) / count) for room, count in zip(floor, counts, strict=True))
        height = HEADER if all(room.alone for room in floor) else HEADER + rows * LINE + PAD
        left, unit = 0.0, (WIDTH - AISLE * (len(floor) - 1)) / sum(counts)
        for room, count in zip(floor, counts, strict=True):
            room.x, room.y, room.width, room.height = left, top, count * unit, height
            room.count, room.rows = count, rows
            left += room.width + AISLE
        top += height + GAP
    return top - GAP


def write(axes, x, y, text, size, color=INK, ha="left", **style):
    """A line of text, centred on the height ``y``."""
    return axes.text(x, y, text, fontsize=size, color=color, ha=ha, va="center", zorder=5, **style)


def box(axes, x, y, width, height, color, **style):
    """A filled rectangle without an outline."""
    axes.add_patch(Rectangle((x, y), width, height, color=color, linewidth=0, **style))


def draw_room(axes, room):
    """A box with the room's name, purpose and lines, and its files as bars; returns the texts that must fit."""
    shape = {"boxstyle": "round,pad=0,rounding_size=0.5", "facecolor": PAPER, "edgecolor": room.color, "linewidth": 1.1}
    axes.add_patch(FancyBboxPatch((room.x, room.y), room.width, room.height, zorder=3, alpha=0.94, **shape))
    box(axes, room.x, room.y + 0.25, 0.55, room.height - 0.5, room.color, zorder=4)
    middle = room.y + HEADER / 2
    title = write(axes, room.x + 1.5, middle, room.name, 9.5, room.color, weight="bold")
    write(axes, room.x + room.width - 0.8, middle, f"{room.lines:,}", 8, room.color, ha="right")
    beside = {"xycoords": title, "xytext": (9, 0), "textcoords": "offset points", "va": "center", "zorder": 5}
    texts = [title, axes.annotate(room.subtitle(), (1, 0.5), fontsize=7.6, color=INK, **beside)]
    if room.alone:
        return texts
    column = (room.width - 1.5) / room.count
    for number, (name, lines) in enumerate(room.files):
        x = room.x + 1.5 + number // room.rows * column
        y = room.y + HEADER + number % room.rows * LINE
        full = column - 1.0
        box(axes, x, y + 0.12, full * min(lines / LONGEST, 1), LINE - 0.3, room.color, alpha=0.16, zorder=4)
        texts.append(write(axes, x + 0.35, y + LINE / 2, name, 7.6))
        write(axes, x + full, y + LINE / 2, str(lines), 6.4, "#6b7280", ha="right")
    return texts


def ports(room, others):
    """Where along a room's width the arrows to or from other rooms end: ``{name: x}``, in the others' order."""
    order = sorted(others, key=lambda other: (other.x + other.width / 2, other.y))
    spread = min(room.width - 4, 12 * len(order))
    center = room.x + room.width / 2
    return {other.name: center + spread * ((i + 0.5) / len(order) - 0.5) for i, other in enumerate(order)}


def draw_arrows(axes, rooms, arrows):
    """Curves from the floor of each room to the ceiling of those that it imports, behind the rooms between."""
    leaving = {name: ports(room, [rooms[b] for a, b in arrows if a == name]) for name, room in rooms.items()}
    coming = {name: ports(room, [rooms[a] for a, b in arrows if b == name]) for name, room in rooms.items()}
    for a, b in arrows:
        x0, y0 = leaving[a][b], rooms[a].y + rooms[a].height
        x1, y1 = coming[b][a], rooms[b].y
        bend = min(0.5 * (y1 - y0), 2.6)
        points = [(x0, y0), (x0, y0 + bend), (x1, y1 - bend - 0.6), (x1, y1 - 0.6)]
        curve = Curve(points, [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4])
        axes.add_patch(
            PathPatch(curve, facecolor="none", edgecolor=rooms[a].color, linewidth=1.1, alpha=0.75, zorder=2)
        )
        tip = [(x1, y1), (x1 - 0.42, y1 - 0.95), (x1 + 0.42, y1 - 0.95)]
        axes.add_patch(Polygon(tip, color=rooms[a].color, zorder=2.5, linewidth=0))


def draw_walls(axes, rooms):
    """The roof with the house's name, and the storeys behind the rooms."""
    roof = [(-1.2, -2.4), (WIDTH / 2, 0.6 - ROOF), (WIDTH + 1.2, -2.4)]
    axes.add_patch(Polygon(roof, facecolor="#eef2f7", edgecolor=INK, linewidth=1.2))
    files, lines = (sum(numbers) for numbers in zip(*((len(r.files), r.lines) for r in rooms.values()), strict=True))
    write(axes, WIDTH / 2, -5.6, "taichi_dr", 19, ha="center", weight="bold")
    write(axes, WIDTH / 2, -3.5, f"{len(rooms)} rooms, {files} files, {lines:,} lines", 8.5, ha="center")
    for name, lowest, highest, color in STOREYS:
        top, bottom = rooms[highest].y - 0.9, rooms[lowest].y + rooms[lowest].height + 0.9
        box(axes, -1.2, top, WIDTH + 2.4, bottom - top, color, alpha=0.055, zorder=0)
        box(axes, -1.7, top, 0.5, bottom - top, color, zorder=1)
        write(axes, -3.1, (top + bottom) / 2, name, 9, color, ha="center", weight="bold", rotation=90)


def draw(path):
    """Draws the house into a file; returns the figure and ``{room: (its box, its texts)}``, for the test."""
    mpl.rcParams.update({"svg.hashsalt": "taichi_dr", "font.family": "DejaVu Sans"})
    floors, arrows = read_house()
    height = place(floors)
    rooms = {room.name: room for floor in floors for room in floor}
    width, height = WIDTH + LEFT + RIGHT, height + ROOF + FOOT
    figure = plt.figure(figsize=(INCHES, INCHES * height / width), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-LEFT, WIDTH + RIGHT), ylim=(height - ROOF, -ROOF))
    axes.axis("off")
    draw_walls(axes, rooms)
    texts = {name: (room, draw_room(axes, room)) for name, room in rooms.items()}
    draw_arrows(axes, rooms, arrows)
    write(axes, WIDTH / 2, height - ROOF - FOOT / 2 + 0.4, LEGEND, 7.6, ha="center")
    figure.savefig(path, metadata={"Date": None} if Path(path).suffix == ".svg" else None, dpi=110)
    return figure, texts


def main():
    """Writes the picture."""
    draw(ROOT / "docs" / "house.svg")
    print("docs/house.svg")


if __name__ == "__main__":
    main()
