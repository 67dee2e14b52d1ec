"""Pictures of meshes that a network has made, beside what they should look like."""

import numpy as np

from taichi_dr.io.images import quantized, srgb_to_linear
from taichi_dr.io.shape_views import SIZE, VIEWS, view_camera
from taichi_dr.jobs.report.metrics import over_white
from taichi_dr.jobs.report.pages import write_grid
from taichi_dr.render.mesh.supersample import Supersampler
from taichi_dr.scene.mesh import Mesh

SAMPLES = 3
SHOWN_SIZE = 128
ROWS = 8
TURN = 7  # views on from the input's: 105 degrees, where other sides are seen


def network_mesh(vertices, faces, colors, name="network"):
    """The mesh of a network's vertices (N, 3) and sRGB colours (N, 3), or of a batch of them."""
    return Mesh(vertices, faces, colors=srgb_to_linear(np.clip(colors, 0, 1)), name=name)


def write_examples(path, predict, faces, views):
    """Rows of ``input | what is made of it | another view | what is made, from there`` of eight shapes of a split."""
    shapes = _one_of_each(views.categories)
    numbers = (5 * np.arange(len(shapes)) + 2) % VIEWS
    vertices, colors = predict(views.images[shapes, numbers])
    sampler, rows = Supersampler(SHOWN_SIZE, SAMPLES), []
    for i, shape in enumerate(shapes):
        mesh = network_mesh(vertices[i], faces, colors[i])
        shown = [numbers[i], (numbers[i] + TURN) % VIEWS]
        made = [quantized(over_white(picture)) for picture in sampler.render(mesh, view_camera(shown))]
        true = [_enlarged(views.images[shape, view]) for view in shown]
        labels = (views.names[views.categories[shape]], "made of it", "from another side", "made of it")
        rows.append(list(zip(labels, (true[0], made[0], true[1], made[1]), strict=True)))
    write_grid(path, rows, "shapes that the network has not seen")


def _one_of_each(categories):
    """Indices of up to eight shapes, of as many categories as there are."""
    order = np.argsort(_times_before(categories), kind="stable")
    return np.sort(order[:ROWS])


def _times_before(values):
    """How often each value has occurred before its place."""
    counts = {}
    times = []
    for value in values.tolist():
        times.append(counts.get(value, 0))
        counts[value] = times[-1] + 1
    return np.array(times)


def _enlarged(image):
    """An sRGB picture (64, 64, 4) of bytes over white, at the size that is shown."""
    alpha = image[..., 3:] / 255
    opaque = (image[..., :3] * alpha + 255 * (1 - alpha) + 0.5).astype(np.uint8)
    times = SHOWN_SIZE // SIZE
    return opaque.repeat(times, axis=0).repeat(times, axis=1)
