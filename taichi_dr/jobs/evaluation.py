"""Held-out views: which they are, and how well a model does in them."""

from dataclasses import dataclass

import numpy as np

from taichi_dr.io.posed_images import load_posed_images, splits
from taichi_dr.jobs.metrics import compare_views
from taichi_dr.runtime import DataSetError

EVERY = 8


def held_out_split(folder, progress=None):
    """Training views, held-out views, and a few words on where the latter come from.

    Held out is ``transforms_test.json``; without one every eighth training view, from the fourth on.

    Raises:
        DataSetError: images that cannot be read, have no alpha, or are too few.
    """
    train = load_posed_images(folder, "train", require_alpha=True, progress=progress)
    if "test" in splits(folder):
        held_out = load_posed_images(folder, "test", require_alpha=True)
        return train, held_out, f"{len(held_out)} held-out views from transforms_test.json"
    chosen = np.arange(EVERY // 2, len(train), EVERY)
    if len(chosen) == 0:
        raise DataSetError(f"{folder}: {len(train)} views are too few: at least {EVERY // 2 + 1} are needed")
    others = np.setdiff1d(np.arange(len(train)), chosen)
    note = f"no transforms_test.json, so every {EVERY}th view is held out ({len(chosen)})"
    return train.subset(others), train.subset(chosen), note


@dataclass(frozen=True)
class Evaluation:
    """Metrics of each held-out view and the pictures they come from."""

    names: tuple
    views: list
    target: np.ndarray
    prediction: np.ndarray

    @property
    def mean(self):
        """``{"iou", "psnr", "ssim"}`` averaged over the views."""
        return {name: float(np.mean([view[name] for view in self.views])) for name in self.views[0]}

    def by_view(self):
        """A dict for each view: its name and metrics."""
        return [{"name": name} | view for name, view in zip(self.names, self.views, strict=True)]

    def spread(self, count):
        """Targets, predictions, metrics and names of ``count`` evenly chosen views."""
        chosen = np.unique(np.linspace(0, len(self.views) - 1, count).round().astype(int))
        picked = [[items[i] for i in chosen] for items in (self.views, self.names)]
        return self.target[chosen], self.prediction[chosen], *picked


def evaluate(model, posed):
    """The Evaluation of ``model.pictures`` in the cameras of ``posed``."""
    target = np.concatenate([posed.images, posed.alpha[..., None]], axis=-1)
    prediction = model.pictures(posed)
    return Evaluation(posed.names, compare_views(prediction, target), target, prediction)
