"""What is measured of a finished reconstruction: its pictures, how long they take, its file, its surface."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from taichi_dr import runtime
from taichi_dr.errors import GeometryError
from taichi_dr.io.posed_images import PosedImages
from taichi_dr.jobs.pictures.named_mesh import found_mesh
from taichi_dr.jobs.reconstruct.checkpoint import names_of
from taichi_dr.jobs.reconstruct.evaluation import held_out_split
from taichi_dr.jobs.reconstruct.radiance.orbit import orbit
from taichi_dr.jobs.reconstruct.radiance.path import path
from taichi_dr.jobs.reconstruct.results import FIELD, read_metrics, restored_model, result_mesh
from taichi_dr.jobs.reconstruct.scene_fit import SceneFit, scene_of
from taichi_dr.jobs.reconstruct.silhouettes import has_silhouettes
from taichi_dr.jobs.report.metrics import compare_views
from taichi_dr.jobs.report.overview import best_view
from taichi_dr.measure.comparison import ShapeComparison, compare_meshes
from taichi_dr.scene.mesh import Mesh

SHOWN_VIEWS = 3
LARGEST_SHOWN = 800  # pixels of the longer side of held-out images that are drawn and timed
FRAMES, TURN_SIZE = 30, 220
ROUNDS, QUICK = 5, 0.5  # times that each view is timed, if one takes less than so many seconds; else once
TRUTH = "true_mesh.ply"
"""What ``taichi-dr dataset`` writes beside its images."""

MESH_FILE = "mesh.glb"
"""The file that a mesh is measured by: with everything in it."""


class Scene(NamedTuple):
    """The images that all are compared in: ``train`` and ``shown`` held-out ones (PosedImages of the unit scene), the
    cameras of a ``turn``, where they are (``fit``), and the ``truth``, a Mesh in world units or None.

    ``data``: what checkpoints say of the images; ``whole``: (width, height) of held-out images, as they are."""

    train: PosedImages
    shown: PosedImages
    turn: PosedImages
    fit: SceneFit
    data: dict[str, Any]
    whole: tuple[int, int]
    truth: Mesh | None
    truth_name: str | None

    @classmethod
    def read(cls, settings, audience):
        """The Scene of CompareSettings; errors as of ``held_out_split`` and ``found_mesh``."""
        runtime.init(settings.backend)
        beside = settings.data / TRUTH
        name = settings.truth or (str(beside) if beside.exists() else None)
        truth = None if name is None else found_mesh(name)
        train, held_out, note = held_out_split(
            settings.data,
            lambda done, total: audience.progressed("reading images", done / total),
            settings.skip_missing,
            silhouettes=False,
            background=settings.keyed,
        )
        audience.said(f"{len(train)} training images of {train.width} × {train.height} pixels; {note}")
        fit, data, whole = scene_of(train), names_of(train, held_out), (held_out.width, held_out.height)
        train, shown = fit.to_unit(train), fit.to_unit(held_out)
        shown = shown.subset(shown_views(shown))
        shown = shown.resized(min(LARGEST_SHOWN, max(shown.height, shown.width)))
        around = orbit if has_silhouettes(train) else path
        return cls(train, shown, around(train, FRAMES, TURN_SIZE), fit, data, whole, truth, name)

    @property
    def opaque(self):
        """Whether the images have no silhouettes, as photographs."""
        return not has_silhouettes(self.train)

    @property
    def reduced(self):
        """What is to be said of the size of the shown views, None if they are as large as the images."""
        shown = self.shown.width, self.shown.height
        return None if shown == self.whole else "{} × {} of {} × {} pixels".format(*shown, *self.whole)

    @property
    def target(self):
        """(V, H, W, 4): what the shown views should look like."""
        return np.concatenate([self.shown.images, self.shown.alpha[..., None]], axis=-1)


def shown_views(posed):
    """The indices of ``SHOWN_VIEWS`` views: the one that tells most, and others from all over."""
    best, count = best_view(posed), min(SHOWN_VIEWS, len(posed))
    spread = (best + np.arange(count) * len(posed) // count) % len(posed)
    return np.sort(spread)


class Failed(NamedTuple):
    """What could not be made, and why."""

    name: str
    error: str


class Measured(NamedTuple):
    """A reconstruction in numbers and pictures.

    ``metrics`` is its ``metrics.json``, ``shape`` how far its surface is from the true one (None: not known, or it has
    none, which ``no_shape`` says), ``milliseconds`` the median time of a held-out view.  ``pictures`` (V, H, W, 4) are
    of the shown views, ``views`` their metrics, and ``turn`` (n, h, w, 4) goes around.
    """

    name: str
    metrics: dict[str, Any]
    file: str
    bytes: int
    milliseconds: float
    shape: ShapeComparison | None
    no_shape: str | None
    pictures: np.ndarray
    views: list
    turn: np.ndarray

    @property
    def held_out(self):
        """PSNR, SSIM and IoU of all held-out images, as ``metrics.json`` has them."""
        return self.metrics["held_out"]

    @property
    def chamfer(self):
        """Of the true mesh's diagonal, or None."""
        return None if self.shape is None else self.shape.chamfer / self.shape.reference.diagonal


def measured(folder, name, scene, progress):
    """The Measured of the finished reconstruction in ``folder``; ``progress(fraction)`` is told how far it is.

    Raises:
        FileError: it is not finished, or a file of it cannot be read.
    """
    metrics = read_metrics(folder)
    model = restored_model(folder, scene.train, scene.fit)
    pictures, milliseconds = _timed(model, scene.shown, lambda done: progress(0.5 * done))
    turn = []
    for frame in range(len(scene.turn)):
        turn.append(model.pictures(scene.turn.subset([frame]))[0])
        progress(0.5 + 0.4 * (frame + 1) / len(scene.turn))
    shape, no_shape = _shape(folder, scene)
    progress(1.0)
    file = Path(folder) / (FIELD if FIELD in metrics["files"] else MESH_FILE)
    views = compare_views(pictures, scene.target)
    return Measured(
        name,
        metrics,
        file.name,
        file.stat().st_size,
        milliseconds,
        shape,
        no_shape,
        pictures,
        views,
        np.stack(turn),
    )


def _timed(model, posed, progress):
    """Pictures (V, H, W, 4) of every view, and the median of the milliseconds that one takes once it was drawn."""
    views, pictures, times = [posed.subset([i]) for i in range(len(posed))], [], []
    for i, view in enumerate(views):
        pictures.append(model.pictures(view)[0])  # compiles, and makes what the first picture needs
        rounds = 1
        while rounds <= ROUNDS:
            began = time.perf_counter()
            model.pictures(view)
            times.append(time.perf_counter() - began)
            rounds += 1 if times[-1] < QUICK else ROUNDS
        progress((i + 1) / len(views))
    return np.stack(pictures), 1000 * float(np.median(times))


def _shape(folder, scene):
    """``(ShapeComparison or None, why there is none)``."""
    if scene.truth is None:
        return None, None
    try:
        mesh = result_mesh(folder, scene.fit, scene.train)
        mesh.set("vertices", scene.fit.to_world(mesh.numpy("vertices")))
        return compare_meshes(mesh, scene.truth), None
    except GeometryError as error:
        return None, str(error)


def record(one):
    """What ``comparison.json`` says of a Measured or Failed."""
    if isinstance(one, Failed):
        return {"error": one.error}
    names = "seconds", "seconds_optimising", "seconds_compiling", "steps", "interrupted"
    numbers = {
        "held_out": one.held_out,
        "file": f"{one.name}/{one.file}",
        "bytes": one.bytes,
        "milliseconds_per_view": one.milliseconds,
    } | {name: one.metrics[name] for name in names}
    if one.shape is not None:
        shape = one.shape
        numbers["shape"] = {name: getattr(shape, name) for name in ("chamfer", "accuracy", "completeness", "f_score")}
        numbers["shape"] |= {"chamfer_of_diagonal": one.chamfer, "iou": shape.iou, "hausdorff": shape.hausdorff}
        numbers["shape"] |= {"parts": shape.shape.parts, "genus": shape.shape.genus}
    if one.no_shape is not None:
        numbers["no_shape"] = one.no_shape
    return numbers
