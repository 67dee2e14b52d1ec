"""``taichi-dr render``: a picture of a mesh, and an animation of it turning."""

import numpy as np

from taichi_dr import runtime
from taichi_dr.io.images import check_animation, check_picture, save_animation, save_image
from taichi_dr.jobs.pictures import lighting, portions, supersampled
from taichi_dr.jobs.poses import distance_for
from taichi_dr.jobs.progress import progress_bar
from taichi_dr.jobs.shapes import named_mesh
from taichi_dr.render.soft import SoftRasterizer
from taichi_dr.scene.camera import Camera

TURNTABLE_SIZE = 320  # pixels; GIFs of more become large
SMALLEST_SHARE = 1e-5  # of a pixel's colour that faces have; less is rounding


def render_picture(settings):
    """Writes the picture (and turntable) that ``settings`` (RenderSettings) describes; returns the paths written.

    Raises:
        InputError: a setting outside its domain.
        FileError: no such mesh, or a path cannot be written.
        BackendError: the backend asked for is not there.
    """
    settings.check()
    check_picture(settings.picture)
    if settings.turntable is not None:
        check_animation(settings.turntable)
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
    renderer = SoftRasterizer((size, size), sigma=settings.sigma, gamma=settings.gamma)
    pictures = []
    for start, part in portions(camera, 1):
        pictures.append(_soft_picture(renderer, mesh, part, lights))
        if progress is not None:
            progress(start + 1, camera.views)
    return np.stack(pictures)


def _soft_picture(renderer, mesh, camera, lights):
    """(H, W, 4): the faces' colours without the background, and alpha, of one view.

    The soft rasterizer blends the background into the colours with a weight of its own, ``b``, which has little to do
    with alpha.  Over black a pixel is ``(1 − b) c``, over white ``(1 − b) c + b``.
    """
    renderer.background = (0.0, 0.0, 0.0)
    black = renderer.render(mesh, camera, lights)
    colors, alpha = black.numpy("color")[0], black.numpy("alpha")[0, ..., None]
    renderer.background = (1.0, 1.0, 1.0)
    white = renderer.render(mesh, camera, lights).numpy("color")[0]
    faces = 1 - (white - colors).mean(axis=-1, keepdims=True)
    colors = np.where((faces > SMALLEST_SHARE) & (alpha > 0), colors / np.maximum(faces, SMALLEST_SHARE), 0)
    return np.concatenate([colors, alpha], axis=-1)
