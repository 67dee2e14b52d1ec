"""What the modes of the soft rasterizer mean, and how soft it is (Liu et al., Soft Rasterizer, ICCV 2019).

``D_j`` is face j's coverage ``sigmoid(x_j)`` of a pixel, 0 unless ``near < z_j < far`` (sections 3.2 and 3.3):

* distance ``euclidean``: ``x = +-d^2 / sigma`` with d the screen distance to the face's boundary, + inside;
  ``barycentric``: ``x = sgn(m) m^2 / sigma``, m the smallest screen barycentric; ``hard``: D is 1 inside, else 0.
* alpha ``product``: ``1 - prod (1 - D_j)``; ``sum``: ``min(1, sum D_j)``; ``hard``: 1 where some face covers the pixel
  centre, else 0 (no gradient).
* colour ``softmax``: blended by ``D_j exp(zhat_j / gamma)`` and the background's ``exp(1e-3 / gamma)``; ``hard``: the
  nearest face that covers the pixel centre, or the background (gradients through interpolation and depth alone).

A face that crosses the near plane is cut there: its boundary is that of the polygon in front of the plane, and its
depth and attributes are those of the triangle's plane, with perspective-correct barycentrics clipped at zero and depth
clipped at near, where it still counts; it has no screen barycentrics, so its distance is Euclidean in the mode
``barycentric`` too.

A vast face, with a corner more than ``GUARD_PIXELS`` out of the image, is drawn in the same way, so that its edges keep
their places and its depth is that of its plane in the world.  In the mode ``barycentric`` only cut faces are.
"""

import math
from typing import Any, NamedTuple

from taichi_dr.errors import InputError

ALPHA_PRODUCT, ALPHA_SUM, ALPHA_HARD = range(3)
COLOR_SOFTMAX, COLOR_HARD = range(2)
DISTANCE_EUCLIDEAN, DISTANCE_BARYCENTRIC, DISTANCE_HARD = range(3)

ALPHA_MODES = {"product": ALPHA_PRODUCT, "sum": ALPHA_SUM, "hard": ALPHA_HARD}
COLOR_MODES = {"softmax": COLOR_SOFTMAX, "hard": COLOR_HARD}
DISTANCE_MODES = {"euclidean": DISTANCE_EUCLIDEAN, "barycentric": DISTANCE_BARYCENTRIC, "hard": DISTANCE_HARD}

COVERAGE_CUTOFF = math.log(1.0 / 1e-4 - 1.0)  # faces with |x| beyond it outside are skipped: coverage below 1e-4


class Modes(NamedTuple):
    """One of the constants of each kind; a template of the kernels."""

    alpha: int
    color: int
    distance: int


def choose_modes(alpha, color, distance):
    """The ``Modes`` of these names."""
    return Modes(
        _choose(ALPHA_MODES, "alpha", alpha),
        _choose(COLOR_MODES, "color", color),
        _choose(DISTANCE_MODES, "distance", distance),
    )


def _choose(modes, name, value):
    if value not in modes:
        raise InputError(f"unknown {name} mode {value!r}: expected one of {', '.join(modes)}")
    return modes[value]


class Softness(NamedTuple):
    """How far apart depths and edges are told, as numbers that the kernels take.

    ``k = 1 / (gamma (far - near))`` makes exponents of depths, ``sharpness = 1 / sigma`` those of squared distances;
    pairs outside of a face with a squared distance above ``tau`` are left out.
    """

    near: Any
    far: Any
    k: Any
    sharpness: Any
    tau: Any


def measure_softness(near, far, sigma, gamma, distance):
    """The ``Softness`` of these settings under a distance mode."""
    tau = 0.0 if distance == DISTANCE_HARD else sigma * COVERAGE_CUTOFF
    return Softness(float(near), float(far), 1.0 / (gamma * (far - near)), 1.0 / sigma, tau)
