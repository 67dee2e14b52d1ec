"""What a row is: all numbers of a vertex of a radiance grid, as one vector of the processor's width.

Lane ``3 b + c`` is the coefficient of the spherical harmonic b for colour c; then comes the density's, and the largest
weight that a sample near the vertex had, by which a grid is pruned; the other lanes are zero.
"""

from typing import NamedTuple

import taichi as ti

from taichi_dr.kernels.networks.spherical_harmonics import size
from taichi_dr.runtime import float_dtype

WIDTHS = {0: 8, 1: 16, 2: 32}


class Layout(NamedTuple):
    """Of rows whose colours are spherical harmonics up to ``degree`` 0, 1 or 2; a template of the kernels.

    ``double``: whether the kernels compute in double precision.
    """

    degree: int
    double: bool = False

    @property
    def harmonics(self):
        """Their number."""
        return size(self.degree)

    @property
    def density(self):
        """The density's lane."""
        return 3 * self.harmonics

    @property
    def weight(self):
        """The weight's lane."""
        return self.density + 1

    @property
    def lanes(self):
        """Of a row."""
        return WIDTHS[self.degree]


def layout_of(degree):
    """The Layout in this run's precision."""
    return Layout(degree, float_dtype() == ti.f64)
