"""The words of prompts: what the diffusion model that comes with the package has a picture of.

A prompt is a bag of words: ``a small red torus, front left view`` is {small, red, torus, front, left}.
"""

import difflib
import re
from collections.abc import Sequence

import numpy as np

from taichi_dr.errors import InputError
from taichi_dr.types import Array

COLORS = {
    "red": (0.80, 0.05, 0.05),
    "orange": (0.90, 0.28, 0.02),
    "yellow": (0.90, 0.75, 0.04),
    "green": (0.06, 0.50, 0.08),
    "cyan": (0.05, 0.65, 0.72),
    "blue": (0.05, 0.10, 0.80),
    "purple": (0.35, 0.04, 0.55),
    "white": (0.90, 0.90, 0.90),
}
"""Linear RGB of surfaces."""

SIZES = {"small": 0.6, "large": 0.95}
"""Radii of the spheres that things touch from within."""

SHAPES = ("ball", "box", "cone", "cylinder", "torus", "pyramid", "chair", "table", "car", "star")
VIEWS = ("front", "left", "back", "right", "overhead")

KINDS = {"sizes": tuple(SIZES), "colors": tuple(COLORS), "shapes": SHAPES, "views": VIEWS}
WORDS = tuple(word for words in KINDS.values() for word in words)
FILLERS = {"a", "an", "the", "of", "view", "from", "photo", "picture"}
"""Words that are read over."""

SIDE_DEG = 67.5
"""As far to each side a word for a side holds: two neighbours share the 45 degrees between them."""

OVERHEAD_DEG = 45.0
"""The elevation above which a view is from overhead."""

HELD_OUT = {
    "ball": ("purple",),
    "box": ("blue", "orange"),
    "cone": ("green",),
    "cylinder": ("yellow", "cyan"),
    "torus": ("red",),
    "pyramid": ("white", "purple"),
    "chair": ("orange",),
    "table": ("green", "cyan"),
    "car": ("blue", "yellow"),
    "star": ("white",),
}
"""Colours that training never shows a shape in: 15 of 80 pairs, so that each word still has 6 partners or more."""


def words_of(prompt: str) -> tuple[str, ...]:
    """The known words of a prompt, in the order of ``WORDS``.

    Raises:
        InputError: a word that is not known (the nearest one, and all), two words of a kind other than views.

    >>> words_of("A small red torus, front left view")
    ('small', 'red', 'torus', 'front', 'left')
    """
    said = [word for word in re.findall(r"[^\s,.;:!?]+", prompt.lower()) if word not in FILLERS]
    for word in said:
        if word not in WORDS:
            raise InputError(f"{prompt!r}: {word!r} is no word that is known{_nearest(word)}\n{known()}")
    for kind, words in KINDS.items():
        found = [word for word in words if word in said]
        if kind != "views" and len(found) > 1:
            raise InputError(f"{prompt!r}: expected one of the {kind}, got {' and '.join(found)}")
    return tuple(word for word in WORDS if word in said)


def known() -> str:
    """Lines that list the words by kind."""
    return "\n".join(f"  {kind}: {', '.join(words)}" for kind, words in KINDS.items())


def bags(prompts: Sequence[str]) -> Array:
    """(B, W) float32: 1 for each word of a prompt; W words in the order of ``WORDS``.

    >>> bags(["", "blue ball"]).sum(axis=1).tolist()
    [0.0, 2.0]
    """
    numbers = np.zeros((len(prompts), len(WORDS)), np.float32)
    for row, prompt in zip(numbers, prompts, strict=True):
        row[[WORDS.index(word) for word in words_of(prompt)]] = 1
    return numbers


def view_words(azimuth_deg: float, elevation_deg: float) -> tuple[str, ...]:
    """The words for a view, from the azimuth and the elevation of ``Camera.orbit``; fronts look towards +x.

    >>> view_words(90, 0), view_words(45, 60), view_words(270, 10)
    (('front',), ('front', 'left', 'overhead'), ('back',))
    """
    sides = [word for k, word in enumerate(VIEWS[:4]) if _apart(azimuth_deg, 90 - 90 * k) <= SIDE_DEG]
    return (*sides, *(VIEWS[4:] if elevation_deg > OVERHEAD_DEG else ()))


def with_view(prompt: str, azimuth_deg: float, elevation_deg: float) -> str:
    """The prompt with the words for a view behind it.

    >>> with_view("a red car", 135, 20)
    'a red car, front right view'
    """
    return f"{prompt}, {' '.join(view_words(azimuth_deg, elevation_deg))} view"


def is_held_out(shape: str, color: str) -> bool:
    """Whether training never shows the shape in that colour."""
    return color in HELD_OUT[shape]


def _nearest(word):
    close = difflib.get_close_matches(word, WORDS, 1, 0.5)
    return f": did you mean {close[0]!r}?" if close else "; these are:"


def _apart(one, other):
    return abs((one - other + 180) % 360 - 180)
