"""A mesh, or a solid with the mesh of its surface, to be looked at."""

import numpy as np

from taichi_dr.gui.pose import Pose
from taichi_dr.implicit.bounds import Box
from taichi_dr.implicit.sdf.grid import Grid
from taichi_dr.implicit.voxel_grid import VoxelGrid
from taichi_dr.jobs.pictures.lighting import lighting
from taichi_dr.jobs.pictures.named_mesh import found_mesh, is_solid, named_mesh, named_solid
from taichi_dr.jobs.view.content import Content
from taichi_dr.jobs.view.looks import looked, with_edges
from taichi_dr.render.march.sphere_tracer import SphereTracer
from taichi_dr.render.mesh.rasterizer import Rasterizer
from taichi_dr.render.mesh.soft_rasterizer import SoftRasterizer
from taichi_dr.render.rays.ray_tracer import RayTracer
from taichi_dr.render.rays.scene import Scene
from taichi_dr.scene.bounds import sphere_around, used_points

DISTANCE = 3.1  # from which the unit ball fills 40 degrees


class Surface(Content):
    """A mesh by its name, normalised to radius 1; of a solid, its surface, and the solid itself for ``"sdf"``.

    ``texture``: an image for its texture coordinates.
    """

    def __init__(self, name, texture=None):
        self._name = name
        self.home, self.radius = Pose((0.0, 0.0, 0.0), 30.0, 20.0, DISTANCE), 1.0
        self._mesh = named_mesh(name, texture)
        self._lights = lighting("studio", self._mesh)
        self._solid = named_solid(name) if is_solid(name) else None
        self.missing = {"volume": "a surface has no volume"}
        if self._solid is None:
            self.missing["sdf"] = "a mesh has no distances"
        self._renderers, self._scenes = {}, {}

    def missing_looks(self, renderer):
        return {"faces": "a solid has none"} if renderer == "sdf" else {}

    def switches(self, renderer):
        return ("lit",) if renderer == "sdf" else ("lit", "edges")

    def within(self, posed):
        mesh = found_mesh(self._name)
        center, radius = sphere_around(used_points(mesh))
        return posed.moved(center + mesh.offset, radius)

    def draw(self, camera, size, choice):
        lights = self._lights if choice.lit else None
        renderer = self._renderer(choice.renderer, size)
        if choice.renderer == "sdf":
            return looked(renderer.render(camera, lights), choice.look)
        if choice.renderer == "ray traced":
            if choice.lit not in self._scenes:
                self._scenes[choice.lit] = Scene([self._mesh], lights)
            frame = renderer.render(self._scenes[choice.lit], camera)
        else:
            if choice.renderer == "soft":
                renderer.sigma, renderer.gamma = choice.sigma, choice.gamma
            frame = renderer.render(self._mesh, camera, lights)
        picture = looked(frame, choice.look)
        return with_edges(picture, frame.numpy("face_id")[0]) if choice.edges else picture

    def _renderer(self, name, size):
        """The renderer of a name, made when it is first asked for, for pictures of ``size``."""
        if name not in self._renderers:
            self._renderers[name] = self._made(name, size)
        self._renderers[name].size = size
        return self._renderers[name]

    def _made(self, name, size):
        if name == "soft":
            return SoftRasterizer(size, background=None)
        if name == "ray traced":
            return RayTracer(size, background=None)
        if name == "sdf":
            solid = self._solid
            color = VoxelGrid(np.clip(solid.colors, 0, 1), solid.bounds)
            bounds = Box(*solid.bounds)
            return SphereTracer(Grid(solid.distances, solid.bounds), size, bounds=bounds, color=color, background=None)
        return Rasterizer(size, background=None, antialias=name == "antialiased")
