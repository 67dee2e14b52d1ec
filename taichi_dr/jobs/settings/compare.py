"""Options of ``taichi-dr compare``."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from tyro.conf import Positional, arg

from taichi_dr.errors import InputError
from taichi_dr.jobs.reconstruct import kinds
from taichi_dr.jobs.settings.domains import Backend, at_least, colored, option, positive


class Contender(NamedTuple):
    """What is compared under a name: a kind of ``reconstruct``, and options of it that are not the defaults."""

    kind: str
    options: dict[str, Any]


CONTENDERS = {
    "mesh": Contender("mesh", {}),
    "sdf": Contender("sdf", {}),
    "grid": Contender("grid", {}),
    "hash": Contender("hash", {}),
    "light": Contender("light", {}),
    "nerf": Contender("nerf", {}),
}
USUAL = "mesh,sdf,grid,hash,light"


@dataclass(frozen=True)
class CompareSettings:
    """Which representation? The same images, the same time for each, and one page with what came out.

    DATA is a folder of posed images, as for taichi-dr reconstruct. One after the other is reconstructed from it, each
    in a folder of its own in OUT, with everything that reconstruct writes:

      mesh    a mesh with vertex colours           (reconstruct --as mesh)
      sdf     a signed distance on a grid          (reconstruct --as sdf)
      grid    a radiance field on a grid           (reconstruct --as grid)
      hash    a radiance field of a hash grid      (reconstruct --as hash)
      light   a mesh, and the light that it is in  (reconstruct --as light)
      nerf    two networks, slow; if asked for     (reconstruct --as nerf)

    The page has the held-out PSNR, SSIM and IoU of each, how far its surface is from the true one where that is known,
    the size of its file and the time that an image takes, held-out images beside those that should be, turntables
    side by side, and what each is good for: that follows from these numbers, and from what can be done with it.

    writes to OUT, beside the folders:
      comparison.html       the page; all images are in it
      comparison.png        numbers and a held-out image
      comparison.json       the numbers
      turntables.webp       all turntables in one animated image

    Ctrl-C ends what is under way, and the page shows what there is; the same command, without --overwrite, goes on
    from there.  What fails (a mesh needs silhouettes, photographs have none) is on the page with its reason, and the
    others go on.

    examples:
      taichi-dr compare out/car out/car-compared --minutes 1
      taichi-dr compare lego out/lego-compared --minutes 5 --only mesh,sdf,grid,hash
      taichi-dr compare out/spot out/spot-compared --truth spot.obj
    """

    #: Folder of posed images.
    data: Positional[Path]
    #: The folder to make, or to go on with.
    out: Positional[Path]
    #: Minutes of optimising for each; compiling, reading, and what is drawn for the reports come on top.
    minutes: Annotated[float, arg(metavar="M")] = 2.0
    #: What to compare, with commas in between.
    only: Annotated[str, arg(metavar="NAME,NAME,...")] = USUAL
    #: The true surface: a mesh file in the axes and units of the transform matrices, or a shape that taichi-dr dataset
    #: knows.
    truth: Annotated[
        str | None, arg(metavar="MESH", help_behavior_hint="(default: true_mesh.ply in DATA, if it is there)")
    ] = None
    #: Longer side of the largest images to optimise at, in pixels.
    size: Annotated[int | None, arg(metavar="PIXELS", help_behavior_hint="(default: as each kind has it)")] = None
    #: Leave out images that are missing.
    skip_missing: bool = False
    #: Key this background of images without alpha or masks: a colour (white, "#rrggbb"), or auto, which finds
    #: the one colour of their borders.
    keyed: Annotated[
        str | None, arg(name="background", metavar="COLOR|auto", help_behavior_hint="(default: none is keyed)")
    ] = None
    #: Begin all anew.
    overwrite: bool = False
    #: Where to compute; auto takes CUDA, then a Vulkan GPU, then the CPU.
    backend: Backend = "auto"
    #: Seed of what is random, as the order of the images is.
    seed: int = 0

    @property
    def title(self):
        """A line on what is to be done."""
        return f"{', '.join(self.names)} from the images in {self.data}, {self.minutes:g} min each"

    @property
    def names(self):
        """What is compared, in the order of ``only``, each once."""
        return list(dict.fromkeys(name.strip() for name in self.only.split(",")))

    def of(self, name, resume=False):
        """The ReconstructSettings of the contender of that name, as they are or to ``resume``.

        >>> CompareSettings(Path("data"), Path("out")).of("light").out
        PosixPath('out/light')
        """
        kind, options = CONTENDERS[name]
        shared = {field: getattr(self, field) for field in ("minutes", "skip_missing", "keyed", "backend", "seed")}
        shared |= {"size": self.size, "overwrite": self.overwrite, "resume": resume}
        return kinds.settings_class(kind)(self.data, self.out / name, **shared, **options)

    def check(self):
        """Raises InputError if a value is outside its domain."""
        for name in self.names:
            if name not in CONTENDERS:
                raise InputError(
                    f"--only: expected some of {','.join(CONTENDERS)}, with commas, got {name or 'nothing'}"
                )
        positive(minutes=self.minutes)
        if self.size is not None:
            at_least(8, size=self.size)
        at_least(0, seed=self.seed)
        colored(self.keyed)


OPTIONS = {option(field.name) for field in fields(CompareSettings)}
"""What the command has, as it is typed."""
