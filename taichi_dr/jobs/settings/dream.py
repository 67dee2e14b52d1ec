"""Options of ``taichi-dr dream``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from taichi_dr.errors import InputError
from taichi_dr.jobs.settings.domains import Backend, at_least, budget, finite, positive, within

FEWEST_VERTICES, MOST_VERTICES = 16, 256


@dataclass(frozen=True)
class DreamSettings:
    """A thing that nobody has pictures of, from a few words: a diffusion model says what it should look like.

    PROMPT is a bag of words.  The model that comes with the package knows these, and draws pairs that it has never
    seen, such as a red torus.

    words:
      sizes     small, large
      colours   red, orange, yellow, green, cyan, blue, purple, white
      shapes    ball, box, cone, cylinder, torus, pyramid, chair, table, car, star

    A radiance field on a grid is rendered from random sides; the model is told the prompt and the side, and what it
    would change of the pictures is the gradient that the field follows (score distillation, DreamFusion).  A mesh is
    made of it at the end.  It needs PyTorch: pip install 'taichi-dr[torch]'.

    writes to OUT:
      dream.png             the thing from eight sides, as a volume and as a mesh
      turntable.gif         the mesh turning
      mesh.obj, mesh.glb    the mesh with vertex colours, y up, the front towards +x
      scene.npz             the field; taichi-dr render draws it
      progress.png          how it came about
      metrics.json          steps, seconds, how much is filled, ...
      state.npz             what --resume continues from

    Ctrl-C stops early and still writes all of it, once more stops at once; --resume continues from there.

    examples:
      taichi-dr dream "a small red torus" out/torus
      taichi-dr dream "a large blue chair" out/chair --steps 2000 --seed 1
      taichi-dr dream "a ripe pear" out/pear --denoiser my_denoiser.py --steps 5000

    FILE of --denoiser is a Python program that defines denoiser(x, t, prompts), which returns the noise (B, 3, S, S) in
    pictures x (B, 3, S, S) of display values from -1 to 1 at noise levels t (B,), told a list of B prompts (empty ones:
    of anything); alphas_cumprod, the schedule; and size, S.  With encode(pictures), which makes x of pictures (B, S, S,
    3) of display values from 0 to 1, x may be anything.  docs/distillation.md has one for diffusers.
    """

    #: What it is to be, in quotes.
    prompt: Positional[str]
    #: The folder to make.
    out: Positional[Path]
    #: A denoiser of your own; see above.
    denoiser: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="(default: the package's own)")] = None
    #: What taichi-dr train-dreamer has made: its folder, or the file model.npz.
    model: Annotated[Path | None, arg(metavar="MODEL", help_behavior_hint="(default: the package's own)")] = None
    #: Stop after this many steps in all.
    steps: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 500 without --minutes)")] = None
    #: Stop after this many minutes in all.
    minutes: Annotated[float | None, arg(metavar="M", help_behavior_hint="(default: no limit)")] = None
    #: How much the words count: 1 is what the model thinks of them, more exaggerates.
    guidance: float = 7.5
    #: Views per step.
    views: int = 4
    #: Vertices along each side of the grid.
    resolution: int = 40
    #: Step size of the grid's numbers, at first.
    lr: float = 0.1
    #: Weight of what keeps empty space empty.
    opacity: float = 0.003
    #: Weight of what keeps surfaces from looking away from who sees them.
    orientation: float = 0.003
    #: Weight of the differences between neighbouring vertices. Larger: smoother, and less detail.
    smoothness: float = 0.001
    #: The least and the most noise, as fractions of the schedule.
    t_range: tuple[float, float] = (0.2, 0.98)
    #: How the noise of a step goes: linear, the most falls to the least; dreamtime, a level that falls; none,
    #: any all along.
    annealing: Literal["linear", "dreamtime", "none"] = "linear"
    #: Whether the model is told the side that it sees: front, left, back, right, overhead.
    view_words: Annotated[Literal["on", "off"], arg(help_behavior_hint="(default: on)")] = "on"
    #: What it starts as: a blob in the middle, or thin fog everywhere.
    start: Literal["blob", "fog"] = "blob"
    #: Continue what OUT holds, with the same options: only --steps, --minutes and --backend may differ, and without
    #: the first two it goes on to where it was to end.
    resume: bool = False
    #: Replace OUT if it exists.
    overwrite: bool = False
    #: Where to render; auto takes CUDA, then a Vulkan GPU, then the CPU.
    backend: Backend = "auto"
    #: Seed of views, noise, and of the first numbers.
    seed: int = 0

    @property
    def title(self):
        """A line on what is to be done."""
        return f"continuing {self.out}" if self.resume else f"dreaming of {self.prompt!r}"

    def check(self):
        """Raises InputError if a value is outside its domain."""
        budget(self.steps, self.minutes, self.resume, self.overwrite)
        at_least(1, views=self.views)
        at_least(0, seed=self.seed, opacity=self.opacity, orientation=self.orientation, smoothness=self.smoothness)
        finite(opacity=self.opacity, orientation=self.orientation, smoothness=self.smoothness)
        within(FEWEST_VERTICES, MOST_VERTICES, "vertices", resolution=self.resolution)
        positive(lr=self.lr, guidance=self.guidance)
        low, high = self.t_range
        if not 0 <= low <= high <= 1:
            raise InputError(f"--t-range: expected 0 <= LOW <= HIGH <= 1, got {low} {high}")
        if self.denoiser is not None and self.model is not None:
            raise InputError("give --denoiser or --model, not both")
        if not self.prompt.strip():
            raise InputError('PROMPT: expected words, such as "a small red torus", got none')
