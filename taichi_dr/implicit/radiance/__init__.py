"""Radiance fields, public as ``taichi_dr.radiance``: density and colour as functions of a point and of a direction.

``Grid``: numbers at the vertices of a grid, with kernels of its own that march through it.
``NeRF``: a network of positions and directions.
``HashNeRF``: a hash grid and two small networks (Instant NGP).
``Contracted``: one of these in a ball, spread over all of space; ``contract``: how, for functions of one's own.
``sdf_density``, ``neus_density``: densities of signed distances, for functions of one's own.

``taichi_dr.implicit.radiance.function.RadianceFunction`` is their contract.  docs/FORMULAS.md has the formulas.
"""

from taichi_dr.implicit.radiance.contracted import Contracted
from taichi_dr.implicit.radiance.grid import Grid
from taichi_dr.implicit.radiance.hash_nerf import HashNeRF
from taichi_dr.implicit.radiance.nerf import NeRF
from taichi_dr.implicit.radiance.sdf_density import neus_density, sdf_density
from taichi_dr.kernels.volume.contract import contract

__all__ = ["Contracted", "Grid", "HashNeRF", "NeRF", "contract", "neus_density", "sdf_density"]
