"""How good meshes from single images are: overlap with the true shapes, in voxels that no training has seen."""

import numpy as np

from taichi_dr.io.shape_views import RESOLUTION, VIEWS
from taichi_dr.measure.volume import voxels


def voxel_iou(found, truth):
    """Intersection over union of two arrays of voxels; 1 where both are empty.

    >>> voxel_iou(np.array([True, True, False]), np.array([True, False, False]))
    0.5
    """
    either = np.count_nonzero(found | truth)
    return float(np.count_nonzero(found & truth) / either) if either else 1.0


def mesh_ious(vertices, faces, truths):
    """(B,): ``voxel_iou`` of meshes (B, N, 3) with one list of faces, and voxels (B, 32, 32, 32)."""
    corners = vertices.astype(np.float64)[:, faces]
    return np.array([voxel_iou(voxels(one, RESOLUTION), truth) for one, truth in zip(corners, truths, strict=True)])


def evaluate(predict, faces, views, step=1):
    """(S, 24 / step): the IoU of every shape of a split, from every ``step``-th view.

    ``predict(images)`` gives vertices and colours of images (B, 64, 64, 4).
    """
    numbers = np.arange(0, VIEWS, step)
    found = []
    for shape, truth in enumerate(views.voxels(slice(None))):
        vertices, _ = predict(np.ascontiguousarray(views.images[shape, numbers]))
        found.append(mesh_ious(vertices, faces, np.broadcast_to(truth, (len(numbers), *truth.shape))))
    return np.array(found)


def by_category(ious, views):
    """``{category: mean IoU}`` of the ``evaluate``d shapes of a split."""
    means = ious.mean(axis=1)
    present = np.unique(views.categories)
    return {views.names[category]: float(means[views.categories == category].mean()) for category in present}
