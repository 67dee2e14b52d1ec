"""Options of ``taichi-dr convert``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from taichi_dr.jobs.settings.domains import at_least, colored


@dataclass(frozen=True)
class ConvertSettings:
    """Photographs with cameras, in any format that is read, as a data set of NeRF's Blender format: PNG images without
    distortion in OUT/train (and OUT/test, if DATA has some), with transforms_train.json (and transforms_test.json).

    DATA is what taichi-dr inspect takes: NeRF, nerfstudio, instant-ngp, COLMAP, LLFF, NeuS, Record3D. World units stay.

    examples:
      taichi-dr convert photographs out/photographs
      taichi-dr convert scan/cameras_sphere.npz out/scan --size 800
    """

    #: Folder of posed images, or the file that has their cameras.
    data: Positional[Path]
    #: The folder to make.
    out: Positional[Path]
    #: Longer side of the images to write, in pixels; smaller ones stay as they are.
    size: Annotated[int | None, arg(metavar="PIXELS", help_behavior_hint="(default: the images' own)")] = None
    #: Leave out images that are missing.
    skip_missing: bool = False
    #: Key this background of images without alpha or masks: a colour (white, "#rrggbb"), or auto, which finds
    #: the one colour of their borders.
    background: Annotated[str | None, arg(metavar="COLOR|auto", help_behavior_hint="(default: none is keyed)")] = None
    #: Replace OUT if it exists.
    overwrite: bool = False

    @property
    def title(self):
        """A line on what is to be done."""
        return f"{self.data} in the format of NeRF"

    def check(self):
        """Raises InputError if a value is outside its domain."""
        if self.size is not None:
            at_least(8, size=self.size)
        colored(self.background)
