"""Light on rows of surface points, and where the adjoints of lights are added up, in the columns of ``rays``."""

import taichi as ti

from taichi_dr.kernels.base.partial_sums import clear_column
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import row3
from taichi_dr.kernels.march.rows import rows_of
from taichi_dr.kernels.shading.at_points import Layout, PointShading, PointSums, shade_point, shade_point_adjoint
from taichi_dr.kernels.shading.light import Finish, Lights

LIT = Layout(albedo=True, lit=True)


@replayed
@ti.kernel
def shade_rows(
    albedo: Rows,
    gradient: Rows,
    points: Rows,
    pixel: Ints,
    count: ti.i32,
    pixels: ti.i32,
    camera: Rows,
    orthographic: ti.template(),
    light_kind: Numbers,
    light_color: Rows,
    light_vector: Rows,
    specular: float,
    shininess: float,
    color: Rows,
):
    """``color`` (count, 3) of points with ``albedo`` and normals along ``gradient``, in views of so many ``pixels``."""
    lights, finish = ti.static(Lights(light_kind, light_color, light_vector), Finish(specular, shininess, False))
    shading = ti.static(PointShading(camera, orthographic, lights, finish, albedo, albedo, albedo, LIT))
    for i in range(count):
        rgb = shade_point(_values(albedo, gradient, points, i), 0.0, pixel[i] // pixels, shading)
        for c in ti.static(range(3)):
            color[i, c] = rgb[c]


@replayed
@ti.kernel
def shade_rows_adjoint(
    albedo: Rows,
    gradient: Rows,
    points: Rows,
    first: Ints,
    pixels: ti.i32,
    camera: Rows,
    orthographic: ti.template(),
    light_kind: Numbers,
    light_color: Rows,
    light_vector: Rows,
    specular: float,
    shininess: float,
    color_adjoint: Rows,
    albedo_adjoint: Rows,
    gradient_adjoint: Rows,
    points_adjoint: Rows,
    partials: Rows,
):
    """Writes ``albedo_adjoint``, adds to those of gradients and points; ``light.reduce_partials`` does the rest.

    ``first``: of ``rows.Rows``.
    """
    lights, finish = ti.static(Lights(light_kind, light_color, light_vector), Finish(specular, shininess, False))
    shading = ti.static(PointShading(camera, orthographic, lights, finish, albedo, albedo, albedo, LIT))
    for column in range(partials.shape[1]):
        clear_column(partials, column)
        view, start, end = rows_of(column, first, pixels, partials.shape[1] // camera.shape[0])
        for i in range(start, end):
            sums = ti.static(PointSums(albedo, partials, column))
            values = _values(albedo, gradient, points, i)
            _, adjoint = shade_point_adjoint(values, 0.0, view, shading, row3(color_adjoint, i), sums)
            for c in ti.static(range(3)):
                albedo_adjoint[i, c] = adjoint[c]
                gradient_adjoint[i, c] = gradient_adjoint[i, c] + adjoint[3 + c]
                points_adjoint[i, c] = points_adjoint[i, c] + adjoint[6 + c]


@ti.func
def _values(albedo: ti.template(), gradient: ti.template(), points: ti.template(), i):
    """The attributes of a row in the order of ``LIT``."""
    values = ti.Vector([0.0 for _ in ti.static(range(LIT.channels))])
    for c in ti.static(range(3)):
        values[c], values[3 + c], values[6 + c] = albedo[i, c], gradient[i, c], points[i, c]
    return values
