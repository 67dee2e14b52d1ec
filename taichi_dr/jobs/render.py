"""``taichi-dr render``: a picture of a mesh, and an animation of it turning."""

import numpy as np

from taichi_dr import runtime
from taichi_dr.io.images import save_animation, save_image
from taichi_dr.jobs.pictures import lighting, supersampled
from taichi_dr.jobs.poses import distance_for
from taichi_dr.jobs.progress import progress_bar
from taichi_dr.jobs.shapes import named_mesh
from taichi_dr.render.soft import SoftRasterizer
from taichi_dr.scene.camera import Camera

TURNTABLE_SIZE = 320  # pixels; GIFs of more become large


def render_picture(settings):
    """Writes the picture (and turntable) that ``settings`` (RenderSettings) describes; returns the paths written.

    Raises:
        InputError: a setting outside its domain.
        FileError: no such mesh, or a path cannot be written.
        BackendError: the backend asked for is not there.
    """
    settings.check()
    runtime.init(settings.backend)
    mesh = named_mesh(settings.mesh, settings.texture)
    lights = lighting(settings.lighting)
    save_image(settings.picture, _pictures(settings, mesh, lights, [settings.azimuth_deg], settings.size)[0])
    if settings.turntable is None:
        return [settings.picture]
    turn = settings.azimuth_deg + np.arange(settings.frames) * (360 / settings.frames)
    size = min(settings.size, TURNTABLE_SIZE)
    with progress_bar("turning") as update:
        frames = _pictures(settings, mesh, lights, turn, size, lambda done, total: update(done / total))
    save_animation(settings.turntable, frames, fps=max(1, settings.frames / 4))
    return [settings.picture, settings.turntable]


def _pictures(settings, mesh, lights, azimuths, size, progress=None):
    distance = distance_for(settings.fov_y_deg)
    camera = Camera.orbit(
        azimuths, settings.elevation_deg, distance, settings.fov_y_deg, near=0.9 * (distance - 1), far=distance + 1.1
    )
    if not settings.soft:
        return supersampled(mesh, camera, (size, size), lights, progress=progress)
    renderer = SoftRasterizer((size, size), sigma=settings.sigma, gamma=settings.gamma, background=(1.0, 1.0, 1.0))
    pictures = []
    for view in range(camera.views):
        pictures.append(renderer.render(mesh, camera[[view]], lights).numpy("color")[0])
        if progress is not None:
            progress(view + 1, camera.views)
    return np.stack(pictures)
