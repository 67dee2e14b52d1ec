"""How right the gradient of antialiased edges is, vertex by vertex, beside DEODR's.

    pip install deodr          # optional: without it its columns are empty
    python benchmarks/antialias_gradient.py

The loss is the image of a white object before black, weighted with a smooth pattern.  The truth is the limit of an ever
finer supersampled image: areas of polygons over pixels, of which central differences are taken by the vertices of the
silhouette along the image's axes.  That takes outlines that are convex or apart from each other, as those here; the
area is first compared with that of a supersampled render.

* ``vertices``: |gradient - truth| / |truth| of all these vertices, as one long vector: what a step of every vertex by
  itself sees;
* ``median``: the median of the same of every vertex alone;
* ``motions``: the same as ``vertices`` for moves of all vertices together, two shifts, a turn, two stretches and two
  bends: what poses, sizes and smooth steps (``LargeSteps``) see; not of blades, whose vertices cancel.

Medians of a few poses.  ``edge`` is the mean length of an edge of the silhouette in pixels.  Blades are triangles that
stand alone, 30 pixels long and as wide as said.
"""

import importlib.util
from itertools import pairwise

import numpy as np
from compare import deodr_scene
from scipy.spatial import ConvexHull

import taichi_dr as dr

POSES = 5
STEP = 1e-5  # pixels
FIELD = np.radians(60)
DISTANCE = 2.7
BLADES, LENGTH = 24, 30.0
SAMPLES = 16  # along a pixel's side, of the render that the areas are compared with
COLUMNS = ("vertices", "median", "motions")


def main():
    """Prints a row for every image size and object."""
    dr.init("cpu")
    print(f"{'':26}{'':>6}{'':>7}   {'taichi_dr':^27}   {'DEODR':^27}")
    print(f"{'object':26}{'size':>6}{'edge':>7}   {''.join(f'{name:>9}' for name in COLUMNS * 2)}")
    for size in (64, 128, 256):
        for name, make in objects(size).items():
            rows = np.array([measure(*make(view(pose), pose), view(pose), size) for pose in range(POSES)])
            edge, *errors = np.median(rows, axis=0)
            cells = "".join(f"{100 * error:8.1f}%" if error == error else f"{'-':>9}" for error in errors)
            print(f"{name:26}{size:6}{edge:7.1f}   {cells}", flush=True)


def objects(size):
    """Names, and functions of a camera and a number that make a mesh and say whether its pieces lie apart."""
    spheres = {f"icosphere, {20 * 4**n:,} faces": n for n in (1, 2, 3, 4, 5)}
    blades = {f"blades, {width:g} px wide": width for width in (4.0, 2.0, 1.0, 0.5)}
    white = {"colors": (1, 1, 1)}
    return (
        {"box": lambda camera, pose: (dr.shapes.box(**white), False)}
        | {name: lambda camera, pose, n=n: (dr.shapes.icosphere(n, **white), False) for name, n in spheres.items()}
        | {name: lambda camera, pose, width=width: (grass(camera, pose, width, size), True)
           for name, width in blades.items()}
    )  # fmt: skip


def view(pose):
    """A camera that no edge is parallel to."""
    return dr.Camera.orbit(17 + 41 * pose, 23 - 19 * pose, DISTANCE, fov_y_deg=60)


def grass(camera, pose, width, size):
    """Blades that face the camera, turned at random, on a grid."""
    rng = np.random.default_rng(pose)
    turn, places = rng.uniform(0, 2 * np.pi, BLADES), np.stack(np.divmod(np.arange(BLADES), 6)[::-1], 1)
    along, across = (np.stack([np.cos(a), np.sin(a)], 1) for a in (turn, turn + np.pi / 2))
    length = min(LENGTH, 0.14 * size)
    middles = (places - (2.5, 1.5)) * 0.16 * size + rng.uniform(-0.5, 0.5, (BLADES, 2))
    ends = -along * length / 2 + across * width / 2, along * length / 2, -along * length / 2 - across * width / 2
    corners = np.stack([middles + end for end in ends[::-1]], axis=1).reshape(-1, 2)
    u, v, _, _ = (axis[0] for axis in camera.frames())
    pixel = 2 * DISTANCE * np.tan(FIELD / 2) / size
    return dr.Mesh(pixel * corners @ np.stack([u, v]), np.arange(3 * BLADES).reshape(-1, 3), colors=(1, 1, 1))


def measure(mesh, apart, camera, size):
    """Mean edge of the silhouette in pixels, errors of the package, errors of DEODR."""
    points, per_pixel = projected(mesh, camera, size)
    outlines = mesh.numpy("faces")[:, ::-1] if apart else [ConvexHull(points).vertices]
    weights = pattern(size)
    check_areas(mesh, camera, weights, points, outlines)
    chosen = np.unique(np.concatenate(outlines))
    true = truth(weights, points, outlines)[chosen]
    axes = np.stack([camera.frames()[0][0], -camera.frames()[1][0]])  # along columns and rows
    own = (gradient(mesh, camera, weights)[chosen] @ axes.T) * per_pixel[chosen, None]
    deodr = deodr_gradient(mesh, camera, weights)
    moves = motions(points[chosen], size) * (np.nan if apart else 1)
    edges = [np.linalg.norm(points[ring] - points[np.roll(ring, 1)], axis=1).mean() for ring in outlines]
    other = np.full_like(own, np.nan) if deodr is None else deodr[chosen]
    return np.mean(edges), *errors(own, true, moves), *errors(other, true, moves)


def errors(got, true, moves):
    """Relative errors: of all vertices, the median of each, and of moves of all of them."""
    single = np.linalg.norm(got - true, axis=1) / np.linalg.norm(true, axis=1)
    moved, right = (np.einsum("mvk,vk->m", moves, x) for x in (got, true))
    return relative(got, true), np.median(single), relative(moved, right)


def relative(got, true):
    return np.linalg.norm(got - true) / np.linalg.norm(true)


def motions(points, size):
    """Smooth displacements (7, vertices, 2) of about a pixel."""
    x, y = 2 * points.T / size - 1
    one, zero = np.ones_like(x), np.zeros_like(x)
    moves = [(one, zero), (zero, one), (-y, x), (x, zero), (zero, y), (y * y, zero), (zero, x * x)]
    return np.array([np.stack(move, axis=1) for move in moves])


def pattern(size):
    """Weights (size, size), smooth over the image."""
    y, x = 6 * np.mgrid[:size, :size] / size
    return 1 + 0.5 * np.sin(1.7 * x + 0.4) + 0.5 * np.cos(1.2 * y + x)


def projected(mesh, camera, size):
    """Columns and rows (N, 2) of the vertices, and the length of a pixel at each (N,)."""
    u, v, w, eye = (axis[0] for axis in camera.frames())
    relative_to_eye = mesh.numpy("vertices")[0].astype(np.float64) - eye
    per_pixel = -relative_to_eye @ w * 2 * np.tan(FIELD / 2) / size
    return size / 2 + relative_to_eye @ np.stack([u, -v], axis=1) / per_pixel[:, None], per_pixel


def truth(weights, points, outlines):
    """The derivative (N, 2) of the weighted area by each vertex's column and row."""
    slopes = np.zeros_like(points)
    for ring in outlines:
        for before, vertex, after in zip(np.roll(ring, 1), ring, np.roll(ring, -1), strict=True):
            for k in range(2):
                for sign in (1, -1):
                    path = points[[before, vertex, after]]
                    path[1, k] += sign * STEP
                    slopes[vertex, k] += sign * area_under(weights, path) / (2 * STEP)
    return slopes


def area_under(weights, path):
    """What a path (P, 2) of columns and rows contributes to the weighted area of the outline that it is a part of.

    That area, the sum over pixels of weight times covered area, is by Green's theorem the integral of F dy along the
    outline, where F is the integral of the weights along the row: linear within a pixel, so the value at the middle
    between two crossings of pixels' borders is exact.
    """
    total = 0.0
    sums = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights, axis=1)], axis=1)
    for a, b in pairwise(path):
        ends = [np.arange(np.ceil(min(p, q)), np.floor(max(p, q)) + 1) for p, q in zip(a, b, strict=True)]
        crossings = [(borders - p) / (q - p) for borders, p, q in zip(ends, a, b, strict=True) if p != q]
        t = np.sort(np.concatenate([[0.0, 1.0], *crossings]))
        x, y = (a + t[:, None] * (b - a)).T
        middle_x, middle_y = (x[1:] + x[:-1]) / 2, (y[1:] + y[:-1]) / 2
        column, row = (np.clip(np.floor(m).astype(int), 0, len(weights) - 1) for m in (middle_x, middle_y))
        total += np.sum((sums[row, column] + weights[row, column] * (middle_x - column)) * np.diff(y))
    return total


def check_areas(mesh, camera, weights, points, outlines):
    """Raises unless the polygons' areas are those of a supersampled render."""
    size = len(weights)
    alpha = dr.supersampled(mesh, camera, size, samples=SAMPLES)[0, ..., 3]
    area = sum(area_under(weights, points[[*ring, ring[0]]]) for ring in outlines)
    drawn = (weights * alpha).sum()
    if abs(area - drawn) > 0.01 * abs(drawn):
        raise RuntimeError(f"the polygons' area, {area}, is not that of the image, {drawn}")


def gradient(mesh, camera, weights):
    """That of ``Rasterizer(antialias=True)`` by every vertex (N, 3)."""
    renderer = dr.Rasterizer(len(weights), antialias=True)
    frame = renderer.render(mesh, camera)
    frame.alpha.grad.from_numpy(weights[None].astype(np.float32))
    renderer.backward()
    return mesh.gradient("vertices")[0]


def deodr_gradient(mesh, camera, weights):
    """DEODR's by every vertex's column and row (N, 2), or None where it is not installed."""
    if not importlib.util.find_spec("deodr"):
        return None
    scene = deodr_scene(mesh, camera, len(weights), culled=True)
    scene.clear_gradients()
    scene.render(sigma=1)
    scene.render_backward(np.stack([weights, 0 * weights, 0 * weights], axis=-1))
    return scene.ij_b


if __name__ == "__main__":
    main()
