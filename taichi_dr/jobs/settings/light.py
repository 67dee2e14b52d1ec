"""Options of ``taichi-dr reconstruct --as light``."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from tyro.conf import arg

from taichi_dr.jobs.settings.domains import at_least
from taichi_dr.jobs.settings.reconstruct import As, ReconstructSettings


@dataclass(frozen=True)
class LightSettings(ReconstructSettings):
    """A mesh with colours that have no light in them, the light, and how it shines, by ray tracing.

    The shape is that of another result (--init out/car-mesh), or a mesh that more than half of the budget goes to. It
    stays, and gradients through the ray tracer find one directional light, ambient light, an albedo at each vertex,
    and one highlight for all; shadows are in the pictures, how they move is not in the gradients. Of lights and
    albedos that explain the images alike it takes those with the fewest colours. Its tint and how bright it is
    nothing tells: it is white, and 1 in the mean over all directions.

    writes to OUT, besides what every kind writes:
      mesh.obj, .ply, .glb  the mesh with its albedo as vertex colours, in the axes and units of the transform matrices
      light.json            ambient and directional light, and the highlight: Blinn-Phong's weight and
                            exponent
      light.png             an input image, the render, its albedo, its light, and all of it in another light

    examples:
      taichi-dr reconstruct out/car out/car-light --as light --init out/car-mesh
      taichi-dr reconstruct out/car out/car-light --as light --minutes 2

    taichi-dr reconstruct --help explains DATA, OUT and --resume.
    """

    DEFAULT_STEPS: ClassVar[int] = 200

    #: What to reconstruct.
    kind: As = "light"
    #: Stop after this many steps in all.
    steps: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 200 without --minutes)")] = None
    #: What to start from: OUT of another reconstruct, of any kind, whose surface is kept; or, as for --as mesh, sphere,
    #: hull or a mesh file, which becomes a mesh first.
    init: Annotated[str, arg(metavar="{sphere,hull,FILE,FOLDER}")] = "sphere"
    #: Largest number of faces. More: finer detail of the albedo, if the images have it.
    faces: int = 45000
    #: Longer side of the images that are traced. More: finer detail and slower steps.
    size: Annotated[int | None, arg(metavar="PIXELS", help_behavior_hint="(default: the images' own, 256 at most)")] = (
        None
    )
    #: Images per step of the light's part. More: steadier and slower steps.
    batch: int = 2

    def check(self):
        """Raises InputError if a value is outside its domain."""
        super().check()
        at_least(20, faces=self.faces)
        at_least(1, batch=self.batch)
