"""Options of ``taichi-dr reconstruct --as nerf``."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from tyro.conf import arg

from taichi_dr.jobs.settings.domains import at_least, positive
from taichi_dr.jobs.settings.radiance import RadianceSettings
from taichi_dr.jobs.settings.reconstruct import As


@dataclass(frozen=True)
class NerfSettings(RadianceSettings):
    """NeRF as published, from posed images: a coarse and a fine network of positions and directions.

    The defaults are the paper's, and made for GPUs: on two CPU cores a step takes five seconds and a picture of
    100 x 100 pixels twenty.  Small pictures and networks are quicker by far: --size 64 --width 64 --depth 4
    --rays 256 --samples 32 --added 32.  For photographs on CPUs there is --as hash.

    writes to OUT, besides what every kind writes:
      scene.npz             the networks; taichi-dr render draws them
      depth.png             some of the views, and how far away what is seen in them is
      orbit.mp4             a turn around it (orbit.gif without pip install av); for photographs path.mp4, a flight
                            past their cameras

    examples:
      taichi-dr reconstruct lego out/lego --as nerf --steps 100000
      taichi-dr reconstruct lego out/lego --as nerf --size 64 --width 64 --depth 4 --rays 256 --samples 32 --added 32

    taichi-dr reconstruct --help explains DATA, OUT and --resume.
    """

    DEFAULT_STEPS: ClassVar[int] = 20000

    #: What to reconstruct.
    kind: As = "nerf"
    #: Stop after this many steps in all.
    steps: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 20000 without --minutes)")] = None
    #: Rays per step.
    rays: int = 1024
    #: Samples of a ray that the coarse network is evaluated at.
    samples: int = 64
    #: Samples that are added for the fine network where the coarse one says that something is; 0: one network alone.
    added: int = 128
    #: Width of the hidden layers.
    width: int = 256
    #: Hidden layers.
    depth: int = 8
    #: Frequencies of the encoding of positions. More: finer detail, later.
    frequencies: int = 10
    #: Where there may be something: in a box around the object; or anywhere, what is far away drawn together. auto:
    #: anywhere if the images have no alpha, as photographs.
    space: Literal["auto", "box", "unbounded"] = "auto"
    #: What rays and pixels are compared over: white, as the paper has it; or a random colour for each ray, of which
    #: nothing solid can make a white wall: for images with alpha, whose silhouettes count.
    behind: Literal["white", "random"] = "white"
    #: Spread of the random numbers that are added to densities in training. The paper has 1 for photographs.
    noise: float = 0.0
    #: Adam's step size at first; it falls to a tenth.
    lr: float = 5e-4
    #: Steps at first that look at the middle of the pictures only.
    warm_up: int = 500

    def check(self):
        """Raises InputError if a value is outside its domain."""
        super().check()
        at_least(1, rays=self.rays, depth=self.depth, frequencies=self.frequencies)
        at_least(3, samples=self.samples)
        at_least(2, width=self.width)
        at_least(0, added=self.added, noise=self.noise, warm_up=self.warm_up)
        positive(lr=self.lr)
