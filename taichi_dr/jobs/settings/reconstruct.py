"""Options of ``taichi-dr reconstruct`` that every kind of reconstruction has."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from tyro.conf import Positional, arg

from taichi_dr.errors import InputError
from taichi_dr.jobs.reconstruct import kinds
from taichi_dr.jobs.settings.domains import Backend, at_least, budget, colored

As = Annotated[str, arg(name="as", metavar=f"{{{','.join(kinds.KINDS)}}}")]
"""The type of ``kind``, which the settings of a kind give their own default."""


@dataclass(frozen=True)
class ReconstructSettings:
    """An object from posed images of it.

    DATA is a folder of images with cameras in the format of NeRF (Blender: transforms_train.json or transforms.json;
    also nerfstudio, instant-ngp), COLMAP, LLFF, NeuS or Record3D: taichi-dr inspect DATA shows what is understood of
    it.  Lens distortion is taken out; images larger than 1,600 pixels are averaged down to that.

    The alpha channel, or a mask beside the image, is the silhouette.  Of images without, --background white keys a
    background of that colour, --background auto that of their borders.  Opaque images are warned of, and refused if
    they are more than half of all; --as hash and --as nerf take those for photographs.

    The images of transforms_test.json, else every eighth image, are held out: they are used for the metrics only.  At
    least 4 training images are needed, 5 without transforms_test.json; 20 and more, from all sides, give good shapes.

    writes to OUT, besides the files of its kind:
      metrics.json          "held_out": "psnr", "ssim" and, of silhouettes, "iou", "iou_half" of the held-out images;
                            "held_out_views", "seconds", "steps", "settings", "model", ...
      overview.png          input images, and the shape from its start to the result
      comparison.png        held-out images: target, render and difference
      progress.gif          held-out images above the render, as the shape forms
      losses.png            the losses by step
      state.npz             what --resume continues from

    Ctrl-C stops early and still writes all of it, once more stops at once; --resume continues from there.

    examples:
      taichi-dr reconstruct out/spot out/spot-mesh
      taichi-dr reconstruct out/spot out/spot-mesh --minutes 1
      taichi-dr reconstruct out/spot out/spot-mesh --resume --minutes 5
      taichi-dr reconstruct photographs out/bust --background auto
      taichi-dr reconstruct lego out/lego --as mesh --init hull
    """

    DEFAULT_STEPS: ClassVar[int] = 600

    #: Folder of posed images.
    data: Positional[Path]
    #: The folder to make.
    out: Positional[Path]
    #: What to reconstruct.
    kind: As = kinds.DEFAULT
    #: Stop after this many steps in all.
    steps: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 600 without --minutes)")] = None
    #: Stop after this many minutes of optimising in all, in place of --steps; compiling, reading, and the
    #: report with what is drawn for it come on top.
    minutes: Annotated[float | None, arg(metavar="M", help_behavior_hint="(default: no limit)")] = None
    #: Longer side of the largest images to optimise at, in pixels.
    size: Annotated[int | None, arg(metavar="PIXELS", help_behavior_hint="(default: the images' own, 512 at most)")] = (
        None
    )
    #: Leave out images that are missing.
    skip_missing: bool = False
    #: Key this background of images without alpha or masks: a colour (white, "#rrggbb"), or auto, which finds
    #: the one colour of their borders.
    keyed: Annotated[
        str | None, arg(name="background", metavar="COLOR|auto", help_behavior_hint="(default: none is keyed)")
    ] = None
    #: Continue what OUT holds, with its settings: only --steps, --minutes and --backend are taken anew.
    resume: bool = False
    #: Replace OUT if it exists.
    overwrite: bool = False
    #: Watch it in a window: a held-out image, and the render beside it; S or Escape stops, as Ctrl-C does.
    view: bool = False
    #: Where to compute; auto takes CUDA, then a Vulkan GPU, then the CPU.
    backend: Backend = "auto"
    #: Seed of what is random, as the order of the images is.
    seed: int = 0

    @property
    def title(self):
        """A line on what is to be done."""
        return f"continuing {self.out}" if self.resume else f"{self.kind} from the images in {self.data}"

    def check(self):
        """Raises InputError if a value is outside its domain."""
        expected = kinds.settings_class(self.kind)
        if type(self) is not expected:
            raise InputError(f"--as {self.kind}: expected {expected.__name__}, got {type(self).__name__}")
        budget(self.steps, self.minutes, self.resume, self.overwrite)
        if self.size is not None:
            at_least(8, size=self.size)
        at_least(0, seed=self.seed)
        colored(self.keyed)
