"""Options of ``taichi-dr reconstruct --as sdf``."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from tyro.conf import arg

from taichi_dr.jobs.settings.domains import at_least, positive, within
from taichi_dr.jobs.settings.reconstruct import As, ReconstructSettings

FEWEST_NODES, MOST_NODES = 32, 320


@dataclass(frozen=True)
class SdfSettings(ReconstructSettings):
    """A signed distance on a grid, with colours, from posed images.

    The surface is where the distance is zero, so that it may have any number of parts and handles.  It begins as what
    all silhouettes allow; then single pixels of all images are compared: the silhouettes' by how near their rays come
    to the surface, the others' by the colours that their rays meet.  With the defaults, 24 images of 256 x 256 pixels
    take less than a minute on two idle CPU cores.

    writes to OUT, besides what every kind writes:
      scene.npz             distances and colours at the grid's points, in the axes and
                            units of the transform matrices; taichi-dr render shows it
      mesh.obj, .ply, .glb  its surface, with vertex colours

    examples:
      taichi-dr reconstruct out/spot out/spot-sdf --as sdf
      taichi-dr reconstruct lego out/lego --as sdf --resolution 192
      taichi-dr reconstruct out/cup out/cup-sdf --as sdf --init ball --minutes 1

    taichi-dr reconstruct --help explains DATA, OUT and --resume.
    """

    DEFAULT_STEPS: ClassVar[int] = 300

    #: What to reconstruct.
    kind: As = "sdf"
    #: Stop after this many steps in all.
    steps: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 300 without --minutes)")] = None
    #: What to start from: hull (the volume that all silhouettes allow); ball; a mesh file, placed as it is in the
    #: axes and units of the transform matrices; or OUT of another reconstruct, of any kind. From a ball or a file,
    #: coarser grids come first.
    init: Annotated[str, arg(metavar="{hull,ball,FILE,FOLDER}")] = "hull"
    #: Whether to begin without the hollows that no silhouette shows, such as the inside of a bowl: solid is taken away
    #: where the colours of the views that see its surface disagree. That takes seconds, and needs colours that vary
    #: over the surface and look alike from everywhere; without them nothing is taken away. Of a hull only.
    carve: bool = True
    #: Points along the longest side of the finest grid, which just holds the object. More: finer detail, if the images
    #: have it, and slower steps: time and memory grow with the square to the cube of it.
    resolution: int = 128
    #: Pixels per step. More: steadier and slower steps.
    pixels: int = 42000
    #: Step size of the surface, in cells of the grid. Larger: hollows that silhouettes do not show are found in fewer
    #: steps, and noise as well.
    lr: float = 0.3
    #: Step size of the colours. Larger: they settle sooner, and jump from pixel to pixel.
    color_lr: float = 0.03
    #: How far the first steps take a distance to the mean of its neighbours', 0 to 1; the last ones a tenth as far.
    #: Larger: a smoother surface, thin parts shrink. Smaller: finer detail, and noise.
    smoothness: float = 0.3

    def check(self):
        """Raises InputError if a value is outside its domain."""
        super().check()
        within(FEWEST_NODES, MOST_NODES, "points", resolution=self.resolution)
        within(0, 1, "", smoothness=self.smoothness)
        at_least(1000, pixels=self.pixels)
        positive(lr=self.lr, color_lr=self.color_lr)
