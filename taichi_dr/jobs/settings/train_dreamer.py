"""Options of ``taichi-dr train-dreamer``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from taichi_dr.jobs.settings.domains import Backend, at_least, budget


@dataclass(frozen=True)
class TrainDreamerSettings:
    """A diffusion model of coloured things that is told by words what to see, for taichi-dr dream.

    It is trained on pictures of 32 x 32 pixels that are rendered first: ten shapes in two sizes and eight colours from
    random sides.  Of 80 pairs of shape and colour 15 are never shown, so that it can be seen whether it understands
    words or knows pictures by heart.  It needs PyTorch: pip install 'taichi-dr[torch]'.

    writes to MODEL:
      model.npz             the model, for taichi-dr dream --model MODEL
      samples.png           what it draws, of pairs that it has seen and of others
      metrics.json          the loss from other sides, of both; steps, seconds, ...
      losses.png            the loss by step
      state.npz             what --resume continues from

    Ctrl-C stops early and still writes all of it, once more stops at once; --resume continues from there.

    examples:
      taichi-dr train-dreamer out/dreamer
      taichi-dr train-dreamer out/dreamer --resume --minutes 90
      taichi-dr dream "a small red torus" out/torus --model out/dreamer
    """

    #: The folder to make.
    model: Positional[Path]
    #: Stop after this many steps in all.
    steps: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: no limit)")] = None
    #: Stop after this many minutes of training in all.
    minutes: Annotated[float | None, arg(metavar="M", help_behavior_hint="(default: 45 without --steps)")] = None
    #: Pictures per step.
    batch: int = 48
    #: Sides from which each shape is rendered in each size.
    sides: int = 512
    #: Continue what MODEL holds: only --steps and --minutes, if one of them is given, and --backend are taken anew.
    resume: bool = False
    #: Replace MODEL if it exists.
    overwrite: bool = False
    #: Where to render; auto takes CUDA, then a Vulkan GPU, then the CPU. Training is on the CPU.
    backend: Backend = "auto"
    #: Seed of the sides, of the first weights, and of what a step draws.
    seed: int = 0

    @property
    def title(self):
        """A line on what is to be done."""
        return f"continuing {self.model}" if self.resume else "a diffusion model of coloured things"

    def check(self):
        """Raises InputError if a value is outside its domain."""
        budget(self.steps, self.minutes, self.resume, self.overwrite)
        at_least(1, batch=self.batch, sides=self.sides)
        at_least(0, seed=self.seed)
