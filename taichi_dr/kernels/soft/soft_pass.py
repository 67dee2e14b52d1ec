"""The soft rasterizer on arrays (Liu et al., Soft Rasterizer, ICCV 2019, sections 3.2 and 3.3).

What the modes mean, where ``D_j`` is face j's coverage ``sigmoid(x_j)``, computed for faces with depth in [near, far]:

* distance ``euclidean``: ``x = +-d^2 / sigma`` with d the screen distance to the face's boundary, + inside;
  ``barycentric``: ``x = sgn(m) m^2 / sigma``, m the smallest screen barycentric; ``hard``: D is 1 inside, else 0.
* alpha ``product``: ``1 - prod (1 - D_j)``; ``sum``: ``min(1, sum D_j)``; ``hard``: 1 where some face covers the pixel
  centre, else 0 (no gradient).
* colour ``softmax``: blended by ``D_j exp(zhat_j / gamma)`` and the background's ``exp(1e-3 / gamma)``; ``hard``: the
  nearest face that covers the pixel centre, or the background (gradients through interpolation and depth alone).

A face that crosses the near plane is cut there: its boundary is that of the polygon in front of the plane, and its
depth and attributes are those of the triangle's plane, with perspective-correct barycentrics clipped at zero and depth
clipped at near; it has no screen barycentrics, so its distance is Euclidean in the mode ``barycentric`` too.
"""

import math

import taichi as ti

from taichi_dr.errors import InputError
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.base.gather import gather_clip_and_attributes, sum_bands
from taichi_dr.kernels.base.launch import cpu_threads, on_cpu
from taichi_dr.kernels.screen.tile_bins import TileBins
from taichi_dr.kernels.soft import pair as soft_math
from taichi_dr.kernels.soft.adjoint import soft_adjoint
from taichi_dr.kernels.soft.blend import STATE
from taichi_dr.kernels.soft.cut_adjoint import soft_adjoint_cut
from taichi_dr.kernels.soft.face_records import record_length, soft_setup
from taichi_dr.kernels.soft.forward import soft_forward, soft_forward_cut
from taichi_dr.kernels.soft.forward_tiles import scratch_packets, scratch_shift, soft_forward_tiles
from taichi_dr.kernels.soft.pixel_adjoints import PACKED, pack_pixel_adjoints, sum_background
from taichi_dr.runtime import float_dtype

ALPHA_MODES = {"product": soft_math.ALPHA_PRODUCT, "sum": soft_math.ALPHA_SUM, "hard": soft_math.ALPHA_HARD}
COLOR_MODES = {"softmax": soft_math.COLOR_SOFTMAX, "hard": soft_math.COLOR_HARD}
DISTANCE_MODES = {
    "euclidean": soft_math.DISTANCE_EUCLIDEAN,
    "barycentric": soft_math.DISTANCE_BARYCENTRIC,
    "hard": soft_math.DISTANCE_HARD,
}
TASKS = 2048  # with fewer faces than this, a face's rows of packets are shared out to several tasks


class SoftPass:
    """Buffers and launches of the soft rasterizer for one size: ``forward`` and then ``adjoint``.

    Attributes, with V views, F faces and C attributes per corner:
        image (V*H*W, C): softmax-blended attributes.
        alpha, depth (V*H*W,): depth is blended with the same weights, the background's being ``far``.
        face_id (V*H*W,) i32: the face of the largest weight, -1 for the background; not differentiable.
        barycentrics (V*H*W, 3): its perspective-correct barycentrics, zeros for the background; not differentiable.
    """

    def __init__(
        self,
        views,
        faces,
        attributes,
        width,
        height,
        *,
        alpha="product",
        color="softmax",
        distance="euclidean",
        packet=None,
        channels=None,
    ):
        """``packet``: columns and rows of a packet, powers of two; by default (4, 2) on a CPU and (1, 1) on a GPU.

        ``channels``: attributes per corner, where these are not what the image shows (``soft_shaded``).
        """
        self.views, self.faces, self.count, self.width, self.height = views, faces, attributes, width, height
        self.channels = channels or attributes
        self.modes = (
            _mode(ALPHA_MODES, "alpha", alpha),
            _mode(COLOR_MODES, "color", color),
            _mode(DISTANCE_MODES, "distance", distance),
        )
        self.shape = packet or ((4, 2) if on_cpu() else (1, 1))
        self.double = float_dtype() == ti.f64
        self.bands = max(1, min(64, TASKS // (views * faces)))
        items, pixels = views * faces, views * width * height
        self._tiles = views * -(-width // soft_math.TILE) * -(-height // soft_math.TILE)
        self._padded = self._tiles * soft_math.TILE**2
        self.records = make_array((items, record_length(self.channels)))
        self.kinds = make_array((items,), ti.i32)
        self.boxes, self.cut_boxes = make_array((items, 4), ti.i32), make_array((items, 4), ti.i32)
        self._any_cut = make_array((1,), ti.i32)
        buffers = Buffers()
        self._bins, self._cut_bins = TileBins(buffers, "bins"), TileBins(buffers, "cut_bins")
        self.image = make_array((pixels, attributes))
        self.alpha, self.depth = make_array((pixels,)), make_array((pixels,))
        self.face_id = make_array((pixels,), ti.i32)
        self.barycentrics = make_array((pixels, 3))
        self._state = make_array((self._padded * STATE,))
        self._offsets = array_from(soft_math.lane_offsets(self.shape))
        self._allocate_scratch()
        # a power of two: LLVM must see that the lanes' addresses are consecutive
        self._packed_rows = 1 << (PACKED + attributes - 1).bit_length()
        self._packed = self._background_part = self._corner_adjoint = None

    def forward(self, clip, faces, attributes, attribute_faces, background, near, far, sigma, gamma):
        """Renders into ``image``, ``alpha``, ``depth``, ``face_id`` and ``barycentrics``.

        Args:
            clip: (V*N, 4) X, Y, W, depth.  The screen position is (X/W, Y/W).
            faces: (F, 3) i32.
            attributes: (V*M, C), attribute_faces: (F, 3) i32, the rows of every corner within a view.
            background: (C,).
            near, far: depths; sigma, gamma: sharpness of the coverage (screen units squared) and of the depth softmax.
        """
        self._inputs, self._background = (clip, faces), background
        self._scalars = (float(near), float(far), float(sigma), float(gamma))
        tau = sigma * soft_math.COVERAGE_CUTOFF
        if self.modes[2] == soft_math.DISTANCE_HARD:
            tau = 0.0
        self._tau = tau
        sizes = (self.width, self.height)
        self._any_cut[0] = 0
        soft_setup(
            clip,
            faces,
            attributes,
            attribute_faces,
            self.records,
            self.kinds,
            self.boxes,
            self.cut_boxes,
            self._any_cut,
            self.views,
            near,
            far,
            math.sqrt(tau),
            *sizes,
            *self.shape,
            self.channels,
            self.modes[2],
        )
        self._bins.build(self.boxes, self.views, self.faces, *sizes, soft_math.TILE)
        self._forward_faces()
        self._cut = bool(self._any_cut[0])
        if self._cut:
            self._cut_bins.build(self.cut_boxes, self.views, self.faces, *sizes, soft_math.TILE)
            self._forward_cut_faces()

    def adjoint(
        self,
        image_adjoint,
        alpha_adjoint,
        depth_adjoint,
        clip_adjoint,
        attributes_adjoint,
        adjacency,
        attribute_adjacency,
        background_adjoint=None,
    ):
        """Adds the adjoints of the last ``forward``'s inputs.

        Args:
            image_adjoint (V*H*W, C), alpha_adjoint (V*H*W,), depth_adjoint (V*H*W,): what the outputs pass back.
            clip_adjoint (V*N, 4), attributes_adjoint (V*M, C), background_adjoint (C,) or None: added to.
            adjacency, attribute_adjacency: (corner_start, corner_list) of ``faces`` and of ``attribute_faces``, arrays
                made from ``kernels.gather.build_adjacency``.
        """
        self._allocate_adjoint()
        with_background = background_adjoint is not None
        if with_background and self._background_part.shape[0] < self._tiles:
            self._background_part = make_array((self._tiles, self.count))
        near, far, _, gamma = self._scalars
        pack_pixel_adjoints(
            self.image,
            self.depth,
            self.face_id,
            self._state,
            image_adjoint,
            alpha_adjoint,
            depth_adjoint,
            self._packed,
            self._background_part,
            self._tiles,
            near,
            far,
            gamma,
            self.width,
            self.height,
            *self._adjoint_statics(),
            with_background,
        )
        self._adjoint_faces()
        if self._cut:
            self._adjoint_cut_faces()
        if self.bands > 1:
            sum_bands(self._corner_adjoint, self.views * self.faces * 3, self.bands)
        adjacencies, adjoints = (adjacency, attribute_adjacency), (clip_adjoint, attributes_adjoint)
        gather_clip_and_attributes(self._corner_adjoint, self.channels, *adjacencies, *adjoints, self.views, self.faces)
        if with_background:
            sum_background(self._background_part, self._tiles, background_adjoint)

    def _forward_faces(self):
        inputs = (self.records, self.boxes, *self._bins.lists, self._background)
        if self._scratch is None:
            soft_forward(*inputs, *self._outputs(), *self._forward_scalars())
        else:
            scratch = (self._scratch, self._order, self._deepest, self._drawn, cpu_threads())
            soft_forward_tiles(*inputs, *self._outputs(), *scratch, *self._forward_scalars())

    def _forward_cut_faces(self):
        soft_forward_cut(
            self.records, self.cut_boxes, *self._cut_bins.lists, *self._outputs(), *self._forward_scalars()
        )

    def _outputs(self):
        return self.image, self.alpha, self.depth, self.face_id, self.barycentrics, self._state, self._offsets

    def _forward_scalars(self):
        sizes = (self.width, self.height)
        return self.views, *self._scalars, self._tau, *sizes, self.count, self.modes, self.shape, self.double

    def _adjoint_faces(self):
        soft_adjoint(self.records, self.kinds, self.boxes, *self._adjoint_arguments())

    def _adjoint_cut_faces(self):
        soft_adjoint_cut(*self._inputs, self.records, self.kinds, self.cut_boxes, *self._adjoint_arguments())

    def _adjoint_arguments(self):
        arrays = (self._packed, self._corner_adjoint, self._offsets)
        scalars = (self.views, self.bands, *self._scalars, self._tau, self.width, self.height)
        return *arrays, *scalars, *self._adjoint_statics()

    def _adjoint_statics(self):
        return self.count, self.modes, self._packed_rows, self.shape, self.double

    def _allocate_scratch(self):
        lanes = self.shape[0] * self.shape[1]
        self._scratch = None
        if lanes > 1:
            packets = scratch_packets(lanes)
            self._scratch = make_array((packets << scratch_shift(self.count, lanes),))
            self._order, self._deepest = array_from(range(packets), ti.i32), make_array((packets,))
            self._drawn = make_array((1,), ti.i32)

    def _allocate_adjoint(self):
        if self._packed is None:
            self._packed = make_array((self._padded * self._packed_rows,))
            self._background_part = make_array((1, self.count))  # grows if it is asked for
            self._corner_adjoint = make_array((self.bands * self.views * self.faces * 3, 4 + self.channels))


def _mode(modes, name, value):
    if value not in modes:
        raise InputError(f"unknown {name} mode {value!r}: expected one of {', '.join(modes)}")
    return modes[value]
