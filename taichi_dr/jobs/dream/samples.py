"""What a diffusion model draws, beside what it should."""

import numpy as np

from taichi_dr.io.images import quantized
from taichi_dr.jobs.report.pages import write_grid
from taichi_dr.torch.dreamer.drawing import draw
from taichi_dr.torch.dreamer.training import pairs
from taichi_dr.torch.dreamer.words import COLORS, SHAPES

COLUMNS = 10
TIMES = 3  # as large as they are
VIEW = "front left view"


def write_samples(path, network, seed):
    """Two rows of pairs that training has shown, two of those that it has not, each from before and a little left."""
    rows, colors = [], list(COLORS)
    for held_out in (False, True):
        every = pairs(held_out)
        chosen = every[np.linspace(0, len(every) - 1, 2 * COLUMNS).round().astype(int)]
        names = [f"{colors[j]} {SHAPES[i]}" for i, j in chosen]
        drawn = quantized(draw(network, [f"a large {name}, {VIEW}" for name in names], seed))
        drawn = drawn.repeat(TIMES, axis=1).repeat(TIMES, axis=2)
        tiles = list(zip(names, drawn, strict=True))
        rows += [tiles[:COLUMNS], tiles[COLUMNS:]]
    write_grid(path, rows, "above: pairs that training has shown; below: pairs that it has not")
