"""What kinds that are radiance fields share: pictures, depth, the orbit, the scene's file, the mesh."""

from abc import abstractmethod
from typing import NamedTuple, final

import numpy as np
from matplotlib import colormaps

from taichi_dr.errors import FileError, GeometryError
from taichi_dr.io.images import check_animation, quantized, save_animation, srgb_to_linear
from taichi_dr.io.meshes import save_mesh
from taichi_dr.jobs.reconstruct.kind import Kind
from taichi_dr.jobs.reconstruct.radiance.display import linear, shaded
from taichi_dr.jobs.reconstruct.radiance.orbit import orbit, upwards
from taichi_dr.jobs.reconstruct.radiance.path import path
from taichi_dr.jobs.reconstruct.radiance.scene import Scene, save_scene
from taichi_dr.jobs.reconstruct.radiance.surface import density_mesh
from taichi_dr.jobs.reconstruct.silhouettes import has_silhouettes
from taichi_dr.jobs.report.metrics import over_white
from taichi_dr.jobs.report.pages import write_grid

SHOWN_DEPTHS, DEPTHS_SIDE = 4, 400
FRAMES_PER_SECOND = 15
FAR = 2.0  # times the nearest depth
SOLID = 0.5  # opacity of pixels whose depth counts


class Seen(NamedTuple):
    """Pictures of a field: display ``color`` (V, H, W, 3) multiplied by ``alpha`` (V, H, W), mean ``depth``."""

    color: np.ndarray
    alpha: np.ndarray
    depth: np.ndarray


class RadianceReconstruction(Kind):
    """A Kind that is a field of density and display colours in the unit scene.

    What remains is how it starts, steps, is kept and described, and ``_seen``, ``_at``, ``_box`` and ``_field``.
    """

    FILES = (
        "scene.npz",
        "depth.png",
        "orbit.mp4",
        "orbit.gif",
        "path.mp4",
        "path.gif",
        "mesh.ply",
        "mesh.obj",
        "mesh.glb",
    )
    NEEDS_SILHOUETTES = False

    def __init__(self, settings, train, fit):
        self._settings, self._train, self._scene = settings, train, fit

    @abstractmethod
    def _seen(self, posed):
        """The ``Seen`` of the cameras of ``posed``."""

    @abstractmethod
    def _at(self, points, directions):
        """``(density (N,), display colours (N, 3))`` at points of the unit scene, along unit directions."""

    @abstractmethod
    def _box(self):
        """The lowest and the highest point (3,) of where there may be something."""

    @abstractmethod
    def _field(self):
        """Named arrays that the field can be made of again."""

    @staticmethod
    @abstractmethod
    def drawing(arrays):
        """A function that gives the ``Seen`` of posed images' cameras, from what ``_field`` returned."""

    @staticmethod
    @abstractmethod
    def density(arrays):
        """``(at, low, high)`` as ``density_mesh`` takes them, from what ``_field`` returned."""

    @final
    def pictures(self, posed):
        """The field in the cameras of ``posed``: (V, H, W, 4) linear RGB with straight alpha."""
        seen = self._seen(posed)
        return linear(seen.color, seen.alpha)

    @final
    def variants(self, posed):
        """None."""
        return {}

    @final
    def shape(self, posed):
        """``pictures`` of the mean depth as if it were a surface, grey."""
        seen = self._seen(posed)
        return shaded(seen.depth, seen.alpha, posed)

    @final
    def portrait(self, near):
        """The depth from near, bright where it is small."""
        return "its depth", depth_pictures(self._seen(near))[0]

    @final
    def export(self, folder):
        """Writes the scene, depths, an orbit, and the mesh if one was asked for; returns the names."""
        up = upwards(self._train)
        scene = Scene(self._settings.kind, self._scene.center, self._scene.radius, up, self._field())
        save_scene(folder / "scene.npz", scene)
        self._write_depths(folder / "depth.png")
        files = ["scene.npz", "depth.png", self._write_video(folder)]
        if self._settings.export is not None:
            self._write_mesh(folder / self._settings.export)
            files.append(self._settings.export)
        return files

    def _write_depths(self, path):
        few = np.unique(np.linspace(0, len(self._train) - 1, SHOWN_DEPTHS).round().astype(int))
        posed = self._train.subset(few)
        posed = posed.resized(min(DEPTHS_SIDE, max(posed.height, posed.width)))
        seen = self._seen(posed)
        colors, depths = (
            quantized(over_white(part)) for part in (linear(seen.color, seen.alpha), depth_pictures(seen))
        )
        rows = [list(zip(posed.names, colors, strict=True)), [("", depth) for depth in depths]]
        write_grid(path, rows, "what is seen, and how far away it is: near is bright")

    def _write_video(self, folder):
        """Around an object; past the cameras of photographs."""
        name, posed = ("orbit", orbit(self._train)) if has_silhouettes(self._train) else ("path", path(self._train))
        file = folder / f"{name}.mp4"
        try:
            check_animation(file)
        except FileError:  # no encoder
            file = folder / f"{name}.gif"
        frames = (srgb_to_linear(over_white(self.pictures(posed.subset([i]))[0])) for i in range(len(posed)))
        save_animation(file, frames, fps=FRAMES_PER_SECOND)
        return file.name

    def _write_mesh(self, path):
        try:
            mesh = density_mesh(self._at, *self._box(), self._settings.mesh_resolution)
        except GeometryError as error:
            raise GeometryError(f"--export {path.name}: {error}") from error
        mesh.set("vertices", self._scene.to_world(mesh.numpy("vertices")))
        save_mesh(mesh, path, unlit=True)


def depth_pictures(seen):
    """(V, H, W, 4) linear pictures of a ``Seen``'s depths, from the nearest to the farthest that is solid anywhere.

    Where the farthest is several times as far as the nearest, brightness goes by 1/depth.
    """
    solid = seen.alpha > SOLID
    low, high = np.percentile(seen.depth[solid], [1, 99]) if solid.any() else (0.0, 1.0)
    if high > FAR * low > 0:
        shares = (1 / np.maximum(seen.depth, low) - 1 / high) / (1 / low - 1 / high)
    else:
        shares = (high - seen.depth) / max(high - low, 1e-9)
    shares = np.clip(shares, 0, 1)
    colors = colormaps["magma"](0.1 + 0.85 * shares)[..., :3]
    return linear(colors * solid[..., None], solid.astype(np.float32))
