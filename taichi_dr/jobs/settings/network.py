"""Options of ``taichi-dr reconstruct --as network``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from taichi_dr.jobs.settings.domains import Backend


@dataclass(frozen=True)
class NetworkSettings:
    """A coloured mesh from one image, by a network that has learnt what such things look like from behind.

    IMAGE is a picture with a transparent background, of any size: the object is put into the middle.  The network that
    comes with the package knows aeroplanes, boats, cars, chairs, cupboards, lamps, sofas and tables, from a little
    above, in simple colours; taichi-dr train-reconstructor makes others.  It needs PyTorch: pip install
    'taichi-dr[torch]'.

    The mesh is in axes of its own: y up, the front towards +x, in the cube from -0.5 to 0.5.  What the network says of
    the sides that the image does not show is a guess.

    writes to OUT:
      mesh.obj, .glb        the mesh with vertex colours
      preview.png           the image, the mesh from where it fits best, and from behind
      turntable.gif         the mesh turning
      metrics.json          where it fits best, and how well: "azimuth_deg", "silhouette_iou"

    examples:
      taichi-dr reconstruct chair.png out/chair --as network
      taichi-dr reconstruct chair.png out/chair --as network --model out/model
    """

    #: The picture: PNG with alpha.
    data: Annotated[Positional[Path], arg(metavar="IMAGE")]
    #: The folder to make.
    out: Positional[Path]
    #: What to reconstruct.
    kind: Annotated[str, arg(name="as", metavar="network")] = "network"
    #: What taichi-dr train-reconstructor has made: its folder, or the file model.npz.
    model: Annotated[Path | None, arg(metavar="MODEL", help_behavior_hint="(default: the package's own)")] = None
    #: Replace OUT if it exists.
    overwrite: bool = False
    #: Where to draw; auto takes CUDA, then a Vulkan GPU, then the CPU.
    backend: Backend = "auto"

    @property
    def title(self):
        """A line on what is to be done."""
        return f"a mesh from {self.data}"

    def check(self):
        """Raises InputError if a value is outside its domain: there is none."""
