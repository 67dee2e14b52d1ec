"""What the demos share: options, the output folder, the list of results at the end, and labelled pictures.

Pictures are put together as bytes (H, W, 3), pixel by pixel, so that nothing is resampled on its way into a file.
"""

import argparse
import time
from pathlib import Path

import imageio.v3 as iio
import matplotlib
import numpy as np
import taichi as ti
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

import taichi_dr as dr

matplotlib.use("Agg")  # pictures go to files, whatever display there is
from matplotlib import pyplot

PAPER = (0.85, 0.85, 0.85)
"""The background of the pictures, linear RGB: light grey, so that one sees where a picture ends."""

INK = (40, 40, 40)
GAP = 6  # white pixels between pictures
LINE = 24  # pixels from one line of text to the next


def start(file, description, steps=None, arguments=None, **more):
    """Parses the options, starts Taichi and makes the output folder; returns the options.

    ``file`` and ``description`` are the demo's ``__file__`` and docstring; ``options.steps`` defaults to ``steps``
    iterations.  ``arguments`` replaces the command line (tests do that).  Each of ``more`` is one more option: its name
    and what ``add_argument`` takes.
    """
    name = Path(file).stem
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out") / name, help=f"folder for pictures (out/{name})")
    parser.add_argument("--backend", default="auto", choices=("auto", "cpu", "cuda", "vulkan"))
    if steps is not None:
        parser.add_argument("--steps", type=int, default=steps, help=f"iterations ({steps})")
    for option, settings in more.items():
        parser.add_argument(f"--{option.replace('_', '-')}", **settings)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    options.began = time.perf_counter()
    print(f"{name}: {dr.init(options.backend, random_seed=1)} backend")
    return options


def finish(options, **results):
    """Prints the results of a demo and its pictures; returns the results."""
    for name, value in results.items():
        print(f"  {name.replace('_', ' ')}: {f'{value:.4g}' if isinstance(value, float) else value}")
    for path in sorted(options.out.iterdir()):
        print(f"  wrote {path}")
    print(f"  {time.perf_counter() - options.began:.0f} seconds")
    return results


def compared(by_tape, by_differences):
    """Prints the slope of a loss along its gradient, found in two ways; returns both as results of a demo."""
    print(f"  slope of the loss along its gradient: {by_tape:.5f} by the tape, {by_differences:.5f} by differences")
    return {"slope_by_tape": by_tape, "slope_by_differences": by_differences}


@ti.kernel
def composite(color: ti.template(), alpha: ti.template(), picture: ti.template()):
    """A soft render over the background; straight-line code, so Taichi differentiates it itself.

    A soft rasterizer blends *colours* by depth order: wherever a face is near enough to count, it hides the background
    almost fully, however faint its coverage.  Coverage, with its gradient at silhouettes, is in alpha.
    """
    for pixel in ti.grouped(picture):
        picture[pixel] = alpha[pixel] * color[pixel] + (1.0 - alpha[pixel]) * ti.Vector(PAPER)


def picture_field(like):
    """A field of colours with gradients, of the shape of a frame or of one of its fields."""
    return ti.Vector.field(3, ti.f32, shape=like.shape, needs_grad=True)


def over_paper(rgba):
    """Pictures (..., 4) of linear RGB with straight alpha over the background: (..., 3)."""
    return rgba[..., :3] * rgba[..., 3:] + np.float32(PAPER) * (1 - rgba[..., 3:])


def spread(count):
    """Azimuths and elevations (count, 2) of views, evenly over the sphere but for its poles."""
    k = np.arange(count) + 0.5
    return np.stack([137.508 * k % 360, np.degrees(np.arcsin(0.9 * (1 - 2 * k / count)))], axis=-1)


def pixel_rays(camera, size):
    """Eyes (V, 3) of a perspective camera, and the unit directions (V, size, size, 3) of all pixels' rays."""
    u, v, w, eye = (part.astype(float) for part in camera.frames())
    u, v, w = (axis[:, None, None] for axis in (u, v, w))
    x = (2 * np.arange(size) + 1 - size) / size * np.tan(camera.fov_y.to_numpy().astype(float) / 2)[:, None]
    directions = x[:, None, :, None] * u - x[:, :, None, None] * v - w
    return eye, directions / np.linalg.norm(directions, axis=-1, keepdims=True)


def psnr(image, target):
    """Peak signal-to-noise ratio in dB of linear images, taken on display (sRGB) values as in ``metrics.json``."""
    one, other = (dr.linear_to_srgb(np.clip(pixels, 0, 1)).astype(np.float64) for pixels in (image, target))
    return float(-10 * np.log10(np.mean((one - other) ** 2)))


def quantized(values):
    """Numbers in [0, 1] as bytes, rounded to nearest."""
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)


def shown(picture):
    """Linear colours in [0, 1] as sRGB bytes."""
    return quantized(dr.linear_to_srgb(np.clip(picture, 0, 1).astype(np.float64)))


def difference(one, other):
    """The mean over the channels of the absolute difference of display values, from black to white (0.5)."""
    error = np.abs(_bytes(one).astype(float) - _bytes(other)).mean(axis=-1) / 255
    return quantized(pyplot.get_cmap("magma")(error / 0.5)[..., :3])


def marked(picture, row, column):
    """A picture, as ``sheet`` takes them, with a cross at a pixel."""
    picture = _bytes(picture).copy()
    arm, gap = len(picture) // 32, len(picture) // 80
    for step in (*range(-arm, -gap), *range(gap + 1, arm + 1)):
        picture[row + step, column] = picture[row, column + step] = 0
    return picture


def enlarged(image, factor):
    """Every pixel as a square of ``factor`` pixels."""
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def averaged(pictures, factor):
    """Pictures (..., H, W, 3) with the means of squares of ``factor`` pixels."""
    *views, height, width, _ = pictures.shape
    return pictures.reshape(*views, height // factor, factor, width // factor, factor, 3).mean(axis=(-4, -2))


def sheet(rows, titles=(), row_titles=()):
    """Rows of pictures as one, with titles over the columns and, from bottom to top, at the left of the rows.

    Pictures are bytes (H, W, 3), or linear RGB, which is then shown as sRGB; None leaves a place empty.
    """
    rows = [[_bytes(picture) for picture in row] for row in rows]
    heights = [max(picture.shape[0] for picture in row) for row in rows]
    widths = [max(picture.shape[1] for picture in column) for column in zip(*rows, strict=True)]
    tops = np.cumsum([LINE * max((title.count("\n") + 1 for title in titles), default=0)] + [h + GAP for h in heights])
    lefts = np.cumsum([LINE if row_titles else 0] + [width + GAP for width in widths])
    page = Image.new("RGB", (int(lefts[-1]) - GAP, int(tops[-1]) - GAP), "white")
    for row, top in zip(rows, tops, strict=False):
        for picture, left in zip(row, lefts, strict=False):
            page.paste(Image.fromarray(picture), (int(left), int(top)))
    for title, left, width in zip(titles, lefts, widths, strict=False):
        page.paste(_text(title, (width, int(tops[0]))), (int(left), 0))
    for title, top, height in zip(row_titles, tops, heights, strict=False):
        page.paste(_text(title, (height, LINE)).rotate(90, expand=True), (0, int(top)))
    return np.asarray(page)


def _bytes(picture):
    if picture is None:
        return np.full((1, 1, 3), 255, np.uint8)
    return picture if picture.dtype == np.uint8 else shown(picture)


def _text(text, size):
    """Text in the middle of a strip of ``size`` (width, height)."""
    strip = Image.new("RGB", size, "white")
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 15)
    middle = size[0] / 2, size[1] / 2
    ImageDraw.Draw(strip).multiline_text(middle, text, INK, font, anchor="mm", align="center")
    return strip


def plot(draw, width, height, **subplot):
    """The picture (height, width, 3) of what ``draw(axes)`` draws; ``subplot`` is matplotlib's."""
    figure = pyplot.figure(figsize=(width / 100, height / 100), dpi=100, layout="constrained")
    figure.set_facecolor(shown(np.array(PAPER)) / 255)
    draw(figure.add_subplot(facecolor="none", **subplot))
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
    pyplot.close(figure)
    return pixels


def coded(colormap, norm, values, where, size, label):
    """Numbers (size, size) as colours, the background where they mean nothing, under a bar that says what they mean."""
    paper = shown(np.array(PAPER)) / 255
    picture = quantized(np.where(where[..., None], colormap(norm(values))[..., :3], paper))

    def draw(axes):
        axes.axis("off")
        mappable = pyplot.cm.ScalarMappable(norm, colormap)
        axes.figure.colorbar(mappable, ax=axes, fraction=1, shrink=0.92, orientation="horizontal", label=label)

    bar = plot(draw, size, 70)
    picture[: len(bar)] = bar
    return picture


def save_picture(path, pixels):
    """Writes bytes (H, W, 3) as a PNG."""
    Image.fromarray(pixels).save(path, optimize=True)


def save_movie(path, frames, seconds):
    """Writes frames (H, W, 3) of bytes as a GIF that repeats; each is shown for its number of ``seconds``."""
    times = [1000 * second for second in seconds]
    iio.imwrite(path, np.stack(frames), plugin="pillow", duration=times, loop=0)
