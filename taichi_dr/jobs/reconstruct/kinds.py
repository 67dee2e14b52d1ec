"""What ``taichi-dr reconstruct --as`` can make: the one table of kinds.

It holds names of classes, so that a help text imports no kind, and a kind no other.
"""

from pkgutil import resolve_name
from typing import NamedTuple

from taichi_dr.errors import InputError


class Entry(NamedTuple):
    """A kind: what it makes, and its ``Kind`` and its ``ReconstructSettings`` as ``module:class``."""

    brief: str
    kind: str
    settings: str


KINDS = {
    "mesh": Entry(
        "a mesh with vertex colours",
        "taichi_dr.jobs.reconstruct.mesh:MeshReconstruction",
        "taichi_dr.jobs.settings.mesh:MeshSettings",
    ),
    "sdf": Entry(
        "a signed distance on a grid with colours, of any topology, and its mesh",
        "taichi_dr.jobs.reconstruct.sdf:SdfReconstruction",
        "taichi_dr.jobs.settings.sdf:SdfSettings",
    ),
    "light": Entry(
        "a mesh without light in its colours, the light, and how it shines",
        "taichi_dr.jobs.reconstruct.relight.kind:LightReconstruction",
        "taichi_dr.jobs.settings.light:LightSettings",
    ),
    "grid": Entry(
        "a radiance field on a grid",
        "taichi_dr.jobs.reconstruct.radiance.grid:GridReconstruction",
        "taichi_dr.jobs.settings.grid:GridSettings",
    ),
    "hash": Entry(
        "a radiance field of a hash grid and two small networks",
        "taichi_dr.jobs.reconstruct.radiance.hash:HashReconstruction",
        "taichi_dr.jobs.settings.hash:HashSettings",
    ),
    "nerf": Entry(
        "NeRF as published: two networks of positions and directions",
        "taichi_dr.jobs.reconstruct.radiance.nerf:NeRFReconstruction",
        "taichi_dr.jobs.settings.nerf:NerfSettings",
    ),
}

DEFAULT = "mesh"


def kind_class(name):
    """The subclass of ``Kind`` that goes by a name.

    Raises:
        InputError: there is none (the message lists those that there are).
    """
    return resolve_name(_entry(name).kind)


def settings_class(name):
    """The subclass of ``ReconstructSettings`` of the kind that goes by a name; errors as ``kind_class``."""
    return resolve_name(_entry(name).settings)


def _entry(name):
    if name not in KINDS:
        raise InputError(f"--as: expected {' or '.join(KINDS)}, got {name}")
    return KINDS[name]
