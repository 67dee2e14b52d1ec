"""The soft rasterizer that shades each pair of pixel and face: oracles, central differences, ``SoftPass``."""

import functools
import sys

import numpy as np
import pytest
import taichi as ti
from backends import GPUS
from oracles import shading as light
from oracles import soft as oracle
from oracles import texture as image_oracle
from oracles.differences import relative_errors

from taichi_dr.errors import InputError
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.shading import light as lighting
from taichi_dr.kernels.shading import texture
from taichi_dr.kernels.shading.at_points import Layout, PointShading
from taichi_dr.kernels.soft.soft_pass import SoftPass
from taichi_dr.scene.topology import build_adjacency

NEAR, FAR, SIGMA, GAMMA = 1.0, 5.0, 3e-3, 0.05
KINDS, SPECULAR, SHININESS = (0, 1, 2), 0.5, 6.0
EVERYTHING, ALBEDO = Layout(textured=True), Layout(lit=False)
OUTPUTS = ("image", "alpha", "depth", "face_id", "barycentrics")


class Scene:
    """Random triangles in clip space with attributes of their own; ``x`` holds what has gradients."""

    orthographic = True  # the tests of whole renders have perspective cameras

    def __init__(self, seed=1, layout=EVERYTHING, cut=True, faces=4, views=2, size=(12, 10)):
        rng = np.random.default_rng(seed)
        self.layout, self.count, self.views, (self.width, self.height) = layout, faces, views, size
        depths = rng.uniform(1.4, 4.0, (views, 3 * faces))
        if cut:
            depths[:, :3] = rng.permuted(np.tile([0.4, 1.3, 1.5], (views, 1)), axis=1)
            depths[:, 3:6] = rng.permuted(np.tile([0.5, 0.6, 1.6], (views, 1)), axis=1)
        w = depths * rng.uniform(0.8, 1.2, depths.shape)
        center = rng.uniform(-0.6, 0.6, (views, faces, 1, 2))
        xy = (center + rng.uniform(-0.9, 0.9, (views, faces, 3, 2))).reshape(views, 3 * faces, 2)
        attributes = rng.normal(size=(views, 3 * faces, layout.channels))
        if layout.albedo:
            attributes[..., :3] = rng.uniform(size=attributes[..., :3].shape)
        if layout.textured:  # within one cell of the texture: no kinks, and magnified
            attributes[..., layout.uv :] = rng.uniform(0.46, 0.54, attributes[..., layout.uv :].shape)
        self.x = {
            "clip": np.concatenate([xy * np.abs(w)[..., None], w[..., None], depths[..., None]], -1),
            "attributes": attributes,
            "texture": rng.uniform(size=(2, 2, 3)),
            "camera": rng.normal(size=(views, 16)) * 2,
            "light_color": rng.uniform(0.2, 1, (len(KINDS), 3)),
            "light_vector": rng.normal(size=(len(KINDS), 3)) * 2,
        }
        self.background = rng.uniform(size=3)
        pixels = views * self.width * self.height
        self.adjoints = rng.normal(size=(pixels, 3)), rng.normal(size=pixels), rng.normal(size=pixels)
        self.faces = np.arange(3 * faces).reshape(-1, 3)

    def forward(self, soft, x=None):
        x = self.x if x is None else x
        if soft.layout is not None:
            pyramid = make_array((texture.pyramid_texels(2, 2), 3))
            texture.build_mipmaps(array_from(x["texture"].reshape(-1, 3)), pyramid, 2, 2)
            lights = array_from(np.array(KINDS), ti.i32), array_from(x["light_color"]), array_from(x["light_vector"])
            soft.shading = PointShading(
                array_from(x["camera"]),
                self.orthographic,
                lighting.Lights(*lights),
                lighting.Finish(SPECULAR, SHININESS, two_sided=True),
                pyramid,
                array_from(texture.level_table(2, 2), ti.i32),
                array_from(np.zeros(len(self.faces)), ti.i32),
                self.layout,
            )
        index = array_from(self.faces, ti.i32)
        arrays = (index, array_from(x["attributes"].reshape(-1, self.layout.channels)), index)
        numbers = (array_from(self.background), NEAR, FAR, SIGMA, GAMMA)
        soft.forward(array_from(x["clip"].reshape(-1, 4)), *arrays, *numbers)
        return [getattr(soft, name).to_numpy() for name in OUTPUTS]

    def adjoint(self, soft):
        """Adjoints of everything in ``x`` for ``self.adjoints``, after ``forward``."""
        made = {name: make_array((int(np.prod(a.shape[:-1])), a.shape[-1])) for name, a in self.x.items()}
        corners = [array_from(a, ti.i32) for a in build_adjacency(self.faces, 3 * self.count)]
        if soft.layout is not None:
            soft.pyramid_adjoint = make_array((texture.pyramid_texels(2, 2), 3))
        soft.adjoint(*map(array_from, self.adjoints), made["clip"], made["attributes"], corners, corners)
        if self.layout.lit:
            lighting.reduce_partials(
                soft.partials, made["light_color"], made["light_vector"], made["camera"], self.orthographic
            )
        if self.layout.textured:
            texture.build_mipmaps_adjoint(made["texture"], soft.pyramid_adjoint, 2, 2)
        return {name: made[name].to_numpy().reshape(a.shape) for name, a in self.x.items()}

    def loss(self, outputs):
        return sum((a * b).sum() for a, b in zip(self.adjoints, outputs, strict=False))

    def oracle(self, view):
        x, layout = self.x, self.layout
        lights = list(zip(KINDS, x["light_color"], x["light_vector"], strict=True))

        def shade(values):
            texel = image_oracle.bilinear(x["texture"], values[..., layout.uv :])
            normal = values[..., layout.normal : layout.position]
            position = values[..., layout.position : layout.uv]
            to_eye = light.towards_eye(x["camera"][view], position, self.orthographic)
            return light.shade(values[..., :3] * texel, normal, position, to_eye, lights, SPECULAR, SHININESS)

        surface = (x["clip"][view], self.faces, x["attributes"][view], self.faces, self.background)
        return oracle.render(*surface, NEAR, FAR, SIGMA, GAMMA, self.width, self.height, shade=shade)


def shaded_pass(scene, **modes):
    return SoftPass(scene.views, scene.count, scene.layout, scene.width, scene.height, **modes)


def assert_forward(scene, tolerance):
    outputs = scene.forward(shaded_pass(scene))
    for view in range(scene.views):
        for got, expected in list(zip(outputs, scene.oracle(view), strict=True))[:3]:
            got = got.reshape(scene.views, *expected.shape)[view]
            np.testing.assert_allclose(got, expected, atol=tolerance, rtol=tolerance)


def test_pairs_are_shaded_by_the_formula(cpu64):
    assert_forward(Scene(), 1e-10)


def test_adjoints_equal_central_differences(cpu64):
    scene = Scene()
    soft, adjoints = adjoints_of(scene)
    assert soft._cut
    assert all(np.abs(a).max() > 0 for a in adjoints.values())
    errors = relative_errors(
        lambda x: scene.loss(scene.forward(soft, x)), scene.x, adjoints, list(scene.x), step=1e-6, components=3
    )
    assert max(errors.values()) < 1e-5, errors


def adjoints_of(scene):
    soft = shaded_pass(scene)
    scene.forward(soft)
    return soft, scene.adjoint(soft)


def test_tasks_of_several_faces_add_up(cpu64):
    scene = Scene()
    soft, many = adjoints_of(scene)
    soft.groups = 3
    few = scene.adjoint(soft)
    for name, gradient in many.items():
        np.testing.assert_allclose(few[name], gradient, rtol=1e-12, atol=1e-12, err_msg=name)


def test_packets_of_several_pixels_are_refused(cpu64):
    with pytest.raises(InputError, match=r"packet \(4, 2\): expected \(1, 1\) with a Layout"):
        shaded_pass(Scene(), packet=(4, 2))


def test_unlit_albedo_is_what_the_other_pass_blends(cpu64):
    modes = {"alpha": "sum", "color": "hard", "distance": "barycentric"}
    scene = Scene(3, ALBEDO, cut=False)
    shaded = shaded_pass(scene, **modes)
    plain = SoftPass(scene.views, scene.count, 3, scene.width, scene.height, packet=(1, 1), **modes)
    for got, expected in zip(scene.forward(shaded), scene.forward(plain), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-12)
    got, expected = scene.adjoint(shaded), scene.adjoint(plain)
    for name in ("clip", "attributes"):
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut"])
def test_the_adjoint_weighs_faces_as_the_forward_has(any32, monkeypatch, cut):
    """See the test of this name in ``test_soft_pass``."""
    for gamma in (1e-2, 1e-3, 1e-4, 1e-5):
        monkeypatch.setattr(sys.modules[__name__], "GAMMA", gamma)
        scene = Scene(5, ALBEDO, cut=cut, faces=12, views=64)
        scene.x["clip"][:], scene.x["attributes"][:], scene.background[:] = scene.x["clip"][:1], 1, 0
        soft = shaded_pass(scene)
        weights = scene.forward(soft)[0].reshape(64, -1, 3)[0, :, 0]
        chosen = np.random.default_rng(5).choice(np.flatnonzero(weights > 1e-3), 64)
        scene.adjoints = [np.zeros_like(a) for a in scene.adjoints]
        scene.adjoints[0].reshape(64, -1, 3)[np.arange(64), chosen, 0] = 1
        sums = scene.adjoint(soft)["attributes"].sum((1, 2))
        np.testing.assert_allclose(sums, weights[chosen], atol=2e-6, err_msg=f"gamma {gamma}")


@functools.cache
def double_adjoints(cut):
    """The CPU in double precision must be in use."""
    return adjoints_of(Scene(cut=cut))[1]


def test_single_precision(request):
    """The image is the oracle's, the gradients are those that the central differences have checked."""
    request.getfixturevalue("cpu64")
    expected = double_adjoints(False)
    request.getfixturevalue("cpu32")
    assert_single_precision(Scene(cut=False), expected)


@pytest.mark.parametrize("gpu", GPUS)
def test_single_precision_on_gpus(request, gpu):
    request.getfixturevalue("cpu64")
    expected = double_adjoints(True)
    request.getfixturevalue(gpu)
    assert_single_precision(Scene(), expected)


def assert_single_precision(scene, adjoints):
    assert_forward(scene, 1e-4)
    for name, got in adjoints_of(scene)[1].items():
        want = adjoints[name]
        np.testing.assert_allclose(got, want, atol=2e-3 * np.abs(want).max(), err_msg=name)
