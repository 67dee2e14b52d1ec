"""The numbers that page and sheet show, in the order in which they show them."""

from collections.abc import Callable
from typing import NamedTuple

from taichi_dr.jobs.compare.advice import duration, size


class Row(NamedTuple):
    """A number: what it is called, in short and in a few words, what that means, where it comes from (None: there is
    none), how it is written, and whether the least is best (None: neither)."""

    name: str
    title: str
    meaning: str
    value: Callable
    said: Callable
    low: bool | None


ROWS = (
    Row(
        "PSNR",
        "PSNR of images",
        "of held-out images, over white: more is better",
        lambda m: m.held_out["psnr"],
        "{:.2f} dB".format,
        False,
    ),
    Row(
        "SSIM",
        "SSIM of images",
        "of held-out images: 1 if they are equal",
        lambda m: m.held_out["ssim"],
        "{:.4f}".format,
        False,
    ),
    Row(
        "IoU",
        "IoU of silhouettes",
        "of held-out silhouettes: 1 if they are equal",
        lambda m: m.held_out.get("iou"),
        "{:.4f}".format,
        False,
    ),
    Row(
        "chamfer",
        "off the true surface",
        "mean distance from the true surface, in its diagonals",
        lambda m: m.chamfer,
        "{:.3%}".format,
        True,
    ),
    Row("file", "size of its file", "with all that is needed to draw it", lambda m: m.bytes, size, True),
    Row(
        "image",
        "time to draw an image",
        "time to draw a held-out image, median",
        lambda m: m.milliseconds,
        duration,
        True,
    ),
    Row(
        "seconds",
        "time to make it",
        "of optimising",
        lambda m: m.metrics["seconds_optimising"],
        "{:.0f} s".format,
        None,
    ),
    Row("steps", "steps in that time", "in that time", lambda m: m.metrics["steps"], "{:,}".format, None),
)


def known_rows(found):
    """The ``ROWS`` that at least one of ``found`` ([Measured, ...]) has a number for."""
    return [row for row in ROWS if any(row.value(one) is not None for one in found)]


def written(row, one):
    """A number as it is shown, a dash where there is none."""
    value = row.value(one)
    return "–" if value is None else row.said(value)


def is_best(row, one, found):
    """Whether it is the best of ``found``, as far as the digits shown tell."""
    values = [row.value(other) for other in found if row.value(other) is not None]
    if row.low is None or row.value(one) is None or len(values) < 2:
        return False
    return written(row, one) == row.said(min(values) if row.low else max(values))
