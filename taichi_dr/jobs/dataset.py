"""``taichi-dr dataset``: posed images of a mesh, in the format of the NeRF (Blender) data sets."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from taichi_dr import runtime
from taichi_dr.implicit.environment import Environment
from taichi_dr.io.files import check_creatable, write_json
from taichi_dr.io.folders import whole_folder
from taichi_dr.io.meshes import save_mesh
from taichi_dr.io.posed.transforms import save_posed_images
from taichi_dr.io.posed_images import PosedImages
from taichi_dr.jobs.pictures.lighting import lighting
from taichi_dr.jobs.pictures.named_mesh import named_mesh, named_parts
from taichi_dr.jobs.pictures.poses import distance_for, every_other, spread_angles
from taichi_dr.jobs.pictures.raytrace import FAR, RayTraced, ground_below, ground_color, with_reflectivity
from taichi_dr.jobs.terminal.output import alone_in, claim
from taichi_dr.jobs.terminal.progress import progress_bar
from taichi_dr.render.mesh.supersample import supersampled
from taichi_dr.scene.bounds import world_vertices
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.mesh import Mesh

TRUE_MESH = "true_mesh.ply"
OWN_NAMES = ("train", "test", "transforms_train.json", "transforms_test.json", "light.json", TRUE_MESH)
ENVIRONMENTS = ("environment.hdr", "environment.exr")
LOWEST_DEG = 5.0  # of cameras above a ground


@dataclass(frozen=True)
class DatasetSummary:
    """What was made: the folder, the views of each split, and a line about the mesh."""

    folder: Path
    views: int
    test_views: int
    mesh: str


def make_dataset(settings):
    """Renders and writes the data set that ``settings`` (DatasetSettings) describes; returns a DatasetSummary.

    Raises:
        InputError: a setting outside its domain.
        FileError: no such mesh, or OUT may not be written.
        BackendError: the backend asked for is not there.
    """
    settings.check()
    with alone_in(settings.out):
        return _make(settings)


def _make(settings):
    claim(settings.out, (*OWN_NAMES, *ENVIRONMENTS), settings.overwrite)
    check_creatable(settings.out.resolve())
    runtime.init(settings.backend)
    meshes = named_parts(settings.mesh, settings.texture) if settings.rays.raytrace else [_mesh(settings)]
    lights, camera = _lights(settings, meshes[0]), _cameras(settings)
    draw = _raytraced(settings, meshes, lights) if settings.rays.raytrace else _rasterized(settings, meshes[0], lights)
    views, size = camera.views, (settings.size, settings.size)
    with progress_bar("rendering") as update:
        told = lambda done, total: update(done / total, f"{done * views // total} of {views} images")  # noqa: E731
        pictures = draw(camera, size, told)
    posed = _posed_images(pictures, camera)
    test, train = every_other(camera.views, settings.test_views)
    with whole_folder(settings.out) as folder:
        for split, chosen in (("train", train), ("test", test)):
            if len(chosen):
                save_posed_images(folder, posed.subset(chosen), split)
        _write_light(folder, lights, settings.rays.environment)
        if not settings.rays.ground:  # which is not in the meshes
            _write_truth(folder, meshes)
    counts = (sum(getattr(mesh, name) for mesh in meshes) for name in ("vertex_count", "face_count"))
    return DatasetSummary(settings.out, len(train), len(test), "{} vertices, {} faces".format(*counts))


def _mesh(settings):
    return named_mesh(settings.mesh, settings.texture)


def _lights(settings, mesh):
    is_alone = settings.lighting == "auto" and settings.rays.environment is not None
    return lighting("none" if is_alone else settings.lighting, mesh)


def _rasterized(settings, mesh, lights):
    """``draw(camera, size, progress)``: pictures (V, H, W, 4)."""
    return lambda camera, size, progress: supersampled(mesh, camera, size, lights, settings.samples, progress)


def _raytraced(settings, meshes, lights):
    """``_rasterized`` by rays, with shadows and reflections."""
    rays = settings.rays
    environment = None if rays.environment is None else Environment.load(rays.environment)
    with_reflectivity(meshes, rays.reflectivity)
    objects, background = meshes, None
    if rays.ground:
        objects, background = [*meshes, ground_below(meshes)], ground_color(lights)
    options = {"samples": settings.samples**2, "bounces": rays.bounces, "light_angle_deg": rays.light_angle_deg}
    return RayTraced(objects, lights, environment, background, **options)


def _write_light(folder, lights, environment):
    """Writes light.json, and a copy of the environment beside it."""
    described = {"ambient": [float(environment is None)] * 3, "directional": []}
    if lights is not None:
        colors, directions = lights.numpy("color").tolist(), lights.numpy("vector").tolist()
        rows = zip(directions[1:], colors[1:], strict=True)
        directional = [{"direction": direction, "color": color} for direction, color in rows]
        described = {"ambient": colors[0], "directional": directional}
    if environment is not None:
        described["environment"] = f"environment{environment.suffix.lower()}"
        shutil.copyfile(environment, folder / described["environment"])
    write_json(folder / "light.json", described)


def _write_truth(folder, meshes):
    """Writes the surface that the images show, without its colours."""
    firsts = np.cumsum([0, *(mesh.vertex_count for mesh in meshes)])
    vertices = np.concatenate([world_vertices(mesh) for mesh in meshes])
    faces = np.concatenate([first + mesh.topology.faces for first, mesh in zip(firsts, meshes, strict=False)])
    save_mesh(Mesh(vertices, faces, name="truth"), folder / TRUE_MESH)


def _cameras(settings):
    azimuth, elevation = spread_angles(settings.views + settings.test_views)
    distance, planes = distance_for(settings.fov_y_deg), {}
    if settings.rays.ground:
        lowest = np.sin(np.deg2rad(LOWEST_DEG))
        height = lowest + (1 - lowest) * (1 + np.sin(np.deg2rad(elevation))) / 2
        elevation, planes = np.rad2deg(np.arcsin(height)), {"far": FAR}
    return Camera.orbit(azimuth, elevation, distance, settings.fov_y_deg, **planes)


def _posed_images(pictures, camera):
    views, height, width = pictures.shape[:3]
    matrices = np.tile(np.eye(4), (views, 1, 1))
    matrices[:, :3] = np.stack(camera.frames(), axis=-1)
    focal = height / (2 * np.tan(camera.fov_y.to_numpy().astype(np.float64) / 2))
    return PosedImages(
        images=pictures[..., :3],
        alpha=pictures[..., 3],
        camera_to_world=matrices,
        focal=np.stack([focal, focal], axis=1),
        principal_point=np.tile([width / 2, height / 2], (views, 1)),
        names=tuple(f"view {i}" for i in range(views)),
        has_alpha=bool((pictures[..., 3] < 1).any()),
    )
