"""Options of ``taichi-dr reconstruct --as grid``."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from tyro.conf import arg

from taichi_dr.jobs.settings.domains import at_least, positive, within
from taichi_dr.jobs.settings.radiance import RadianceSettings
from taichi_dr.jobs.settings.reconstruct import As

FEWEST_VERTICES, MOST_VERTICES = 32, 640


@dataclass(frozen=True)
class GridSettings(RadianceSettings):
    """A radiance field on a grid, from posed images.

    Density, and colours that depend on the direction they are seen from, at the vertices of a grid, which rays march
    through.  The grid is coarse at first, and loses the parts that nothing is seen in.  It is the fastest of the
    radiance fields on CPUs: 100 images of 400 x 400 pixels take two minutes on two cores for pictures that convince.
    It ends at the box around the object: images with alpha are what it is for, photographs are for --as hash.

    writes to OUT, besides what every kind writes:
      scene.npz             the field; taichi-dr render draws it
      depth.png             some of the views, and how far away what is seen in them is
      orbit.mp4             a turn around it (orbit.gif without pip install av)

    examples:
      taichi-dr reconstruct lego out/lego --as grid --minutes 2
      taichi-dr reconstruct lego out/lego --as grid --minutes 10 --export mesh.ply
      taichi-dr render out/lego/scene.npz lego.png --turntable lego.gif
      torchrun --nproc-per-node=2 -m taichi_dr reconstruct lego out/lego --as grid

    taichi-dr reconstruct --help explains DATA, OUT and --resume.
    """

    DEFAULT_STEPS: ClassVar[int] = 2500

    #: What to reconstruct.
    kind: As = "grid"
    #: Stop after this many steps in all.
    steps: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 2500 without --minutes)")] = None
    #: What to start from: OUT of another reconstruct, of any kind, whose surface and colours become dense cells.
    init: Annotated[
        str | None, arg(metavar="FOLDER", help_behavior_hint="(default: fog wherever silhouettes allow anything)")
    ] = None
    #: Vertices along the longest side of the finest grid. More: finer detail, if the images have it, slower steps, and
    #: more memory.
    resolution: Annotated[
        int | None, arg(metavar="N", help_behavior_hint="(default: cells as large as the images' pixels)")
    ] = None
    #: Degree of the spherical harmonics that colours are made of: 0, the same from everywhere; 1; 2, for glossy things.
    degree: int = 1
    #: Tiles of 8 x 8 pixels per step. More: steadier and slower steps.
    tiles: int = 256
    #: Step size of the numbers that colours are made of, at first. Larger: sooner there, and noisier.
    lr: float = 0.2
    #: Weight of the differences between neighbouring vertices. Larger: smoother, and less detail.
    smoothness: float = 2e-5

    def check(self):
        """Raises InputError if a value is outside its domain."""
        super().check()
        if self.resolution is not None:
            within(FEWEST_VERTICES, MOST_VERTICES, "vertices", resolution=self.resolution)
        within(0, 2, "", degree=self.degree)
        at_least(1, tiles=self.tiles)
        at_least(0, smoothness=self.smoothness)
        positive(lr=self.lr)
