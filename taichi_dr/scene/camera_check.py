"""What makes a camera usable: every check names the view, what was expected, what was got and what to do."""

import math
from numbers import Real

import numpy as np

from taichi_dr.errors import CameraError
from taichi_dr.kernels.camera.pack import EYE, LENS, ORTHOGRAPHIC, PERSPECTIVE, PINHOLE, POSE, PRINCIPAL, TARGET, UP

PARALLEL = 1e-5  # sine of the angle between up and the view below which single precision finds no right vector

_PARTS = {"eye": (EYE, 3), "target": (TARGET, 3), "up": (UP, 3), "pose": (POSE, 6), "principal": (PRINCIPAL, 2)}
_LENSES = {PERSPECTIVE: ("fov_y", 1), PINHOLE: ("focal", 2), ORTHOGRAPHIC: ("half_height", 1)}


def check_parameters(rows, kind, near, far):
    """Checks rows of parameters (V, 19), as in ``kernels.camera``, of lens ``kind``.

    Raises:
        CameraError: a number that is not finite; eye = target; up parallel to the view; a lens out of its range;
            near >= far; near <= 0 where the lens is not orthographic.
    """
    rows = np.asarray(rows, dtype=np.float64)
    lens, width = _LENSES[kind]
    for name, (column, size) in (_PARTS | {lens: (LENS, width)}).items():
        part = rows[:, column : column + size]
        _require(np.isfinite(part).all(axis=1), part, f"finite numbers as {name}", "check what computed them")
    _check_frame(rows)
    _check_lens(rows[:, LENS : LENS + width], kind)
    check_range(near, far, kind)


def check_range(near, far, kind):
    """Checks the two depths between which geometry is seen."""
    if not all(isinstance(depth, Real) and math.isfinite(depth) for depth in (near, far)):
        raise CameraError(f"expected finite near and far, one number each, got near = {near!r}, far = {far!r}")
    if near >= far:
        raise CameraError(f"expected near < far, got near = {near:g}, far = {far:g}")
    if near <= 0 and kind != ORTHOGRAPHIC:
        raise CameraError(f"expected near > 0 (the camera cannot see behind its eye), got near = {near:g}")


def _check_frame(rows):
    eye, target, up = rows[:, EYE : EYE + 3], rows[:, TARGET : TARGET + 3], rows[:, UP : UP + 3]
    backward, reach = eye - target, np.abs(eye).max(axis=1) + np.abs(target).max(axis=1)
    distance = np.linalg.norm(backward, axis=1)
    advice = "move one: the camera looks from eye to target"
    apart = distance > 1e-7 * np.maximum(reach, 1e-30)
    _require(apart, rows[:, :UP], "eye and target apart", advice, "eye, target =")
    length = np.linalg.norm(up, axis=1)
    _require(length > 1e-30, up, "an up vector of some length", "the default is (0, 1, 0)", "up =")
    sine = np.linalg.norm(np.cross(up, backward), axis=1) / (length * distance)
    advice = "choose another up, such as (0, 0, 1) when looking straight down or up"
    _require(sine > PARALLEL, rows[:, :POSE], "up not parallel to eye - target", advice, "eye, target, up =")


def _check_lens(lens, kind):
    if kind == PERSPECTIVE:
        ok = ((lens > 0) & (lens < np.pi)).all(axis=1)
        advice = "it is the full vertical angle in radians (np.deg2rad of degrees)"
        _require(ok, lens, "fov_y in (0, pi)", advice)
    elif kind == PINHOLE:
        advice = "focal lengths are in units of half the image height (2 fl_y / height)"
        _require((lens > 0).all(axis=1), lens, "focal > 0", advice)
    else:
        advice = "it is half the height of the visible part of the scene, in world units"
        _require((lens > 0).all(axis=1), lens, "half_height > 0", advice)


def _require(ok, values, expected, advice, what=""):
    if ok.all():
        return
    view = int(np.argmin(ok))
    got = " ".join([*([what] if what else []), str([float(f"{x:.6g}") for x in values[view]])])
    raise CameraError(f"camera, view {view}: expected {expected}, got {got}; {advice}")
