"""What a run remembers of its way, and the pictures that are made of it at its end."""

from taichi_dr.jobs.report.history import Animation, History
from taichi_dr.jobs.report.overview import Overview
from taichi_dr.jobs.report.pages import write_animation, write_comparison, write_losses

PICTURES = ("overview.png", "comparison.png", "progress.gif", "losses.png")
COMPARED_VIEWS = 4


class Record:
    """Losses by step, and pictures of the model in some of the held-out views, taken as it goes.

    ``train`` and ``held_out`` are PosedImages, the latter in the unit scene.
    """

    def __init__(self, train, held_out):
        self._history = History()
        self._animation = Animation(held_out)
        self._overview = Overview(train, held_out)

    @property
    def losses(self):
        """Those that were measured last."""
        return self._history.latest()

    def measured(self, step, losses):
        """Takes note of the losses of a step."""
        self._history.add(step, losses)

    def mark(self, step):
        """Takes note that with this step something changed, which may explain a jump of the losses."""
        self._history.marks.append(step)

    def stepped(self, moment, last=False):
        """Takes those pictures of the ``Moment`` that are due; the ``last`` one is for the animation in any case."""
        if last or self._animation.due(moment.fraction):
            caption = f"step {moment.steps}   {moment.seconds:.0f} s"
            self._animation.add(moment.model, moment.fraction, caption)
        if self._overview.due(moment.fraction):
            self._overview.add(moment.model, moment.steps)

    def state(self):
        """Everything remembered: a dict that JSON can hold, and named arrays, for the checkpoint."""
        header = {"history": self._history.rows, "marks": self._history.marks}
        return header, self._animation.arrays() | self._overview.arrays()

    def restore(self, header, arrays, fraction):
        """Takes up what ``state`` gave, at that fraction of the budget."""
        self._history = History.restored(header["history"], header["marks"])
        self._animation.restore(arrays, fraction)
        self._overview.restore(arrays)

    def write(self, folder, model, evaluation, caption):
        """Writes ``PICTURES``; ``caption`` is the line beneath the overview."""
        write_comparison(folder / "comparison.png", *evaluation.spread(COMPARED_VIEWS))
        write_animation(folder / "progress.gif", self._animation.frames)
        self._overview.write(folder / "overview.png", model, caption)
        write_losses(folder / "losses.png", self._history.columns(), self._history.marks)
