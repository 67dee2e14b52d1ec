"""``taichi-dr train-dreamer``: the pictures, the steps, checkpoints and reports."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from taichi_dr import runtime
from taichi_dr.io.files import check_creatable, write_json
from taichi_dr.jobs.dream.samples import write_samples
from taichi_dr.jobs.loop import Loop
from taichi_dr.jobs.reconstruct import checkpoint
from taichi_dr.jobs.report.pages import write_losses
from taichi_dr.jobs.terminal.interrupt import interruptible
from taichi_dr.jobs.terminal.output import alone_in, claim, sweep
from taichi_dr.jobs.terminal.progress import progress_bar, say
from taichi_dr.torch.dreamer.checkpoint import save_dreamer
from taichi_dr.torch.dreamer.pictures import take_pictures
from taichi_dr.torch.dreamer.training import Training, held_out_loss
from taichi_dr.version import __version__

FILES = ("model.npz", "samples.png", "metrics.json", "losses.png", checkpoint.NAME)
DEFAULT_MINUTES = 45.0
OTHER_SIDES = 64  # that the loss is measured on in the end


@dataclass(frozen=True)
class TrainingSummary:
    """What a run reached: the folder, the contents of ``metrics.json``, and whether Ctrl-C ended it."""

    folder: Path
    metrics: dict
    interrupted: bool


def train_dreamer(settings):
    """Trains the diffusion model that ``settings`` (TrainDreamerSettings) describes, and writes its files.

    Raises:
        InputError: a setting outside its domain.
        FileError: an output folder that may not be written, a checkpoint that cannot be read.
        BackendError: the backend asked for is not there.
    """
    settings.check()
    with alone_in(settings.model):
        return _train(settings)


def _train(settings):
    if not settings.resume:
        claim(settings.model, FILES, settings.overwrite, "--resume continues it, --overwrite replaces it")
    check_creatable(settings.model / checkpoint.NAME)
    sweep(settings.model, FILES)
    saved = checkpoint.load_state(settings.model / checkpoint.NAME) if settings.resume else None
    runtime.init(settings.backend)
    run = _Run(settings, saved)
    try:
        with interruptible() as interrupt:
            run.loop.run("training", interrupt, run.training.step, run.save)
            interrupt.check()
            metrics = run.report()
            return TrainingSummary(settings.model, metrics, metrics["interrupted"])
    except KeyboardInterrupt:
        say(f"stopped before everything was written; --resume continues from {settings.model / checkpoint.NAME}")
        raise


class _Run:
    """A training on its way."""

    def __init__(self, settings, saved):
        self.settings, self.loop = settings, Loop(settings, minutes=DEFAULT_MINUTES)
        self.sides, self.seed = settings.sides, settings.seed
        if saved is not None:
            with checkpoint.reading(settings.model / checkpoint.NAME):
                self.sides, self.seed = saved[0]["sides"], saved[0]["training"]["seed"]
        self.training = Training(self._pictures(self.sides, self.seed), self.seed, settings.batch)
        if saved is not None:
            with checkpoint.reading(settings.model / checkpoint.NAME):
                self.loop.restore(saved[0]["loop"])
                self.training.restore(saved[0]["training"], saved[1])
            say(f"resuming at step {self.loop.steps} ({self.loop.seconds:.0f} s spent so far)")

    def _pictures(self, sides, seed):
        with progress_bar("rendering pictures") as update:
            return take_pictures(sides, seed, progress=lambda done, total: update(done / total, f"{done} of {total}"))

    def save(self):
        """Writes the checkpoint, and the model as it is."""
        state, arrays = self.training.state()
        header = {"training": state, "loop": self.loop.state(), "sides": self.sides}
        checkpoint.save_state(self.settings.model / checkpoint.NAME, header, arrays)
        about = {"steps": self.loop.steps, "seconds": self.loop.seconds, "version": __version__}
        save_dreamer(self.settings.model / "model.npz", self.training.network, about | {"sides": self.sides})

    def report(self):
        """Writes the curve, samples and the numbers; returns these."""
        out, network = self.settings.model, self.training.network.eval()
        write_losses(out / "losses.png", self.loop.curves())
        say("drawing samples")
        write_samples(out / "samples.png", network, self.seed)
        others = self._pictures(OTHER_SIDES, self.seed + 1)
        losses = {
            name: held_out_loss(network, others, held_out) for name, held_out in (("seen", False), ("unseen", True))
        }
        metrics = {
            "loss_of_seen_pairs": losses["seen"],
            "loss_of_unseen_pairs": losses["unseen"],
            "steps": self.loop.steps,
            "batch": self.training.batch,
            "sides": self.sides,
            "seconds": round(self.loop.seconds, 1),
            "parameters": int(np.sum([parameter.numel() for parameter in network.parameters()])),
            "interrupted": self.loop.fraction < 1,
            "version": __version__,
        }
        write_json(out / "metrics.json", metrics)
        return metrics
