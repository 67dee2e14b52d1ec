"""Options of ``taichi-dr train-reconstructor``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from taichi_dr.jobs.settings.domains import Backend, at_least, budget


@dataclass(frozen=True)
class TrainReconstructorSettings:
    """A network that makes a coloured mesh of one image, trained on pictures alone.

    DATA is a set of shapes in 24 small views each.  If there is none, it is made: of procedural aeroplanes, boats,
    cars, chairs, cupboards, lamps, sofas and tables, or with --meshes of the mesh files in the folders of a folder, one
    in five of which is held out.

    Training sees two views of a shape at a time, silhouettes and colours, and no shape itself.  The 32 x 32 x 32 voxels
    in DATA are for the report alone.  It needs PyTorch: pip install 'taichi-dr[torch]'.

    writes to MODEL:
      model.npz             the network, for taichi-dr reconstruct --as network --model MODEL
      metrics.json          the overlap with shapes that it has not seen, by category; steps, seconds, ...
      examples.png          pictures of such shapes, and what the network makes of them
      losses.png            the losses by step
      state.npz             what --resume continues from

    Ctrl-C stops early and still writes all of it, once more stops at once; --resume continues from there.

    examples:
      taichi-dr train-reconstructor out/shapes out/model
      taichi-dr train-reconstructor out/shapes out/model --resume --minutes 60
      taichi-dr train-reconstructor out/mine out/my-model --meshes my-meshes
    """

    #: A set of shapes, which is made if there is none.
    data: Positional[Path]
    #: The folder to make.
    model: Positional[Path]
    #: Number of procedural training shapes in a set that is made; a tenth as many more are held out.
    count: int = 4000
    #: A folder of folders of meshes (.ply, .obj, .glb, .gltf, .stl, .off), each a category, to make the set of in
    #: place of procedural shapes.
    meshes: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="(default: procedural shapes)")] = None
    #: Stop after this many steps in all.
    steps: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: no limit)")] = None
    #: Stop after this many minutes of training in all.
    minutes: Annotated[float | None, arg(metavar="M", help_behavior_hint="(default: 30 without --steps)")] = None
    #: Shapes per step.
    batch: int = 16
    #: Continue what MODEL holds: only --steps and --minutes, if one of them is given, and --backend are taken anew.
    resume: bool = False
    #: Replace MODEL if it exists.
    overwrite: bool = False
    #: Where to render; auto takes CUDA, then a Vulkan GPU, then the CPU.
    backend: Backend = "auto"
    #: Seed of the shapes, of the first weights, and of what a step draws.
    seed: int = 0

    @property
    def title(self):
        """A line on what is to be done."""
        return f"continuing {self.model}" if self.resume else f"a network for single images, from {self.data}"

    def check(self):
        """Raises InputError if a value is outside its domain."""
        budget(self.steps, self.minutes, self.resume, self.overwrite)
        at_least(2, batch=self.batch)
        at_least(0, seed=self.seed)
        at_least(1, count=self.count)
