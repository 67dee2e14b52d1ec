"""``taichi-dr render``: an image of a mesh, a solid or a radiance field, and an animation of it turning."""

import math
from contextlib import nullcontext
from dataclasses import replace

import numpy as np

from taichi_dr import runtime
from taichi_dr.errors import InputError
from taichi_dr.implicit.bounds import Box
from taichi_dr.implicit.environment import Environment
from taichi_dr.implicit.sdf.grid import Grid
from taichi_dr.implicit.voxel_grid import VoxelGrid
from taichi_dr.io.images import check_animation, check_picture, save_animation, save_image
from taichi_dr.jobs.pictures.background import named_color, over
from taichi_dr.jobs.pictures.lighting import lighting
from taichi_dr.jobs.pictures.named_mesh import is_solid, named_mesh, named_parts, named_solid
from taichi_dr.jobs.pictures.poses import distance_for
from taichi_dr.jobs.pictures.raytrace import FAR, RayTraced, ground_below, ground_color, with_reflectivity
from taichi_dr.jobs.reconstruct.radiance.drawing import scene_drawing
from taichi_dr.jobs.reconstruct.radiance.scene import is_radiance
from taichi_dr.jobs.terminal.progress import progress_bar
from taichi_dr.render.march.sphere_tracer import SphereTracer
from taichi_dr.render.mesh.soft_rasterizer import SoftRasterizer
from taichi_dr.render.mesh.supersample import portions, supersampled
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.material import Material

TURNTABLE_SIZE = 320  # pixels; GIFs of more become large
NEAREST = 0.02  # of the distance: what is nearer to a camera within it is cut away


def render_picture(settings):
    """Writes the image (and turntable) that ``settings`` (RenderSettings) describes; returns the paths written.

    Raises:
        InputError: a setting outside its domain.
        FileError: no such mesh, or a path cannot be written.
        GeometryError: a solid without a surface.
        BackendError: the backend asked for is not there.
    """
    settings.check()
    background = None if settings.background is None else named_color(settings.background)
    if settings.image is not None:
        check_picture(settings.image)
    if settings.turntable is not None:
        check_animation(settings.turntable)
    runtime.init(settings.backend)
    draw = _drawing(settings)
    height, width = settings.height_and_width
    if settings.image is not None:
        with progress_bar("rendering") if settings.rays.raytrace else nullcontext() as update:
            told = update and (lambda done, total: update(done / total, f"{done} of {total} passes"))
            image = draw(_camera(settings, [settings.azimuth_deg]), (height, width), told)
        save_image(settings.image, over(image, background)[0])
    if settings.turntable is None:
        return [settings.image]
    turn = settings.azimuth_deg + np.arange(settings.frames) * (360 / settings.frames)
    smaller = min(1.0, TURNTABLE_SIZE / max(height, width))
    size = (max(1, round(height * smaller)), max(1, round(width * smaller)))
    with progress_bar("turning") as update:
        frames = draw(_camera(settings, turn), size, lambda done, total: update(done / total))
    save_animation(settings.turntable, over(frames, background), fps=max(1, settings.frames / 4))
    return [path for path in (settings.image, settings.turntable) if path is not None]


def _drawing(settings):
    """``draw(camera, size, progress=None)``: pictures (V, H, W, 4) of what is named, linear RGB with straight alpha."""
    if settings.rays.raytrace:
        return _raytraced(settings)
    if not is_solid(settings.mesh):
        return _rasterized(settings)
    return scene_drawing(settings.mesh) if is_radiance(settings.mesh) else _traced(settings)


def _raytraced(settings):
    """``_drawing`` by rays, with shadows."""
    rays = settings.rays
    if is_solid(settings.mesh) and is_radiance(settings.mesh):
        raise InputError(f"{settings.mesh}: a radiance field has no surface for --raytrace; expected a mesh or a solid")
    environment = None if rays.environment is None else Environment.load(rays.environment)
    meshes = named_parts(settings.mesh, settings.texture)
    for mesh in meshes:
        mesh.material = replace(mesh.material, shading=settings.shading)
    with_reflectivity(meshes, rays.reflectivity)
    lights, background = lighting(settings.lights, meshes[0]), None
    if settings.background is None and (environment is not None or rays.ground):
        background = ground_color(lights)  # that the environment takes the place of
    objects = [*meshes, *([ground_below(meshes)] if rays.ground else [])]
    options = {"samples": settings.samples, "bounces": rays.bounces, "light_angle_deg": rays.light_angle_deg}
    return RayTraced(objects, lights, environment, background, **options)


def _traced(settings):
    """``_drawing`` of a solid."""
    solid, lights = named_solid(settings.mesh), lighting(settings.lights)
    distance = Grid(solid.distances, solid.bounds, name=settings.mesh)
    color = VoxelGrid(np.clip(solid.colors, 0, 1), solid.bounds, name=settings.mesh)

    def draw(camera, size, progress=None):
        tracer = SphereTracer(distance, size, bounds=Box(*solid.bounds), color=color, background=None)
        return _one_by_one(lambda view: tracer.render(view, lights), camera, progress)

    return draw


def _rasterized(settings):
    """``_drawing`` of a mesh."""
    mesh = named_mesh(settings.mesh, settings.texture)
    mesh.material = Material(settings.shading)
    lights = lighting(settings.lights, mesh)

    def draw(camera, size, progress=None):
        if not settings.soft:
            return supersampled(mesh, camera, size, lights, progress=progress)
        renderer = SoftRasterizer(size, sigma=settings.sigma, gamma=settings.gamma, background=None)
        return _one_by_one(lambda view: renderer.render(mesh, view, lights), camera, progress)

    return draw


def _one_by_one(render, camera, progress):
    pictures = []
    for start, view in portions(camera, 1):
        pictures.append(render(view).pictures()[0])
        if progress is not None:
            progress(start + 1, camera.views)
    return np.stack(pictures)


def _camera(settings, azimuths):
    """Cameras around what is drawn, which is the unit ball's size: near and far enclose it."""
    height, width = settings.height_and_width
    slope = math.tan(math.radians(settings.fov_y_deg) / 2) * min(1.0, width / height)
    distance = settings.distance or distance_for(math.degrees(2 * math.atan(slope)))
    near, far = max(0.9 * (distance - 1), NEAREST * distance), distance + 1.1
    if settings.rays.ground:
        near, far = NEAREST * distance, FAR
    return Camera.orbit(azimuths, settings.elevation_deg, distance, settings.fov_y_deg, near=near, far=far)
