"""Every function of ``dr.sdf`` once: as a ti.func whose parameters are fields, and as its oracle."""

from collections import namedtuple

import numpy as np
import taichi as ti
from oracles import sdf as oracle

import taichi_dr as dr
from taichi_dr.runtime import runtime_token

sdf = dr.sdf

PARAMETERS = {
    "radius": 0.6,
    "minor": 0.25,
    "half": (0.5, 0.8, 0.3),
    "half_height": 0.7,
    "rounding": 0.1,
    "start": (-0.3, 0.2, 0.1),
    "end": (0.4, -0.3, 0.5),
    "normal": (0.3, -1.2, 0.8),
    "offset": 0.2,
    "radii": (0.9, 0.5, 0.3),
    "width": 0.2,
    "center": (0.15, -0.1, 0.25),
    "axis": (0.4, 1.0, -0.7),
    "angle": 0.9,
    "factor": 1.4,
    "period": (1.7, 2.2, 2.5),
    "rate": 0.8,
}


class Fields:
    """``PARAMETERS`` as fields with gradients."""

    runtime = None


def make_fields():
    """Makes them, unless the runtime there is has them."""
    if Fields.runtime is runtime_token():
        return
    Fields.runtime = runtime_token()
    for name, value in PARAMETERS.items():
        shape = {"shape": (), "needs_grad": True}
        field = ti.Vector.field(3, float, **shape) if np.ndim(value) else ti.field(float, **shape)
        field[None] = value
        setattr(Fields, name, field)


@ti.func
def sphere(p):
    return sdf.sphere(p, Fields.radius[None])


@ti.func
def plane(p):
    return sdf.plane(p, Fields.normal[None], Fields.offset[None])


@ti.func
def box(p):
    return sdf.box(p, Fields.half[None])


@ti.func
def rounded_box(p):
    return sdf.rounded_box(p, Fields.half[None], Fields.rounding[None])


@ti.func
def torus(p):
    return sdf.torus(p, Fields.radius[None], Fields.minor[None])


@ti.func
def capsule(p):
    return sdf.capsule(p, Fields.start[None], Fields.end[None], Fields.minor[None])


@ti.func
def cylinder(p):
    return sdf.cylinder(p, Fields.radius[None], Fields.half_height[None])


@ti.func
def cone(p):
    return sdf.cone(p, Fields.radius[None], Fields.half_height[None])


@ti.func
def ellipsoid(p):
    return sdf.ellipsoid(p, Fields.radii[None])


@ti.func
def union(p):
    return sdf.union(sphere(p - Fields.center[None]), torus(p))


@ti.func
def intersection(p):
    return sdf.intersection(sphere(p - Fields.center[None]), box(p))


@ti.func
def difference(p):
    return sdf.difference(box(p), sphere(p - Fields.center[None]))


@ti.func
def smooth_union(p):
    return sdf.smooth_union(sphere(p - Fields.center[None]), torus(p), Fields.width[None])


@ti.func
def smooth_intersection(p):
    return sdf.smooth_intersection(sphere(p - Fields.center[None]), box(p), Fields.width[None])


@ti.func
def smooth_difference(p):
    return sdf.smooth_difference(box(p), sphere(p - Fields.center[None]), Fields.width[None])


@ti.func
def translate(p):
    return box(sdf.translate(p, Fields.center[None]))


@ti.func
def rotate(p):
    return box(sdf.rotate(p, Fields.axis[None], Fields.angle[None]))


@ti.func
def scale(p):
    return sdf.scale(p, cone, Fields.factor[None])


@ti.func
def repeat(p):
    return box(sdf.repeat(p, Fields.period[None]))


@ti.func
def twist(p):
    return box(sdf.twist(p, Fields.rate[None]))


Case = namedtuple("Case", "function names oracle exact")
"""A function, the parameters that it reads, its oracle of (points, parameters), and whether it is an exact distance."""


def _ball(p, x):
    return oracle.sphere(p - x["center"], x["radius"])


def _ring(p, x):
    return oracle.torus(p, x["radius"], x["minor"])


def _box(p, x):
    return oracle.box(p, x["half"])


SOLIDS = [
    Case(sphere, "radius", lambda p, x: oracle.sphere(p, x["radius"]), True),
    Case(plane, "normal offset", lambda p, x: oracle.plane(p, x["normal"], x["offset"]), True),
    Case(box, "half", _box, True),
    Case(rounded_box, "half rounding", lambda p, x: oracle.rounded_box(p, x["half"], x["rounding"]), True),
    Case(torus, "radius minor", _ring, True),
    Case(capsule, "start end minor", lambda p, x: oracle.capsule(p, x["start"], x["end"], x["minor"]), True),
    Case(cylinder, "radius half_height", lambda p, x: oracle.cylinder(p, x["radius"], x["half_height"]), True),
    Case(cone, "radius half_height", lambda p, x: oracle.cone(p, x["radius"], x["half_height"]), True),
    Case(ellipsoid, "radii", lambda p, x: oracle.ellipsoid(p, x["radii"]), True),
]
COMBINED = [
    Case(union, "center radius minor", lambda p, x: np.minimum(_ball(p, x), _ring(p, x)), False),
    Case(intersection, "center radius half", lambda p, x: np.maximum(_ball(p, x), _box(p, x)), False),
    Case(difference, "center radius half", lambda p, x: np.maximum(_box(p, x), -_ball(p, x)), False),
    Case(
        smooth_union,
        "center radius minor width",
        lambda p, x: oracle.smooth_union(_ball(p, x), _ring(p, x), x["width"]),
        False,
    ),
    Case(
        smooth_intersection,
        "center radius half width",
        lambda p, x: -oracle.smooth_union(-_ball(p, x), -_box(p, x), x["width"]),
        False,
    ),
    Case(
        smooth_difference,
        "center radius half width",
        lambda p, x: -oracle.smooth_union(-_box(p, x), _ball(p, x), x["width"]),
        False,
    ),
    Case(translate, "center half", lambda p, x: _box(p - x["center"], x), True),
    Case(rotate, "axis angle half", lambda p, x: _box(p @ oracle.rotation(x["axis"], x["angle"]), x), True),
    Case(
        scale,
        "factor radius half_height",
        lambda p, x: x["factor"] * oracle.cone(p / x["factor"], x["radius"], x["half_height"]),
        True,
    ),
    Case(repeat, "period half", lambda p, x: _box(oracle.repeat(p, x["period"]), x), True),
    Case(twist, "rate half", lambda p, x: _box(oracle.twist(p, x["rate"]), x), False),
]


def parameters():
    """A copy of PARAMETERS as arrays."""
    return {name: np.array(value, dtype=float) for name, value in PARAMETERS.items()}
