"""``comparison.png``: numbers and a held-out view in one picture, a column for each."""

from PIL import Image, ImageDraw, ImageFont

from taichi_dr.io.files import atomic_path
from taichi_dr.jobs.compare.pictures import tiles
from taichi_dr.jobs.compare.table import is_best, known_rows, written
from taichi_dr.jobs.report.overview import best_view
from taichi_dr.jobs.report.pages import GAP, INK, PAPER

SOFT, BEST = (110, 110, 118), (10, 107, 61)
SIDE = 220  # pixels of a column


def write_sheet(path, done, scene, settings):
    """Writes the picture about ``done`` ([Measured, ...]): a table above, then a held-out view, a close-up and the
    differences there."""
    rows, view = known_rows(done), best_view(scene.shown)
    text = 15
    line = text + 8
    height = round(SIDE * scene.shown.height / scene.shown.width)
    top = 2 * GAP + line * (2 + len(rows))
    size = (1 + len(done)) * (SIDE + GAP) + GAP, top + line + 3 * (height + GAP)
    sheet = Image.new("RGB", size, PAPER)
    draw, font, bold = ImageDraw.Draw(sheet), ImageFont.load_default(text), ImageFont.load_default(text + 2)
    draw.text((GAP, GAP), _title(settings, scene), SOFT, font)
    for number, row in enumerate(rows, 2):
        draw.text((GAP, GAP + line * number), row.name, SOFT, font)
    draw.text((GAP, top), f"{scene.shown.names[view]}, held out", SOFT, font)
    for column, one in enumerate(done, 1):
        draw.text((_left(column), GAP + line), one.name, INK, bold)
        for number, row in enumerate(rows, 2):
            ink = BEST if is_best(row, one, done) else INK
            draw.text((_left(column), GAP + line * number), written(row, one), ink, font)
        draw.text((_left(column), top), f"{one.name}  {one.views[view]['psnr']:.1f} dB", INK, font)
    for column, tile in enumerate(tiles(scene.target[view], [one.pictures[view] for one in done])):
        for place, pixels in enumerate(part for part in tile if part is not None):
            picture = Image.fromarray(pixels).resize((SIDE, height), Image.LANCZOS)
            sheet.paste(picture, (_left(column), top + line + place * (height + GAP)))
    with atomic_path(path) as temporary:
        sheet.save(temporary)


def _title(settings, scene):
    said = f"{settings.data.resolve().name}: {len(scene.train)} images, {settings.minutes:g} min for each"
    return said if scene.reduced is None else f"{said}; times and images: {scene.reduced}"


def _left(column):
    return GAP + column * (SIDE + GAP)
