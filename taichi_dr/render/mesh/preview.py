"""What a notebook shows of a mesh: a small shaded picture."""

import math
from contextlib import suppress

from taichi_dr.io.images import png_bytes
from taichi_dr.render.mesh.rasterizer import Rasterizer
from taichi_dr.runtime import is_initialised
from taichi_dr.scene.bounds import sphere_around, used_points
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.light import Lights
from taichi_dr.scene.mesh import Mesh
from taichi_dr.tape import off_tape

SIZE, SAMPLES, FOV_Y_DEG = 256, 2, 40.0
PAPER = (0.85, 0.85, 0.85)


def preview_png(mesh):
    """A PNG of a mesh (of a batch the first) under the default lights; None where it cannot be drawn.

    That is before ``ti.init``, after another one, or with numbers that are not finite: a notebook goes on.
    """
    with suppress(Exception):
        if is_initialised():
            return png_bytes(preview(mesh))
    return None


@off_tape
def preview(mesh):
    """The picture (H, W, 3) of ``preview_png``, linear RGB: the whole mesh, from above its front right."""
    center, radius = sphere_around(used_points(mesh))
    radius = max(radius, 1e-6)
    distance = 1.05 * radius / math.sin(math.radians(FOV_Y_DEG) / 2)
    camera = Camera.orbit(35, 25, distance, FOV_Y_DEG, target=tuple(center))
    renderer = Rasterizer(SIZE * SAMPLES, background=PAPER)
    image = renderer.render(mesh, camera, Lights.default(), view_mesh=[0]).numpy("color")[0]
    return image.reshape(SIZE, SAMPLES, SIZE, SAMPLES, 3).mean(axis=(1, 3))


Mesh._repr_png_ = preview_png  # type: ignore[attr-defined]  # here, because a mesh knows of no renderer
