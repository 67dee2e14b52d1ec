"""Interpolation against NumPy, its adjoint against central differences in double precision."""

import numpy as np
import pytest
import taichi as ti
from backends import GPUS
from oracles import raster as oracle

from taichi_dr.kernels.base.arrays import array_from, make_array, write_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.base.gather import gather_corners, sum_bands
from taichi_dr.kernels.screen.pixels import Screen
from taichi_dr.kernels.screen.projected_mesh import ProjectedMesh
from taichi_dr.kernels.zbuffer.face_records import DepthTest
from taichi_dr.kernels.zbuffer.interpolate import (
    Attributes,
    PixelAdjoints,
    band_count,
    interpolate,
    interpolate_adjoint,
)
from taichi_dr.kernels.zbuffer.resolve import Visible
from taichi_dr.kernels.zbuffer.zbuffer import ZBuffer
from taichi_dr.scene.topology import build_adjacency
from tests.kernels.zbuffer.test_zbuffer import FAR, NEAR, is_orthographic, orthographic, perspective, soup

WIDTH, HEIGHT = 28, 22


class Case:
    """Arrays of a scene of V views with C attributes per corner, and its z-buffer."""

    def __init__(self, clips, faces, components=3, seed=0, size=(WIDTH, HEIGHT), attribute_faces=None):
        generator = np.random.default_rng(seed)
        self.clips, self.faces = np.asarray(clips), np.asarray(faces, np.int32)
        self.views, self.components, (self.width, self.height) = len(clips), components, size
        self.attribute_faces = self.faces if attribute_faces is None else np.asarray(attribute_faces, np.int32)
        self.attributes = generator.normal(0, 1, (self.views, self.attribute_faces.max() + 1, components))
        self.background = generator.normal(0, 1, (1, components))
        pixels = self.views * self.width * self.height
        self.pixel_shape = (self.views, self.height, self.width)
        self.weights = [generator.normal(0, 1, (pixels, n)) for n in (components, 1, 3)]
        self.mesh = ProjectedMesh(array_from(self.clips.reshape(-1, 4)), array_from(self.faces, ti.i32), self.views)
        self.attribute_arrays = Attributes(
            array_from(self.attributes.reshape(-1, components)), array_from(self.attribute_faces, ti.i32)
        )
        self.visible = Visible(make_array((pixels,), ti.i32), make_array((pixels,)), make_array((pixels, 3)))
        self.image = make_array((pixels, components))
        self.buffer, self.screen = ZBuffer(Buffers()), Screen(self.width, self.height)

    def place(self, clips, attributes):
        """Takes these numbers in place of its own."""
        self.clips, self.attributes = clips, attributes
        write_array(self.mesh.clip, clips.reshape(-1, 4))
        write_array(self.attribute_arrays[0], attributes.reshape(-1, self.components))

    def forward(self):
        """face_id, image, depth and barycentric as NumPy arrays (V, H, W, ...)."""
        self.buffer.draw(self.mesh, self.screen, DepthTest(NEAR, FAR, is_orthographic(self.clips)), self.visible)
        interpolate(self.attribute_arrays, self.visible, array_from(self.background), self.image, self.views)
        face_id, depth, barycentric = self.visible
        arrays = [a.to_numpy() for a in (face_id, self.image, depth, barycentric)]
        return [x.reshape(*self.pixel_shape, *x.shape[1:]) for x in arrays]

    def expected(self, face_id, clips, attributes):
        """Image, depth and barycentric of the oracle for given visible faces."""
        views = [
            oracle.interpolate(
                clip, self.faces, rows, self.attribute_faces, ids, self.background[0], FAR, self.width, self.height
            )
            for clip, rows, ids in zip(clips, attributes, face_id, strict=True)
        ]
        return [np.stack(x) for x in zip(*views, strict=True)]

    def loss(self, face_id, clips, attributes):
        """A weighted sum of all outputs of the oracle."""
        outputs = self.expected(face_id, clips, attributes)
        return sum((x.reshape(len(w), -1) * w).sum() for x, w in zip(outputs, self.weights, strict=True))

    def gradient(self, bands=None):
        """Gradient of the loss by clip (V, N, 4) and attributes (V, M, C), from the adjoint kernel."""
        count = len(self.faces)
        bands = bands or band_count(self.views, count)
        corners = make_array((bands * self.views * count * 3, 4 + self.components))
        adjoints = [array_from(w) for w in self.weights]
        adjoints[1] = array_from(self.weights[1][:, 0])
        shown = self.visible.face_id, self.buffer.records
        adjoints = PixelAdjoints(*adjoints)
        interpolate_adjoint(self.mesh, self.attribute_arrays, *shown, adjoints, corners, self.screen, False)
        sum_bands(corners, self.views * len(self.faces) * 3, bands)
        by_clip = self._gather(corners, 0, 4, self.faces, self.clips.shape)
        return by_clip, self._gather(corners, 4, self.components, self.attribute_faces, self.attributes.shape)

    def _gather(self, corners, first, count, faces, shape):
        lists = [array_from(x, ti.i32) for x in build_adjacency(faces, shape[1])]
        out = make_array((shape[0] * shape[1], count))
        gather_corners(corners, first, count, *lists, out, self.views, len(faces))
        return out.to_numpy().reshape(shape)


def visible_soup(seed, count=14, **options):
    points, faces = soup(seed, count, **options)
    points[:, 2] = np.maximum(points[:, 2], 0.4)
    return points, faces


def scenes(name):
    if name == "perspective":
        points, faces = visible_soup(1)
        return Case([perspective(points)], faces)
    if name == "orthographic":
        points, faces = visible_soup(2)
        return Case([orthographic(points * [0.4, 0.4, 1])], faces, components=1)
    if name == "through the camera":
        points, faces = soup(3, 8, depths=(-1.5, 2.0), size=2.0)
        return Case([perspective(points)], faces)
    if name == "two views, one row per corner":
        points, faces = visible_soup(4, 300, size=0.4)
        own = np.arange(900).reshape(-1, 3)
        return Case([perspective(points), perspective(points + [0.3, 0.2, 0.5])], faces, attribute_faces=own)
    if name == "one face":
        return Case([perspective([[-2, -1, 1.5], [1.5, -1, 3], [0.2, 2, 2]])], [[0, 1, 2]])
    if name == "one pixel":
        return Case([perspective([[-2, -1, 1.5], [1.5, -1, 3], [0.2, 2, 2]])], [[0, 1, 2]], size=(1, 1))
    # a mesh whose vertices are shared by faces, with one colour per face
    points = np.array([[x, y, 2 + 0.3 * np.sin(3 * x + 2 * y)] for y in (-1.1, -0.3, 0.5, 1.2) for x in (-1, 0.1, 1.3)])
    corner = np.array([r * 3 + c for r in range(3) for c in range(2)])[:, None]
    faces = np.concatenate([corner + [0, 1, 3], corner + [1, 4, 3]])
    colours = np.repeat(np.arange(len(faces))[:, None], 3, 1)
    return Case([perspective(points)], faces, attribute_faces=colours)


NAMES = [
    "perspective",
    "orthographic",
    "through the camera",
    "two views, one row per corner",
    "one face",
    "one pixel",
    "one colour per face",
]


@pytest.mark.parametrize("name", NAMES)
def test_values_agree_with_the_formula(cpu64, name):
    case = scenes(name)
    face_id, *outputs = case.forward()
    for got, want in zip(outputs, case.expected(face_id, case.clips, case.attributes), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_agrees_with_central_differences(cpu64, name):
    case = scenes(name)
    face_id = case.forward()[0]
    assert (face_id >= 0).any()
    by_clip, by_attributes = case.gradient()
    generator = np.random.default_rng(1)
    directions = [(generator.normal(0, 1, case.clips.shape), generator.normal(0, 1, case.attributes.shape))]
    for _ in range(12):  # single components of corners that are seen
        view = generator.integers(case.views)
        face = generator.choice(face_id[view][face_id[view] >= 0])
        d = np.zeros_like(case.clips)
        d[view, case.faces[face, generator.integers(3)], generator.integers(4)] = 1
        directions.append((d, np.zeros_like(case.attributes)))
    step = 1e-6
    scale = np.abs(by_clip).max()
    for d_clip, d_attributes in directions:
        plus = case.loss(face_id, case.clips + step * d_clip, case.attributes + step * d_attributes)
        minus = case.loss(face_id, case.clips - step * d_clip, case.attributes - step * d_attributes)
        got = (by_clip * d_clip).sum() + (by_attributes * d_attributes).sum()
        np.testing.assert_allclose(got, (plus - minus) / (2 * step), rtol=1e-5, atol=1e-7 * scale)


def test_background_picture(cpu32):
    case = scenes("one face")
    case.background = np.random.default_rng(0).normal(0, 1, (WIDTH * HEIGHT, 3))
    face_id, image, *_ = case.forward()
    empty = face_id < 0
    np.testing.assert_allclose(image[empty], case.background.reshape(1, HEIGHT, WIDTH, 3)[empty], rtol=1e-6)


@pytest.mark.parametrize("bands", [1, 2, 7, 64])
def test_bands_do_not_change_the_gradient(cpu64, bands):
    case = scenes("perspective")
    case.forward()
    for got, want in zip(case.gradient(bands), case.gradient(1), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


def test_nothing_visible_has_no_gradient(cpu64):
    case = Case([perspective([[-1, -1, -2], [1, -1, -2], [0, 1, -3]])], [[0, 1, 2]])
    assert (case.forward()[0] == -1).all()
    assert all((x == 0).all() for x in case.gradient())


def test_same_gradient_every_time(cpu32):
    case = scenes("two views, one row per corner")
    case.forward()
    first, second = case.gradient(), case.gradient()
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("gpu", GPUS)
def test_gpus_agree_with_the_cpu(request, gpu):
    results = []
    for fixture in ("cpu32", gpu):
        request.getfixturevalue(fixture)
        case = scenes("one colour per face")
        results.append([*case.forward(), *case.gradient()])
    same = results[0][0] == results[1][0]
    assert same.all()
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4 * max(1, np.abs(a).max()))
