"""Voxel IoU of meshes from single images, beside three baselines that need no network.

    python benchmarks/single_image.py out/shapes [--model out/model] [--step 4]

The set of shapes is what ``taichi-dr train-reconstructor`` makes; everything is judged on its held-out shapes, whose
seed is another, from every ``--step``-th view, in 32^3 voxels of the object's axes.

* mean shape: the voxels that are filled in more than a part of all training shapes; the part is the one of the best
  mean IoU with the training shapes.  "of its category" is told the category of the image, which the network is not.
* nearest shape: that of the training picture (of 24 for every shape) with the least squared difference, of silhouettes
  or of colours with alpha, at 32 x 32 pixels.  All 24 views of all training shapes are looked at.
* extrusion: the silhouette, drawn out along the viewing direction to the depth, before and behind the middle, that is
  the best for the training shapes.  It is told where the image was taken from, which the network is not.

Published, for orientation, on ShapeNet's 13 categories: 0.602 (Kato et al., Neural 3D Mesh Renderer, 2018) and, after
250,000 steps on a GPU, 0.646 (Liu et al., Soft Rasterizer, 2019).  Those shapes are not these.
"""

import argparse

import numpy as np

import taichi_dr as dr
from taichi_dr.io.shape_views import RESOLUTION, VIEWS, load_shape_views, view_camera
from taichi_dr.jobs.single_image.evaluation import by_category, evaluate, voxel_iou
from taichi_dr.jobs.single_image.reconstruct import model_file
from taichi_dr.torch.single_image.checkpoint import load_network
from taichi_dr.torch.single_image.predict import predict

SHARES = np.arange(0.1, 0.61, 0.05)
DEPTHS = np.arange(0.08, 0.5, 0.04)
LEARNT_FROM = 400  # training shapes, for the extrusion's depth
AT_ONCE = 4000  # training pictures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--model")
    parser.add_argument("--step", type=int, default=4)
    options = parser.parse_args()
    dr.init("cpu")
    train, test = (load_shape_views(options.data, split) for split in ("train", "test"))
    network = load_network(model_file(options.model))
    faces = network.faces.numpy()
    rows = {
        "mean shape of all": mean_shape(train, test, options.step, False),
        "mean shape of its category": mean_shape(train, test, options.step, True),
        "nearest shape, by silhouette": nearest(train, test, options.step, alpha_alone),
        "nearest shape, by colour": nearest(train, test, options.step, with_colors),
        "extrusion, from the true side": extrusion(train, test, options.step),
        "network": evaluate(lambda images: predict(network, images), faces, test, options.step),
    }
    print(table(rows, test))


def table(rows, test):
    """Rows of a Markdown table: the mean over all shapes, then over those of each category."""
    names = list(by_category(next(iter(rows.values())), test))
    lines = [f"| | all | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
    for label, ious in rows.items():
        numbers = [ious.mean(), *by_category(ious, test).values()]
        lines.append(f"| {label} | {' | '.join(f'{number:.3f}' for number in numbers)} |")
    return "\n".join(lines)


def mean_shape(train, test, step, told_category):
    """(S, 24 / step): the IoU of the best mean shape with each test shape."""
    truths, known = test.voxels(), train.voxels()
    found = np.empty(len(test))
    for group in np.unique(test.categories) if told_category else [None]:
        mine, own = ((views.categories == group) if told_category else slice(None) for views in (train, test))
        shape = best_mean(known[mine])
        found[own] = [voxel_iou(shape, truth) for truth in truths[own]]
    return np.repeat(found[:, None], len(range(0, VIEWS, step)), axis=1)


def best_mean(shapes):
    """The voxels filled in more than a share of all shapes: the share of the best mean IoU with them."""
    occupancy = shapes.mean(axis=0)
    means = [occupancy > share for share in SHARES]
    return max(means, key=lambda mean: np.mean([voxel_iou(mean, shape) for shape in shapes]))


def nearest(train, test, step, features):
    """(S, 24 / step): the IoU of the shape of the nearest training picture."""
    numbers = np.arange(0, VIEWS, step)
    wanted = features(test.images[:, numbers]).reshape(len(test) * len(numbers), -1)
    best, of_shape = np.full(len(wanted), np.inf, np.float32), np.zeros(len(wanted), int)
    each = AT_ONCE // VIEWS
    for start in range(0, len(train), each):
        known = features(train.images[start : start + each]).reshape(-1, wanted.shape[1])
        distance = (known**2).sum(axis=1) - 2 * wanted @ known.T
        closest = distance.argmin(axis=1)
        least = distance[np.arange(len(wanted)), closest]
        better = least < best
        best[better], of_shape[better] = least[better], start + closest[better] // VIEWS
    of_shape = of_shape.reshape(len(test), len(numbers))
    truths, known = test.voxels(), train.voxels()
    return np.array([[voxel_iou(known[i], truth) for i in row] for row, truth in zip(of_shape, truths, strict=True)])


def alpha_alone(images):
    """(..., 32, 32): silhouettes in [0, 1]."""
    return halved(images[..., 3:])


def with_colors(images):
    """(..., 32, 32, 4): colours multiplied by alpha, and alpha."""
    alpha = images[..., 3:] / np.float32(255)
    return halved(np.concatenate([images[..., :3] * alpha, images[..., 3:]], axis=-1))


def halved(images):
    """Every 2 x 2 pixels as their mean, in [0, 1]."""
    rows, columns = images.shape[-3] // 2, images.shape[-2] // 2
    parts = images.reshape(*images.shape[:-3], rows, 2, columns, 2, images.shape[-1])
    return parts.mean(axis=(-2, -4), dtype=np.float32) / 255


def extrusion(train, test, step):
    """(S, 24 / step): the IoU of silhouettes drawn out along the viewing direction."""
    places = [voxels_in_view(view) for view in range(VIEWS)]
    few = np.linspace(0, len(train) - 1, min(LEARNT_FROM, len(train))).astype(int)
    views = few % VIEWS
    truths = train.voxels(few)
    fits = [
        np.mean(
            [
                voxel_iou(drawn_out(train.images[s, v], places[v], d), t)
                for s, v, t in zip(few, views, truths, strict=True)
            ]
        )
        for d in DEPTHS
    ]
    depth = DEPTHS[int(np.argmax(fits))]
    return np.array(
        [
            [voxel_iou(drawn_out(test.images[s, v], places[v], depth), truth) for v in range(0, VIEWS, step)]
            for s, truth in enumerate(test.voxels())
        ]
    )


def voxels_in_view(view):
    """Row and column of the pixel that each voxel's centre is seen in, and its depth before the middle (R, R, R)."""
    camera = view_camera([view])
    u, v, w, eye = (part[0].astype(float) for part in camera.frames())
    middles = (np.arange(RESOLUTION) + 0.5) / RESOLUTION - 0.5
    points = np.stack(np.meshgrid(middles, middles, middles, indexing="ij"), axis=-1) - eye
    depth = -points @ w
    scale = 32 / np.tan(camera.numpy("fov_y")[0] / 2) / depth
    columns, rows = (32 + points @ u * scale).astype(int), (32 - points @ v * scale).astype(int)
    return rows.clip(0, 63), columns.clip(0, 63), depth - np.linalg.norm(eye)


def drawn_out(image, places, depth):
    """The voxels behind and before a silhouette, up to a depth."""
    rows, columns, behind = places
    return (image[..., 3] > 127)[rows, columns] & (np.abs(behind) < depth)


if __name__ == "__main__":
    main()
