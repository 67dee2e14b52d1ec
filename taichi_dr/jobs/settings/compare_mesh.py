"""Options of ``taichi-dr compare-mesh``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from taichi_dr.jobs.settings.domains import at_least, positive


@dataclass(frozen=True)
class CompareMeshSettings:
    """How far a mesh is from a reference, judged in 3-D.

    Points are drawn on both surfaces, uniformly by area, and each is compared with the point of the other surface that
    is nearest to it. The numbers:

      chamfer        mean distance, both ways; the mean of the next two
      accuracy       mean distance from MESH to REFERENCE: large if there is too much
      completeness   mean distance from REFERENCE to MESH: large if something is missing
      Hausdorff      the largest distance of any of the points, either way
      normal error   mean angle between the normals, 0 to 90 degrees
      F-score        harmonic mean of the shares of both surfaces that are within --threshold
                     of the other one: 1 where all is
      IoU            overlap of the volumes: 1 where they are equal (of watertight meshes)
      parts, genus   pieces of the surface, and their handles together: a torus has 1
      watertight     two faces at every edge, which agree on what is outside

    Distances are in the units of REFERENCE and in parts of its diagonal, that of its bounding box. Surfaces that are
    hidden inside count like all others: what images do not show is missing from what is made of them.

    examples:
      taichi-dr compare-mesh out/car-mesh/mesh.obj car
      taichi-dr compare-mesh out/spot-mesh/mesh.ply spot.obj --normalize --json spot.json
      taichi-dr compare-mesh scan.ply model.stl --align turn
    """

    #: A mesh file (.obj, .ply, .stl, .off, .glb, .gltf), or a shape: car, airplane, icosphere, sphere, torus, box,
    #: plane, cylinder, cone, all of radius 1.
    mesh: Positional[str]
    #: What it should be: a mesh file or a shape.
    reference: Positional[str]
    #: Centre REFERENCE and scale it to radius 1 first, as taichi-dr dataset does: what is reconstructed from its images
    #: is then in its place.
    normalize: bool = False
    #: Scale and move MESH first to where it agrees best with REFERENCE (scale), and turn it too, by up to about
    #: 30 degrees (turn).
    align: Literal["none", "scale", "turn"] = "none"
    #: How near is near for the F-score, > 0, in diagonals of REFERENCE.
    threshold: float = 0.01
    #: Points on each surface. More: surer numbers, a longer wait.
    samples: int = 20_000
    #: Also write the numbers to a file.
    json: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="(default: none)")] = None
    #: Seed of the points: the same seed gives the same numbers.
    seed: int = 0

    @property
    def title(self):
        """A line on what is to be done."""
        return f"{self.mesh} beside {self.reference}"

    def check(self):
        """Raises InputError if a value is outside its domain."""
        positive(threshold=self.threshold)
        at_least(1, samples=self.samples)
        at_least(0, seed=self.seed)
