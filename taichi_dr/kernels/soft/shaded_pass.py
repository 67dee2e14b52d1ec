"""Buffers and launches of the soft rasterizer whose pairs of pixel and face are shaded one by one."""

from taichi_dr.kernels.base.arrays import make_array
from taichi_dr.kernels.soft.shaded_adjoint import soft_shaded_adjoint, soft_shaded_adjoint_cut
from taichi_dr.kernels.soft.shaded_forward import SHAPE, soft_shaded_forward
from taichi_dr.kernels.soft.soft_pass import SoftPass

COLUMNS = 1 << 15  # of partial sums of the adjoints of lights, at most (but at least one per view and band)


class ShadedSoftPass(SoftPass):
    """A ``SoftPass`` from the attributes of a ``at_points.Layout`` to colours: ``image`` is (V*H*W, 3).

    Set ``shading``, a ``PointShading`` of this layout, before ``forward``.
    Set ``pyramid_adjoint`` before ``adjoint``, which adds to it the adjoints of texels; those of lights and cameras are
    then in ``partials``, for ``light.reduce_partials``.
    """

    def __init__(self, views, faces, layout, width, height, **modes):
        super().__init__(views, faces, 3, width, height, channels=layout.channels, packet=SHAPE, **modes)
        self.layout = layout
        self.shading = self.pyramid_adjoint = self.partials = None
        self._groups = max(1, min(faces, COLUMNS // (views * self.bands)))

    def _forward_faces(self):
        self._launch_forward(self.boxes, self._bins, False)

    def _forward_cut_faces(self):
        self._launch_forward(self.cut_boxes, self._cut_bins, True)

    def _launch_forward(self, boxes, bins, cut):
        arrays = (*self._inputs, self.records, boxes, *bins.lists, self._background, *self._outputs())
        scalars = (self.views, *self._scalars, self._tau, self.width, self.height, self.modes, self.double)
        soft_shaded_forward(*arrays, *scalars, *self.shading.flat(), cut)

    def _adjoint_faces(self):
        self._launch_adjoint(soft_shaded_adjoint, self.boxes)

    def _adjoint_cut_faces(self):
        self._launch_adjoint(soft_shaded_adjoint_cut, self.cut_boxes)

    def _allocate_adjoint(self):
        super()._allocate_adjoint()
        lights = self.shading.lights.kind.shape[0]
        shape = (6 * lights + 3, self.views * self.bands * self._groups) if self.layout.lit else (1, 1)
        if self.partials is None or self.partials.shape != shape:
            self.partials = make_array(shape)

    def _launch_adjoint(self, kernel, boxes):
        arrays = (self.records, self.kinds, boxes, self._packed, self._corner_adjoint, self._offsets)
        scalars = (self.views, self.bands, *self._scalars, self._tau, self.width, self.height, self._groups)
        statics = (self.modes, self._packed_rows, self.double)
        kernel(
            *self._inputs,
            *arrays,
            *scalars,
            *statics,
            *self.shading.flat(),
            self.pyramid_adjoint,
            self.partials,
        )
