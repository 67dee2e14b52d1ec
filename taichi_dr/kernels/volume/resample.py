"""Samples where a first look at a ray says that something is: hierarchical sampling of NeRF.

N places divide a ray between its ends into N - 1 equal parts, or are drawn each between the middles of those:

    t_k = near + k / (N - 1) (far - near)

or, where rays go far, evenly in s as ``kernels.volume.sample`` has it for a scale.

A sample stands for the part up to the next one, the last one for all that is behind (``BEYOND``).  The weights
w_k = T_k alpha_k of the first look, those of both ends left out, are a distribution over the parts between the middles
of neighbouring places: piecewise constant, ``(w_k + 1e-5) / sum (w_j + 1e-5)``.  The places that are added are its
inverse cumulative distribution at M numbers u: ``u_j = j / (M - 1)``, or random ones.  They go with the first ones.

Places have no gradient: they only say where the function is evaluated.

Source: Mildenhall et al., NeRF, 2020, section 5.2, and the authors' code.
"""

import taichi as ti

from taichi_dr.kernels.base.random import uniform
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.volume.sample import from_share, to_share

BEYOND = 1e10
"""The length of what the last sample stands for: all that is behind it."""

LEAST_WEIGHT, LEAST_SHARE = 1e-5, 1e-5


@replayed
@ti.kernel
def place_to_ends(
    ends: Rows,
    pixel: Ints,
    rays: ti.i32,
    samples: ti.i32,
    stratified: ti.template(),
    seed: ti.i32,
    scale: float,
    first: Ints,
    t: Numbers,
    lengths: Numbers,
):
    """Writes ``first`` (R+1,), ``t`` and ``lengths`` (R*samples,) of ``rays`` rays with ``ends`` (R, >= 2).

    ``scale``: as far as which places are even; all the way if it is 0.

    Ends 2 and 6 and 3 samples give t = 2, 4, 6 and lengths 2, 2, 1e10.
    """
    for r in range(rays + 1):
        first[r] = r * samples
    for r in range(rays):
        for k in range(samples):
            t[r * samples + k] = _place(ends, pixel, r, k, samples, stratified, seed, scale)
        measure(t, lengths, r * samples, samples)


@ti.func
def _place(ends: ti.template(), pixel: ti.template(), r, k, samples, stratified: ti.template(), seed, scale):
    near, far = ends[r, 0], ends[r, 1]
    share = k / (samples - 1.0)
    if ti.static(stratified):
        lower, upper = ti.max(k - 0.5, 0.0), ti.min(k + 0.5, samples - 1.0)
        share = (lower + (upper - lower) * uniform(seed, pixel[r], k)) / (samples - 1.0)
    place = near * (1.0 - share) + far * share
    if scale > 0.0:
        place = from_share(to_share(near, scale) * (1.0 - share) + to_share(far, scale) * share, scale)
    return place


@ti.func
def measure(t: ti.template(), lengths: ti.template(), begin, count):
    """Writes how far it is from each of ``count`` samples to the next, and ``BEYOND`` for the last one."""
    for i in range(begin, begin + count - 1):
        lengths[i] = t[i + 1] - t[i]
    lengths[begin + count - 1] = BEYOND


@replayed
@ti.kernel
def place_by_weights(
    t: Numbers,
    lengths: Numbers,
    values: Rows,
    pixel: Ints,
    rays: ti.i32,
    samples: ti.i32,
    added: ti.i32,
    random: ti.template(),
    seed: ti.i32,
    weights: Numbers,
    first: Ints,
    all_t: Numbers,
    all_lengths: Numbers,
):
    """Writes ``first`` (R+1,), ``all_t`` and ``all_lengths`` (R*(samples+added),): the first samples and those added.

    ``t``, ``lengths`` (R*samples,) and ``values`` (R*samples, 4): of the first look, at least 3 samples of each ray;
    ``weights`` (R*samples,) is scratch.
    """
    for r in range(rays + 1):
        first[r] = r * (samples + added)
    for r in range(rays):
        here, there = r * samples, r * (samples + added)
        total, through = 0.0, 1.0
        for k in range(samples):
            left = through * ti.exp(-values[here + k, 0] * lengths[here + k])
            weights[here + k] = through - left + LEAST_WEIGHT
            through = left
            total += ti.select(k > 0 and k < samples - 1, weights[here + k], 0.0)
            all_t[there + k] = t[here + k]
        for j in range(added):
            u = j / (added - 1.0)
            if ti.static(random):
                u = uniform(seed, pixel[r], samples + j)
            insert(all_t, there, samples + j, _inverse(t, weights, here, samples, total, u))
        measure(all_t, all_lengths, there, samples + added)


@ti.func
def _inverse(t: ti.template(), weights: ti.template(), begin, samples, total, u):
    """Where the cumulative distribution of a ray is u."""
    k, below, share = 1, 0.0, weights[begin + 1] / total
    while u >= below + share and k < samples - 1:
        below += share
        k += 1
        share = weights[begin + k] / total
    lower = 0.5 * (t[begin + k - 1] + t[begin + k])
    place = lower
    if k < samples - 1:
        upper = 0.5 * (t[begin + k] + t[begin + k + 1])
        place = lower + (u - below) / ti.select(share < LEAST_SHARE, 1.0, share) * (upper - lower)
    return place


@ti.func
def insert(t: ti.template(), begin, count, place):
    """Puts a place into ``count`` ascending ones that begin at ``begin``."""
    i = begin + count
    while i > begin and t[i - 1] > place:
        t[i] = t[i - 1]
        i -= 1
    t[i] = place
