"""Light on a surface point: Lambert, Blinn-Phong and ambient, with the hand-written adjoint.

    color = albedo * irradiance + highlight
    irradiance = ambient colors + sum of color_k max(n.l_k, 0)
    highlight  = specular * sum of color_k max(n.h_k, 0)^shininess   where n.l_k > 0

n = unit(normal), l_k the unit direction towards the light, e the unit direction towards the eye, h_k = unit(l_k + e)
(Blinn, Models of Light Reflection, SIGGRAPH 1977).  ``two_sided`` turns n towards the eye (n := -n where n.e < 0), so
that meshes that are open or inside out are lit on the side that is seen.  A point light does not fade with distance,
like the directional light that it becomes when far away: its color needs no scale of the scene.

Adjoints of lights and cameras are sums over all shaded points, ``partials`` (base/partial_sums) of the shape
``partials_shape(...)``: ``LIGHT_ROWS`` rows for each light, its color and from ``VECTOR`` on its vector, then the
``EYE_ROWS`` of the direction to the eye.  ``reduce_partials`` adds them up.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.partial_sums import add_column3, chunks_of, groups_of, sum_group, sum_groups
from taichi_dr.kernels.base.types import Rows
from taichi_dr.kernels.base.vectors import get3, row3, unit, unit_adjoint
from taichi_dr.kernels.camera.pack import E, W

AMBIENT, DIRECTIONAL, POINT = range(3)

# Rows of the partial sums: of each light, among them the first of its vector; and of the eye, behind all lights.
LIGHT_ROWS, VECTOR, EYE_ROWS = 6, 3, 3


class Lights(NamedTuple):
    """L >= 1 lights."""

    kind: Any  # (L,) i32: AMBIENT, DIRECTIONAL or POINT
    color: Any  # (L, 3)
    vector: Any  # (L, 3): the direction *towards* a directional light (any length), the position of a point light


class Finish(NamedTuple):
    """How a surface reflects light, without gradients."""

    specular: Any
    shininess: Any
    two_sided: Any  # static


class LightSums(NamedTuple):
    """Where the adjoints of lights and eye are added: a column of the partial sums that one thread owns."""

    partials: Any
    column: Any


def partials_rows(lights):
    """Rows of the partial sums for this many lights."""
    return LIGHT_ROWS * lights + EYE_ROWS


def partials_shape(lights, views, points):
    """Shape of the partial sums for ``points`` shaded points in each of ``views`` views."""
    return partials_rows(lights), views * chunks_of(points)


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
            add_column3(sums.partials, LIGHT_ROWS * k, sums.column, irradiance_adjoint)
        else:
            toward = towards_light(lights.kind[k], row3(lights.vector, k), position)
            light = unit(toward)
            cosine = n.dot(light)
            if cosine > 0.0:
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
                toward_adjoint = unit_adjoint(toward, light_adjoint)
                add_column3(sums.partials, LIGHT_ROWS * k, sums.column, color_adjoint)
                add_column3(sums.partials, LIGHT_ROWS * k + VECTOR, sums.column, toward_adjoint)
                if lights.kind[k] == POINT:
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
    """Direction from a point towards a directional or point light, of any length."""
    result = vector
    if kind == POINT:
        result = vector - position
    return result


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


@ti.kernel
def reduce_partials(
    partials: Rows,
    light_color_adjoint: Rows,
    light_vector_adjoint: Rows,
    camera_adjoint: Rows,
    orthographic: ti.template(),
):
    """Adds the columns of ``partials`` to the adjoints of the lights (L, 3) and of the cameras (V, 16).

    ``partials`` is the caller's scratch.
    """
    views = camera_adjoint.shape[0]
    lights = light_color_adjoint.shape[0]
    chunks = partials.shape[1] // views
    for i in range(partials.shape[0] * views * groups_of(chunks)):
        groups = groups_of(chunks)
        row = i // (views * groups)
        v = (i - row * views * groups) // groups
        sum_group(partials, row, v, i % groups, chunks)
    for i in range(LIGHT_ROWS * lights + EYE_ROWS * views):
        if i < LIGHT_ROWS * lights:
            total = sum_groups(partials, i, 0, views, chunks)
            k = i // LIGHT_ROWS
            c = i % LIGHT_ROWS
            if c < VECTOR:
                light_color_adjoint[k, c] = light_color_adjoint[k, c] + total
            else:
                light_vector_adjoint[k, c - VECTOR] = light_vector_adjoint[k, c - VECTOR] + total
        else:
            v = (i - LIGHT_ROWS * lights) // EYE_ROWS
            c = (i - LIGHT_ROWS * lights) % EYE_ROWS
            total = sum_groups(partials, LIGHT_ROWS * lights + c, v, 1, chunks)
            if ti.static(orthographic):
                camera_adjoint[v, W + c] = camera_adjoint[v, W + c] + total
            else:
                camera_adjoint[v, E + c] = camera_adjoint[v, E + c] + total
