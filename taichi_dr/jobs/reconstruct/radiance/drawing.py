"""Pictures of a radiance field in a file, for ``taichi-dr render`` and ``view``: cameras that have y upwards."""

import numpy as np

from taichi_dr.errors import FileError
from taichi_dr.io.archives import DAMAGED, in_words
from taichi_dr.io.posed_images import PosedImages
from taichi_dr.jobs.reconstruct.kinds import kind_class
from taichi_dr.jobs.reconstruct.radiance.display import linear
from taichi_dr.jobs.reconstruct.radiance.scene import load_scene


def scene_drawing(path):
    """``draw(camera, size, progress=None)``: pictures (V, H, W, 4), linear RGB with straight alpha, of the unit scene.

    Raises:
        FileError: as ``scene_view``.
    """
    look = scene_view(path)

    def draw(camera, size, progress=None):
        pictures = []
        for view in range(camera.views):
            seen, _ = look(camera.select([view]), size)
            pictures.append(linear(seen.color, seen.alpha)[0])
            if progress is not None:
                progress(view + 1, camera.views)
        return np.stack(pictures)

    return draw


def scene_view(path):
    """``look(camera, size)``: the ``Seen`` of the unit scene, y upwards, and the PosedImages of the camera there.

    Raises:
        FileError: no scene, one cut short, or one whose arrays do not fit each other.
    """
    scene = load_scene(path)
    try:
        field, turn = kind_class(scene.kind).drawing(scene.arrays), rotation_to(scene.up)
    except DAMAGED as error:
        raise FileError(
            f"{path}: is no scene that can be drawn ({in_words(error)}); taichi-dr reconstruct writes such"
        ) from error

    def look(camera, size):
        posed = turned(camera, size, turn)
        return field(posed), posed

    return look


def turned(camera, size, turn):
    """PosedImages without pictures of a perspective camera, for pictures of (height, width), its axes turned."""
    height, width = size
    right, up, backward, eye = (part @ turn.T for part in camera.frames())
    matrices = np.tile(np.eye(4), (camera.views, 1, 1))
    matrices[:, :3] = np.stack([right, up, backward, eye], axis=2)
    focal = 0.5 * height / np.tan(0.5 * camera.numpy("fov_y"))
    blank = np.zeros((camera.views, height, width, 3), np.float32)
    middle = 0.5 * np.array([width, height]) + 0.5 * height * camera.numpy("principal") * [1, -1]
    names = tuple(map(str, range(camera.views)))
    return PosedImages(blank, blank[..., 0], matrices, np.repeat(focal[:, None], 2, axis=1), middle, names)


def rotation_to(up):
    """The rotation (3, 3) by the least angle that takes (0, 1, 0) to the unit vector ``up`` (Rodrigues).

    >>> rotation_to(np.array([0.0, 0.0, 1.0])).round(9).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]
    """
    axis, cosine = np.cross([0.0, 1.0, 0.0], up), float(up[1])
    if cosine < -1 + 1e-9:
        return np.diag([1.0, -1.0, -1.0])
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + cosine) + 0.0
