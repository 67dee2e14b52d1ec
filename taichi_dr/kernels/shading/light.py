"""Light on a surface point: Lambert, Blinn-Phong and ambient, with the hand-written adjoint.

    color = albedo * irradiance + highlight
    irradiance = ambient colors + sum of share_k color_k max(n.l_k, 0)
    highlight  = specular * sum of share_k color_k max(n.h_k, 0)^shininess   where n.l_k > 0

n = unit(normal), l_k the unit direction towards the light, e the unit direction towards the eye, h_k = unit(l_k + e)
(Blinn, Models of Light Reflection, SIGGRAPH 1977).  ``two_sided`` turns n towards the eye (n := -n where n.e < 0), so
that meshes that are open or inside out are lit on the side that is seen.  A point light does not fade with distance,
like the directional light that it becomes when far away: its color needs no scale of the scene.

A spot light is a point light that shines in a cone about its ``axis``: share_k is 1 but for it, where it is

    share = t^2 (3 - 2 t),   t = (cosine - outer) / (inner - outer), within [0, 1],   cosine = -l.unit(axis)

of ``inner`` and ``outer``, the cosines of the angles at which it begins to fade and is gone.  Share and slope are
continuous, so that neither rim of the cone is an edge that would want boundary gradients (the two angles are those of
Khronos' glTF extension KHR_lights_punctual; ``smoothstep`` over the cosine as in three.js).

Adjoints of lights and cameras are sums over all shaded points, ``partials`` (base/partial_sums) of the shape
``partials_shape(...)``: ``light_rows`` of each light, its color and from ``VECTOR`` on the columns of its vector, then
the ``EYE_ROWS`` of the direction to the eye.  ``reduce_partials`` adds them up.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.partial_sums import add_column3, chunks_of, groups_of, sum_group, sum_groups
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Rows
from taichi_dr.kernels.base.vectors import get3, row3, unit, unit_adjoint
from taichi_dr.kernels.camera.pack import E, W

AMBIENT, DIRECTIONAL, POINT, SPOT = range(4)  # from POINT on they have a place

# Columns of vectors: the axis of a spot light, then the cosines of its inner and its outer angle; how many there are.
AXIS, CONE, VECTOR_COLUMNS = 3, 6, 8

# Rows of the partial sums: of a light's, the first of its vector; of the eye, behind all lights.
VECTOR, EYE_ROWS = 3, 3

NARROWEST = 1e-6  # difference of the two cosines of a cone: single precision tells no smaller one


class Lights(NamedTuple):
    """L >= 1 lights; with a spot light among them vectors go on with its axis (any length) and its two cosines."""

    kind: Any  # (L,) i32: AMBIENT, DIRECTIONAL, POINT or SPOT
    color: Any  # (L, 3)
    vector: Any  # (L, 3 or VECTOR_COLUMNS): *towards* a directional light (any length), where a point or spot light is


class Finish(NamedTuple):
    """How a surface reflects light, without gradients."""

    specular: Any
    shininess: Any
    two_sided: Any  # static


class LightSums(NamedTuple):
    """Where the adjoints of lights and eye are added: a column of the partial sums that one thread owns."""

    partials: Any
    column: Any


def partials_rows(lights, columns=3):
    """Rows of the partial sums for this many lights, whose vectors have ``columns``."""
    return (VECTOR + columns) * lights + EYE_ROWS


def partials_shape(lights, views, points, columns=3):
    """Shape of the partial sums for ``points`` shaded points in each of ``views`` views."""
    return partials_rows(lights, columns), views * chunks_of(points)


@ti.func
def light_rows(vector: ti.template()):
    """Rows of the partial sums of each light, of vectors (L, 3 or VECTOR_COLUMNS)."""
    return VECTOR + vector.shape[1]


@ti.func
def incident_light(normal, position, to_eye, lights: ti.template(), finish: ti.template()):
    """Irradiance and highlight at a point (see the module); ``normal`` and ``to_eye`` of any length."""
    e = unit(to_eye)
    n = unit(normal) * side_of(normal, to_eye, finish.two_sided)
    irradiance = ti.Vector([0.0, 0.0, 0.0])
    highlight = ti.Vector([0.0, 0.0, 0.0])
    for k in range(lights.kind.shape[0]):
        color = row3(lights.color, k)
        if lights.kind[k] == AMBIENT:
            irradiance += color
        else:
            light = unit(towards_light(lights.kind[k], row3(lights.vector, k), position))
            cosine = n.dot(light)
            if cosine > 0.0:
                color *= cone_share(lights.kind[k], lights.vector, k, light)
                irradiance += color * cosine
                reflected = n.dot(unit(light + e))
                if finish.specular > 0.0 and reflected > 0.0:
                    highlight += color * (finish.specular * reflected**finish.shininess)
    return irradiance, highlight


@ti.func
def incident_light_adjoint(
    normal,
    position,
    to_eye,
    lights: ti.template(),
    finish: ti.template(),
    irradiance_adjoint,
    highlight_adjoint,
    sums: ti.template(),
):
    """Adjoints of ``incident_light``: returns those of normal, position, to_eye; irradiance and highlight once more.

    The adjoints of the lights are added to ``sums`` (a ``LightSums``).
    The side that ``two_sided`` turned the normal to is held constant.
    """
    e = unit(to_eye)
    side = side_of(normal, to_eye, finish.two_sided)
    n = unit(normal) * side
    n_adjoint = ti.Vector([0.0, 0.0, 0.0])
    e_adjoint = ti.Vector([0.0, 0.0, 0.0])
    position_adjoint = ti.Vector([0.0, 0.0, 0.0])
    irradiance = ti.Vector([0.0, 0.0, 0.0])
    highlight = ti.Vector([0.0, 0.0, 0.0])
    for k in range(lights.kind.shape[0]):
        color = row3(lights.color, k)
        if lights.kind[k] == AMBIENT:
            irradiance += color
            add_column3(sums.partials, light_rows(lights.vector) * k, sums.column, irradiance_adjoint)
        else:
            toward = towards_light(lights.kind[k], row3(lights.vector, k), position)
            light = unit(toward)
            cosine = n.dot(light)
            if cosine > 0.0:
                share = cone_share(lights.kind[k], lights.vector, k, light)
                color *= share
                irradiance += color * cosine
                color_adjoint = irradiance_adjoint * cosine
                cosine_adjoint = irradiance_adjoint.dot(color)
                n_adjoint += light * cosine_adjoint
                light_adjoint = n * cosine_adjoint
                half = unit(light + e)
                reflected = n.dot(half)
                if finish.specular > 0.0 and reflected > 0.0:
                    slope = finish.specular * reflected ** (finish.shininess - 1.0)
                    highlight += color * (slope * reflected)
                    color_adjoint += highlight_adjoint * (slope * reflected)
                    reflected_adjoint = highlight_adjoint.dot(color) * slope * finish.shininess
                    n_adjoint += half * reflected_adjoint
                    sum_adjoint = unit_adjoint(light + e, n * reflected_adjoint)
                    light_adjoint += sum_adjoint
                    e_adjoint += sum_adjoint
                if lights.kind[k] == SPOT:
                    share_adjoint = color_adjoint.dot(row3(lights.color, k))
                    light_adjoint += cone_share_adjoint(lights.vector, k, light, share_adjoint, sums)
                    color_adjoint *= share
                toward_adjoint = unit_adjoint(toward, light_adjoint)
                first = light_rows(lights.vector) * k
                add_column3(sums.partials, first, sums.column, color_adjoint)
                add_column3(sums.partials, first + VECTOR, sums.column, toward_adjoint)
                if lights.kind[k] >= POINT:
                    position_adjoint -= toward_adjoint
    normal_adjoint = unit_adjoint(normal, n_adjoint * side)
    return normal_adjoint, position_adjoint, unit_adjoint(to_eye, e_adjoint), irradiance, highlight


@ti.func
def side_of(normal, to_eye, two_sided: ti.template()):
    """1, or -1 if the normal is to be turned to point towards the eye."""
    side = 1.0
    if ti.static(two_sided):
        if normal.dot(to_eye) < 0.0:
            side = -1.0
    return side


@ti.func
def towards_light(kind, vector, position):
    """Direction from a point towards a directional, point or spot light, of any length."""
    result = vector
    if kind >= POINT:
        result = vector - position
    return result


@ti.func
def cone_share(kind, vector: ti.template(), k, light):
    """The share of its color that light k sends to where ``light`` is the unit direction towards it: 1 but for spots.

    A spot light of 20 and 40 degrees sends 1 along its axis, 0.613 at 30 degrees from it, and 0 at 40.
    """
    share = 1.0
    if kind == SPOT:
        t = _within_cone(vector, k, light)
        share = t * t * (3.0 - 2.0 * t)
    return share


@ti.func
def cone_share_adjoint(vector: ti.template(), k, light, share_adjoint, sums: ti.template()):
    """Adjoint of a spot light's share: returns that of ``light``; those of its axis and cosines are added to sums."""
    t, width = _within_cone(vector, k, light), _cone_width(vector, k)
    axis, first = get3(vector, k, AXIS), light_rows(vector) * k + VECTOR
    t_adjoint = share_adjoint * 6.0 * t * (1.0 - t) / width
    add_column3(sums.partials, first + AXIS, sums.column, unit_adjoint(axis, -t_adjoint * light))
    by_cosines = ti.Vector([-t, t - 1.0]) * t_adjoint
    for c in ti.static(range(2)):
        row = first + CONE + c
        sums.partials[row, sums.column] = sums.partials[row, sums.column] + by_cosines[c]
    return -t_adjoint * unit(axis)


@ti.func
def _within_cone(vector: ti.template(), k, light):
    """t of spot light k (see the module)."""
    cosine = -light.dot(unit(get3(vector, k, AXIS)))
    return ti.math.clamp((cosine - vector[k, CONE + 1]) / _cone_width(vector, k), 0.0, 1.0)


@ti.func
def _cone_width(vector: ti.template(), k):
    """``inner - outer`` of spot light k."""
    return ti.max(vector[k, CONE] - vector[k, CONE + 1], NARROWEST)


@ti.func
def towards_eye(camera: ti.template(), v, position, orthographic: ti.template()):
    """Direction from a point towards the eye of packed camera v, of any length; an orthographic camera's is w."""
    result = get3(camera, v, W)
    if ti.static(not orthographic):
        result = get3(camera, v, E) - position
    return result


@ti.func
def towards_eye_adjoint(sums: ti.template(), position_adjoint, to_eye_adjoint, orthographic: ti.template()):
    """Adjoint of ``towards_eye``: adds that of the eye to ``sums`` and returns the position's with its share."""
    add_column3(sums.partials, sums.partials.shape[0] - EYE_ROWS, sums.column, to_eye_adjoint)
    result = position_adjoint
    if ti.static(not orthographic):
        result -= to_eye_adjoint
    return result


@replayed
@ti.kernel
def reduce_partials(
    partials: Rows,
    light_color_adjoint: Rows,
    light_vector_adjoint: Rows,
    camera_adjoint: Rows,
    orthographic: ti.template(),
):
    """Adds the columns of ``partials`` to the adjoints of the lights, of the shapes of ``Lights``, and of the cameras
    (V, 16).

    ``partials`` is the caller's scratch.
    """
    views = camera_adjoint.shape[0]
    lights, rows = light_color_adjoint.shape[0], light_rows(light_vector_adjoint)
    chunks = partials.shape[1] // views
    for i in range(partials.shape[0] * views * groups_of(chunks)):
        groups = groups_of(chunks)
        row = i // (views * groups)
        v = (i - row * views * groups) // groups
        sum_group(partials, row, v, i % groups, chunks)
    for i in range(rows * lights + EYE_ROWS * views):
        if i < rows * lights:
            total = sum_groups(partials, i, 0, views, chunks)
            k = i // rows
            c = i % rows
            if c < VECTOR:
                light_color_adjoint[k, c] = light_color_adjoint[k, c] + total
            else:
                light_vector_adjoint[k, c - VECTOR] = light_vector_adjoint[k, c - VECTOR] + total
        else:
            v = (i - rows * lights) // EYE_ROWS
            c = (i - rows * lights) % EYE_ROWS
            total = sum_groups(partials, rows * lights + c, v, 1, chunks)
            if ti.static(orthographic):
                camera_adjoint[v, W + c] = camera_adjoint[v, W + c] + total
            else:
                camera_adjoint[v, E + c] = camera_adjoint[v, E + c] + total
