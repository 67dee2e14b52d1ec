"""Light and texture from attributes that a rasterizer has interpolated (Phong normals, textures), pixel by pixel.

The attributes of a point are, in this order, those channels that their ``Layout`` says:

    albedo (3), highlight (3), normal (3) and position (3) in world space, (u, v) (2), tint (3)

and the color is ``albedo * texture(u, v) * tint * irradiance + highlight`` with the light model of ``light``, or with
the interpolated highlight where light was found before; what is not there counts as 1 (albedo, texture, tint,
irradiance of an unlit surface) or 0 (its highlight).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.partial_sums import CHUNK, clear_column
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.base.vectors import get3
from taichi_dr.kernels.shading.light import (
    Finish,
    Lights,
    LightSums,
    incident_light,
    incident_light_adjoint,
    towards_eye,
    towards_eye_adjoint,
)
from taichi_dr.kernels.shading.texture import sample_trilinear, sample_trilinear_adjoint


@dataclass(frozen=True)
class Layout:
    """Which attributes pixels have; ``highlight``, ``normal``, ``position``, ``uv``, ``tint`` are the first channels of
    those.

    ``shiny``: with a highlight that was found before; ``lit``: with normal and position, to find it now; ``tinted``:
    with colours that multiply the texture where the albedo is light that was found before.
    """

    albedo: bool = True
    lit: bool = True
    textured: bool = False
    shiny: bool = False
    tinted: bool = False

    highlight = property(lambda self: 3 * self.albedo)
    normal = property(lambda self: self.highlight + 3 * self.shiny)
    position = property(lambda self: self.normal + 3)
    uv = property(lambda self: self.normal + 6 * self.lit)
    tint = property(lambda self: self.uv + 2 * self.textured)
    channels = property(lambda self: self.tint + 3 * self.tinted)


class PointShading(NamedTuple):
    """What turns the attributes of a point into its colour.

    Kernels take the members one by one, in the order of ``flat()``.
    Arrays that the layout does not use may be of any size.
    """

    camera: Any  # (V, 16), packed
    orthographic: Any  # static
    lights: Lights
    finish: Finish
    pyramid: Any  # (texels, 3) of ``build_mipmaps``
    levels: Any  # i32 array of ``level_table``
    first_levels: Any  # (F,) i32: the row of ``levels`` of level 0 of each face's texture
    layout: Layout

    def flat(self):
        """The arguments of kernels from ``camera`` to ``layout``."""
        texture = self.pyramid, self.levels, self.first_levels
        return self.camera, self.orthographic, *self.lights, *self.finish, *texture, self.layout


class PointSums(NamedTuple):
    """Where the adjoints of what all points share are added."""

    pyramid: Any  # (texels, 3): atomically
    partials: Any  # partial sums of lights and eye, see ``light``
    column: Any  # of ``partials``, which one thread owns


@replayed
@ti.kernel
def shade_pixels(
    attributes: Rows,
    face_id: Numbers,
    rungs: Numbers,
    camera: Rows,
    orthographic: ti.template(),
    light_kind: Numbers,
    light_color: Rows,
    light_vector: Rows,
    specular: float,
    shininess: float,
    two_sided: ti.template(),
    pyramid: Rows,
    levels: Rows,
    first_levels: Numbers,
    layout: ti.template(),
    color: Rows,
):
    """``color[p] = albedo * texture * irradiance + highlight`` for pixels with ``face_id[p] >= 0``; others stay.

    attributes (P, layout.channels), face_id and rungs (P,), color (P, 3) with P = V*H*W; rungs as in ``texture``.
    """
    lights = ti.static(Lights(light_kind, light_color, light_vector))
    finish = ti.static(Finish(specular, shininess, two_sided))
    shading = ti.static(PointShading(camera, orthographic, lights, finish, pyramid, levels, first_levels, layout))
    count = color.shape[0] // camera.shape[0]
    for i in range(color.shape[0]):
        if face_id[i] >= 0:
            rgb = shade_point(_point(attributes, i, layout), _rung_at(rungs, i, layout), i // count, shading)
            for c in ti.static(range(3)):
                color[i, c] = rgb[c]


@replayed
@ti.kernel
def shade_pixels_adjoint(
    attributes: Rows,
    face_id: Numbers,
    rungs: Numbers,
    camera: Rows,
    orthographic: ti.template(),
    light_kind: Numbers,
    light_color: Rows,
    light_vector: Rows,
    specular: float,
    shininess: float,
    two_sided: ti.template(),
    pyramid: Rows,
    levels: Rows,
    first_levels: Numbers,
    layout: ti.template(),
    color_adjoint: Rows,
    attributes_adjoint: Rows,
    pyramid_adjoint: Rows,
    partials: Rows,
):
    """Adds to the adjoints of the attributes and of the pyramid; ``light.reduce_partials`` adds lights and cameras.

    ``partials`` is scratch of ``partials_shape(L, V, H*W)``, not used where unlit.
    """
    lights = ti.static(Lights(light_kind, light_color, light_vector))
    finish = ti.static(Finish(specular, shininess, two_sided))
    shading = ti.static(PointShading(camera, orthographic, lights, finish, pyramid, levels, first_levels, layout))
    views = camera.shape[0]
    count = color_adjoint.shape[0] // views
    chunks = (count + CHUNK - 1) // CHUNK
    for column in range(views * chunks):
        v = column // chunks
        first = (column - v * chunks) * CHUNK
        if ti.static(layout.lit):
            clear_column(partials, column)
        for j in range(first, ti.min(first + CHUNK, count)):
            i = v * count + j
            if face_id[i] >= 0:
                _, adjoint = shade_point_adjoint(
                    _point(attributes, i, layout),
                    _rung_at(rungs, i, layout),
                    v,
                    shading,
                    get3(color_adjoint, i, 0),
                    ti.static(PointSums(pyramid_adjoint, partials, column)),
                )
                for c in ti.static(range(layout.channels)):
                    attributes_adjoint[i, c] = attributes_adjoint[i, c] + adjoint[c]


@ti.func
def shade_point(values, at, view, shading: ti.template()):
    """Colour of a point with attributes ``values`` (layout.channels,), its texture at rung ``at``."""
    rgb = _albedo(values, shading.layout) * _texel(values, at, shading) * _tint(values, shading.layout)
    if ti.static(shading.layout.lit):
        position = _three(values, shading.layout.position)
        irradiance, highlight = incident_light(
            _three(values, shading.layout.normal),
            position,
            towards_eye(shading.camera, view, position, shading.orthographic),
            shading.lights,
            shading.finish,
        )
        rgb = rgb * irradiance + highlight
    if ti.static(shading.layout.shiny):
        rgb += _three(values, shading.layout.highlight)
    return rgb


@ti.func
def shade_point_adjoint(values, at, view, shading: ti.template(), rgb_adjoint, sums: ti.template()):
    """Adjoint of ``shade_point``: returns its colour once more and the adjoints of ``values``.

    Those of texels, lights and eye are added to ``sums`` (a ``PointSums``); the rung is held constant.
    """
    g = rgb_adjoint
    albedo = _albedo(values, shading.layout)
    texel = _texel(values, at, shading)
    tint = _tint(values, shading.layout)
    rgb = albedo * texel * tint
    adjoint = ti.Vector([0.0 for _ in ti.static(range(shading.layout.channels))])
    if ti.static(shading.layout.lit):
        position = _three(values, shading.layout.position)
        light_sums = ti.static(LightSums(sums.partials, sums.column))
        g_normal, g_position, g_eye, irradiance, highlight = incident_light_adjoint(
            _three(values, shading.layout.normal),
            position,
            towards_eye(shading.camera, view, position, shading.orthographic),
            shading.lights,
            shading.finish,
            g * rgb,
            g,
            light_sums,
        )
        g_position = towards_eye_adjoint(light_sums, g_position, g_eye, shading.orthographic)
        for c in ti.static(range(3)):
            adjoint[shading.layout.normal + c] = g_normal[c]
            adjoint[shading.layout.position + c] = g_position[c]
        g = g * irradiance
        rgb = rgb * irradiance + highlight
    if ti.static(shading.layout.shiny):
        rgb += _three(values, shading.layout.highlight)
        for c in ti.static(range(3)):
            adjoint[shading.layout.highlight + c] = rgb_adjoint[c]
    if ti.static(shading.layout.albedo):
        for c in ti.static(range(3)):
            adjoint[c] = g[c] * texel[c] * tint[c]
    if ti.static(shading.layout.tinted):
        for c in ti.static(range(3)):
            adjoint[shading.layout.tint + c] = g[c] * texel[c] * albedo[c]
    if ti.static(shading.layout.textured):
        g_uv = sample_trilinear_adjoint(
            shading.pyramid, shading.levels, _uv(values, shading.layout), at, g * albedo * tint, sums.pyramid
        )
        for c in ti.static(range(2)):
            adjoint[shading.layout.uv + c] = g_uv[c]
    return rgb, adjoint


@ti.func
def _point(attributes: ti.template(), i, layout: ti.template()):
    """The attributes of pixel i."""
    return ti.Vector([attributes[i, c] for c in ti.static(range(layout.channels))])


@ti.func
def _rung_at(rungs: ti.template(), i, layout: ti.template()):
    """The rung at pixel i; an array that is not used may be of any size."""
    at = 0.0
    if ti.static(layout.textured):
        at = rungs[i]
    return at


@ti.func
def _albedo(values, layout: ti.template()):
    """Albedo of a point, 1 where the layout has none."""
    rgb = ti.Vector([1.0, 1.0, 1.0])
    if ti.static(layout.albedo):
        rgb = _three(values, 0)
    return rgb


@ti.func
def _tint(values, layout: ti.template()):
    """What multiplies a point's albedo and texture, 1 where the layout has nothing."""
    rgb = ti.Vector([1.0, 1.0, 1.0])
    if ti.static(layout.tinted):
        rgb = _three(values, layout.tint)
    return rgb


@ti.func
def _texel(values, at, shading: ti.template()):
    """Colour of the texture at a point, 1 where the layout has none."""
    rgb = ti.Vector([1.0, 1.0, 1.0])
    if ti.static(shading.layout.textured):
        rgb = sample_trilinear(shading.pyramid, shading.levels, _uv(values, shading.layout), at)
    return rgb


@ti.func
def _uv(values, layout: ti.template()):
    return ti.Vector([values[layout.uv], values[layout.uv + 1]])


@ti.func
def _three(values, first: ti.template()):
    return ti.Vector([values[first + c] for c in ti.static(range(3))])
