"""Options of ``taichi-dr reconstruct --as hash``."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from tyro.conf import arg

from taichi_dr.jobs.settings.domains import at_least, positive, within
from taichi_dr.jobs.settings.radiance import RadianceSettings
from taichi_dr.jobs.settings.reconstruct import As


@dataclass(frozen=True)
class HashSettings(RadianceSettings):
    """A radiance field of a hash grid and two small networks (Instant NGP), from posed images.

    Grids of several resolutions, whose points share the rows of tables where they are fine, say what a point is like;
    small networks make density and colour of it.  Rays have samples only where something was found.  On two CPU cores,
    100 images of 400 x 400 pixels (lego) gave 31.2 dB on held-out views after four minutes.

    Images without alpha are photographs: the field fills all of space, what is far away drawn together (Mip-NeRF 360).

    writes to OUT, besides what every kind writes:
      scene.npz             the field; taichi-dr render draws it
      depth.png             some of the views, and how far away what is seen in them is
      orbit.mp4             a turn around it (orbit.gif without pip install av); for photographs path.mp4, a flight
                            past their cameras

    examples:
      taichi-dr reconstruct lego out/lego --as hash --minutes 10
      taichi-dr reconstruct lego out/lego --as hash --minutes 10 --log2-rows 14 --export mesh.ply
      taichi-dr reconstruct photographs out/photographs --as hash --minutes 15 --exposure
      taichi-dr render out/lego/scene.npz lego.png --turntable lego.gif

    taichi-dr reconstruct --help explains DATA, OUT and --resume.
    """

    DEFAULT_STEPS: ClassVar[int] = 4000

    #: What to reconstruct.
    kind: As = "hash"
    #: Stop after this many steps in all.
    steps: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 4000 without --minutes)")] = None
    #: Grids, from the coarsest to the finest.
    levels: int = 8
    #: Numbers at each point of a grid.
    width: int = 4
    #: Cells of the coarsest grid along the longest side.
    coarsest: int = 16
    #: Cells of the finest grid.
    finest: int = 512
    #: Rows of a grid's table at most, as a power of two: grids with more points have them share rows. More: finer
    #: detail; slower steps where the tables do not fit the processor's cache.
    log2_rows: int = 16
    #: Samples per step; the number of rays follows. More: steadier and slower steps.
    samples: int = 32768
    #: Step size at first; a twentieth of it at last. Larger: sooner there, and noisier.
    lr: float = 2e-2
    #: Where there may be something: in a box around the object; or anywhere, what is far away drawn together. auto:
    #: anywhere if the images have no alpha, as photographs.
    space: Literal["auto", "box", "unbounded"] = "auto"
    #: Fit a gain of each channel of each training image too: for photographs of changing exposure or white balance.
    #: Held-out images are compared without.
    exposure: bool = False
    #: Weight of how far apart what is seen on a ray is. Larger: less fog before surfaces, and less of what is
    #: transparent.
    distortion: Annotated[float | None, arg(help_behavior_hint="(default: 0; 0.005 where space is unbounded)")] = None

    def check(self):
        """Raises InputError if a value is outside its domain."""
        super().check()
        within(1, 32, "", levels=self.levels, width=self.width)
        within(1, 4096, "cells", coarsest=self.coarsest)
        within(self.coarsest, 4096, "cells", finest=self.finest)
        within(4, 22, "", log2_rows=self.log2_rows)
        at_least(256, samples=self.samples)
        if self.distortion is not None:
            at_least(0, distortion=self.distortion)
        positive(lr=self.lr)
