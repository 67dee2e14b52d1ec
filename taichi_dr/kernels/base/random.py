"""Random numbers that depend on nothing but where they are asked for: the same on every backend, in any order.

Source: Jarzynski and Olano, Hash Functions for GPU Rendering, 2020 (pcg3d).
"""

import taichi as ti


@ti.func
def uniform(seed, index, dimension):
    """A number in [0, 1), evenly distributed, of three integers: which run, which ray or sample, which number of it.

    A multiple of 2^-24, so that it is one number in single and in double precision.
    """
    x, y, z = _scrambled(ti.cast(seed, ti.u32), ti.cast(index, ti.u32), ti.cast(dimension, ti.u32))
    return _fraction(x ^ y ^ z)


@ti.func
def uniform_pair(seed, index, dimension):
    """Two numbers in [0, 1) like ``uniform``, from one hash."""
    x, y, z = _scrambled(ti.cast(seed, ti.u32), ti.cast(index, ti.u32), ti.cast(dimension, ti.u32))
    return _fraction(x ^ z), _fraction(y ^ (z >> ti.u32(7)))


@ti.func
def spread_pair(seed, index, count, dimension):
    """Two numbers in [0, 1) of each of ``count`` samples in a row, which are spread evenly over the square together.

    Samples ``index - index % count`` to ``... + count`` are points of the additive sequence of the plastic number's
    powers, moved around by one random pair.  Multiples of 2^-24.

    Source: Roberts, The Unreasonable Effectiveness of Quasirandom Sequences, 2018 (R2).
    """
    group, sample = index // count, ti.cast(index % count, ti.u32)
    x, y, z = _scrambled(ti.cast(seed, ti.u32), ti.cast(group, ti.u32), ti.cast(dimension, ti.u32))
    first, second = x ^ z, y ^ (z >> ti.u32(7))
    return _fraction(first + sample * ti.u32(3242174889)), _fraction(second + sample * ti.u32(2447445414))


@ti.func
def _fraction(x):
    """The upper 24 bits of 32, as a number in [0, 1)."""
    return ti.cast(ti.cast(x >> ti.u32(8), ti.i32), float) * (1.0 / 16777216.0)


@ti.func
def _scrambled(x, y, z):
    """Three 32-bit integers of which every bit depends on every bit of those given."""
    factor, shift = ti.u32(1664525), ti.u32(1013904223)
    x, y, z = x * factor + shift, y * factor + shift, z * factor + shift
    for _ in ti.static(range(2)):
        x += y * z
        y += z * x
        z += x * y
        x, y, z = x ^ (x >> ti.u32(16)), y ^ (y >> ti.u32(16)), z ^ (z >> ti.u32(16))
    return x, y, z
