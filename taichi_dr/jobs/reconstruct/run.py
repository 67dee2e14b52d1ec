"""``taichi-dr reconstruct``: the part that is the same whatever is reconstructed.

It reads the data, holds some images out, runs the steps of a ``Kind`` until the budget is spent or Ctrl-C is pressed,
keeps checkpoints, and writes the outputs.  Whoever is to see how it goes is a ``Listener``.
"""

import dataclasses
import time
import warnings
from pathlib import Path

import numpy as np

from taichi_dr import compilation, runtime
from taichi_dr.errors import InputError
from taichi_dr.io.archives import DAMAGED
from taichi_dr.io.files import check_creatable, parse_json, write_json
from taichi_dr.jobs.listener import Audience, Moment
from taichi_dr.jobs.reconstruct import checkpoint
from taichi_dr.jobs.reconstruct.checkpoint import count, number
from taichi_dr.jobs.reconstruct.consistency import contradictions, warn_of_silhouettes
from taichi_dr.jobs.reconstruct.evaluation import evaluate, evaluate_variants, held_out_split
from taichi_dr.jobs.reconstruct.kinds import kind_class, settings_class
from taichi_dr.jobs.reconstruct.scene_fit import scene_of
from taichi_dr.jobs.reconstruct.silhouettes import has_silhouettes
from taichi_dr.jobs.reconstruct.wording import RECONSTRUCT
from taichi_dr.jobs.report.agreement import warn_of_cameras
from taichi_dr.jobs.report.metrics import DEFINITIONS, in_words
from taichi_dr.jobs.report.record import PICTURES, Record
from taichi_dr.jobs.settings.domains import option, typed
from taichi_dr.jobs.terminal.interrupt import interruptible
from taichi_dr.jobs.terminal.output import alone_in, claim, clear, sweep
from taichi_dr.kernels.base.launch import stay_on_all_threads
from taichi_dr.ranks import ALONE
from taichi_dr.version import __version__

REPORTS = ("metrics.json", *PICTURES, checkpoint.NAME)
SECONDS_BETWEEN_CHECKPOINTS = 20.0
QUICK = 0.5  # s: checkpoints that take longer to write are that much rarer
TRAINING_VIEWS = 8  # that the model is compared with at the end
TAKEN_ANEW = ("data", "out", "resume", "overwrite", "backend", "view")  # by --resume
TIMES = {
    "seconds": "s, from the first step to the last, with all that happened in between",
    "seconds_optimising": "s, of the steps without compiling: what --minutes counts",
    "seconds_compiling": "s, of the whole command: reading kernels, compiling them or loading them from the disk,"
    " and running each for the first time",
}
"""What the times of ``metrics.json`` are; of a run that was resumed, all its processes together."""

BUDGET = ("steps", "minutes")  # which --resume takes anew if one is given
EXPORTS = ("export", "mesh_resolution")  # of kinds that have them: which --resume takes anew if they are given


@dataclasses.dataclass(frozen=True)
class ReconstructionSummary:
    """What a run reached: the folder, the contents of ``metrics.json``, whether Ctrl-C ended it, and whether it was
    pressed at all: ``asked``, as late as while the reports were written."""

    folder: Path
    metrics: dict
    interrupted: bool
    asked: bool = False

    def lines(self):
        """What is said of it at the end."""
        found, out = self.metrics, self.folder
        size = ", ".join(f"{count:,} {what}" for what, count in found["model"].items() if what in ("vertices", "faces"))
        spent = f"{found['steps']} steps in {found['seconds']:.0f} s on {found['backend']}"
        return [
            f"{spent}: {size}" if size else spent,
            f"held-out images: {in_words(found['held_out'], 4)}",
            f"report:          {', '.join(str(out / name) for name in PICTURES)}",
            f"{found['as'] + ':':<17}{', '.join(str(out / name) for name in found['files'])}",
            f"numbers:         {out / 'metrics.json'}",
        ]


def reconstruct(settings, *listeners, ranks=ALONE, wording=RECONSTRUCT):
    """Runs the reconstruction that ``settings`` (ReconstructSettings) describes and writes its outputs.

    Initialises Taichi (fields made before become invalid).  ``listeners`` (Listener) are told how it goes.  Returns a
    ReconstructionSummary.  ``ranks``: the processes that share the steps, of which the first one writes; the summary of
    the others has no metrics.  ``wording``: the options of the command that asks for it.

    Raises:
        InputError: a setting outside its domain.
        FileError, DataSetError: data that cannot be read or used, or other than what is to be resumed was made with; an
            output folder that may not be written, or that another run writes to.
        BackendError: the backend asked for is not there.
        GradientError: the optimisation stopped making sense (gradients that are not finite, step after step).
    """
    settings.check()
    _check_shared(settings, ranks)
    with alone_in(settings.out, ranks.leads):
        return _reconstruct(settings, Audience(listeners), ranks, wording)


def _reconstruct(settings, audience, ranks, wording):
    saved = _claim_output(settings, ranks.leads, wording)
    if saved is None:
        kind_class(settings.kind).check(settings)
    else:
        with checkpoint.reading(settings.out / checkpoint.NAME):
            settings = _saved_settings(settings, saved[0]["settings"], wording)
            settings.check()
            spent = _fraction(settings, count(saved[0], "steps"), number(saved[0], "seconds_optimising")) >= 1
        if spent:
            audience.said(f"its budget is spent: more {wording.budget} than that would go on")
            if metrics := _finished(settings, saved[0]["steps"]):
                audience.said("everything is written already")
                return ReconstructionSummary(settings.out, metrics, interrupted=False)
    backend = runtime.init(settings.backend, random_seed=settings.seed, **ranks.runtime_options)
    stay_on_all_threads()
    train, held_out, note = held_out_split(
        settings.data,
        lambda done, total: audience.progressed("reading images", done / total),
        settings.skip_missing,
        kind_class(settings.kind).NEEDS_SILHOUETTES,
        settings.keyed,
    )
    audience.said(f"{len(train)} training images of {train.width} × {train.height} pixels; {note}")
    warn_of_cameras(train)
    if has_silhouettes(train):
        warn_of_silhouettes(train)
    run = _Run(settings, train, held_out, audience, ranks)
    audience.said(run.model.plan)
    if saved is None:
        run.model.start()
        if ranks.leads:
            clear(settings.out, _own_names(settings))  # with --overwrite; else there is nothing
    else:
        with checkpoint.reading(settings.out / checkpoint.NAME):
            run.restore(*saved)
        audience.said(f"resuming at step {run.steps} ({run.seconds:.0f} s spent so far)")
    try:
        with interruptible() as interrupt, compilation.watching(run.tell_compiling):
            run.optimise(interrupt)
            if not ranks.leads:
                return ReconstructionSummary(settings.out, {}, run.fraction() < 1)
            metrics = run.finish(backend, interrupt)
            return ReconstructionSummary(settings.out, metrics, metrics["interrupted"], interrupt.requested)
    except KeyboardInterrupt:
        if run.saved:
            state = settings.out / checkpoint.NAME
            audience.said(f"stopped before everything was written; {wording.resume} continues from {state}")
        raise


def _check_shared(settings, ranks):
    """Raises InputError if there are several processes, which cannot share this kind of reconstruction."""
    if ranks.count > 1 and not kind_class(settings.kind).SHARED:
        raise InputError(
            f"--as {settings.kind}: made by one process, and there are {ranks.count}: expected --as grid, whose steps"
            " can be shared"
        )


def _claim_output(settings, writes, wording):
    """Checks the output folder, if this process ``writes``; the checkpoint to go on from, or None."""
    own = _own_names(settings)
    if writes:
        if not settings.resume:
            claim(settings.out, own, settings.overwrite, wording.occupied)
        check_creatable(settings.out / checkpoint.NAME)
        sweep(settings.out, own)
    return checkpoint.load_state(settings.out / checkpoint.NAME) if settings.resume else None


def _own_names(settings):
    return *REPORTS, *kind_class(settings.kind).FILES


def _saved_settings(settings, saved, wording=RECONSTRUCT):
    """The settings of the run to be continued, with this call's folders, budget, exports and backend.

    Warns of other settings of this call: they are not used.
    """
    kind = settings_class(saved.get("kind", settings.kind))
    names = [field.name for field in dataclasses.fields(kind) if field.name not in TAKEN_ANEW]
    kept = {name: saved[name] for name in names if name in saved}
    typed(kind, kept)
    began = kind(**kept | {name: getattr(settings, name) for name in TAKEN_ANEW})
    exports, unused = {}, {}
    for field in dataclasses.fields(settings):
        if field.name not in (*TAKEN_ANEW, *BUDGET):
            given, was = getattr(settings, field.name), getattr(began, field.name, "no such option")
            if given in (field.default, was):
                continue
            if field.name in EXPORTS and field.name in kept:
                exports[field.name] = given
            else:
                unused[option(field.name)] = str(was)
    if unused:
        options, was = ", ".join(sorted(unused)), ", ".join(unused[option] for option in sorted(unused))
        warnings.warn(
            f"{options}: not used, {wording.resume} goes on with what the run began with ({was})", stacklevel=3
        )
    budget = {name: getattr(settings, name) for name in BUDGET}
    if not any(given is not None for given in budget.values()):
        budget = {}
    return dataclasses.replace(began, **exports, **budget)


def _fraction(settings, steps, seconds_optimising):
    """The part of the budget that so many steps in so many seconds have spent."""
    if settings.minutes is not None:
        return seconds_optimising / (60 * settings.minutes)
    return steps / (settings.steps or settings.DEFAULT_STEPS)


def _finished(settings, steps):
    """The contents of ``metrics.json`` if every output of so many steps is there, and they make sense, else None."""
    out = settings.out
    try:
        metrics = parse_json((out / "metrics.json").read_bytes())
        written = [out / name for name in (*PICTURES, *metrics["files"])]
        whole = (metrics["steps"], metrics["interrupted"]) == (steps, False) and all(map(Path.exists, written))
        whole &= all(metrics["settings"].get(name) == getattr(settings, name, None) for name in EXPORTS)
        ReconstructionSummary(out, metrics, interrupted=False).lines()
    except DAMAGED:
        return None
    return metrics if whole else None


class _Run:
    """One reconstruction on its way: the model, the budget, and the record for the reports."""

    def __init__(self, settings, train, held_out, audience, ranks):
        self.settings, self.audience, self.ranks = settings, audience, ranks
        self.fit = scene_of(train)
        self.data = checkpoint.names_of(train, held_out)
        self.held_out = self.fit.to_unit(held_out)
        self.shown = self.held_out.subset(np.array([0]))
        some = np.unique(np.linspace(0, len(train) - 1, TRAINING_VIEWS).round().astype(int))
        self.trained = self.fit.to_unit(train.subset(some))
        ranks.check_same(settings.data, [len(train), train.width, train.height, *self.fit.center, self.fit.radius])
        self.model = kind_class(settings.kind)(settings, self.fit.to_unit(train), self.fit)
        self.model.ranks = ranks
        self.steps, self.seconds, self.optimising, self.compiling = 0, 0.0, 0.0, 0.0
        self._compiled_before = compilation.seconds_compiling()
        self.saved = False
        self.record = Record(train, self.held_out)

    def optimise(self, interrupt):
        """Steps until the budget is spent or Ctrl-C is pressed."""
        started = time.monotonic() - self.seconds
        next_save = time.monotonic() + SECONDS_BETWEEN_CHECKPOINTS
        self._tell()
        while (fraction := self.ranks.next_fraction(self.fraction(), interrupt.requested)) < 1:
            self._step(fraction)
            self.seconds = time.monotonic() - started
            self._tell()
            if time.monotonic() > next_save and self.ranks.leads:
                began = time.monotonic()
                self.save()
                ended = time.monotonic()
                next_save = ended + SECONDS_BETWEEN_CHECKPOINTS * max(1.0, (ended - began) / QUICK)
        self.seconds = time.monotonic() - started
        if self.ranks.leads:
            self.save()

    def _step(self, fraction):
        began, compiled = time.monotonic(), compilation.seconds_compiling()
        losses = self.model.step(fraction)
        self.optimising += time.monotonic() - began - (compilation.seconds_compiling() - compiled)
        self.steps += 1
        if losses is not None:
            self.record.measured(self.steps, losses)
        if self.model.changed():
            self.record.mark(self.steps)

    def _tell(self):
        if not self.ranks.leads:
            return
        moment = self._moment()
        self.audience.stepped(moment)
        self.record.stepped(moment)

    def _moment(self):
        return Moment(self.model, self.steps, self.seconds, self.fraction(), self.record.losses, self.shown)

    def tell_compiling(self, kernel):
        """Tells the audience that a kernel of that name is about to be compiled."""
        self.audience.compiling(kernel, self.model.caption)

    def fraction(self):
        """The part of the budget that is spent."""
        return _fraction(self.settings, self.steps, self.optimising)

    def seconds_compiling(self):
        """Spent on compiling in all, earlier processes that were resumed included."""
        return self.compiling + compilation.seconds_compiling() - self._compiled_before

    def save(self):
        """Writes the checkpoint."""
        header, arrays = self.model.state()
        record, pictures = self.record.state()
        header = {"settings": _plain(self.settings), "data": self.data, "model": header}
        header |= {"center": self.fit.center.tolist(), "radius": self.fit.radius}
        header |= {"steps": self.steps, "seconds": self.seconds, "seconds_optimising": self.optimising}
        header |= {"seconds_compiling": self.seconds_compiling()}
        arrays = {f"model/{name}": array for name, array in arrays.items()}
        checkpoint.save_state(self.settings.out / checkpoint.NAME, header | record, arrays | pictures)
        self.saved = True

    def restore(self, header, arrays):
        """Begins where ``save`` left off.

        Raises:
            DataSetError: the data are not those that the checkpoint was made with.
        """
        path = self.settings.out / checkpoint.NAME
        checkpoint.check_made_with(path, header, self.settings.data, self.data, self.fit)
        model = {name.removeprefix("model/"): value for name, value in arrays.items() if name.startswith("model/")}
        self.model.restore(header["model"], model)
        self.steps, self.seconds = count(header, "steps"), number(header, "seconds")
        self.optimising, self.compiling = number(header, "seconds_optimising"), number(header, "seconds_compiling")
        self.record.restore(header, arrays, self.fraction())
        self.saved = True

    def finish(self, backend, interrupt):
        """Writes every output from the model as it is; returns the contents of ``metrics.json``."""
        out = self.settings.out
        self.audience.progressed("writing", 0.0)
        self.record.stepped(self._moment(), last=True)
        files = self.model.export(out)
        interrupt.check()  # libraries that are imported while files are written may swallow Ctrl-C
        evaluation, training = evaluate(self.model, self.held_out), evaluate(self.model, self.trained)
        advice = contradictions(training, evaluation)
        for line in advice:
            warnings.warn(line, stacklevel=2)
        spent = f"{self.steps} steps in {self.seconds:.0f} s on {backend}"
        self.record.write(out, self.model, evaluation, f"{spent}, held-out images: {in_words(evaluation.mean)}")
        metrics = {
            "as": self.settings.kind,
            "held_out": evaluation.mean,
            "training": training.mean,
            "advice": advice,
            "held_out_variants": evaluate_variants(self.model, self.held_out),
            "definitions": DEFINITIONS | TIMES,
            "held_out_views": evaluation.by_view(),
            "seconds": round(self.seconds, 3),
            "seconds_optimising": round(self.optimising, 3),
            "seconds_compiling": round(self.seconds_compiling(), 3),
            "steps": self.steps,
            "interrupted": self.fraction() < 1,
            "backend": backend,
            "version": __version__,
            "model": self.model.describe(),
            "files": files,
            "settings": _plain(self.settings) | {"data": str(self.settings.data.resolve())},
        }
        write_json(out / "metrics.json", metrics)
        self.audience.progressed("writing", 1.0)
        return metrics


def _plain(settings):
    """Settings as JSON can hold them."""
    return {name: str(v) if isinstance(v, Path) else v for name, v in dataclasses.asdict(settings).items()}
