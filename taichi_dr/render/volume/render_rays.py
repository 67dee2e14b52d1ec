"""What is seen along any rays, without a camera."""

from typing import NamedTuple

import numpy as np
import taichi as ti

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.implicit.radiance.function import RadianceFunction
from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.volume.composite import SEEN
from taichi_dr.kernels.volume.rays import RayBatch
from taichi_dr.render.arguments import require_kind, whole
from taichi_dr.render.volume.hierarchical import HierarchicalSampler
from taichi_dr.render.volume.ray_march import RayMarch
from taichi_dr.render.volume.samplers import EvenSampler, FarSampler, Sampler
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, ArrayLike

BATCH = 1 << 17  # samples at once


class SeenRays(NamedTuple):
    """``color`` (..., 3), ``opacity`` (...,), and ``distance`` (...,): the sum of weights times t, in the rays' t."""

    color: Array
    opacity: Array
    distance: Array


@off_tape
def render_rays(
    function: RadianceFunction,
    origins: ArrayLike,
    directions: ArrayLike,
    near: ArrayLike,
    far: ArrayLike,
    *,
    samples: int = 64,
    added: int = 0,
    background: ArrayLike = 0.0,
    stratified: bool = False,
    seed: int = 0,
    scale: float | None = None,
) -> SeenRays:
    """What is seen of a radiance field along rays ``origins + t directions`` (..., 3), near <= t <= far.

    As NeRF has it, t counts in lengths of the directions, which need not be of length 1: with a camera's rays whose
    depth grows by 1, near and far are planes.  ``added = 0`` is ``samples`` parts of equal lengths, evaluated in
    their middles.  Above, it is hierarchical sampling: ``samples`` of ``function.coarse`` (of the function itself if it
    has none) from near to far, both included, and ``added`` more where those say that something is; the last sample
    stands for all that is behind it.

    Args:
        function: a field of ``dr.radiance``.
        origins, directions: (..., 3), broadcast to each other.
        near, far: numbers, or (...,) of them.
        samples, added: of each ray.
        background: a colour, or one number for a grey; NeRF's pictures are over white, 1.
        stratified: samples at random within their parts, by
        seed: the same one gives the same numbers on every backend.
        scale: where rays go far: samples are even as far as it, world units, and beyond evenly in 1/t.

    Returns:
        Colours over the background, opacities and distances, as NumPy arrays.

    Raises:
        ShapeError: shapes that do not fit.
        InputError: directions of length 0, or near and far that are not in order.

    >>> nerf = dr.radiance.NeRF.load("hotdog.npz")  # doctest: +SKIP
    >>> seen = render_rays(nerf, eye, directions, 2, 6, samples=64, added=128, background=1)  # doctest: +SKIP
    """
    require_kind("function", function, RadianceFunction)
    samples, added = whole("samples", samples), int(added)
    if added and (samples < 3 or added < 2):
        raise InputError(f"expected at least 3 samples and 2 added ones, got {samples} and {added}")
    eyes, turns, length, ends, shape = _checked(origins, directions, near, far)
    function.check()
    for inputs in function.inputs:
        inputs.pull()
    buffers = Buffers()
    sampler: Sampler = EvenSampler(buffers, samples, stratified, seed)
    if added:
        sampler = HierarchicalSampler(buffers, samples, added, stratified, seed, scale)
    elif scale is not None:
        sampler = FarSampler(buffers, samples, stratified, scale, seed)
    march = RayMarch(buffers, function, sampler, 0.0)
    seen = np.zeros((len(eyes), SEEN))
    size = max(1, BATCH // sampler.most)
    for start in range(0, len(eyes), size):
        part = slice(start, min(start + size, len(eyes)))
        count = part.stop - start
        pixel = array_from(np.arange(start, part.stop), ti.i32)
        rays = RayBatch(array_from(eyes[part]), array_from(turns[part]), array_from(ends[part]), pixel, count)
        found = buffers.at_least("seen", count, columns=(SEEN,))
        march.add_up(march.evaluate(rays), found)
        seen[part] = found.to_numpy()[:count]
    color = seen[:, :3] + (1 - seen[:, 3:4]) * np.broadcast_to(background, (3,))
    return SeenRays(color.reshape(*shape, 3), seen[:, 3].reshape(shape), (seen[:, 4] / length).reshape(shape))


def _checked(origins, directions, near, far):
    """Of all rays: origins, unit directions, what the lengths were, ends; and the shape that there are so many of."""
    origins, directions = np.asarray(origins, np.float64), np.asarray(directions, np.float64)
    try:
        origins, directions = np.broadcast_arrays(origins, directions)
        shape = origins.shape[:-1]
        ends = np.stack([np.broadcast_to(np.asarray(each, np.float64), shape) for each in (near, far)], axis=-1)
    except ValueError:
        raise ShapeError(
            f"expected origins and directions (..., 3), near and far (...,), got {origins.shape}, {directions.shape},"
            f" {np.shape(near)} and {np.shape(far)}"
        ) from None
    if origins.shape[-1:] != (3,):
        raise ShapeError(f"expected origins and directions (..., 3), got {origins.shape}")
    length = np.linalg.norm(directions, axis=-1, keepdims=True)
    if not (np.isfinite(origins).all() and np.isfinite(length).all() and (length > 0).all()):
        raise InputError("expected finite origins, and directions of a finite length above 0")
    if not (np.isfinite(ends).all() and (ends[..., 0] < ends[..., 1]).all()):
        raise InputError("expected near < far, both finite")
    rows = (
        origins.reshape(-1, 3),
        (directions / length).reshape(-1, 3),
        length.reshape(-1),
        (ends * length).reshape(-1, 2),
    )
    return *rows, shape
