"""Light and texture from attributes that a rasterizer has interpolated (Phong normals, textures), pixel by pixel.

The attributes of a point are, in this order, those channels that their ``Layout`` says:

    albedo (3), normal (3) and position (3) in world space, (u, v) (2)

and the color is ``albedo * texture(u, v) * irradiance + highlight`` with the light model of ``lighting``; what is not
there counts as 1 (albedo, texture, irradiance of an unlit surface) or 0 (its highlight).
"""

from dataclasses import dataclass

import taichi as ti

from taichi_dr.kernels.camera.pack import get3
from taichi_dr.kernels.shading.light import (
    CHUNK,
    add_column3,
    clear_column,
    incident_light,
    incident_light_adjoint,
    towards_eye,
)
from taichi_dr.kernels.shading.texture import sample_trilinear, sample_trilinear_adjoint

_rows = ti.types.ndarray(ndim=2)
_list = ti.types.ndarray(ndim=1)


@dataclass(frozen=True)
class Layout:
    """Which attributes the pixels have; ``normal``, ``position``, ``uv`` are the first channels of those."""

    albedo: bool = True
    lit: bool = True
    textured: bool = False

    normal = property(lambda self: 3 * self.albedo)
    position = property(lambda self: 3 * self.albedo + 3)
    uv = property(lambda self: 3 * self.albedo + 6 * self.lit)
    channels = property(lambda self: 3 * self.albedo + 6 * self.lit + 2 * self.textured)


@ti.kernel
def shade_pixels(
    attributes: _rows,
    face_id: _list,
    lod: _list,
    camera: _rows,
    light_kind: _list,
    light_color: _rows,
    light_vector: _rows,
    specular: float,
    shininess: float,
    orthographic: ti.template(),
    two_sided: ti.template(),
    pyramid: _rows,
    levels: _rows,
    layout: ti.template(),
    color: _rows,
):
    """``color[p] = albedo * texture * irradiance + highlight`` for pixels with ``face_id[p] >= 0``; others stay.

    attributes (P, layout.channels), face_id and lod (P,), color (P, 3) with P = V*H*W; pyramid, levels and lod as in
    ``texture``.  Arrays that the layout does not use may be of any size.
    """
    count = color.shape[0] // camera.shape[0]
    for i in range(color.shape[0]):
        if face_id[i] >= 0:
            rgb = shade_point(
                _point(attributes, i, layout),
                _lod_at(lod, i, layout),
                i // count,
                camera,
                light_kind,
                light_color,
                light_vector,
                specular,
                shininess,
                orthographic,
                two_sided,
                pyramid,
                levels,
                layout,
            )
            for c in ti.static(range(3)):
                color[i, c] = rgb[c]


@ti.kernel
def shade_pixels_adjoint(
    attributes: _rows,
    face_id: _list,
    lod: _list,
    camera: _rows,
    light_kind: _list,
    light_color: _rows,
    light_vector: _rows,
    specular: float,
    shininess: float,
    orthographic: ti.template(),
    two_sided: ti.template(),
    pyramid: _rows,
    levels: _rows,
    layout: ti.template(),
    color_adjoint: _rows,
    attributes_adjoint: _rows,
    pyramid_adjoint: _rows,
    partials: _rows,
):
    """Adds to the adjoints of the attributes and of the pyramid; ``lighting.reduce_partials`` adds lights and cameras.

    ``partials`` is scratch of ``partials_shape(L, V, H*W)``, not used where unlit.
    """
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
                    _lod_at(lod, i, layout),
                    v,
                    camera,
                    light_kind,
                    light_color,
                    light_vector,
                    specular,
                    shininess,
                    orthographic,
                    two_sided,
                    pyramid,
                    levels,
                    layout,
                    get3(color_adjoint, i, 0),
                    pyramid_adjoint,
                    partials,
                    column,
                )
                for c in ti.static(range(layout.channels)):
                    attributes_adjoint[i, c] = attributes_adjoint[i, c] + adjoint[c]


@ti.func
def shade_point(
    values,
    lod,
    v,
    camera: ti.template(),
    light_kind: ti.template(),
    light_color: ti.template(),
    light_vector: ti.template(),
    specular,
    shininess,
    orthographic: ti.template(),
    two_sided: ti.template(),
    pyramid: ti.template(),
    levels: ti.template(),
    layout: ti.template(),
):
    """Colour of a point with attributes ``values`` (layout.channels,), seen in view v at level of detail ``lod``."""
    rgb = _albedo(values, layout) * _texel(values, lod, pyramid, levels, layout)
    if ti.static(layout.lit):
        position = _three(values, layout.position)
        irradiance, highlight = incident_light(
            _three(values, layout.normal),
            position,
            towards_eye(camera, v, position, orthographic),
            light_kind,
            light_color,
            light_vector,
            specular,
            shininess,
            two_sided,
        )
        rgb = rgb * irradiance + highlight
    return rgb


@ti.func
def shade_point_adjoint(
    values,
    lod,
    v,
    camera: ti.template(),
    light_kind: ti.template(),
    light_color: ti.template(),
    light_vector: ti.template(),
    specular,
    shininess,
    orthographic: ti.template(),
    two_sided: ti.template(),
    pyramid: ti.template(),
    levels: ti.template(),
    layout: ti.template(),
    rgb_adjoint,
    pyramid_adjoint: ti.template(),
    partials: ti.template(),
    column,
):
    """Adjoint of ``shade_point``: returns its colour once more and the adjoints of ``values``.

    The adjoints of texels are added to ``pyramid_adjoint`` (atomically), those of lights and eye to a column of
    ``partials``; ``lod`` is held constant.
    """
    g = rgb_adjoint
    albedo = _albedo(values, layout)
    texel = _texel(values, lod, pyramid, levels, layout)
    rgb = albedo * texel
    adjoint = ti.Vector([0.0 for _ in ti.static(range(layout.channels))])
    if ti.static(layout.lit):
        position = _three(values, layout.position)
        g_normal, g_position, g_eye, irradiance, highlight = incident_light_adjoint(
            _three(values, layout.normal),
            position,
            towards_eye(camera, v, position, orthographic),
            light_kind,
            light_color,
            light_vector,
            specular,
            shininess,
            two_sided,
            g * rgb,
            g,
            partials,
            column,
        )
        add_column3(partials, partials.shape[0] - 3, column, g_eye)
        if ti.static(not orthographic):
            g_position -= g_eye
        for c in ti.static(range(3)):
            adjoint[layout.normal + c] = g_normal[c]
            adjoint[layout.position + c] = g_position[c]
        g = g * irradiance
        rgb = rgb * irradiance + highlight
    if ti.static(layout.albedo):
        for c in ti.static(range(3)):
            adjoint[c] = g[c] * texel[c]
    if ti.static(layout.textured):
        g_uv = sample_trilinear_adjoint(pyramid, levels, _uv(values, layout), lod, g * albedo, pyramid_adjoint)
        for c in ti.static(range(2)):
            adjoint[layout.uv + c] = g_uv[c]
    return rgb, adjoint


@ti.func
def _point(attributes: ti.template(), i, layout: ti.template()):
    """The attributes of pixel i."""
    return ti.Vector([attributes[i, c] for c in ti.static(range(layout.channels))])


@ti.func
def _lod_at(lod: ti.template(), i, layout: ti.template()):
    """Level of detail at pixel i; an array that is not used may be of any size."""
    level = 0.0
    if ti.static(layout.textured):
        level = lod[i]
    return level


@ti.func
def _albedo(values, layout: ti.template()):
    """Albedo of a point, 1 where the layout has none."""
    rgb = ti.Vector([1.0, 1.0, 1.0])
    if ti.static(layout.albedo):
        rgb = _three(values, 0)
    return rgb


@ti.func
def _texel(values, lod, pyramid: ti.template(), levels: ti.template(), layout: ti.template()):
    """Colour of the texture at a point, 1 where the layout has none."""
    rgb = ti.Vector([1.0, 1.0, 1.0])
    if ti.static(layout.textured):
        rgb = sample_trilinear(pyramid, levels, _uv(values, layout), lod)
    return rgb


@ti.func
def _uv(values, layout: ti.template()):
    return ti.Vector([values[layout.uv], values[layout.uv + 1]])


@ti.func
def _three(values, first: ti.template()):
    return ti.Vector([values[first + c] for c in ti.static(range(3))])
