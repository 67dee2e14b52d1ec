"""Rows of numbers interpolated over the visible faces."""

from taichi_dr.kernels.base.gather import sum_views
from taichi_dr.kernels.base.spread import repeat_views
from taichi_dr.render.mesh.surface.base import Surface


class Interpolation:
    """``out = sum_k p_k rows[faces[f, k]]``, p the barycentrics in the visible face f; 0 where there is none."""

    def __init__(self, shot, stages, rows, out):
        self.shot, self._stages, self._rows, self._out = shot, stages, rows, out

    def forward(self):
        self._rows.forward(self.shot)
        nothing = (0.0,) * self._rows.channels
        self._stages.pixels.forward(self.shot, self._rows, nothing, self._out.array)
        self._out.write()

    def adjoint(self):
        pixels, outputs = self._stages.pixels, (self._out.read_gradient(), None, None)
        corner_adjoint = pixels.adjoint_to_corners(self.shot, self._rows, self._stages.zbuffer, outputs)
        pixels.gather_corners(self.shot, self._rows, corner_adjoint, self.shot.clip_adjoint)


class Rows(Surface):
    """A user's rows as a surface: ``views`` is the ``ViewMap`` that says whose rows a view reads."""

    def __init__(self, buffers, variable, topology, views):
        super().__init__(buffers, topology)
        self.channels = max(variable.n, 1)
        self._variable, self._views = variable, views

    def forward(self, shot):
        values = self._variable.read()
        if self._views.one_to_one:
            self.attributes = values
            return
        self._allocate(shot)
        repeat_views(values, self._views.view_mesh, self.attributes, self.rows)

    def adjoint(self, shot, attributes_adjoint):
        total = attributes_adjoint
        if not self._views.one_to_one:
            total = self._buffers.zeroed("rows_adjoint", self._variable.array.shape)
            sum_views(attributes_adjoint, *self._views.of_mesh, total, self.rows)
        self._variable.add_gradient(total)
