"""Held-out images: which they are, and how well a model does in them."""

from dataclasses import dataclass

import numpy as np

from taichi_dr.errors import DataSetError
from taichi_dr.io.posed.load import load_posed_images, splits
from taichi_dr.jobs.reconstruct.silhouettes import check_silhouettes, has_silhouettes
from taichi_dr.jobs.report.metrics import compare, compare_views

EVERY = 8
FEWEST = 4  # training images
LARGEST = 1600  # pixels of the longer side of images; larger ones are averaged down to it


def held_out_split(folder, progress=None, skip_missing=False, silhouettes=True, background=None):
    """Training images, held-out images, and a few words on where the latter come from.

    Held out is ``transforms_test.json``; without one every eighth training image, from the fifth on.  With
    ``skip_missing`` images that are not there are left out.  ``silhouettes``: whether images have to have them;
    ``background``: a colour that is keyed in images without alpha.

    Raises:
        DataSetError: images that cannot be read, have no silhouettes, or are too few.
    """
    options = {"largest": LARGEST, "require_alpha": silhouettes, "skip_missing": skip_missing}
    options["background"] = background

    def load(split, **more):
        posed = load_posed_images(folder, split, **options, **more)
        if silhouettes or has_silhouettes(posed):
            check_silhouettes(posed, f"{folder}, {split}{'ing' * (split == 'train')} images")
        return posed

    train = load("train", progress=progress)
    if "test" in splits(folder):
        _check_count(folder, train, FEWEST, "")
        held_out = load("test")
        return train, held_out, f"{len(held_out)} held-out images from transforms_test.json"
    _check_count(folder, train, FEWEST + 1, ", of which one is held out: there is no transforms_test.json")
    chosen = np.arange(EVERY // 2, len(train), EVERY)
    others = np.setdiff1d(np.arange(len(train)), chosen)
    note = f"no transforms_test.json, so every {EVERY}th image is held out ({len(chosen)})"
    return train.subset(others), train.subset(chosen), note


def _check_count(folder, train, fewest, why):
    if len(train) < fewest:
        images = "1 training image is" if len(train) == 1 else f"{len(train)} training images are"
        raise DataSetError(f"{folder}: {images} too few: at least {fewest} are needed{why}")


@dataclass(frozen=True)
class Evaluation:
    """Metrics of each held-out view and the pictures they come from."""

    names: tuple
    views: list
    target: np.ndarray
    prediction: np.ndarray

    @property
    def mean(self):
        """The metrics averaged over the views."""
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
    """The Evaluation of ``model.pictures`` in the cameras of ``posed``; of silhouettes only where there are any."""
    target, prediction = _pictures(posed), model.pictures(posed)
    views = compare_views(prediction, target)
    if not has_silhouettes(posed):
        views = [{name: view[name] for name in ("psnr", "ssim")} for view in views]
    return Evaluation(posed.names, views, target, prediction)


def evaluate_variants(model, posed):
    """``{name: {"iou", "iou_half", "psnr", "ssim"}}`` of ``model.variants`` in the cameras of ``posed``, averaged."""
    return {name: compare(pictures, _pictures(posed)) for name, pictures in model.variants(posed).items()}


def _pictures(posed):
    return np.concatenate([posed.images, posed.alpha[..., None]], axis=-1)
