"""One reconstruction after the other from the same images, and the page, which is written anew after each."""

import re
from dataclasses import dataclass
from pathlib import Path

from taichi_dr.errors import DataSetError, Error, FileError
from taichi_dr.io.files import check_creatable, write_json
from taichi_dr.jobs.compare.advice import sentences
from taichi_dr.jobs.compare.measure import Failed, Scene, measured, record
from taichi_dr.jobs.compare.page import write_page
from taichi_dr.jobs.compare.pictures import write_turntables
from taichi_dr.jobs.compare.sheet import write_sheet
from taichi_dr.jobs.listener import Audience
from taichi_dr.jobs.reconstruct import checkpoint
from taichi_dr.jobs.reconstruct.run import reconstruct
from taichi_dr.jobs.reconstruct.wording import COMPARE
from taichi_dr.jobs.settings.compare import CONTENDERS, OPTIONS
from taichi_dr.jobs.terminal.interrupt import interruptible
from taichi_dr.jobs.terminal.output import alone_in, claim
from taichi_dr.version import __version__

PAGE, SHEET, NUMBERS, TURNTABLES = "comparison.html", "comparison.png", "comparison.json", "turntables.webp"


@dataclass(frozen=True)
class ComparisonSummary:
    """What was compared: the folder, the contents of ``comparison.json``, and whether Ctrl-C ended it."""

    folder: Path
    record: dict
    interrupted: bool

    def lines(self):
        """What is said of it at the end."""
        return [*self.record["advice"], f"page: {self.folder / PAGE}"]


def compare(settings, *listeners):
    """Makes what ``settings`` (CompareSettings) names, each in a folder of its own, and the page about all of it.

    Initialises Taichi once for each (fields made before become invalid).  What is finished already is not made again,
    what was interrupted goes on.  Returns a ComparisonSummary.

    Raises:
        InputError: a setting outside its domain.
        FileError, DataSetError: data that cannot be read or used; an output folder that may not be written, or that
            holds reconstructions of other images; a true mesh that cannot be read.  (A damaged checkpoint is a
            failure of its own, on the page.)
        Error: of the first one that failed, if every one did.
    """
    settings.check()
    audience = Audience(listeners)
    with alone_in(settings.out):
        claim(settings.out, (*CONTENDERS, PAGE, SHEET, NUMBERS, TURNTABLES), overwrite=True)
        check_creatable(settings.out / PAGE)
        scene = Scene.read(settings, audience)
        for name in settings.names:
            if _began(settings, name):
                _check_made_from(settings.out / name / checkpoint.NAME, name, settings.data, scene)
        found, errors, asked = {}, [], False
        with interruptible() as interrupt:
            for name in settings.names:
                audience.said(f"\n{name}:")
                try:
                    run = settings.of(name, resume=_began(settings, name))
                    summary = reconstruct(run, *listeners, wording=COMPARE)
                    asked = summary.interrupted or summary.asked
                    told = lambda done: audience.progressed("measuring", done)  # noqa: E731
                    found[name] = measured(settings.out / name, name, scene, told)
                except Error as error:
                    errors.append(type(error)(_explained(str(error), name)))
                    found[name] = Failed(name, str(errors[-1]))
                    audience.said(f"{name} failed: {found[name].error}")
                written = _write(settings, scene, found)
                if asked or interrupt.requested:
                    break
        if len(errors) == len(found):
            raise errors[0]
        return ComparisonSummary(settings.out, written, asked or interrupt.requested)


def _began(settings, name):
    return not settings.overwrite and (settings.out / name / checkpoint.NAME).exists()


def _check_made_from(path, name, folder, scene):
    """Raises DataSetError if the checkpoint ``path`` is of other images, or of another kind than contender ``name``.

    One that is damaged fails when it is read.
    """
    try:
        header, _ = checkpoint.load_state(path)
        with checkpoint.reading(path):
            kind, made = CONTENDERS[name].kind, header["settings"]["kind"]
            if kind != made:
                raise DataSetError(f"{path}: made by --as {made}, and this is --as {kind}: --overwrite begins anew")
            checkpoint.check_made_with(path, header, folder, scene.data, scene.fit)
    except DataSetError:
        raise
    except FileError:
        return


def _explained(error, name):
    """A message, and whose options it names, if there are some that this command does not have.

    >>> _explained("no surface; a smaller --lr may avoid that, --overwrite begins anew", "light")
    'no surface; a smaller --lr may avoid that, --overwrite begins anew (--lr: of taichi-dr reconstruct --as light)'
    >>> _explained("car--v2/a.png: no silhouette", "mesh")
    'car--v2/a.png: no silhouette'
    """
    others = dict.fromkeys(
        option for option in re.findall(r"(?<![\w/.-])--[a-z][a-z-]*", error) if option not in OPTIONS
    )
    if not others:
        return error
    return f"{error} ({', '.join(others)}: of taichi-dr reconstruct --as {CONTENDERS[name].kind})"


def _write(settings, scene, found):
    """Writes page, sheet, turntables and numbers; returns the numbers."""
    done = [one for one in found.values() if not isinstance(one, Failed)]
    advice = sentences(done, scene.opaque)
    written = {
        "data": str(settings.data),
        "minutes": settings.minutes,
        "truth": scene.truth_name,
        "contenders": {name: record(one) for name, one in found.items()},
        "advice": [f"{line.about}: {line.text}" for line in advice],
        "version": __version__,
    }
    if done:
        turntables = write_turntables(settings.out / TURNTABLES, done)
        write_sheet(settings.out / SHEET, done, scene, settings)
        write_page(settings.out / PAGE, list(found.values()), scene, settings, advice, turntables)
    write_json(settings.out / NUMBERS, written)
    return written
