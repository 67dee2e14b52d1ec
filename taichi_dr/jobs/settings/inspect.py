"""Options of ``taichi-dr inspect``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from taichi_dr.jobs.settings.domains import colored

PICTURE = "inspect.png"


@dataclass(frozen=True)
class InspectSettings:
    """What is understood of photographs with cameras: prints it, and draws cameras, points, bounds and images.

    DATA is a folder of images with cameras, or the file that has the cameras, in one of these formats:

      transforms_train.json  NeRF's Blender scenes; transforms.json: also nerfstudio, instant-ngp
      sparse/0               COLMAP, text or binary, beside images (and masks)
      poses_bounds.npy       LLFF, beside images
      cameras_sphere.npz     NeuS, IDR (DTU), beside image (and mask)
      metadata.json          Record3D, beside rgb

    In every image the axes of the world (x red, y green, z blue) and a cube around the scene are drawn at the centre of
    what the cameras look at: they stick to one place of the scene if the poses are read right. It warns if the
    cameras look at nothing in common, which wrong conventions of poses do, and says which one would fit.

    Images without alpha show no silhouette: --background white (or auto) keys their background, and what is left is
    drawn.

    examples:
      taichi-dr inspect photographs
      taichi-dr inspect photographs --background auto
      taichi-dr inspect llff/fern/poses_bounds.npy --picture out/fern.png
    """

    #: Folder of posed images, or the file that has their cameras.
    data: Positional[Path]
    #: The image to write: PNG or JPEG.
    picture: Annotated[Path, arg(metavar="FILE")] = Path(PICTURE)
    #: Leave out images that are missing.
    skip_missing: bool = False
    #: Key this background of images without alpha or masks: a colour (white, "#rrggbb"), or auto, which finds
    #: the one colour of their borders.
    background: Annotated[str | None, arg(metavar="COLOR|auto", help_behavior_hint="(default: none is keyed)")] = None

    @property
    def title(self):
        """A line on what is to be done."""
        return f"what {self.data} is"

    def check(self):
        """Raises InputError if a value is outside its domain."""
        colored(self.background)
