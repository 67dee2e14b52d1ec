"""``taichi-dr train-reconstructor``: the set of shapes, the steps, checkpoints and reports."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from taichi_dr import runtime
from taichi_dr.errors import DataSetError
from taichi_dr.io.files import check_creatable, write_json
from taichi_dr.io.shape_views import NAME as DESCRIPTION
from taichi_dr.io.shape_views import load_shape_views
from taichi_dr.jobs.loop import Loop
from taichi_dr.jobs.reconstruct import checkpoint
from taichi_dr.jobs.report.pages import write_losses
from taichi_dr.jobs.single_image.evaluation import by_category, evaluate
from taichi_dr.jobs.single_image.pictures import write_examples
from taichi_dr.jobs.single_image.shape_views import make_shape_views
from taichi_dr.jobs.terminal.interrupt import interruptible
from taichi_dr.jobs.terminal.output import alone_in, claim, sweep
from taichi_dr.jobs.terminal.progress import progress_bar, say
from taichi_dr.ranks import ALONE
from taichi_dr.torch.single_image.checkpoint import save_network
from taichi_dr.torch.single_image.losses import WEIGHTS
from taichi_dr.torch.single_image.predict import predict
from taichi_dr.torch.single_image.training import Training
from taichi_dr.version import __version__

FILES = ("model.npz", "metrics.json", "examples.png", "losses.png", checkpoint.NAME)
DEFAULT_MINUTES = 30.0
SAMPLED = 7  # every seventh shape's pictures are looked at to know a set again
REPORT_STEP = 4  # every fourth view


@dataclass(frozen=True)
class TrainingSummary:
    """What a run reached: the folder, the contents of ``metrics.json``, and whether Ctrl-C ended it."""

    folder: Path
    metrics: dict
    interrupted: bool


def train_reconstructor(settings, ranks=ALONE):
    """Trains the network that ``settings`` (TrainReconstructorSettings) describes, and writes its files.

    ``ranks``: the processes that share the steps, of which the first one writes; the summary of the others has no
    metrics.

    Raises:
        InputError: a setting outside its domain.
        FileError, DataSetError: data that cannot be read or made, other data than what is to be resumed was made with,
            an output folder that may not be written.
        BackendError: the backend asked for is not there.
    """
    settings.check()
    with alone_in(settings.model, ranks.leads):
        return _train(settings, ranks)


def _train(settings, ranks):
    if ranks.leads:
        if not settings.resume:
            claim(settings.model, FILES, settings.overwrite, "--resume continues it, --overwrite replaces it")
        check_creatable(settings.model / checkpoint.NAME)
        sweep(settings.model, FILES)
    saved = checkpoint.load_state(settings.model / checkpoint.NAME) if settings.resume else None
    runtime.init(settings.backend, **ranks.runtime_options)
    if ranks.leads:
        with alone_in(settings.data):
            _require_data(settings)
    ranks.wait()
    train, test = (load_shape_views(settings.data, split) for split in ("train", "test"))
    say(f"{len(train):,} shapes of {', '.join(train.names)}; {len(test):,} others are held out")
    run = _Run(settings, train, saved, ranks)
    try:
        with interruptible() as interrupt:
            run.loop.run("training", interrupt, run.training.step, run.save)
            if not ranks.leads:
                return TrainingSummary(settings.model, {}, run.loop.fraction < 1)
            interrupt.check()
            metrics = run.report(test)
            return TrainingSummary(settings.model, metrics, metrics["interrupted"])
    except KeyboardInterrupt:
        say(f"stopped before everything was written; --resume continues from {settings.model / checkpoint.NAME}")
        raise


def _require_data(settings):
    """Makes the set of shapes if there is none."""
    if (settings.data / DESCRIPTION).exists():
        return
    claim(settings.data, (), overwrite=False, advice="it is no set of shapes, and none is made in it")
    with progress_bar("making shapes") as update:
        told = lambda done, total: update(done / total, f"{done} of {total}")  # noqa: E731
        make_shape_views(settings.data, settings.count, settings.seed, settings.meshes, told)


class _Run:
    """A training on its way, its budget and its curves."""

    def __init__(self, settings, train, saved, ranks):
        self.settings, self.loop = settings, Loop(settings, minutes=DEFAULT_MINUTES, ranks=ranks)
        seen = int(train.images[::SAMPLED].sum(dtype=np.int64))
        self.data = {"shapes": len(train), "categories": list(train.names), "sum of some pictures' bytes": seen}
        ranks.check_same(settings.data, [len(train), seen])
        self.training = Training(train, settings.seed, settings.batch, ranks)
        if saved is not None:
            with checkpoint.reading(settings.model / checkpoint.NAME):
                self._restore(*saved)

    def _restore(self, header, arrays):
        for name, expected in header["data"].items():
            if self.data[name] != expected:
                raise DataSetError(
                    f"{self.settings.data}: not the shapes that {self.settings.model / checkpoint.NAME} was made with:"
                    f" {name}: expected {expected}, got {self.data[name]}; or start anew with --overwrite"
                )
        self.training.restore(header["training"], arrays)
        self.loop.restore(header["loop"])
        say(f"resuming at step {self.loop.steps} ({self.loop.seconds:.0f} s spent so far)")

    def save(self):
        """Writes the checkpoint, and the network as it is."""
        state, arrays = self.training.state()
        header = {"training": state, "data": self.data, "loop": self.loop.state()}
        checkpoint.save_state(self.settings.model / checkpoint.NAME, header, arrays)
        about = {"data": self.data, "steps": self.loop.steps, "seconds": self.loop.seconds, "version": __version__}
        save_network(self.settings.model / "model.npz", self.training.network, about)

    def report(self, test):
        """Writes the curves, the examples and the numbers; returns these."""
        out, network = self.settings.model, self.training.network
        weights = {"step": 1} | WEIGHTS
        curves = {name: [weights[name] * value for value in values] for name, values in self.loop.curves().items()}
        write_losses(out / "losses.png", curves)
        made = lambda images: predict(network, images)  # noqa: E731
        faces = network.faces.numpy()
        say("judging it by shapes that it has not seen")
        ious = evaluate(made, faces, test, REPORT_STEP)
        write_examples(out / "examples.png", made, faces, test)
        metrics = {
            "held_out_voxel_iou": float(ious.mean()),
            "held_out_voxel_iou_by_category": by_category(ious, test),
            "held_out_shapes": len(test),
            "steps": self.loop.steps,
            "batch": self.training.batch,
            "seconds": round(self.loop.seconds, 1),
            "interrupted": self.loop.fraction < 1,
            "version": __version__,
        }
        write_json(out / "metrics.json", metrics)
        return metrics
