"""Posed images to a coloured mesh: a sphere (or another start) deformed until silhouettes and colours agree."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import taichi as ti

from taichi_dr import losses
from taichi_dr.errors import FileError
from taichi_dr.io.files import write_json
from taichi_dr.io.meshes import load_mesh, save_mesh
from taichi_dr.jobs.pictures import looks
from taichi_dr.jobs.reconstruct.checkpoint import below, count
from taichi_dr.jobs.reconstruct.kind import Kind
from taichi_dr.jobs.reconstruct.light import EVEN, Light, described, find_light, vertex_normals
from taichi_dr.jobs.reconstruct.loss_terms import STEPS_BETWEEN_RECORDS, add_terms
from taichi_dr.jobs.reconstruct.result_start import check_result, is_result, remeshed, start_mesh
from taichi_dr.jobs.reconstruct.results import read_metrics
from taichi_dr.jobs.reconstruct.skipped_steps import SkippedSteps
from taichi_dr.jobs.reconstruct.view_groups import ViewGroups, unit_camera
from taichi_dr.optim.large_steps import LargeSteps
from taichi_dr.optim.optimizers import Adam, UniformAdam
from taichi_dr.render.mesh.rasterizer import Rasterizer
from taichi_dr.render.mesh.soft_rasterizer import SoftRasterizer
from taichi_dr.render.mesh.supersample import Supersampler
from taichi_dr.runtime import float_dtype
from taichi_dr.scene import shapes
from taichi_dr.scene.bounds import world_vertices
from taichi_dr.scene.light import DirectionalLight, Lights
from taichi_dr.scene.mesh import Mesh

SMALLEST_SHARE = 0.05  # of the budget; for less it does not pay to compile for a finer level and to set it up
HULL_CELLS = 40
SUBDIVIDED = 4  # times as many faces has a surface that is made anew, at last
OF_TEXTURE = ("mesh.mtl", "mesh_texture.png")  # files that there are if a texture is asked for
LIGHT_FILE = "light.json"  # that there is if a light is asked for
LIGHT_TIMES = 20  # in a budget, at even fractions, that the light is told anew ...
LIGHT_FIRST = 4  # ... from this one of them on: before, colours are not there yet
SHAPE_SHARE = 0.9  # of the budget, if a texture is asked for: the rest is the texture's


@dataclass(frozen=True)
class Level:
    """From fraction ``start`` of the budget on: pictures of at most ``size`` pixels, a mesh of up to ``faces`` faces
    (the first level's: of the sphere to start from).

    ``sigma`` is the soft rasterizer's; ``color`` weighs the colour loss.
    """

    start: float
    size: int
    faces: int
    sigma: float
    color: float


LEVELS = (
    Level(0.0, 64, 1280, 3e-4, 0.0),
    Level(0.12, 128, 5120, 1e-4, 1.0),
    Level(0.4, 256, 20480, 3e-5, 1.0),
    Level(0.65, 512, 81920, 1e-5, 1.0),
)


def level_at(fraction, level):
    """The number of the level to be at, at this fraction of the budget, where ``level`` was before.

    A level that has less than ``SMALLEST_SHARE`` of the budget left before the next one or the end is not begun.

    >>> [level_at(fraction, 0) for fraction in (0.0, 0.11, 0.12, 0.34, 0.36, 0.4, 0.65, 0.95, 0.96)]
    [0, 0, 1, 1, 0, 2, 3, 3, 0]
    """
    started = max(i for i, level in enumerate(LEVELS) if level.start <= fraction)
    ends = [level.start for level in LEVELS[1:]] + [1.0]
    return started if ends[started] - fraction >= SMALLEST_SHARE else level


WHY = {
    "antialiased": "it measured better and several times faster than soft",
    "soft": "it was asked for; antialiased measured better and several times faster",
}

WEIGHTS = {"laplacian": 0.03, "normals": 0.02, "edges": 0.02}


class MeshReconstruction(Kind):
    """A mesh on its way from its start to the pictures ``train``; coordinates are those of the unit scene.

    The vertices are optimised through ``LargeSteps``; silhouettes by ``1 - IoU``, colours by their absolute
    difference over random backgrounds, and the surface is kept smooth and even by the Laplacian, normal-consistency
    and edge-length losses.  The groups of views stay while size and mesh do.  No field is made but the loss: all else
    are variables, for which nothing is compiled anew.
    """

    FILES = ("mesh.obj", "mesh.ply", "mesh.glb", *OF_TEXTURE, LIGHT_FILE)

    def __init__(self, settings, train, fit):
        self._settings, self._train, self._fit = settings, train, fit
        self._loss = ti.field(float_dtype(), shape=(), needs_grad=True)
        self._skipped = SkippedSteps("a smaller --lr or a larger --smoothness may avoid that")
        self._changed = False
        self._texture = None  # the TextureFit, once the shape's share of the budget is spent
        self._samplers, self._shown = {}, {}
        self._light, self._lights, self._times_told = EVEN, None, LIGHT_FIRST - 1
        if settings.light:
            self._set_light(EVEN)

    @staticmethod
    def check(settings):
        """Raises FileError or GeometryError if the mesh or the result to start from is not there or cannot be read."""
        if is_result(settings.init):
            check_result(settings.init)
        elif settings.init not in ("sphere", "hull"):
            if not Path(settings.init).exists():
                raise FileError(
                    f"--init {settings.init}: no such file; expected sphere, hull or a mesh file, or a folder"
                )
            load_mesh(settings.init)

    @property
    def plan(self):
        """A line on what will be done."""
        start = {"sphere": "a sphere", "hull": "the visual hull"}.get(self._settings.init, self._settings.init)
        return f"from {start}, with the {self._settings.renderer} renderer: {WHY[self._settings.renderer]}"

    @property
    def caption(self):
        """Size of mesh and pictures, for the progress display."""
        texture = "" if self._texture is None else f", texture of {self._settings.texture}²"
        return f"{self._mesh.face_count} faces at {self._size}²{texture}"

    def start(self):
        """Begins with the shape that the settings name, in the images' mean colour or those of another's result."""
        self._level = 0
        if is_result(self._settings.init):
            self._enter(self._of_result())
            return
        vertices, faces = _start_shape(self._settings, self._fit)
        average = self._train.images[self._train.alpha > 0.5].mean(axis=0)
        self._enter(Mesh(vertices, faces, colors=average, name="reconstruction"))

    def _of_result(self):
        """Another's result: the very mesh if it is one that is small enough, else its surface with other faces."""
        mesh = start_mesh(self._settings.init, self._fit, self._train)
        if mesh.face_count <= self._settings.faces and read_metrics(self._settings.init)["as"] == "mesh":
            return mesh
        return remeshed(mesh, self._settings.faces // SUBDIVIDED)

    @property
    def mesh(self):
        """The Mesh as it is now, in the colours that images show, but with ``--light``."""
        return self._mesh

    def changed(self):
        """Whether a new level, or the texture, has begun since this was last asked."""
        changed, self._changed = self._changed, False
        return changed

    def step(self, fraction):
        """One update from one group of views, at this fraction of the budget; every few steps returns the losses.

        Raises:
            GradientError: too many steps in a row had gradients that are not finite.
        """
        if self._settings.texture is None:
            return self._step_shape(fraction)
        if fraction < SHAPE_SHARE:
            self._texture = None  # of a run that was resumed with a larger budget
            return self._step_shape(fraction / SHAPE_SHARE)
        if self._texture is None:
            self._texture, self._changed = self._new_texture(), True
        moved, record = self._texture.step((fraction - SHAPE_SHARE) / (1 - SHAPE_SHARE))
        self._skipped.note(moved)
        return record

    def _step_shape(self, fraction):
        self._advance(fraction)
        if self._settings.light and LEVELS[self._level].color > 0 and int(fraction * LIGHT_TIMES) > self._times_told:
            self._times_told = int(fraction * LIGHT_TIMES)
            self._tell_light()
        record = {} if self._step % STEPS_BETWEEN_RECORDS == 0 else None
        self._loss[None] = 0
        with ti.ad.Tape(self._loss):
            self._smooth.apply()
            self._add_losses(record)
        self._rate = 0.1 ** max(0.0, fraction - 0.3)
        self._update()
        self._step += 1
        return record

    def _tell_light(self):
        """Finds the light in the colours so far, and leaves it out of them: what is seen stays as it is."""
        normals, colors = vertex_normals(self._mesh), self._mesh.numpy("colors")[0]
        shown = colors * self._light.on(normals)
        self._set_light(find_light(shown, normals, [self._settings.seed, self._times_told]))
        self._mesh.set("colors", np.clip(shown / self._light.on(normals), 0, 1))

    def _set_light(self, light):
        self._light = light
        arguments = light.ambient, DirectionalLight(light.direction, 1.0, light.color)
        if self._lights is None:
            self._lights = Lights(*arguments)
        self._lights.set(*arguments)

    def _new_texture(self):
        return _texture_fit()(self._mesh, self._groups, self._settings.seed, self._settings.texture)

    def pictures(self, posed):
        """The mesh in the cameras of ``posed``: (V, H, W, 4) linear RGB with straight alpha, 9 samples per pixel."""
        return self._pictures(posed)

    def variants(self, posed):
        """``pictures`` with vertex colours, if there is a texture."""
        return {} if self._texture is None else {"vertex colours": self._pictures(posed, textured=False)}

    def shape(self, posed):
        """``pictures`` of its geometry alone, grey."""
        return self._pictures(posed, looks.shape)

    def portrait(self, near):
        """Its faces from near."""
        return f"{self._mesh.face_count:,} faces", self._pictures(near, looks.edges)[0]

    def export(self, folder):
        """Writes the mesh in world units as OBJ, PLY and GLB, with vertex colours; returns the names.

        With a texture if one was asked for: baked now, if Ctrl-C came before its share of the budget.
        """
        if self._settings.texture is not None and self._texture is None:
            self._texture = self._new_texture()
        shown = self._mesh if self._texture is None else self._texture.mesh
        for name, mesh in {"mesh.obj": shown, "mesh.ply": self._mesh, "mesh.glb": shown}.items():
            world = mesh.copy()
            world.set("vertices", self._fit.to_world(mesh.numpy("vertices")))
            save_mesh(world, folder / name, unlit=True)
        if self._settings.light:
            write_json(folder / LIGHT_FILE, described(self._light))
        missing = (*OF_TEXTURE,) * (not shown.has("texture")) + (LIGHT_FILE,) * (not self._settings.light)
        return [name for name in self.FILES if name not in missing]

    def describe(self):
        """What ``metrics.json`` says about the model."""
        return {
            "vertices": self._mesh.vertex_count,
            "faces": self._mesh.face_count,
            "euler_characteristic": self._mesh.vertex_count - len(self._mesh.topology.edges) + self._mesh.face_count,
            "renderer": self._settings.renderer,
            "renderer_because": WHY[self._settings.renderer],
            "skipped_steps": self._skipped.count,
        } | self._described_parts()

    def _described_parts(self):
        texture = {} if self._texture is None else {"texture": self._texture.describe()}
        return texture | ({"light": described(self._light)} if self._settings.light else {})

    def state(self):
        """Level and step, and every array that the next steps depend on."""
        arrays = {name: self._mesh.numpy(name) for name in ("vertices", "faces", "colors")}
        arrays["coordinates"] = self._smooth.variable().to_numpy()
        for prefix, optimizer in self._optimizers():
            arrays |= {f"{prefix}/{name}": value for name, value in optimizer.state_dict().items()}
        header = {"level": self._level, "entered": self._entered, "step": self._step}
        header["skipped"] = self._skipped.count
        if self._settings.light:
            header["times_told"], arrays["light"] = self._times_told, np.stack(self._light)
        if self._texture is not None:
            header["texture"], texture = self._texture.state()
            arrays |= {f"texture/{name}": value for name, value in texture.items()}
        return header, arrays

    def restore(self, header, arrays):
        """Begins where ``state`` left off."""
        mesh = Mesh(arrays["vertices"], arrays["faces"], colors=arrays["colors"], name="reconstruction")
        self._level = count(header, "entered", len(LEVELS) - 1)
        self._enter(mesh)
        self._level = count(header, "level", len(LEVELS) - 1)
        self._smooth.variable().from_numpy(arrays["coordinates"])
        for prefix, optimizer in self._optimizers():
            optimizer.load_state_dict(below(prefix, arrays))
        self._step, self._skipped.count = count(header, "step"), count(header, "skipped")
        if self._settings.light:
            self._times_told = count(header, "times_told")
            self._set_light(Light(*arrays["light"]))
        if "texture" in header:
            arguments = self._mesh, self._groups, self._settings.seed
            self._texture = _texture_fit().restored(*arguments, header["texture"], below("texture", arrays))
        self._changed = False

    def _pictures(self, posed, look=None, textured=True):
        size = (posed.height, posed.width)
        if size not in self._samplers:
            self._samplers[size] = Supersampler(size, samples=3)
        if id(posed) not in self._shown:  # a camera for every picture would cost compiling
            self._shown[id(posed)] = posed, unit_camera(posed)
        mesh = self._texture.mesh if textured and self._texture is not None else self._mesh
        return self._samplers[size].render(mesh, self._shown[id(posed)][1], self._lights, look=look)

    def _optimizers(self):
        return ("shape", self._shape_optimizer), ("color", self._color_optimizer)

    def _advance(self, fraction):
        passed, self._level = self._level, max(self._level, level_at(fraction, self._level))
        mesh = self._mesh
        for level in LEVELS[passed + 1 : self._level + 1]:
            if 4 * mesh.face_count <= min(level.faces, self._settings.faces):
                mesh = mesh.subdivide()
        softer = self._settings.renderer == "soft" and self._level > passed
        if mesh is not self._mesh or self._picture_size() != self._size or softer:
            self._enter(mesh)
            self._changed = True

    def _picture_size(self):
        own = max(self._train.height, self._train.width)
        return min(LEVELS[self._level].size, self._settings.size or own, own)

    def _enter(self, mesh):
        """Starts to work on ``mesh`` at the level's size: pictures in groups, renderer, optimisers without history."""
        self._mesh, self._step, self._size = mesh, 0, self._picture_size()
        self._entered = self._level
        posed = self._train.resized(self._size)
        self._groups = ViewGroups(posed, self._settings.batch, [self._settings.seed, self._entered])
        self._renderer = self._make_renderer((posed.height, posed.width))
        self._smooth = LargeSteps(mesh, self._settings.smoothness)
        schedule = lambda step: self._rate  # noqa: E731  the rate follows the budget, not the step
        shape, color = {"coordinates": self._smooth.variable()}, {"colors": mesh.variable("colors")}
        self._shape_optimizer = UniformAdam(shape, lr=self._settings.lr, betas=(0.9, 0.99), schedule=schedule)
        self._color_optimizer = Adam(color, lr=self._settings.color_lr, betas=(0.9, 0.99), schedule=schedule)

    def _make_renderer(self, size):
        if self._settings.renderer == "soft":
            return SoftRasterizer(size, sigma=LEVELS[self._level].sigma, gamma=1e-4)
        return Rasterizer(size, antialias=True)

    def _add_losses(self, record):
        camera, colors, alpha = self._groups.at(self._step)
        # Over a background that is another one each time: over a fixed one, skin across a hole would take its colour.
        background = np.random.default_rng([self._settings.seed, self._entered, self._step, 1]).uniform(size=3)
        self._renderer.background = tuple(background.tolist())
        frame = self._renderer.render(self._mesh, camera, self._lights)
        level, mesh, loss = LEVELS[self._level], self._mesh, self._loss
        target = colors + background.astype(np.float32) * (1 - alpha[..., None])
        ease = 1.0 / (1 + self._entered)  # a finer mesh needs less of what keeps it smooth
        terms = {
            "silhouette": lambda: losses.iou(frame.variable("alpha"), alpha, loss),
            "color": lambda: losses.l1(frame.variable("color"), target, loss, level.color),
            "laplacian": lambda: losses.laplacian(mesh, loss, WEIGHTS["laplacian"] * ease),
            "normals": lambda: losses.normal_consistency(mesh, loss, WEIGHTS["normals"] * ease),
            "edges": lambda: losses.edge_length(mesh, loss, WEIGHTS["edges"] * ease),
        }
        if level.color == 0:
            del terms["color"]
        add_terms(loss, terms, record)

    def _update(self):
        moved = self._shape_optimizer.step()
        if LEVELS[self._level].color > 0:
            moved &= self._color_optimizer.step()
            self._mesh.set("colors", np.clip(self._mesh.numpy("colors"), 0, 1))
        self._skipped.note(moved)


def _texture_fit():
    """The class, imported on first use: what it needs of SciPy takes a tenth of a second to import."""
    from taichi_dr.jobs.reconstruct.texture import TextureFit

    return TextureFit


def _start_shape(settings, fit):
    """Vertices and faces, in the unit scene, of what is deformed."""
    if settings.init == "hull":
        return fit.hull_mesh(HULL_CELLS)
    if settings.init != "sphere":
        mesh = load_mesh(settings.init)
        return fit.from_world(world_vertices(mesh)), mesh.numpy("faces")
    most = min(LEVELS[0].faces, settings.faces)
    sphere = shapes.icosphere(max(n for n in range(8) if 20 * 4**n <= most))
    center, half = fit.hull_extent()
    return center + half * sphere.numpy("vertices")[0], sphere.numpy("faces")
