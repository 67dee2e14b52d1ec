"""Tiny reconstructions of every kind, stopped after two steps: what ``--resume`` goes on with."""

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np

import taichi_dr as dr
from taichi_dr.io.archives import read_arrays
from taichi_dr.io.files import write_json
from taichi_dr.io.posed_images import PosedImages
from taichi_dr.jobs.listener import Audience
from taichi_dr.jobs.reconstruct import checkpoint
from taichi_dr.jobs.reconstruct.kinds import settings_class
from taichi_dr.jobs.reconstruct.run import ReconstructionSummary, _finished, _Run, _saved_settings
from taichi_dr.jobs.report.record import PICTURES
from taichi_dr.ranks import ALONE

SIZE, DISTANCE, FOCAL = 16, 4.0, 24.0  # pixels, and the radius of the ball is 1
EYES = ((1, 0.2, 0), (-1, 0.2, 0), (0, 0.2, 1), (0, 0.2, -1), (0.3, 1, 0.2), (0.3, -1, 0.2))
SMALL = {
    "mesh": {"faces": 400, "batch": 2, "texture": 64},
    "light": {"faces": 400, "batch": 2},
    "sdf": {"resolution": 32, "pixels": 1000, "carve": False},
    "grid": {"resolution": 32, "tiles": 4},
    "hash": {"levels": 2, "width": 2, "coarsest": 4, "finest": 8, "log2_rows": 8, "samples": 1024},
    "nerf": {"rays": 16, "samples": 4, "added": 4, "width": 8, "depth": 2, "frequencies": 2, "size": 8},
}
KINDS = tuple(SMALL)
FRACTIONS = 0.0, 0.95  # of the budget: the second is the texture's


def ball():
    """A ball seen from ``EYES``, (PosedImages)."""
    poses = np.stack([_looking_back(DISTANCE * np.array(eye) / np.linalg.norm(eye)) for eye in EYES])
    x, y = np.meshgrid(*2 * [np.arange(SIZE) + 0.5 - SIZE / 2])
    reach = FOCAL / np.sqrt(DISTANCE**2 - 1)
    alpha = np.tile((x**2 + y**2 < reach**2).astype(np.float32), (len(EYES), 1, 1))
    images = np.repeat(0.7 * alpha[..., None], 3, axis=-1)
    lens = np.full((len(EYES), 2), FOCAL), np.full((len(EYES), 2), SIZE / 2)
    return PosedImages(images, alpha, poses, *lens, tuple(f"r_{i}.png" for i in range(len(EYES))))


def _looking_back(eye):
    backward = eye / np.linalg.norm(eye)
    right = np.cross((0, 0.6, 0.8), backward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(backward, right), backward, eye], axis=1)
    return pose


def settings(kind, folder):
    """Those of a run into ``folder``."""
    return settings_class(kind)(Path("data"), folder, steps=100, **SMALL[kind])


@functools.cache
def _run(kind):
    views = ball()
    return _Run(settings(kind, Path("out")), views.subset(range(5)), views.subset([5]), Audience(()), ALONE)


def make(kind, folder):
    """Writes ``state.npz`` of a run of ``kind``."""
    run = _run(kind)
    run.settings = settings(kind, folder)
    run.model.start()
    run._tell()
    for fraction in FRACTIONS:
        run._step(fraction)
    run.save()


METRICS = {
    "as": "mesh",
    "steps": 2,
    "interrupted": False,
    "seconds": 1.5,
    "backend": "cpu",
    "files": ["mesh.ply"],
    "held_out": {"iou": 0.9, "psnr": 30.0, "ssim": 0.9},
    "model": {"vertices": 4, "faces": 4},
    "settings": {},
}


def make_finished(folder):
    """Writes what a run of a mesh that has ended leaves, as far as it is looked at."""
    for name in (*PICTURES, *METRICS["files"]):
        (folder / name).touch()
    write_json(folder / "metrics.json", METRICS)


def finished(folder):
    """The lines that are said of it."""
    metrics = _finished(settings("mesh", folder), METRICS["steps"])
    if metrics is None:
        raise dr.Error("it is written again")
    assert ReconstructionSummary(folder, metrics, interrupted=False).lines()


FIELDS = "grid", "hash", "nerf"


def field(kind):
    """The arrays of ``scene.npz`` of a run of ``kind``, one of ``FIELDS``."""
    model = _run(kind).model
    model.start()
    model.step(0.0)
    return model._field()


def resume(kind, folder):
    """Goes on with it: as ``reconstruct`` does, a step, and the pages that would be written at the end."""
    asked, run = replace(settings(kind, folder), resume=True), _run(kind)
    path = folder / checkpoint.NAME
    saved = checkpoint.load_state(path)
    with checkpoint.reading(path):
        run.settings = _saved_settings(asked, saved[0]["settings"])
        run.settings.check()
    with checkpoint.reading(path):
        run.restore(*saved)
    run._step(FRACTIONS[-1])
    run.save()
    for name, array in read_arrays(path).items():
        assert array.dtype.kind != "f" or np.isfinite(array).all(), name
    run.record.state()
