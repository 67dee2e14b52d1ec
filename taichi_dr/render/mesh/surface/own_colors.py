"""The colours of a mesh without lights."""

from taichi_dr.kernels.base.gather import sum_views
from taichi_dr.kernels.base.spread import repeat_views
from taichi_dr.render.mesh.surface.base import Surface


class OwnColors(Surface):
    """The mesh's own colours, as they are."""

    def __init__(self, buffers, mesh):
        super().__init__(buffers, mesh.color_topology)

    def forward(self, shot):
        colors = shot.mesh.fields.arrays["colors"]
        if shot.views.one_to_one:
            self.attributes = colors
        else:
            self._allocate(shot)
            repeat_views(colors, shot.views.view_mesh, self.attributes, self.rows)

    def new_adjoint(self, shot, purpose):
        if shot.views.one_to_one:
            return shot.mesh.fields.adjoints["colors"]
        return super().new_adjoint(shot, purpose)

    def adjoint(self, shot, attributes_adjoint):
        colors_adjoint = shot.mesh.fields.adjoints["colors"]
        if attributes_adjoint is colors_adjoint:
            return
        sum_views(attributes_adjoint, *shot.views.of_mesh, colors_adjoint, self.rows)
