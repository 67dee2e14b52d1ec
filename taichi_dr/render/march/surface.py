"""Surface points of rows: where they are, their normals and colours, in the light."""

from taichi_dr.kernels.camera.pack import PACKED
from taichi_dr.kernels.march.rays import rows_adjoint
from taichi_dr.kernels.march.rows import columns_of
from taichi_dr.kernels.march.settings import Surface
from taichi_dr.kernels.march.shade import shade_rows, shade_rows_adjoint
from taichi_dr.kernels.march.surface import converge_adjoint
from taichi_dr.kernels.shading.light import partials_rows, reduce_partials


class SurfaceStage:
    """Surface points, and what there is at them; the arrays of rows are in ``buffers``.

    ``unroll``: an ``UnrolledMarch`` that says how points move, in place of the implicit function theorem.
    """

    def __init__(self, buffers, function, color, material, unroll=None):
        self._buffers, self._function, self._color, self._material = buffers, function, color, material
        self._unroll = unroll

    def forward(self, shot, step):
        """Moves the rows onto the surface; writes ``points``, ``gradient`` and ``color``.

        ``step``: in world units, of differences.
        """
        rows, count = shot.rows, shot.count
        if not count:
            return
        points = self.array("points", count, 3)
        found = Surface(points, self.array("inverse", count), self.array("gradient", count, 3))
        self._function.surface(shot.rays, rows, count, step, found)
        self._color.forward(points, self._albedo(shot), count)
        if shot.lights is not None:
            shade_rows(
                *self._shaded(), rows.pixel, count, shot.pixels, *self._light(shot), self.array("color", count, 3)
            )

    def adjoint(self, shot, step, shift_adjoint):
        """From ``color_adjoint``, ``gradient_adjoint``, ``points_adjoint`` and ``depth_adjoint`` to all inputs.

        Writes ``shift_adjoint``, that of the rows' ``shift``.
        """
        rows, count = shot.rows, shot.count
        if not count:
            return
        points, points_adjoint = self.array("points", count, 3), self.array("points_adjoint", count, 3)
        color_adjoint = self.array("color_adjoint", count, 3)
        if shot.lights is not None:
            color_adjoint = self._shade_adjoint(shot, color_adjoint, points_adjoint)
        self._color.adjoint(points, color_adjoint, points_adjoint, count)
        gradient_adjoint = self.array("gradient_adjoint", count, 3)
        self._function.gradients_adjoint(points, gradient_adjoint, points_adjoint, count, step)
        if self._unroll is None:
            rays = points_adjoint, points_adjoint
            values_adjoint = self.array("values_adjoint", count, 1)
            moves = self.array("inverse", count), points_adjoint, values_adjoint
            converge_adjoint(*shot.view, *rows.seen(), count, *moves)
            self._function.adjoint(points, values_adjoint, points_adjoint, count)
        else:
            rays = self._unroll.adjoint(shot, self.array("inverse", count), points_adjoint, step)
        views, columns = shot.frame.shape[0], columns_of(shot.count, shot.frame.shape[0])
        rows_adjoint(
            rows.first,
            rows.pixel,
            rows.t,
            rows.edge,
            rows.edge_t,
            rows.shift,
            self.array("inverse", count),
            points,
            points_adjoint,
            self.array("depth_adjoint", count),
            *rays,
            self._unroll is not None,
            *shot.rays.flat(),
            shot.march.near,
            shot.camera_adjoint,
            shift_adjoint,
            self._buffers.get("ray_partials", (PACKED, views * columns)),
        )

    def array(self, name, rows, *columns):
        """The array of that name, of at least so many rows."""
        return self._buffers.at_least(f"row_{name}", max(rows, 1), columns=columns)

    def _albedo(self, shot):
        return self.array("color" if shot.lights is None else "albedo", shot.count, 3)

    def _shaded(self):
        return self.array("albedo", 1, 3), self.array("gradient", 1, 3), self.array("points", 1, 3)

    def _light(self, shot):
        return (
            shot.camera_array,
            shot.camera.is_orthographic,
            shot.lights.kinds,
            *shot.lights.arrays,
            self._material.specular,
            self._material.shininess,
        )

    def _shade_adjoint(self, shot, color_adjoint, points_adjoint):
        albedo_adjoint, gradient_adjoint = (
            self.array("albedo_adjoint", shot.count, 3),
            self.array("gradient_adjoint", 1, 3),
        )
        shape = (
            partials_rows(*shot.lights.arrays[1].shape),
            shot.frame.shape[0] * columns_of(shot.count, shot.frame.shape[0]),
        )
        partials = self._buffers.get("row_partials", shape)
        given = (*self._shaded(), shot.rows.first, shot.pixels, *self._light(shot), color_adjoint)
        shade_rows_adjoint(*given, albedo_adjoint, gradient_adjoint, points_adjoint, partials)
        reduce_partials(partials, *shot.lights.adjoints, shot.camera_adjoint, shot.camera.is_orthographic)
        return albedo_adjoint
