"""``taichi-dr dream``: the steps, checkpoints, and what is made of the volume at the end."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from taichi_dr import runtime
from taichi_dr.errors import DataSetError, GeometryError
from taichi_dr.io.files import check_creatable, write_json
from taichi_dr.io.meshes import save_mesh
from taichi_dr.jobs.dream import pictures
from taichi_dr.jobs.dream.solid import solid_mesh
from taichi_dr.jobs.loop import Loop
from taichi_dr.jobs.reconstruct import checkpoint
from taichi_dr.jobs.reconstruct.radiance.scene import Scene, save_scene
from taichi_dr.jobs.terminal.interrupt import interruptible
from taichi_dr.jobs.terminal.output import alone_in, claim, clear, sweep
from taichi_dr.jobs.terminal.progress import say
from taichi_dr.torch.dreamer.dream import Dream
from taichi_dr.torch.dreamer.model import model_of
from taichi_dr.torch.tensors import require_device
from taichi_dr.version import __version__

MESHES = ("mesh.obj", "mesh.glb")
FILES = ("dream.png", "turntable.gif", *MESHES, "scene.npz", "progress.png", "metrics.json", checkpoint.NAME)
DEFAULT_STEPS = 500
SHOTS = 8  # of the way, for progress.png
NODES_PER_VERTEX = 1.5  # of the mesh, along a side
MOST_NODES = 192  # take two minutes and more than a gigabyte; twice as many eight times of both
SAME = (
    *("prompt", "denoiser", "model", "guidance", "views", "resolution", "lr", "opacity", "orientation", "smoothness"),
    *("t_range", "annealing", "view_words", "start", "seed"),
)
"""Settings that a run is resumed with."""

EMPTY, FULL = 0.02, 0.9  # of pictures that is covered


@dataclass(frozen=True)
class DreamSummary:
    """What a run reached: the folder, the contents of ``metrics.json``, and whether Ctrl-C ended it."""

    folder: Path
    metrics: dict
    interrupted: bool


def dream(settings):
    """Makes the thing that ``settings`` (DreamSettings) describe, and writes its files.

    Raises:
        InputError: a setting outside its domain, words that are not known, a denoiser that does not do.
        FileError, DataSetError: a model that cannot be read, an output folder that may not be written, a checkpoint of
            another prompt or of other settings.
        BackendError: the backend asked for is not there, or is CUDA and PyTorch has none.
    """
    settings.check()
    with alone_in(settings.out):
        return _dream(settings)


def _dream(settings):
    model = model_of(settings)
    if not settings.resume:
        claim(settings.out, FILES, settings.overwrite, "--resume continues it, --overwrite replaces it")
    check_creatable(settings.out / checkpoint.NAME)
    sweep(settings.out, FILES)
    saved = checkpoint.load_state(settings.out / checkpoint.NAME) if settings.resume else None
    runtime.init(settings.backend)
    require_device()
    run = _Run(settings, model, saved)
    try:
        with interruptible() as interrupt:
            run.loop.run("dreaming", interrupt, run.step, run.save)
            interrupt.check()
            metrics = run.report()
            return DreamSummary(settings.out, metrics, metrics["interrupted"])
    except KeyboardInterrupt:
        say(f"stopped before everything was written; --resume continues from {settings.out / checkpoint.NAME}")
        raise


class _Run:
    """A dream on its way, and what was seen of it."""

    def __init__(self, settings, model, saved):
        self.settings, self.shots = settings, []
        self.loop = Loop(settings, steps=DEFAULT_STEPS)
        self.same = json.loads(json.dumps({name: getattr(settings, name) for name in SAME}, default=str))
        if saved is not None:
            with checkpoint.reading(settings.out / checkpoint.NAME):
                self._check_same(saved[0]["settings"])
        self.dream = Dream(model, settings)
        if saved is not None:
            with checkpoint.reading(settings.out / checkpoint.NAME):
                self._restore(*saved)

    def _check_same(self, before):
        for name, expected in before.items():
            if self.same[name] != expected:
                raise DataSetError(
                    f"{self.settings.out / checkpoint.NAME}: was made with {name} {expected!r}, not"
                    f" {self.same[name]!r}: resume it with that, or start anew with --overwrite"
                )

    def _restore(self, header, arrays):
        self.loop.restore(header["loop"])
        self.dream.restore(header["dream"], arrays)
        self.shots = list(zip(header["shots"], arrays["shots"], strict=True)) if header["shots"] else []
        say(f"resuming at step {self.loop.steps} ({self.loop.seconds:.0f} s spent so far)")

    def step(self, fraction):
        if fraction * SHOTS >= len(self.shots):
            self.shots.append((self.loop.steps, pictures.portrait(self.dream.grid())))
        return self.dream.step(fraction)

    def save(self):
        """Writes the checkpoint."""
        state, arrays = self.dream.state()
        header = {"settings": self.same, "loop": self.loop.state(), "dream": state}
        header["shots"] = [step for step, _ in self.shots]
        if self.shots:
            arrays["shots"] = np.stack([picture for _, picture in self.shots])
        checkpoint.save_state(self.settings.out / checkpoint.NAME, header, arrays)

    def report(self):
        """Writes the mesh, the scene, the pictures and the numbers; returns these."""
        out, grid = self.settings.out, self.dream.grid()
        clear(out, [name for name in FILES if name != checkpoint.NAME])
        covered = float(pictures.looks(grid).alpha.mean())
        mesh = self._mesh(grid)
        for name in MESHES if mesh is not None else ():
            save_mesh(mesh, out / name)
        save_scene(out / "scene.npz", Scene("grid", np.zeros(3), 1.0, np.array([0.0, 1.0, 0.0]), grid.arrays()))
        pictures.write_dream(out / "dream.png", grid, mesh, self.settings.prompt)
        pictures.write_turntable(out / "turntable.gif", grid, mesh)
        pictures.write_progress(
            out / "progress.png", [*self.shots, (self.loop.steps, pictures.portrait(grid))], self.settings.prompt
        )
        metrics = {
            "prompt": self.settings.prompt,
            "steps": self.loop.steps,
            "seconds": round(self.loop.seconds, 1),
            "covered": covered,
            "collapsed": covered < EMPTY or covered > FULL,
            "vertices": 0 if mesh is None else mesh.vertex_count,
            "faces": 0 if mesh is None else mesh.face_count,
            "losses": self.loop.rows[-1][1] if self.loop.rows else {},
            "files": [name for name in FILES[:-1] if (out / name).exists() or name == "metrics.json"],
            "interrupted": self.loop.fraction < 1,
            "backend": runtime.backend(),
            "version": __version__,
        }
        write_json(out / "metrics.json", metrics)
        return metrics

    def _mesh(self, grid):
        """The Mesh of the solid that the grid looks like, None if it looks like none."""
        try:
            say("making the mesh")
            return solid_mesh(grid, min(round(NODES_PER_VERTEX * self.settings.resolution), MOST_NODES))
        except GeometryError as error:
            say(f"there is no mesh: {error}; more steps, another --seed or less --opacity may help")
            return None
