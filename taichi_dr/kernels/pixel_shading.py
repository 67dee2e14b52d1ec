"""Light and texture at every pixel, from attributes that a rasterizer has interpolated (Phong normals, textures).

An image of attributes has, per pixel and in this order, those channels that its ``Layout`` says:

    albedo (3), normal (3) and position (3) in world space, (u, v) (2)

and the color is ``albedo * texture(u, v) * irradiance + highlight`` with the light model of ``lighting``; what is not
there counts as 1 (albedo, texture, irradiance of an unlit surface) or 0 (its highlight).
"""

from dataclasses import dataclass

import taichi as ti

from taichi_dr.kernels.camera import get3
from taichi_dr.kernels.lighting import (
    CHUNK,
    add_column3,
    clear_column,
    incident_light,
    incident_light_adjoint,
    towards_eye,
)
from taichi_dr.kernels.texture import sample_trilinear, sample_trilinear_adjoint

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
            rgb = albedo_at(attributes, i, layout) * texel_at(attributes, i, lod, pyramid, levels, layout)
            if ti.static(layout.lit):
                v = i // count
                position = get3(attributes, i, layout.position)
                irradiance, highlight = incident_light(
                    get3(attributes, i, layout.normal),
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
                g = get3(color_adjoint, i, 0)
                albedo = albedo_at(attributes, i, layout)
                texel = texel_at(attributes, i, lod, pyramid, levels, layout)
                if ti.static(layout.lit):
                    position = get3(attributes, i, layout.position)
                    g_normal, g_position, g_eye, irradiance = incident_light_adjoint(
                        get3(attributes, i, layout.normal),
                        position,
                        towards_eye(camera, v, position, orthographic),
                        light_kind,
                        light_color,
                        light_vector,
                        specular,
                        shininess,
                        two_sided,
                        g * albedo * texel,
                        g,
                        partials,
                        column,
                    )
                    add_column3(partials, partials.shape[0] - 3, column, g_eye)
                    if ti.static(not orthographic):
                        g_position -= g_eye
                    add_at3(attributes_adjoint, i, layout.normal, g_normal)
                    add_at3(attributes_adjoint, i, layout.position, g_position)
                    g = g * irradiance
                if ti.static(layout.albedo):
                    add_at3(attributes_adjoint, i, 0, g * texel)
                if ti.static(layout.textured):
                    uv = uv_at(attributes, i, layout)
                    g_uv = sample_trilinear_adjoint(pyramid, levels, uv, lod[i], g * albedo, pyramid_adjoint)
                    for c in ti.static(range(2)):
                        attributes_adjoint[i, layout.uv + c] = attributes_adjoint[i, layout.uv + c] + g_uv[c]


@ti.func
def albedo_at(attributes: ti.template(), i, layout: ti.template()):
    """Albedo of pixel i, 1 where the layout has none."""
    rgb = ti.Vector([1.0, 1.0, 1.0])
    if ti.static(layout.albedo):
        rgb = get3(attributes, i, 0)
    return rgb


@ti.func
def texel_at(
    attributes: ti.template(),
    i,
    lod: ti.template(),
    pyramid: ti.template(),
    levels: ti.template(),
    layout: ti.template(),
):
    """Colour of the texture at pixel i, 1 where the layout has none."""
    rgb = ti.Vector([1.0, 1.0, 1.0])
    if ti.static(layout.textured):
        rgb = sample_trilinear(pyramid, levels, uv_at(attributes, i, layout), lod[i])
    return rgb


@ti.func
def uv_at(attributes: ti.template(), i, layout: ti.template()):
    return ti.Vector([attributes[i, layout.uv], attributes[i, layout.uv + 1]])


@ti.func
def add_at3(array: ti.template(), i, first: ti.template(), value):
    for c in ti.static(range(3)):
        array[i, first + c] = array[i, first + c] + value[c]
