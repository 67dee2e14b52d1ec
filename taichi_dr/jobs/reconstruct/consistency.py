"""Whether silhouettes contradict each other or the poses: before anything is made of them, and at the end.

Places of a grid are voted on: a view rules out what its silhouette does not show.  What all views but a few allow
should explain every silhouette, and no view should rule out much of it.
"""

import warnings
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter

from taichi_dr.io.posed.bounds import other_matrices, projected
from taichi_dr.jobs.reconstruct.scene_fit import rough_sphere, seen

CELLS = 48  # along the sides of the grid
VIEWS, PIXELS = 128, 96  # views that vote, at most, and the longer side of their silhouettes
TOLERATED = 0.1  # of the views that may rule out a place that the others allow
COVERED = 0.5
EXPLAINED = 0.8  # of the silhouettes' pixels that what the views allow should explain
CLEARLY = 1.3  # times as many must be explained for another convention to be named
DOUBTFUL = 0.15  # of what the others allow: a view that rules out more contradicts them, or shows so much more
OUTSTANDING = 4.0  # times the median over the views
NAMES_SHOWN = 5
FITTED, APART = 0.8, 0.1  # IoU of training images that is too low; by how much that of held-out ones may be lower
ADVICE = (
    "check the convention of the camera matrices (OpenGL: right, up, backward; OpenCV: right, down, forward), the order"
    " of the images, and that masks are white where the object is; taichi-dr inspect draws what is understood"
)


class Votes(NamedTuple):
    """``explained``: the part of the silhouettes' pixels that the places allowed by all views but a few explain;
    ``doubt`` (V,): the part of those places that a view rules out, or that of its silhouette which none of them
    explains, whichever is larger; ``views`` (V,): which views voted."""

    explained: float
    doubt: np.ndarray
    views: np.ndarray


def votes(posed):
    """The Votes of posed images with silhouettes."""
    views = np.unique(np.linspace(0, len(posed) - 1, VIEWS).round().astype(int))
    few = posed.subset(views)
    few = few.resized(min(PIXELS, max(few.height, few.width)))
    center, reach = rough_sphere(few)
    grid = np.stack(np.meshgrid(*[np.linspace(-reach, reach, CELLS)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    points = center + grid
    allowed = np.array([seen(few, view, few.alpha[view], points) > COVERED for view in range(len(few))])
    kept = (~allowed).sum(axis=0) <= max(1, round(TOLERATED * len(few)))
    if not kept.any():
        return Votes(0.0, np.ones(len(few)), views)
    covered = few.alpha > COVERED
    shadows = np.array([_shadow(few, view, points[kept], reach) for view in range(len(few))])
    met, whole = (shadows & covered).sum(axis=(1, 2)), np.maximum(covered.sum(axis=(1, 2)), 1)
    doubt = np.maximum((~allowed[:, kept]).mean(axis=1), 1 - met / whole)
    return Votes(float(met.sum() / whole.sum()), doubt, views)


def _shadow(posed, view, points, reach):
    """The pixels (H, W) of a view that places of the grid fall on, each as large as its cell."""
    x, y, depth = projected(posed, view, points)
    inside = (x >= 0) & (x < posed.width) & (y >= 0) & (y < posed.height)
    shadow = np.zeros((posed.height, posed.width), bool)
    shadow[y[inside].astype(int), x[inside].astype(int)] = True
    if not inside.any():
        return shadow
    cell = 2 * reach / (CELLS - 1) * posed.focal[view].max() / np.median(depth[inside])
    return maximum_filter(shadow, size=2 * int(np.ceil(cell / 2)) + 1)


def warn_of_silhouettes(posed):
    """Warns of silhouettes that contradict each other or the poses, names the images that do or the convention that
    would fit, and says what to check."""
    if any(alpha.max() <= COVERED for alpha in posed.alpha):
        return
    found = votes(posed)
    worst = found.doubt > max(DOUBTFUL, OUTSTANDING * np.median(found.doubt))
    if found.explained >= EXPLAINED and not worst.any():
        return
    if found.explained >= EXPLAINED:
        ranked = [i for i in np.argsort(-found.doubt) if worst[i]]
        names = ", ".join(f"{posed.names[found.views[i]]} ({found.doubt[i]:.0%})" for i in ranked[:NAMES_SHOWN])
        warnings.warn(
            f"the silhouettes of {len(ranked)} of {len(found.views)} images contradict the others, in"
            f" which there is more or less: {names}: are their poses and masks right?",
            stacklevel=3,
        )
        return
    said = (
        f"the silhouettes contradict each other: what nearly all of them allow explains {found.explained:.0%} of them"
    )
    warnings.warn(f"{said}; {_better_reading(posed, found.explained) or ADVICE}", stacklevel=3)


def _better_reading(posed, explained):
    """Which convention of the matrices would make the silhouettes agree, in words; None if none."""
    shares = {}
    for name, matrices in other_matrices(posed).items():
        shares[name] = votes(replace(posed, camera_to_world=matrices)).explained
    best = max(shares, key=shares.__getitem__)
    if shares[best] < max(EXPLAINED, CLEARLY * explained):
        return None
    return f"they would agree ({shares[best]:.0%}) if the matrices were {best}"


def contradictions(training, held_out):
    """What the Evaluations of training and of held-out images say of data that contradict themselves: lines of words,
    [] if nothing."""
    if "iou" not in held_out.mean or "iou" not in training.mean:
        return []
    fitted, found = training.mean["iou_half"], held_out.mean["iou_half"]
    if fitted < FITTED:
        return [
            f"the silhouettes of the training images are met by {fitted:.2f} (IoU) only, worst {_worst(training)}: too"
            f" few steps look so; after enough, they contradict each other or the poses: {ADVICE}"
        ]
    if found < fitted - APART:
        return [
            f"held-out silhouettes are met by {found:.2f} (IoU), training ones by {fitted:.2f}; worst"
            f" {_worst(held_out)}: are there too few images, or are the held-out images' poses or masks wrong? {ADVICE}"
        ]
    return []


def _worst(evaluation):
    ranked = sorted(evaluation.by_view(), key=lambda view: view["iou_half"])[:3]
    return ", ".join(f"{view['name']} ({view['iou_half']:.2f})" for view in ranked)
