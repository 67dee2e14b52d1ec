"""Posed images to a signed distance on a grid with colours: the visual hull (or another start), made to fit pixels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from taichi_dr.errors import FileError, GeometryError, GradientError
from taichi_dr.implicit.sdf.colored import ColoredSolid
from taichi_dr.io.meshes import load_mesh, save_mesh
from taichi_dr.jobs.pictures import looks
from taichi_dr.jobs.reconstruct.carve import carve
from taichi_dr.jobs.reconstruct.checkpoint import count, rows_below
from taichi_dr.jobs.reconstruct.grid_fit import GridFit
from taichi_dr.jobs.reconstruct.grid_start import Nodes, Start
from taichi_dr.jobs.reconstruct.kind import Kind
from taichi_dr.jobs.reconstruct.result_start import check_result, colors_near, is_result, start_mesh
from taichi_dr.jobs.reconstruct.view_groups import unit_camera
from taichi_dr.measure.connectivity import connectivity
from taichi_dr.render.mesh.supersample import Supersampler

BETWEEN = 20
"""Steps from one redistancing to the next."""

SHARES = 0.38, 0.57, 0.05
"""Of a step's pixels: near silhouettes' edges, within silhouettes, and anywhere; while the shape may change as it likes
a third each."""

COLORED = 4.0
"""Cells from the surface of a result that its colours are taken over."""

COLOR_WEIGHT = 2.0
COLORS_FIRST = 10
"""Steps that colours need before they say anything about the surface."""


@dataclass(frozen=True)
class Level:
    """From fraction ``start`` of the budget on: a grid ``coarser`` than the finest, pictures of up to ``size`` pixels.

    ``band`` is that of silhouettes, in pixels.  ``free``: every value moves, and none is made a distance again: so
    handles and parts come and go, which redistancing would prevent.
    """

    start: float
    coarser: int
    size: int
    band: float
    free: bool = False


LEVELS = {
    "hull": (Level(0.0, 1, 512, 0.5),),
    "ball": (Level(0.0, 4, 128, 2.0, free=True), Level(0.4, 2, 256, 1.0), Level(0.7, 1, 512, 0.5)),
}
"""By the start; a mesh goes through the levels of a ball, another's result has the one of a hull."""


class SdfReconstruction(Kind):
    """Distances and colours on a grid around the object, on their way to the pictures ``train``."""

    FILES = ("scene.npz", "mesh.obj", "mesh.ply", "mesh.glb")

    def __init__(self, settings, train, fit):
        self._settings, self._train, self._scene = settings, train, fit
        self._begun = "ball" if settings.init != "hull" and not is_result(settings.init) else "hull"
        self._changed = False
        self._samplers, self._shown = {}, {}

    @staticmethod
    def check(settings):
        """Raises FileError or GeometryError if the mesh or the result to start from is not there or cannot be read."""
        if is_result(settings.init):
            check_result(settings.init)
        elif settings.init not in ("hull", "ball"):
            if not Path(settings.init).exists():
                raise FileError(
                    f"--init {settings.init}: no such file; expected hull, ball or a mesh file, or a folder"
                )
            load_mesh(settings.init)

    @property
    def plan(self):
        """A line on what will be done."""
        start = {"hull": "the visual hull", "ball": "a ball"}.get(self._settings.init, self._settings.init)
        return f"from {start}, on a grid of {self._settings.resolution} points along its longest side at last"

    @property
    def caption(self):
        """Sizes of grid and pictures, for the progress display."""
        return f"{' × '.join(map(str, self._nodes.shape))} points at {self._size}²"

    def start(self):
        """Begins with the shape that the settings name, in the images' mean colour or those of another's result."""
        self._level, self._step = 0, 0
        mesh = start_mesh(self._settings.init, self._scene, self._train) if is_result(self._settings.init) else None
        start = Start(self._settings.init, self._scene, mesh)
        self._box = start.box
        nodes = self._grid()
        distances = start.distances(self._train.resized(self._picture_size()), nodes)
        if self._settings.init == "hull" and self._settings.carve:
            distances = carve(self._train, distances, nodes, self._box)
        average = self._train.images[self._train.alpha > 0.5].mean(axis=0)
        colors = np.tile(average, (*nodes.shape, 1))
        if mesh is not None:
            near = np.abs(distances) < COLORED * nodes.spacing
            colors[near] = colors_near(mesh, nodes.positions()[near])
        self._enter(nodes, distances, colors)

    @property
    def _levels(self):
        return LEVELS[self._begun]

    def changed(self):
        """Whether a new level has begun since this was last asked."""
        changed, self._changed = self._changed, False
        return changed

    def step(self, fraction):
        """One step over some pixels of all views, at this fraction of the budget; returns the losses.

        Raises:
            GradientError: the surface is gone.
        """
        self._advance(fraction)
        level, settings = self._levels[self._level], self._settings
        end = self._levels[self._level + 1].start if self._level + 1 < len(self._levels) else 1.0
        within = min(1.0, (fraction - level.start) / (end - level.start))
        rates = settings.lr * (0.3 if level.free else 0.1) ** within, settings.color_lr * 0.1**within
        shares = (1 / 3, 1 / 3, 1 / 3) if level.free else SHARES
        losses = self._fit.step(
            np.random.default_rng([settings.seed, self._level, self._step]),
            [round(share * settings.pixels) for share in shares],
            rates,
            level.band,
            0.0 if level.free else settings.smoothness * 0.1**within,
            COLOR_WEIGHT if self._step >= COLORS_FIRST and not level.free else 0.0,
        )
        self._step += 1
        if self._step % BETWEEN == 0 and not level.free:
            self._redistance()
        self._mesh = None
        return losses

    def pictures(self, posed):
        """The surface in the cameras of ``posed``: (V, H, W, 4) linear RGB with straight alpha, 9 samples per pixel."""
        return self._pictures(posed)

    def variants(self, posed):
        """None."""
        return {}

    def shape(self, posed):
        """``pictures`` of its geometry alone, grey."""
        return self._pictures(posed, looks.shape)

    def portrait(self, near):
        """Its faces from near."""
        return f"{self._surface().face_count:,} faces", self._pictures(near, looks.edges)[0]

    def export(self, folder):
        """Writes the grid, and its surface as OBJ, PLY and GLB with vertex colours; returns the names."""
        self._redistance()
        self._mesh = None
        solid = self._solid(world=True)
        solid.save(folder / "scene.npz")
        for name in ("mesh.obj", "mesh.ply", "mesh.glb"):
            save_mesh(solid.mesh("reconstruction"), folder / name, unlit=True)
        return list(self.FILES)

    def describe(self):
        """What ``metrics.json`` says about the model."""
        mesh = self._surface()
        shape = connectivity(mesh)
        return {
            "points": list(self._nodes.shape),
            "spacing": self._nodes.spacing * self._scene.radius,
            "vertices": mesh.vertex_count,
            "faces": mesh.face_count,
            "parts": shape.parts,
            "genus": shape.genus,
        }

    def state(self):
        """Level and step, and every array that the next steps depend on."""
        arrays, header = {}, {"begun": self._begun, "level": self._level, "step": self._step, "box": self._box.tolist()}
        for name in ("distances", "colors"):
            header[name], own = getattr(self._fit, name).state()
            arrays |= {f"{name}/{key}": value for key, value in own.items()}
        return header, arrays | {"nodes": self._fit.nodes()}

    def restore(self, header, arrays):
        """Begins where ``state`` left off."""
        self._begun = header.get("begun", self._begun)  # the folder that it began with may be gone
        self._level, self._box = count(header, "level", len(self._levels) - 1), np.array(header["box"], float)
        self._enter(self._grid(), arrays["distances/array"][..., 0], arrays["colors/array"])
        for name in ("distances", "colors"):
            own = {key.removeprefix(f"{name}/"): v for key, v in arrays.items() if key.startswith(f"{name}/")}
            getattr(self._fit, name).restore(header[name], own)
        self._fit.set_nodes(rows_below(arrays, "nodes", self._nodes.shape))
        self._step, self._changed = count(header, "step"), False

    def _grid(self):
        """The nodes of the level."""
        return Nodes.over(self._box, max(16, self._settings.resolution // self._levels[self._level].coarser))

    def _picture_size(self):
        own = max(self._train.height, self._train.width)
        return min(self._levels[self._level].size, self._settings.size or own, own)

    def _advance(self, fraction):
        level = max(i for i, level in enumerate(self._levels) if level.start <= fraction)
        if level > self._level:
            before, values, colors = self._nodes, self._fit.values(), self._fit.colors.array.to_numpy()
            self._level, self._step = level, 0
            nodes = self._grid()
            self._enter(nodes, *(before.resampled(numbers, nodes) for numbers in (values, colors)))
            self._redistance()
            self._changed = True

    def _enter(self, nodes, distances, colors):
        """Starts to work on a grid of the level's size: pictures, and an optimiser without history."""
        self._nodes, self._size = nodes, self._picture_size()
        free = self._levels[self._level].free
        pictures = self._train.resized(self._size)
        self._fit = GridFit(pictures, distances, colors, nodes.lower, nodes.spacing, everywhere=free)
        self._mesh = None

    def _redistance(self):
        try:
            self._fit.redistance()
        except GeometryError as error:
            raise GradientError(
                f"the surface is gone ({error}); a smaller --lr or --smoothness may avoid that"
            ) from error

    def _solid(self, world=False):
        radius, lower = 1.0, np.array(self._nodes.lower)
        if world:
            radius, lower = self._scene.radius, self._scene.to_world(lower)
        return ColoredSolid(
            radius * self._fit.values(), self._fit.colors.array.to_numpy(), lower, radius * self._nodes.spacing
        )

    def _surface(self):
        """The mesh of the surface in the unit scene."""
        if self._mesh is None:
            self._mesh = self._solid().mesh("reconstruction")
        return self._mesh

    def _pictures(self, posed, look=None):
        size = (posed.height, posed.width)
        if size not in self._samplers:
            self._samplers[size] = Supersampler(size, samples=3)
        if id(posed) not in self._shown:  # a camera for every picture would cost compiling
            self._shown[id(posed)] = posed, unit_camera(posed)
        return self._samplers[size].render(self._surface(), self._shown[id(posed)][1], look=look)
