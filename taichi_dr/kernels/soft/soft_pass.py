"""The soft rasterizer on arrays (Liu et al., Soft Rasterizer, ICCV 2019, sections 3.2 and 3.3); see ``modes``."""

import math

import taichi as ti

from taichi_dr.errors import InputError
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.base.gather import gather_clip_and_attributes, sum_bands
from taichi_dr.kernels.base.launch import cpu_threads, has_long_vectors, on_cpu
from taichi_dr.kernels.screen.projected_mesh import World
from taichi_dr.kernels.screen.tile_bins import TileBins
from taichi_dr.kernels.shading.light import partials_rows
from taichi_dr.kernels.soft.adjoint import soft_adjoint, soft_adjoint_shaded
from taichi_dr.kernels.soft.background import background_shares
from taichi_dr.kernels.soft.blend import STATE, Outputs
from taichi_dr.kernels.soft.face_records import record_length, soft_setup
from taichi_dr.kernels.soft.forward import soft_forward, soft_forward_shaded
from taichi_dr.kernels.soft.forward_tiles import scratch_packets, scratch_shift, soft_forward_tiles
from taichi_dr.kernels.soft.modes import choose_modes, measure_softness
from taichi_dr.kernels.soft.packets import MAX_LANES, TILE, lane_offsets
from taichi_dr.kernels.soft.pixel_adjoints import PACKED, pack_pixel_adjoints, sum_background
from taichi_dr.runtime import float_dtype

TASKS = 2048  # with fewer faces than this, a face's rows of packets are shared out to several tasks
COLUMNS = 1 << 15  # of partial sums of the adjoints of lights, at most (but at least one per view and band)


def _choose_packet(packet, shaded):
    """Columns and rows of a packet: those asked for, else what suits the processor."""
    cols, rows = packet or _usual_packet(shaded)
    if shaded and (cols, rows) != (1, 1):
        raise InputError(f"packet {packet}: expected (1, 1) with a Layout, whose pairs are shaded pixel by pixel")
    if {cols.bit_count(), rows.bit_count()} != {1} or min(cols, rows) < 1 or cols * rows > MAX_LANES:
        raise InputError(f"packet {packet}: expected columns and rows, powers of two, at most {MAX_LANES} pixels")
    return cols, rows


def _usual_packet(shaded):
    """One that fills the longest registers; in double precision eight numbers do, and are quicker to compile."""
    if shaded or not on_cpu():
        return 1, 1
    return (4, 4) if has_long_vectors() and float_dtype() == ti.f32 else (4, 2)


class SoftPass:
    """Buffers and launches of the soft rasterizer for one size: ``forward`` and then ``adjoint``.

    What is blended are the attributes of the faces or, with a ``layout``, the colours that they are shaded to, pair by
    pair.  Then set ``shading``, a ``PointShading`` of this layout, before ``forward``, and ``pyramid_adjoint`` before
    ``adjoint``, which adds to it the adjoints of texels; those of lights and cameras are then in ``partials``, for
    ``light.reduce_partials``.

    Attributes, with V views, F faces and C attributes per corner (3 channels with a layout):
        image (V*H*W, C): softmax-blended attributes or colours.
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
        buffers=None,
        name="soft",
    ):
        """``attributes``: how many each corner has, or the ``at_points.Layout`` to shade them by.

        ``packet``: columns and rows of a packet, powers of two, at most ``MAX_LANES`` pixels; by default (1, 1) on a
        GPU and (4, 2) on a CPU, in single precision (4, 4) on one with AVX-512.  With a layout it is (1, 1): light has
        branches.  ``buffers``: whose arrays it uses, their names beginning with ``name``.
        """
        self.views, self.faces, self.width, self.height = views, faces, width, height
        self.layout = None if isinstance(attributes, int) else attributes
        self.attributes, self.channels = (attributes,) * 2 if self.layout is None else (attributes.channels, 3)
        self.modes = choose_modes(alpha, color, distance)
        self.shape = _choose_packet(packet, self.layout is not None)
        self.double = float_dtype() == ti.f64
        self.bands = max(1, min(64, TASKS // (views * faces)))
        self.groups = faces if self.layout is None else max(1, min(faces, COLUMNS // (views * self.bands)))
        self.shading = self.pyramid_adjoint = self.partials = self.share = None
        self._buffers, self._name = buffers or Buffers(), name
        self._bins = TileBins(self._buffers, f"{name}_bins")
        self._cut_bins = TileBins(self._buffers, f"{name}_cut_bins")
        self._allocate()

    def _get(self, name, shape, dtype=None):
        return self._buffers.get(f"{self._name}_{name}", shape, dtype)

    def _allocate(self):
        get, items, pixels = self._get, self.views * self.faces, self.views * self.width * self.height
        self._tiles = self.views * -(-self.width // TILE) * -(-self.height // TILE)
        self._padded = self._tiles * TILE**2
        self.records = get("records", (items, record_length(self.attributes)))
        self.kinds = get("kinds", (items,), ti.i32)
        self.boxes, self.cut_boxes = get("boxes", (items, 4), ti.i32), get("cut_boxes", (items, 4), ti.i32)
        self._any_cut = get("any_cut", (1,), ti.i32)
        self.image = get("image", (pixels, self.channels))
        self.alpha, self.depth = get("alpha", (pixels,)), get("depth", (pixels,))
        self.face_id = get("face_id", (pixels,), ti.i32)
        self.barycentrics = get("barycentrics", (pixels, 3))
        state = get("state", (self._padded * STATE,))
        self._outputs = Outputs(self.image, self.alpha, self.depth, self.face_id, self.barycentrics, state)
        self._offsets = self._buffers.constant(f"{self._name}_offsets", lane_offsets(self.shape))
        # a power of two: LLVM must see that the lanes' addresses are consecutive
        self._packed_rows = 1 << (PACKED + self.channels - 1).bit_length()
        lanes = self.shape[0] * self.shape[1]
        self._scratch = None
        if lanes > 1:
            packets = scratch_packets(lanes)
            sums = get("scratch", (packets << scratch_shift(self.channels, lanes),))
            order = self._buffers.counting(f"{self._name}_order", packets)
            self._scratch = (sums, order, get("deepest", (packets,)), get("drawn", (1,), ti.i32))

    def forward(
        self,
        clip,
        faces,
        attributes,
        attribute_faces,
        background,
        near,
        far,
        sigma,
        gamma,
        *,
        world=None,
        orthographic=False,
    ):
        """Renders into ``image``, ``alpha``, ``depth``, ``face_id`` and ``barycentrics``.

        Args:
            clip: (V*N, 4) X, Y, W, depth.  The screen position is (X/W, Y/W).
            faces: (F, 3) i32.
            attributes: (V*M, C), attribute_faces: (F, 3) i32, the rows of every corner within a view.
            background: (C,), with a layout (3,).
            near, far: depths; sigma, gamma: sharpness of the coverage (screen units squared) and of the depth softmax.
            world: the mesh's ``World``, or None: depths of vast faces are then as exact as the clip coordinates.
            orthographic: whether W is 1, not the depth; read with ``world``.
        """
        self._inputs, self._background = (clip, faces), background
        self._softness = measure_softness(near, far, sigma, gamma, self.modes.distance)
        size = (self.width, self.height)
        self._any_cut[0] = 0
        outputs = (self.records, self.kinds, self.boxes, self.cut_boxes, self._any_cut)
        placed = (*(world or World(clip, self.kinds, clip)), int(world is not None), int(orthographic))
        scalars = (self.views, near, far, math.sqrt(self._softness.tau), *size, *self.shape)
        inputs = (clip, faces, attributes, attribute_faces)
        soft_setup(*inputs, *outputs, *placed, *scalars, self.attributes, self.modes.distance)
        self._bins.build(self.boxes, self.views, self.faces, *size, TILE)
        self._blend(self.boxes, self._bins, cut=False)
        self._cut = bool(self._any_cut[0])
        if self._cut:
            self._cut_bins.build(self.cut_boxes, self.views, self.faces, *size, TILE)
            self._blend(self.cut_boxes, self._cut_bins, cut=True)

    def _blend(self, boxes, bins, cut):
        arrays = (self.records, boxes, *bins.lists, self._background, *self._outputs)
        scalars = (self.views, *self._softness, self.width, self.height)
        statics = (self.modes, self.shape, self.double)
        if self.layout is not None:
            rest = (self._offsets, *scalars, *statics, cut, *self.shading.flat())
            soft_forward_shaded(*self._inputs, *arrays, *rest)
        elif cut or self._scratch is None:
            soft_forward(*arrays, self._offsets, *scalars, self.channels, *statics, cut)
        else:
            scratch = (*self._scratch, cpu_threads())
            statics = (self.channels, *statics, math.prod(self.shape))
            soft_forward_tiles(*arrays, self._offsets, *scratch, *scalars, *statics)

    def background_shares(self):
        """The background's share (V*H*W,) of every pixel of the last ``forward``, kept as ``share``."""
        self.share = self._get("share", (self.image.shape[0],))
        scalars = (*self._softness[:3], self.width, self.height)
        background_shares(self.face_id, self._outputs.state, self.share, *scalars, self.modes, self.shape, self.double)
        return self.share

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
            adjacency, attribute_adjacency: ``gather.Adjacency`` of ``faces`` and of ``attribute_faces``.
        """
        get, (packed_size, corners) = self._get, (self._padded * self._packed_rows, self.views * self.faces * 3)
        packed = get("packed", (packed_size,))
        corner_adjoint = get("corner_adjoint", (self.bands * corners, 4 + self.attributes))
        with_background = background_adjoint is not None
        background_part = get("background_part", (self._tiles if with_background else 1, self.channels))
        self._pack(packed, background_part, with_background, (image_adjoint, alpha_adjoint, depth_adjoint))
        if self.layout is not None:
            lit = (partials_rows(*self.shading.lights.vector.shape), self.views * self.bands * self.groups)
            self.partials = self._buffers.zeroed(f"{self._name}_partials", lit if self.layout.lit else (1, 1))
        self._adjoint_of_faces(self.boxes, packed, corner_adjoint, cut=False)
        if self._cut:
            self._adjoint_of_faces(self.cut_boxes, packed, corner_adjoint, cut=True)
        if self.bands > 1:
            sum_bands(corner_adjoint, corners, self.bands)
        adjacencies, adjoints = (adjacency, attribute_adjacency), (clip_adjoint, attributes_adjoint)
        gather_clip_and_attributes(corner_adjoint, self.attributes, *adjacencies, *adjoints, self.views, self.faces)
        if with_background:
            sum_background(background_part, self._tiles, background_adjoint)

    def _pack(self, packed, background_part, with_background, adjoints):
        inputs = (self.image, self.depth, self.face_id, self._outputs.state, *adjoints)
        scalars = (self._tiles, *self._softness[:3], self.width, self.height)
        statics = (self.channels, self.modes, self._packed_rows, self.shape, self.double, with_background)
        pack_pixel_adjoints(*inputs, packed, background_part, *scalars, *statics)

    def _adjoint_of_faces(self, boxes, packed, corner_adjoint, cut):
        arrays = (*self._inputs, self.records, self.kinds, boxes, packed, corner_adjoint, self._offsets)
        scalars = (self.views, self.bands, self.groups, *self._softness, self.width, self.height)
        statics = (self.modes, self._packed_rows, self.shape, self.double, cut)
        if self.layout is None:
            lanes = 1 if cut else math.prod(self.shape)
            soft_adjoint(*arrays, *scalars, self.attributes, *statics, lanes)
        else:
            shading = (*self.shading.flat(), self.pyramid_adjoint, self.partials)
            soft_adjoint_shaded(*arrays, *scalars, *statics, *shading)
