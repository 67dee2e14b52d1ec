"""``overview.png``: one row from the images that went in to the shape that came out."""

import math
from dataclasses import replace

import numpy as np

from taichi_dr.io.images import quantized
from taichi_dr.jobs.report.metrics import over_white
from taichi_dr.jobs.report.pages import write_row

STAGES = (0.0, 0.1)  # fractions of the budget at which the shape on its way is shown
TILE = 256  # pixels, at most
ELEVATION_DEG = 25.0  # from where things are seen best
CLOSE_UP = 2.5


class Overview:
    """Collects the row while the model is on its way: the shape in one held-out view, after the steps ``stages``."""

    def __init__(self, train, held_out):
        size = min(TILE, max(held_out.height, held_out.width))
        self._view = held_out.subset([best_view(held_out)]).resized(size)
        self._images, self._count = _mosaic(train, self._view), len(train)
        self.stages = {}  # steps -> (h, w, 3) bytes

    def due(self, fraction):
        """Whether the shape should be taken at this fraction of the budget."""
        return len(self.stages) < len(STAGES) and fraction >= STAGES[len(self.stages)]

    def add(self, model, steps):
        """Takes a picture of the shape of ``model``."""
        self.stages[steps] = _on_paper(model.shape(self._view)[0])

    def arrays(self):
        """What has been taken, by name, for the checkpoint."""
        return {f"stages/{steps}": picture for steps, picture in self.stages.items()}

    def restore(self, arrays):
        """Takes up what was taken before."""
        named = {name.removeprefix("stages/"): value for name, value in arrays.items() if name.startswith("stages/")}
        self.stages = {steps: named[str(steps)] for steps in sorted(map(int, named))}

    def write(self, path, model, caption):
        """Writes the row: images, stages, and the portraits of ``model``."""
        tiles = {f"4 of {self._count} input images": self._images}
        tiles |= {f"step {steps}" if steps else "start": picture for steps, picture in self.stages.items()}
        portraits = model.portraits(self._view, close_up(self._view, CLOSE_UP))
        write_row(path, tiles | {label: _on_paper(picture) for label, picture in portraits.items()}, caption)


def best_view(posed):
    """The index of the view from nearest to 25 degrees above the horizon; up is where upper sides of cameras point."""
    up = posed.camera_to_world[:, :3, 1].mean(axis=0)
    heights = posed.camera_to_world[:, :3, 2] @ up / max(np.linalg.norm(up), 1e-9)
    return int(np.abs(heights - math.sin(math.radians(ELEVATION_DEG))).argmin())


def close_up(posed, factor):
    """One view, magnified around the middle of its silhouette (the cameras alone: the images stay as they are)."""
    rows, columns = np.nonzero(posed.alpha[0] > 0.5)
    middle = np.array([columns.mean(), rows.mean()]) + 0.5
    principal_point = (posed.principal_point - middle) * factor + np.array([posed.width, posed.height]) / 2
    return replace(posed, focal=posed.focal * factor, principal_point=principal_point)


def _mosaic(train, view):
    """Four images, evenly chosen, as one tile of the size of ``view``."""
    size = (view.height // 2, view.width // 2)
    chosen = np.linspace(0, len(train) - 1, 6).round().astype(int)[1:5]
    few = train.subset(chosen).resized(size)
    small = _on_paper(np.concatenate([few.images, few.alpha[..., None]], axis=-1))
    tile = np.full((view.height, view.width, 3), 255, np.uint8)
    tile[: 2 * size[0], : 2 * size[1]] = small.reshape(2, 2, *size, 3).swapaxes(1, 2).reshape(2 * size[0], -1, 3)
    return tile


def _on_paper(picture):
    return quantized(over_white(picture))
