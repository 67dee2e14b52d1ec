"""``comparison.png``: a held-out view and numbers in one picture, a column for each."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from taichi_dr.io.files import atomic_path
from taichi_dr.jobs.compare.pictures import tiles
from taichi_dr.jobs.compare.table import is_best, known_rows, written
from taichi_dr.jobs.report.overview import best_view
from taichi_dr.jobs.report.pages import GAP, INK, PAPER

SOFT, BEST = (110, 110, 118), (10, 107, 61)
SIDE = 300  # pixels of a column
TEXT, LARGE = 19, 24
LINE = TEXT + 10
ROOM = 0.06  # around the object, of its larger side


def write_sheet(path, done, scene, settings):
    """Writes the picture about ``done`` ([Measured, ...]): a held-out view, a close-up and the differences there, and
    a table below."""
    rows, view = known_rows(done), best_view(scene.shown)
    cut = around(scene.target[view][..., 3])
    columns = tiles(scene.target[view][cut], [one.pictures[view][cut] for one in done])
    heights = [round(SIDE * pixels.shape[0] / pixels.shape[1]) for pixels in (columns[0].whole, columns[0].near)]
    tops = np.cumsum([3 * LINE + GAP, heights[0] + GAP, heights[1] + GAP, heights[1] + 2 * GAP])
    size = (1 + len(done)) * (SIDE + GAP) + GAP, int(tops[3]) + LINE * len(rows) + GAP
    sheet = Image.new("RGB", size, PAPER)
    draw, font, large = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT), ImageFont.load_default(LARGE)
    draw.text((GAP, GAP), _title(settings, scene), SOFT, font)
    names = ["an image that was not used", *(one.name for one in done)]
    for column, (name, tile) in enumerate(zip(names, columns, strict=True)):
        draw.text((_left(column), GAP + 1.5 * LINE), name, INK, font if column == 0 else large)
        for top, pixels in zip(tops, tile, strict=False):
            if pixels is not None:
                height = heights[0] if pixels is tile.whole else heights[1]
                sheet.paste(Image.fromarray(pixels).resize((SIDE, height), Image.LANCZOS), (_left(column), int(top)))
    draw.text((GAP, int(tops[2])), "the differences there, of each", SOFT, font)
    for number, row in enumerate(rows):
        top = int(tops[3]) + LINE * number
        draw.text((GAP, top), row.title, SOFT, font)
        for column, one in enumerate(done, 1):
            ink = BEST if is_best(row, one, done) else INK
            draw.text((_left(column), top), written(row, one), ink, font)
    with atomic_path(path) as temporary:
        sheet.save(temporary)


def around(alpha):
    """Slices of the box, no narrower than about half its other side, that holds what is in ``alpha`` (H, W) of a view.

    >>> alpha = np.zeros((100, 100))
    >>> alpha[40:60, 10:90] = 1
    >>> around(alpha)
    (slice(28, 72, None), slice(5, 95, None))
    """
    filled = [np.flatnonzero((alpha > 0).any(axis=axis)) for axis in (1, 0)]
    if not filled[0].size:
        return tuple(slice(0, side) for side in alpha.shape)
    spans = np.array([(rows[0], rows[-1] + 1) for rows in filled])
    halves = np.diff(spans)[:, 0] / 2
    room = ROOM * 2 * halves.max()
    halves = np.maximum(halves + room, 0.55 * halves.max())
    lows, highs = np.floor(spans.mean(axis=1) - halves).astype(int), np.ceil(spans.mean(axis=1) + halves).astype(int)
    ends = zip(lows, highs, alpha.shape, strict=True)
    return tuple(slice(max(0, int(low)), min(int(high), side)) for low, high, side in ends)


def _title(settings, scene):
    said = f"{settings.data.resolve().name}: {len(scene.train)} images, {settings.minutes:g} min for each"
    return said if scene.reduced is None else f"{said}; times and images: {scene.reduced}"


def _left(column):
    return GAP + column * (SIDE + GAP)
