"""``overview.png``: from the images that went in to the shape that came out, beside what it should look like."""

import math
from dataclasses import replace

import numpy as np

from taichi_dr.io.images import quantized
from taichi_dr.jobs.report.metrics import over_white
from taichi_dr.jobs.report.pages import write_grid

STAGES = (0.0, 0.1, 0.3)  # fractions of the budget at which the model on its way is shown
TILE = 256  # pixels, at most
INPUTS = 8  # input images that are shown, at most
LOWEST_DEG, BEST_DEG, HIGHEST_DEG = 5.0, 25.0, 45.0  # above the horizon: from where things are seen well
CLOSE_UP = 2.5
SHADES = 12  # of each primary, that count as different colours


class Overview:
    """Collects the page while the model is on its way: its colours and its shape in one held-out view.

    ``stages`` has both, (2, h, w, 3) bytes, by the number of steps that had been taken.
    """

    def __init__(self, train, held_out):
        size = min(TILE, max(held_out.height, held_out.width))
        self._view = held_out.subset([best_view(held_out)]).resized(size)
        self._inputs, self._shown = _mosaics(train, self._view)
        self._count = len(train)
        self.stages = {}

    def due(self, fraction):
        """Whether the model should be taken at this fraction of the budget."""
        return len(self.stages) < len(STAGES) and fraction >= STAGES[len(self.stages)]

    def add(self, model, steps):
        """Takes pictures of ``model``."""
        self.stages[steps] = np.concatenate([_on_paper(look(self._view)) for look in (model.pictures, model.shape)])

    def arrays(self):
        """What has been taken, by name, for the checkpoint."""
        return {f"stages/{steps}": pictures for steps, pictures in self.stages.items()}

    def restore(self, arrays):
        """Takes up what was taken before; ValueError and KeyError if it is none of this view's."""
        named = {name.removeprefix("stages/"): value for name, value in arrays.items() if name.startswith("stages/")}
        expected = 2, self._view.height, self._view.width, 3
        for steps, pictures in named.items():
            if pictures.shape != expected or pictures.dtype != np.uint8:
                raise ValueError(f"stages/{steps}: expected bytes {expected}, got {pictures.dtype} {pictures.shape}")
        self.stages = {steps: named[str(steps)] for steps in sorted(map(int, named))}

    def write(self, path, model, caption):
        """Writes two rows: input images, the model's colours on its way, those at its end, the held-out image; input
        images, the model's shape on its way, at its end, and a close-up of it."""
        above = [(f"{self._shown} of {self._count} input images", self._inputs[0])]
        below = [("", self._inputs[1])]
        for steps, pictures in self.stages.items():
            above.append((f"step {steps}" if steps else "start", pictures[0]))
            below.append(("its shape", pictures[1]))
        near, portrait = model.portrait(close_up(self._view, CLOSE_UP))
        above += [
            ("result", _on_paper(model.pictures(self._view))[0]),
            ("held-out image", _on_paper(_rgba(self._view))[0]),
        ]
        below += [("its shape", _on_paper(model.shape(self._view))[0]), (near, _on_paper(portrait))]
        write_grid(path, [above, below], caption)


def best_view(posed):
    """The index of the view that tells most: of those from a little above, the one with the most varied colours.

    The side with a face, lamps or windows has more colours than the back.  Up is where upper sides of cameras point.
    Without a view from a little above, it is the one that comes nearest to that.
    """
    up = posed.camera_to_world[:, :3, 1].mean(axis=0)
    heights = posed.camera_to_world[:, :3, 2] @ up / max(np.linalg.norm(up), 1e-9)
    low, best, high = (math.sin(math.radians(angle)) for angle in (LOWEST_DEG, BEST_DEG, HIGHEST_DEG))
    nearest = np.argsort(np.abs(heights - best), kind="stable")
    above = [view for view in nearest if low <= heights[view] <= high]
    return int(max(above, key=lambda view: color_entropy(posed, view), default=nearest[0]))


def color_entropy(posed, view):
    """How varied the object's colours are in a view: ``-sum_c p_c log2 p_c`` over ``SHADES^3`` colours, in bits.

    An object of one colour has 0, one of two in equal parts 1.
    """
    picture = _rgba(posed.subset([view]))[0]
    shades = (over_white(picture[picture[..., 3] > 0.5]) * (SHADES - 1)).round().astype(int)
    counts = np.bincount(shades @ (SHADES**2, SHADES, 1))
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return float(-(shares * np.log2(shares)).sum())


def close_up(posed, factor):
    """One view, magnified around the middle of its silhouette (the cameras alone: the images stay as they are)."""
    rows, columns = np.nonzero(posed.alpha[0] > 0.5)
    middle = np.array([columns.mean(), rows.mean()]) + 0.5
    principal_point = (posed.principal_point - middle) * factor + np.array([posed.width, posed.height]) / 2
    return replace(posed, focal=posed.focal * factor, principal_point=principal_point)


def _mosaics(train, view):
    """Evenly chosen images as two tiles of the size of ``view``, four on each, and how many there are."""
    size = (view.height // 2, view.width // 2)
    chosen = np.unique(np.linspace(0, len(train) - 1, INPUTS).round().astype(int))
    small = _on_paper(_rgba(train.subset(chosen).resized(size)))
    tiles = np.full((2, view.height, view.width, 3), 255, np.uint8)
    for i, picture in enumerate(small):
        top, left = i % 4 // 2 * size[0], i % 2 * size[1]
        tiles[i // 4, top : top + size[0], left : left + size[1]] = picture
    return tiles, len(chosen)


def _rgba(posed):
    return np.concatenate([posed.images, posed.alpha[..., None]], axis=-1)


def _on_paper(picture):
    return quantized(over_white(picture))
