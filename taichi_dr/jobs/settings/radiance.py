"""Options that every radiance field has that is reconstructed."""

from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import arg

from taichi_dr.jobs.settings.domains import at_least
from taichi_dr.jobs.settings.reconstruct import ReconstructSettings


@dataclass(frozen=True)
class RadianceSettings(ReconstructSettings):
    """A radiance field, from posed images."""

    #: Also write a mesh of what is dense, with vertex colours: mesh.ply, mesh.obj or mesh.glb in OUT.
    export: Annotated[Literal["mesh.ply", "mesh.obj", "mesh.glb"] | None, arg(help_behavior_hint="(default: none)")] = (
        None
    )
    #: Nodes along the longest side that the mesh is made from.
    mesh_resolution: int = 256

    def check(self):
        """Raises InputError if a value is outside its domain."""
        super().check()
        at_least(8, mesh_resolution=self.mesh_resolution)
