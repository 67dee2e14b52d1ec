"""Antialiasing against its oracle, closed forms and supersampled images; its adjoint against central differences."""

import numpy as np
import pytest
import taichi as ti
import trimesh
from oracles import antialias as oracle
from oracles.differences import relative_errors

from taichi_dr.errors import ShapeError
from taichi_dr.kernels.antialias.blend import (
    antialias,
    antialias_edge_adjoint,
    antialias_image_adjoint,
    make_silhouettes,
)
from taichi_dr.kernels.antialias.silhouettes import Picture as BlendedPicture
from taichi_dr.kernels.antialias.weights import share_columns
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.screen.pixels import Screen
from taichi_dr.kernels.screen.projected_mesh import ProjectedMesh
from taichi_dr.scene.topology import build_twins

NEAR, FAR = 1.0, 100.0


def rotation(rng):
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def project(points, focal=2.0):
    """Perspective clip coordinates of points in camera space."""
    depth = -points[:, 2]
    return np.stack([focal * points[:, 0], focal * points[:, 1], depth, depth], axis=1)


class Picture:
    """A rasterized view and the antialiasing of it; arrays in, arrays out."""

    def __init__(self, clip, faces, width, height, colors=None, background=0.0, seed=0):
        rng = np.random.default_rng(seed)
        self.clip, self.faces, self.width, self.height = clip, np.asarray(faces), width, height
        self.colors = rng.random((len(clip), 4)) if colors is None else colors
        self.background = background
        self.face_id, self.depth, self.bary = oracle.rasterize(clip, self.faces, width, height, NEAR, FAR)
        self.image = oracle.shade(self.face_id, self.bary, self.faces, self.colors, background)
        self.views = 1

    def run(self, clip=None, image=None):
        image = self.image if image is None else image
        clip = array_from(self.clip if clip is None else clip)
        self.mesh = ProjectedMesh(clip, array_from(self.faces, ti.i32), self.views)
        self.screen = Screen(self.width, self.height)
        self.silhouettes = make_silhouettes(Buffers(), len(image), self.views * len(self.faces), image.shape[1])
        twins = array_from(build_twins(self.faces), ti.i32)
        blended = BlendedPicture(array_from(self.face_id, ti.i32), array_from(image))
        antialias(self.mesh, twins, blended, self.silhouettes, self.screen, NEAR)
        return blended.image.to_numpy()

    def adjoints(self, output_adjoint):
        """Of the last run: image (H*W, C) and clip (N, 4)."""
        adjoint, before = array_from(output_adjoint), make_array(self.image.shape)
        corners = make_array((self.views * len(self.faces) * 3, 4))
        antialias_image_adjoint(self.mesh, self.silhouettes, adjoint, before, self.screen)
        antialias_edge_adjoint(self.mesh, self.silhouettes, before, corners, self.screen, NEAR)
        clip_adjoint = np.zeros_like(self.clip)
        vertices = len(self.clip) // self.views
        rows = np.arange(self.views)[:, None] * vertices + self.faces.reshape(1, -1)
        np.add.at(clip_adjoint[:, :3], rows.ravel(), corners.to_numpy()[:, :3])
        return adjoint.to_numpy(), clip_adjoint


def posed(vertices, seed, offset=(0.1, 0.2, -4.0)):
    return project(vertices @ rotation(np.random.default_rng(seed)).T + offset)


def sphere(level):
    mesh = trimesh.creation.icosphere(subdivisions=level)
    return np.array(mesh.vertices), np.array(mesh.faces)


BOX = np.array([[x, y, z] for x in (-0.7, 0.7) for y in (-0.7, 0.7) for z in (-0.7, 0.7)])
BOX_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 7, 5], [4, 6, 7], [0, 5, 1], [0, 4, 5], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4]]
    + [[1, 5, 7], [1, 7, 3]]
)


def two_boxes(seed):
    near, far = posed(BOX * 0.5, seed, (0.3, 0.1, -3.0)), posed(BOX, seed + 1, (0.0, 0.0, -5.0))
    return np.concatenate([near, far]), np.concatenate([BOX_FACES, BOX_FACES + 8])


def triangle_behind_the_camera():
    points = np.array([[-0.92, -0.83, -3.0], [0.81, -0.52, -2.0], [0.3, 2.0, 1.5]])
    return project(points), np.array([[0, 1, 2]])


SCENES = {
    "box": lambda: (posed(BOX, 0), BOX_FACES),
    "box, another pose": lambda: (posed(BOX, 5), BOX_FACES),
    "coarse sphere": lambda: (posed(sphere(1)[0], 1), sphere(1)[1]),
    "sphere, faces smaller than pixels": lambda: (posed(sphere(3)[0], 2), sphere(3)[1]),
    "two boxes, one before the other": lambda: two_boxes(3),
    "partly off screen": lambda: (posed(BOX, 4, (1.5, 0.9, -3.0)), BOX_FACES),
    "one face": lambda: (posed(BOX, 6), BOX_FACES[:1]),
    "reaches behind the camera": triangle_behind_the_camera,
    "behind the camera": lambda: (posed(BOX, 6, (0.0, 0.0, 4.0)), BOX_FACES),
}


CONVEX = [name for name in SCENES if name not in ("two boxes, one before the other", "reaches behind the camera")]


@pytest.mark.parametrize("name", CONVEX)
def test_a_convex_shape_covers_its_exact_area(cpu64, name):
    clip, faces = SCENES[name]()
    picture = Picture(clip, faces, 27, 20, colors=np.ones((len(clip), 1)))
    covered = oracle.covered(oracle.outline(clip, faces, NEAR), 27, 20)
    inner = np.s_[1:-1, 1:-1]  # on the border of the image what is beyond an edge may be out of it
    got, expected = picture.run().reshape(20, 27)[inner], covered.reshape(20, 27)[inner]
    np.testing.assert_allclose(got, expected, atol=1e-9)
    assert (name == "behind the camera") == (np.abs(got - picture.image.reshape(20, 27)[inner]).max() == 0)


def test_an_edge_that_reaches_behind_the_camera_counts_where_it_is_before_it(cpu64):
    clip, faces = triangle_behind_the_camera()
    picture = Picture(clip, faces, 27, 20, colors=np.ones((3, 1)))
    expected = oracle.covered(oracle.outline(clip, faces, NEAR), 27, 20).reshape(20, 27)
    cut = np.array([a + (NEAR - a[3]) / (c[3] - a[3]) * (c - a) for a, c in ((clip[0], clip[2]), (clip[1], clip[2]))])
    above = (cut[:, 1] / cut[:, 2]).min() - 3 / 20  # the near plane's cut is no edge
    below = oracle.pixel_centers(27, 20)[1] < above
    assert below.sum() > 4
    got = picture.run().reshape(20, 27)
    np.testing.assert_allclose(got[below][:-1, 1:-1], expected[below][:-1, 1:-1], atol=1e-9)


def polygon_scene(corners, width=9, height=7):
    """A triangle with corners in pixels from the image's upper left corner, rows downwards, before nothing."""
    x, y = np.array(corners, float).T
    shorter = min(width, height)
    screen = np.stack([(2 * x - width) / shorter, (height - 2 * y) / shorter], axis=1)
    clip = np.concatenate([2 * screen, np.full((3, 2), 2.0)], axis=1)
    return Picture(clip, [[0, 1, 2]], width, height, colors=np.ones((3, 1)))


@pytest.mark.parametrize(
    "corners",
    [
        [(2.1, 5.9), (6.9, 5.7), (4.6, 1.2)],
        [(0.6, 3.3), (8.4, 3.6), (8.4, 3.3)],  # a third of a pixel wide
        [(1.2, 1.5), (1.6, 1.2), (6.8, 6.7)],  # narrower than a pixel, along a diagonal
        [(2.2, 2.3), (2.9, 2.4), (2.4, 2.9)],  # within a pixel, with its centre
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_sliver_covers_its_exact_area(cpu64, corners, turned):
    picture = polygon_scene(corners[::-1] if turned else corners)
    polygon = picture.clip[:, :2] / picture.clip[:, 2:3]
    polygon = polygon[:: int(np.sign(oracle.polygon_area(polygon)))]
    assert (picture.face_id >= 0).any()
    np.testing.assert_allclose(picture.run()[:, 0], oracle.covered(polygon, 9, 7), atol=1e-12)


def test_a_corner_within_a_pixel_by_hand(cpu64):
    picture = polygon_scene([(1.0, 3.75), (4.25, 3.75), (4.25, 0.5)])  # the right angle is in the pixel (3, 4)
    output = picture.run().reshape(7, 9)
    assert abs(output[3, 4] - 0.25 * 0.75) < 1e-12
    assert abs(output[3, 3] - 0.75) < 1e-12
    assert abs(output[2, 4] - 0.25) < 1e-12
    assert abs(output[2, 2] - (1 - 0.5 * 0.75**2)) < 1e-12  # the diagonal cuts off a triangle of 0.75 x 0.75


def pieces_of(picture):
    """Half-edge, pixel, inner, outer and area gained of every piece that the last run saw."""
    counts, places, shares = (array.to_numpy() for array in picture.silhouettes.pieces())
    columns, room = share_columns(picture.silhouettes.channels), len(places) // picture.silhouettes.chunks
    for chunk, count in enumerate(counts[:-1]):
        rows = slice(chunk * room, chunk * room + count)
        for row, share in zip(places[rows], shares[rows], strict=True):
            for k in range(2):
                if row[2 + 3 * k] >= 0:
                    yield row[0], *row[2 + 3 * k : 5 + 3 * k], share[columns * k]


def blended(picture):
    """The blended image (H*W, C), and the numbers of the pixels whose pieces disagree, from the pieces in NumPy."""
    lists, image, disagree = {}, picture.image.copy(), []
    for _, pixel, *piece in pieces_of(picture):
        lists.setdefault(pixel, []).append(piece)
    for pixel, pieces in lists.items():
        weights = oracle.weights(pixel, pieces, picture.face_id)
        plain = picture.image[pixel] + sum(g * (picture.image[i] - picture.image[o]) for i, o, g in pieces)
        image[pixel] = sum(weight * picture.image[q] for q, weight in weights.items())
        if np.abs(image[pixel] - plain).max() > 1e-6:
            disagree.append(pixel)
    return image, disagree


def test_colors_come_from_both_sides(cpu64):
    picture = Picture(*SCENES["two boxes, one before the other"](), 27, 20)
    output = picture.run()
    pieces = list(pieces_of(picture))
    for half_edge, _, inner, outer, _ in pieces:
        assert (picture.face_id[inner] < 12) == (half_edge // 3 < 12)
        assert picture.face_id[outer] < 0 or half_edge // 3 < 12
    assert len(pieces) > 60
    expected, disagree = blended(picture)
    assert len(disagree) == 1  # a corner of the near box
    np.testing.assert_allclose(output, expected, atol=1e-14)
    true = oracle.supersampled(picture.clip, picture.faces, picture.colors, 0.0, 27, 20, NEAR, FAR)
    assert np.abs(output - true).mean() < 0.3 * np.abs(picture.image - true).mean()


def crumpled(seed, level=2):
    """A sphere whose vertices are scattered: slivers and folds before one another."""
    vertices, faces = sphere(level)
    return posed(vertices + np.random.default_rng(seed).normal(scale=0.2, size=vertices.shape), seed), faces


@pytest.mark.parametrize("seed", range(3))
def test_pieces_that_disagree_give_a_mean_of_colors(cpu64, seed):
    picture = Picture(*crumpled(seed), 27, 20)
    output = picture.run()
    expected, disagree = blended(picture)
    assert len(disagree) > 3
    np.testing.assert_allclose(output, expected, atol=1e-14)
    assert output.min() >= picture.image.min()
    assert output.max() <= picture.image.max()


def test_the_gradient_where_pieces_disagree(cpu64):
    picture = Picture(*crumpled(0), 27, 20)
    picture.run()
    _, disagree = blended(picture)
    weights = np.zeros(picture.image.shape)
    weights[disagree] = np.random.default_rng(7).normal(size=(len(disagree), 4))  # of no other pixels
    image_adjoint, clip_adjoint = picture.adjoints(weights)
    assert np.count_nonzero(clip_adjoint) > 30
    errors = relative_errors(
        lambda inputs: (picture.run(**inputs) * weights).sum(),
        {"clip": picture.clip, "image": picture.image},
        {"clip": clip_adjoint, "image": image_adjoint},
        ["clip", "image"],
        components=5,
    )
    assert max(errors.values()) < 1e-6, errors


def test_faces_that_do_not_know_of_each_other_blend_as_if_they_did(cpu64):
    clip, faces = SCENES["box"]()
    joined = Picture(clip, faces, 27, 20)
    apart = Picture(
        clip[faces].reshape(-1, 4), np.arange(36).reshape(12, 3), 27, 20, joined.colors[faces].reshape(-1, 4)
    )
    np.testing.assert_allclose(apart.image, joined.image, atol=1e-12)
    outside = np.abs(joined.run() - joined.image).max(axis=1) > 0
    error = np.abs(apart.run() - joined.run())[outside]
    assert error.mean() < 0.03 * np.abs(joined.run() - joined.image)[outside].mean() + 0.01


def with_a_hole():
    """A sphere without some of the faces that are nearest: the others are seen from behind there."""
    clip, faces = SCENES["coarse sphere"]()
    return clip, faces[np.argsort(clip[faces, 3].mean(axis=1))[9:]]


WITH_BACKS = SCENES | {
    "with a hole": with_a_hole,
    "from within": lambda: (posed(sphere(1)[0], 1, (0.1, 0.2, -0.3)), sphere(1)[1]),
}


@pytest.mark.parametrize("name", ["box", "coarse sphere", "with a hole", "from within"])
def test_windings_do_not_matter(cpu64, name):
    clip, faces = WITH_BACKS[name]()
    turned = np.where(np.random.default_rng(1).random((len(faces), 1)) < 0.4, faces[:, ::-1], faces)
    one, other = Picture(clip, faces, 27, 20), Picture(clip, turned, 27, 20)
    np.testing.assert_allclose(other.run(), one.run(), atol=1e-12)
    weights = np.random.default_rng(3).normal(size=one.image.shape)
    for first, second in zip(one.adjoints(weights), other.adjoints(weights), strict=True):
        np.testing.assert_allclose(second, first, atol=1e-9)


@pytest.mark.parametrize("name", SCENES)
def test_adjoint_matches_central_differences(cpu64, name):
    picture = Picture(*SCENES[name](), 27, 20)
    weights = np.random.default_rng(7).normal(size=picture.image.shape)
    picture.run()
    image_adjoint, clip_adjoint = picture.adjoints(weights)
    errors = relative_errors(
        lambda inputs: (picture.run(**inputs) * weights).sum(),
        {"clip": picture.clip, "image": picture.image},
        {"clip": clip_adjoint, "image": image_adjoint},
        ["clip", "image"],
    )
    assert max(errors.values()) < 1e-6, errors


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("shift", np.linspace(-0.95, 0.95, 9))
def test_an_edge_along_the_grid_gives_the_covered_area(cpu64, axis, shift):
    size = 8
    pixel = 2.0 / size
    corners = np.array([[-3.0, -3.0], [shift * pixel, -3.0], [shift * pixel, 3.0], [-3.0, 3.0]])[:, :: (1 - 2 * axis)]
    clip = np.concatenate([2.0 * corners, np.full((4, 2), 2.0)], axis=1)
    picture = Picture(clip, [[0, 1, 2], [0, 2, 3]], size, size, colors=np.ones((4, 1)))
    output = picture.run().reshape(size, size)
    lines = output if axis == 0 else output[::-1].T
    covered = np.clip(shift + 0.5 * size - np.arange(size), 0, 1)
    np.testing.assert_allclose(lines, np.broadcast_to(covered, lines.shape), atol=1e-12)


def test_a_centre_that_rounding_puts_on_the_other_side_of_an_edge(cpu64):
    size, shift = (
        8,
        0.502,
    )  # the centre of column 4 is at 0.5 pixels; the edge's, 0.002 further, is rounded to before it
    corners = np.array([[-3.0, -3.0], [shift * 2 / size, -3.0], [shift * 2 / size, 3.0], [-3.0, 3.0]])
    picture = Picture(np.concatenate([2 * corners, np.full((4, 2), 2.0)], axis=1), [[0, 1, 2], [0, 2, 3]], size, size)
    for array, background in ((picture.face_id, -1), (picture.image, 0.0)):
        array.reshape(size, size, -1)[:, 4] = background
    output, weights = picture.run(), np.random.default_rng(0).normal(size=picture.image.shape)
    inner = picture.image.reshape(size, size, 4)[:, 3]
    np.testing.assert_allclose(output.reshape(size, size, 4)[:, 4], shift * inner, atol=1e-12)
    _, clip_adjoint = picture.adjoints(weights)
    step = np.array([1e-6, 0, 0, 0])
    measured = ((picture.run(picture.clip + step) - picture.run(picture.clip - step)) * weights).sum() / 2e-6
    assert abs(measured - clip_adjoint[:, 0].sum()) < 1e-6 * abs(measured)


def supersampled_gradient(picture, weights, components, pixels=0.25):
    """d sum(weights image) / d clip[vertex, component]: differences over half a pixel, 64 samples per pixel."""
    size = (picture.width, picture.height)
    result = []
    for vertex, component in components:
        step = np.zeros_like(picture.clip)
        step[vertex, component] = pixels * 2 / min(size) * picture.clip[vertex, 2]
        ends = [
            oracle.supersampled(clip, picture.faces, picture.colors, picture.background, *size, NEAR, FAR)
            for clip in (picture.clip + step, picture.clip - step)
        ]
        result.append(((ends[0] - ends[1]) * weights).sum() / (2 * step.max()))
    return np.array(result)


@pytest.mark.parametrize(("name", "size"), [("triangle", 64), ("box", 64)])
def test_gradient_agrees_with_64_samples_per_pixel(cpu64, name, size):
    triangle = np.array([[-0.92, -0.83, -3.0], [0.81, -0.52, -3.0], [0.3, 1.1, -3.0]])
    clip, faces = (project(triangle), [[0, 1, 2]]) if name == "triangle" else (posed(BOX, 0), BOX_FACES)
    picture = Picture(clip, faces, size, size, colors=np.ones((len(clip), 1)))
    x, y = np.meshgrid(*oracle.pixel_centers(size, size))
    weights = (1 + 0.5 * np.sin(1.7 * x + 0.4) + 0.5 * np.cos(1.2 * y + x)).reshape(-1, 1)
    picture.run()
    _, clip_adjoint = picture.adjoints(weights)
    vertices = np.argsort(-np.linalg.norm(clip_adjoint, axis=1))[:3]
    components = [(vertex, k) for vertex in vertices for k in (0, 1)]
    expected = supersampled_gradient(picture, weights, components)
    error = np.linalg.norm([clip_adjoint[c] for c in components] - expected) / np.linalg.norm(expected)
    assert error < 0.05


def test_edges_inside_a_surface_stay_hard(cpu64):
    square = np.array([[-3.0, -3.0, -2.0], [3.0, -3.0, -2.0], [3.0, 3.0, -2.0], [-3.0, 3.0, -2.0]])
    picture = Picture(project(square), [[0, 1, 2], [0, 2, 3]], 8, 8)
    np.testing.assert_array_equal(picture.run(), picture.image)


@pytest.mark.parametrize("name", ["box", "coarse sphere", "sphere, faces smaller than pixels"])
def test_float32_backends_agree_with_float64(any32, name):
    clip, faces = SCENES[name]()
    picture = Picture(clip, faces, 27, 20, colors=np.ones((len(clip), 1)))
    weights = np.random.default_rng(7).normal(size=picture.image.shape)

    def area(clip):
        return oracle.covered(oracle.outline(clip, faces, NEAR), 27, 20)

    np.testing.assert_allclose(picture.run()[:, 0], area(clip), atol=1e-4)
    _, clip_adjoint = picture.adjoints(weights)
    direction = np.random.default_rng(8).normal(size=clip.shape)
    step = 1e-6
    measured = ((area(clip + step * direction) - area(clip - step * direction)) @ weights[:, 0]) / (2 * step)
    assert abs((clip_adjoint * direction).sum() - measured) < 1e-3 * abs(clip_adjoint * direction).sum()


@pytest.mark.parametrize("seed", range(4))
def test_single_precision_where_pieces_disagree(any32, seed):
    picture = Picture(*crumpled(seed), 27, 20, background=0.4)
    output = picture.run()
    expected, disagree = blended(picture)
    assert len(disagree) > 3
    np.testing.assert_allclose(output, expected, atol=1e-6)
    assert output.min() >= picture.image.min() - 1e-6
    assert output.max() <= picture.image.max() + 1e-6


def test_silhouettes_of_another_mesh_are_refused(cpu32):
    picture = Picture(*SCENES["box"](), 16, 12)
    picture.run()
    other = make_silhouettes(Buffers(), len(picture.image), 13, 4)
    with pytest.raises(ShapeError, match="expected 12 faces of all views together, got 13"):
        antialias(picture.mesh, None, None, other, picture.screen, NEAR)


def test_a_batch_is_its_views(cpu32):
    pictures = [Picture(posed(BOX, seed), BOX_FACES, 16, 12, seed=seed) for seed in range(3)]
    single = [(p.run(), *p.adjoints(p.image)) for p in pictures]
    batch = Picture(pictures[0].clip, BOX_FACES, 16, 12)
    batch.views = 3
    for name in ("clip", "face_id", "depth", "image"):
        setattr(batch, name, np.concatenate([getattr(p, name) for p in pictures]))
    together = (batch.run(), *batch.adjoints(batch.image))
    for k in range(3):
        np.testing.assert_array_equal(together[k], np.concatenate([one[k] for one in single]))


def test_runs_repeat_to_the_bit(cpu32):
    picture = Picture(*SCENES["sphere, faces smaller than pixels"](), 27, 20)
    first = picture.run(), *picture.adjoints(picture.image)
    second = picture.run(), *picture.adjoints(picture.image)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
