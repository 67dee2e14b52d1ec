"""Ray-traced pictures for files, in passes of a few samples: each with other random numbers, all of them averaged."""

import math
from dataclasses import dataclass, replace

import numpy as np

from taichi_dr.implicit.environment import Environment
from taichi_dr.io.images import straight
from taichi_dr.jobs.pictures.poses import GOLDEN_ANGLE_DEG
from taichi_dr.render.mesh.supersample import portions
from taichi_dr.render.rays.ray_tracer import RayTracer
from taichi_dr.render.rays.scene import Scene
from taichi_dr.scene.analytic import Plane
from taichi_dr.scene.bounds import used_points
from taichi_dr.scene.light import Lights
from taichi_dr.scene.material import Material

PASS = 4  # samples of a pixel
GAP = 1e-4  # between an object and the ground, in radii of the object: what stands on it has faces in its plane
GROUND = Material(albedo=0.8, reflectivity=0.05)
FAR = 1e4


@dataclass
class RayTraced:
    """Pictures of ``objects`` (meshes and solids) in the light of ``lights`` and of the ``environment``.

    ``background``: linear RGB; None: nothing, in place of the environment too.  ``light_angle_deg``: the angular radius
    of directional lights, which every pass has in another place of it, so that shadows become soft.
    """

    objects: list
    lights: Lights | None = None
    environment: Environment | None = None
    background: tuple | None = None
    samples: int = 64
    bounces: int = 8
    light_angle_deg: float = 0.0

    def __call__(self, camera, size, progress=None):
        """Pictures (V, H, W, 4), linear RGB with straight alpha; ``progress(done, total)`` is told of every pass."""
        tracer = RayTracer(size, samples=PASS, bounces=self.bounces, background=self.background)
        scene = Scene(self.objects, self.lights, self.environment)
        sways = self.lights is not None and self.light_angle_deg > 0
        vectors = self.lights.numpy("vector") if sways else None
        passes = math.ceil(self.samples / PASS)
        pictures = []
        try:
            for view, one in portions(camera, 1):
                sums = np.zeros((*tracer.size, 4))
                for i in range(passes):
                    tracer.samples = min(PASS, self.samples - i * PASS)
                    tracer.seed = i
                    if sways:
                        self.lights.fields.set("vector", _swayed(vectors, self.light_angle_deg, i, passes))
                    frame = tracer.render(scene, one)
                    alpha = frame.numpy("alpha")[0] if self.background is None else np.ones(tracer.size)
                    sums += tracer.samples * np.concatenate([frame.numpy("color")[0], alpha[..., None]], axis=-1)
                    if progress is not None:
                        progress(view * passes + i + 1, camera.views * passes)
                pictures.append(straight(sums / self.samples))
        finally:
            if sways:
                self.lights.fields.set("vector", vectors)
        return np.stack(pictures).astype(np.float32)


def ground_below(meshes):
    """The plane that meshes stand on."""
    return Plane(y=min(used_points(mesh)[:, 1].min() for mesh in meshes) - GAP, material=GROUND, name="ground")


def ground_color(lights):
    """What the ground looks like far from everything, in lights without a place: before it the ground has no end."""
    if lights is None:
        return GROUND.albedo
    vectors = lights.numpy("vector")[1:]
    cosines = np.maximum(vectors[:, 1] / np.linalg.norm(vectors, axis=1), 0)
    colors = lights.numpy("color")
    return tuple((np.array(GROUND.albedo) * (colors[0] + cosines @ colors[1:])).tolist())


def with_reflectivity(meshes, reflectivity):
    """Gives all of them that reflectivity, unless it is None."""
    for mesh in meshes if reflectivity is not None else ():
        mesh.material = replace(mesh.material, reflectivity=reflectivity)


def _swayed(vectors, angle_deg, i, passes):
    """Directions (L, 3) towards lights, the i-th of so many in a disc of that angular radius around each.

    Vogel's spiral: equal areas, turned by the golden angle each; every light has one that is turned further.
    """
    radius, moved = math.tan(math.radians(angle_deg)) * math.sqrt((i + 0.5) / passes), vectors.astype(np.float64)
    for k in range(1, len(moved)):
        axis = moved[k] / np.linalg.norm(moved[k])
        across = np.cross(axis, np.eye(3)[np.abs(axis).argmin()])
        across /= np.linalg.norm(across)
        turn = math.radians(GOLDEN_ANGLE_DEG) * (i + 0.5 * k)
        moved[k] = axis + radius * (math.cos(turn) * across + math.sin(turn) * np.cross(axis, across))
    return moved
