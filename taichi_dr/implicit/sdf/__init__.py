"""Signed distance functions, public as ``taichi_dr.sdf``: negative inside, zero on the surface.

Solids (``sphere``, ``box``, ...), what combines and moves them (``union``, ``smooth_union``, ``translate``, ...): for
functions of a point of one's own; ``Exact`` says that such a function is a distance and no bound.  ``Grid``: distances
at the points of a grid.  ``Latent``: shapes that a network has learned.
``taichi_dr.implicit.function.DistanceFunction`` is the contract of whole functions.  docs/FORMULAS.md has the formulas.
"""

from taichi_dr.implicit.sdf.combine import (
    difference,
    intersection,
    repeat,
    rotate,
    scale,
    smooth_difference,
    smooth_intersection,
    smooth_union,
    translate,
    twist,
    union,
)
from taichi_dr.implicit.sdf.exact import Exact
from taichi_dr.implicit.sdf.grid import Grid
from taichi_dr.implicit.sdf.latent import Latent
from taichi_dr.implicit.sdf.primitives import (
    box,
    capsule,
    cone,
    cylinder,
    ellipsoid,
    plane,
    rounded_box,
    sphere,
    torus,
)

__all__ = [
    "Exact",
    "Grid",
    "Latent",
    "box",
    "capsule",
    "cone",
    "cylinder",
    "difference",
    "ellipsoid",
    "intersection",
    "plane",
    "repeat",
    "rotate",
    "rounded_box",
    "scale",
    "smooth_difference",
    "smooth_intersection",
    "smooth_union",
    "sphere",
    "torus",
    "translate",
    "twist",
    "union",
]
