"""What the demos share: options, the output folder, labelled pictures, and the list of results at the end."""

import argparse
import time
from pathlib import Path

import matplotlib
import numpy as np
import taichi as ti
from PIL import Image, ImageDraw, ImageFont

import taichi_dr as dr
from taichi_dr.io.images import image_bytes, srgb_to_linear
from taichi_dr.jobs import metrics

matplotlib.use("Agg")  # pictures go to files, whatever display there is
from matplotlib import pyplot

PAPER = (0.85, 0.85, 0.85)
"""The background of the pictures, linear RGB: light grey, so that one sees where a picture ends."""

LABEL_HEIGHT = 18  # pixels of the strip above a labelled picture


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


def psnr(image, target):
    """Peak signal-to-noise ratio in dB of images in [0, 1]."""
    return metrics.psnr(np.clip(image, 0, 1), np.clip(target, 0, 1))


def enlarged(image, factor):
    """Every pixel as a square of ``factor`` pixels."""
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def tiled(rows, gap=2):
    """Rows of images (H, W, 3) of one size as one image, ``gap`` white pixels apart."""
    padded = [[np.pad(image, ((0, gap), (0, gap), (0, 0)), constant_values=1.0) for image in row] for row in rows]
    return np.concatenate([np.concatenate(row, axis=1) for row in padded])


def labelled(image, text):
    """A linear image with a line of text above it."""
    strip = Image.new("RGB", (image.shape[1], LABEL_HEIGHT), "white")
    ImageDraw.Draw(strip).text((4, 2), text, fill="black", font=ImageFont.load_default(LABEL_HEIGHT - 6))
    return np.concatenate([srgb_to_linear(np.asarray(strip) / 255.0), image])


def save_grid(path, rows, *, titles=(), row_titles=(), colorbar=None, size=2.6):
    """Writes a grid of pictures with titles over the columns and at the left of the rows.

    Images are linear RGB (H, W, 3), or numbers (H, W) shown in the colour map ``colorbar`` with a bar.
    """
    rows = list(rows)
    height, width = rows[0][0].shape[:2]
    shape = (len(rows), max(map(len, rows)))
    figsize = (size * shape[1] * width / height + 0.3, size * shape[0] + 0.3)
    figure, axes = pyplot.subplots(*shape, figsize=figsize, squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.axis("off")
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            show(axes[i, j], image, titles[j] if i == 0 and titles else "", colorbar)
        if row_titles:
            axes[i, 0].text(
                -0.04, 0.5, row_titles[i], rotation=90, va="center", ha="right", transform=axes[i, 0].transAxes
            )
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def show(axis, image, title="", colorbar=None):
    """Draws one picture into an axis: linear RGB, or numbers with a bar that says what the colours mean."""
    axis.axis("off")
    axis.set_title(title, fontsize=10)
    if image.ndim == 3:
        axis.imshow(image_bytes(image), interpolation="nearest")
        return
    drawn = axis.imshow(image, interpolation="nearest", cmap=colorbar or "viridis")
    axis.figure.colorbar(drawn, ax=axis, shrink=0.8)
