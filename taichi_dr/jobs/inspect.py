"""``taichi-dr inspect``: what is understood of posed images, in words and as a picture, and what looks wrong."""

import math
import warnings

import numpy as np

from taichi_dr.errors import DataSetError
from taichi_dr.io.images import PICTURES, check_picture, picture_sizes
from taichi_dr.io.posed.bounds import scene_bounds
from taichi_dr.io.posed.load import load_posed_images, read_capture, splits
from taichi_dr.io.posed.parts.file_names import shown
from taichi_dr.jobs.report.agreement import warn_of_cameras
from taichi_dr.jobs.report.cameras import draw_cameras
from taichi_dr.jobs.terminal.progress import progress_bar, say

LARGEST = 400  # pixels of the longer side of images that are drawn
ONE_WAY, AROUND = 0.95, 0.7  # lengths of the mean viewing direction


def inspect(settings):
    """Prints and draws what ``settings`` (InspectSettings) says; returns the PosedImages, at most 400 pixels wide.

    Warns if the cameras look at nothing in common, or stand at one place.

    Raises:
        FileError: the picture cannot be written.
        DataSetError: data that cannot be read.
    """
    check_picture(settings.picture, PICTURES)
    capture = read_capture(settings.data, "train")
    with progress_bar("reading") as update:
        posed = load_posed_images(
            settings.data,
            largest=LARGEST,
            skip_missing=settings.skip_missing,
            background=settings.background,
            progress=lambda done, total: update(done / total, f"{done} of {total} images"),
        )
    bounds = scene_bounds(posed)
    facts = _facts(settings.data, capture, posed, bounds)
    width = max(map(len, facts))
    for name, fact in facts.items():
        say(f"{name:<{width}}  {fact}")
    warn_of_cameras(posed, bounds.share)
    _warn_of_missing_test_images(settings.data)
    title = f"{capture.format}: {facts['photographs']}"
    draw_cameras(settings.picture, posed, bounds, title)
    return posed


def _facts(data, capture, posed, bounds):
    """``{what: in words}``, in the order in which they are printed."""
    present = [view for view in capture.views if not view.missing]
    eyes, forward = posed.camera_to_world[:, :3, 3], -posed.camera_to_world[:, :3, 2]
    distance = np.linalg.norm(eyes - bounds.center, axis=1)
    together = f"is in {round(bounds.share * len(posed))} of {len(posed)} images"
    facts = {
        "format": f"{capture.format}, cameras from {capture.file}",
        "photographs": f"{len(present)} images of {_sizes(present)}, {_alpha(present, posed)}",
        "lenses": _lenses(present, posed),
        "distortion": _distortion(present),
        "test images": _held_out(data),
        "centre": f"({_list(bounds.center, bounds.radius)}), radius {bounds.radius:.4g}: {bounds.source}",
        "cameras": f"{_range(distance)} from the centre, {_arrangement(forward)}",
        "depths": f"{bounds.near.min():.4g} to {bounds.far.max():.4g}, {_source_of_depths(posed)}",
        "seen together": f"({_list(bounds.common, bounds.radius)}) {together}",
    }
    if posed.points is not None:
        inside = np.linalg.norm(posed.points - bounds.center, axis=1) <= bounds.radius
        facts["points"] = f"{len(posed.points):,}, of which {inside.mean():.0%} are within the radius of the centre"
    return facts


def _sizes(views):
    sizes = sorted({picture_sizes(view.picture)[0] for view in views})
    if len(sizes) == 1:
        return f"{sizes[0][0]} × {sizes[0][1]} pixels"
    (least_w, least_h), (most_w, most_h) = np.min(sizes, axis=0), np.max(sizes, axis=0)
    return f"{least_w} × {least_h} to {most_w} × {most_h} pixels ({len(sizes)} sizes, read as one)"


def _alpha(views, posed):
    """Where silhouettes come from."""
    masks = sum(view.mask is not None for view in views)
    if masks:
        return f"with alpha ({masks} masks beside them)"
    if posed.has_alpha:
        return "with alpha"
    return "opaque: no silhouettes; --background COLOR or auto keys a background of one colour"


def _lenses(views, posed):
    focal = np.array([view.lens.focal for view in views])
    count = len({view.lens for view in views})
    wide, high = (_range(np.rad2deg(fov)) for fov in (posed.fov_x, posed.fov_y))
    return f"{count}, focal length {_range(focal)} pixels, {wide}° wide, {high}° high"


def _distortion(views):
    bent = [view.lens for view in views if view.lens.is_distorted]
    if not bent:
        return "none"
    lens = bent[0]
    radial = ", ".join(f"{k:.4g}" for k in lens.radial)
    return (
        f"taken out of {len(bent)} images (of the first: radial {radial}, tangential {lens.tangential[0]:.4g},"
        f" {lens.tangential[1]:.4g})"
    )


def _held_out(data):
    return "a set of their own" if "test" in splits(data) else "no set of their own: reconstruct holds every eighth out"


def _warn_of_missing_test_images(data):
    """Says so before a reconstruction does, which is refused without ``--skip-missing``."""
    if "test" not in splits(data):
        return
    try:
        views = read_capture(data, "test").views
    except DataSetError as error:
        warnings.warn(f"the test images cannot be read: {error}", stacklevel=3)
        return
    missing = [view.missing for view in views if view.missing]
    if missing:
        warnings.warn(
            f"{data}: {len(missing)} of {len(views)} test images are missing: {shown(missing)}; reconstruct leaves them"
            " out with --skip-missing",
            stacklevel=3,
        )


def _arrangement(forward):
    """How the viewing directions lie to each other."""
    agreement = np.linalg.norm(forward.mean(axis=0))
    if agreement > ONE_WAY:
        return "side by side: they look one way (forward-facing)"
    return "all around" if agreement < AROUND else "on one side of it"


def _source_of_depths(posed):
    if posed.depths is not None:
        return "of the data"
    return "of the points in each image" if posed.points is not None else "of the sphere"


def _list(place, radius):
    """A place, as exactly as makes sense in a scene of that radius."""
    digits = max(0, 3 - math.floor(math.log10(radius))) if radius > 0 else 3
    return ", ".join(f"{number + 0.0:.{digits}f}" for number in np.round(place, digits))


def _range(numbers):
    low, high = f"{np.min(numbers):.4g}", f"{np.max(numbers):.4g}"
    return low if low == high else f"{low} to {high}"
