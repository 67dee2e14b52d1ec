"""Pictures of how a reconstruction went: comparison, animation and loss curves."""

import io

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from taichi_dr.io.files import atomic_path
from taichi_dr.io.images import quantized
from taichi_dr.jobs.report.metrics import in_words, over_white

LARGEST_ERROR = 0.5  # of display values; brighter differences are shown as this
INK, PAPER, FRAME = (40, 40, 40), (255, 255, 255), (200, 200, 200)
GAP = 6


def write_grid(path, rows, caption):
    """Rows of ``(label, picture)``, pictures (h, w, 3) uint8 of one size, each label above its picture, and a caption
    below."""
    height, width = rows[0][0][1].shape[:2]
    text = max(11, width // 12)
    line = text + 2 * GAP
    sheet = Image.new("RGB", (GAP + len(rows[0]) * (width + GAP), len(rows) * (line + height) + line), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(text)
    for row, tiles in enumerate(rows):
        top = row * (line + height)
        for column, (label, picture) in enumerate(tiles):
            left = GAP + column * (width + GAP)
            draw.text((left, top + GAP), label, INK, font)
            _paste(sheet, picture, left, top + line)
    draw.text((GAP, len(rows) * (line + height) + GAP), caption, INK, font)
    with atomic_path(path) as temporary:
        sheet.save(temporary)


def write_comparison(path, target, prediction, metrics, names, labels=("target", "render")):
    """A row ``target | render | difference`` for each view, with its metrics.

    ``target`` and ``prediction`` are (V, H, W, 4) of linear RGB with straight alpha; ``metrics`` has a dict of numbers
    and ``names`` a word for each view.  The difference is the mean over the channels of the absolute difference of the
    display values, from black (0) to yellow (0.5 and above).
    """
    height, width = target.shape[1:3]
    text = max(11, width // 18)
    header = text + 2 * GAP
    row_height = height + 2 * text + 2 * GAP
    sheet = Image.new("RGB", (3 * width + 4 * GAP, header + GAP + len(target) * row_height), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(text)
    for column, label in enumerate([*labels, "difference"]):
        draw.text((GAP + column * (width + GAP), GAP), label, INK, font)
    _draw_scale(sheet, 2 * width + 3 * GAP + draw.textlength("difference  ", font), font)
    for row in range(len(target)):
        top = header + GAP + row * row_height
        wanted, shown = over_white(target[row]), over_white(prediction[row])
        for column, pixels in enumerate((quantized(wanted), quantized(shown), error_map(wanted, shown))):
            _paste(sheet, pixels, GAP + column * (width + GAP), top)
        draw.text((GAP, top + height + 2), f"{names[row]}   {in_words(metrics[row])}", INK, font)
    with atomic_path(path) as temporary:
        sheet.save(temporary)


def animation_frame(target, prediction, caption):
    """One picture (h, w, 3) uint8 of the targets above what the model looks like, with a line of text beneath."""
    rows = [np.concatenate([quantized(over_white(view)) for view in views], axis=1) for views in (target, prediction)]
    width = rows[0].shape[1]
    text = max(11, width // 36)
    strip = Image.new("RGB", (width, text + 2 * GAP), PAPER)
    ImageDraw.Draw(strip).text((GAP, GAP), caption, INK, ImageFont.load_default(text))
    return np.concatenate([*rows, np.asarray(strip)])


def write_animation(path, frames, milliseconds=100, last=2500):
    """Frames (h, w, 3) of uint8 as a GIF that repeats; the last one stays for a while."""
    first, *others = [_in_few_colors(Image.fromarray(frame)) for frame in frames]
    times = [milliseconds] * len(others) + [last]
    with atomic_path(path) as temporary:
        first.save(temporary, save_all=True, append_images=others, duration=times, loop=0)


def write_losses(path, history, marks=()):
    """Curves of ``history``, ``{"step": [...], name: [...], ...}``, on a logarithmic scale; ``marks`` are steps at
    which something changed, drawn as vertical lines."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    curves = {name: np.asarray(values, float) for name, values in history.items() if name != "step"}
    curves = {name: np.where(values > 0, values, np.nan) for name, values in curves.items() if (values > 0).any()}
    last = {name: values[~np.isnan(values)][-1] for name, values in curves.items()}
    for name in sorted(curves, key=last.get, reverse=True):  # as they lie at the end
        axes.semilogy(history["step"], curves[name], label=f"{name}  {last[name]:.2g}", linewidth=1.2)
    for mark in marks:
        axes.axvline(mark, color="0.8", linewidth=0.8, zorder=0)
    axes.set_xlabel("step" + ("  (grey lines: finer pictures or a finer mesh)" if len(marks) else ""))
    axes.set_ylabel("weighted loss")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if curves:
        figure.legend(frameon=False, loc="outside right upper", title="at the end")
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=120, format="png")
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def _in_few_colors(picture):
    """The picture in 256 colours of its own, dithered: octrees find them 6 times as fast as what Pillow saves with."""
    return picture.quantize(palette=picture.quantize(method=Image.Quantize.FASTOCTREE))


def _paste(sheet, pixels, left, top):
    """A picture with a thin frame around it."""
    height, width = pixels.shape[:2]
    ImageDraw.Draw(sheet).rectangle((left - 1, top - 1, left + width, top + height), outline=FRAME)
    sheet.paste(Image.fromarray(pixels), (left, top))


def error_map(wanted, shown):
    """Bytes (h, w, 3) of how far display values (h, w, 3) differ, from black (0) to yellow (0.5 and above)."""
    return _error_colors(np.abs(wanted - shown).mean(axis=-1) / LARGEST_ERROR)


def _error_colors(shares):
    """Shares of the largest error as colours, from black to yellow."""
    return quantized(colormaps["inferno"](np.clip(shares, 0, 1))[..., :3])


def _draw_scale(sheet, left, font):
    """What the colours of differences mean: a bar between its two numbers, in the line of the labels."""
    draw, text = ImageDraw.Draw(sheet), int(font.size)
    draw.text((left, GAP), "0", INK, font)
    bar = _error_colors(np.tile(np.linspace(0, 1, 4 * text), (text, 1)))
    start = int(left + draw.textlength("0 ", font))
    _paste(sheet, bar, start, GAP + 1)
    draw.text((start + 4 * text + GAP, GAP), str(LARGEST_ERROR), INK, font)
