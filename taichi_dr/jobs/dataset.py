"""``taichi-dr dataset``: posed images of a mesh, in the format of the NeRF (Blender) data sets."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from taichi_dr import runtime
from taichi_dr.io.files import check_creatable
from taichi_dr.io.folders import whole_folder
from taichi_dr.io.posed.transforms import save_posed_images
from taichi_dr.io.posed_images import PosedImages
from taichi_dr.jobs.pictures.lighting import lighting
from taichi_dr.jobs.pictures.named_mesh import named_mesh
from taichi_dr.jobs.pictures.poses import distance_for, every_other, spread_angles
from taichi_dr.jobs.terminal.output import claim
from taichi_dr.jobs.terminal.progress import progress_bar
from taichi_dr.render.mesh.supersample import supersampled
from taichi_dr.scene.camera import Camera

OWN_NAMES = ("train", "test", "transforms_train.json", "transforms_test.json")


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
    claim(settings.out, OWN_NAMES, settings.overwrite)
    check_creatable(settings.out.resolve())
    runtime.init(settings.backend)
    mesh = named_mesh(settings.mesh, settings.texture)
    camera = _cameras(settings)
    size = (settings.size, settings.size)
    with progress_bar("rendering") as update:
        pictures = supersampled(
            mesh,
            camera,
            size,
            lighting(settings.lighting, mesh),
            settings.samples,
            lambda done, total: update(done / total, f"{done} of {total} images"),
        )
    posed = _posed_images(pictures, camera)
    test, train = every_other(camera.views, settings.test_views)
    with whole_folder(settings.out) as folder:
        for split, views in (("train", train), ("test", test)):
            if len(views):
                save_posed_images(folder, posed.subset(views), split)
    return DatasetSummary(settings.out, len(train), len(test), f"{mesh.vertex_count} vertices, {mesh.face_count} faces")


def _cameras(settings):
    azimuth, elevation = spread_angles(settings.views + settings.test_views)
    return Camera.orbit(azimuth, elevation, distance_for(settings.fov_y_deg), settings.fov_y_deg)


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
    )
