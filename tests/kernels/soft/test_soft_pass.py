"""The soft rasterizer's kernels against the NumPy oracle, and its adjoint against central differences."""

import functools
import itertools

import numpy as np
import pytest
import taichi as ti
from backends import SINGLE

from taichi_dr.errors import InputError
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.soft.modes import ALPHA_MODES, COLOR_MODES, DISTANCE_MODES
from taichi_dr.kernels.soft.soft_pass import SoftPass
from taichi_dr.scene.topology import build_adjacency
from tests.oracles import soft as oracle

NEAR, FAR = 1.0, 5.0
MODES = [
    dict(zip(("alpha", "color", "distance"), names, strict=True))
    for names in itertools.product(ALPHA_MODES, COLOR_MODES, DISTANCE_MODES)
]

PAIRWISE_MODES = MODES[2::7] + MODES[4::9]  # every alpha, colour and distance, most pairs of them


class Scene:
    """Random triangles in clip space: views x faces, each with its own corners, and generic W and depth."""

    def __init__(
        self, seed, faces=7, views=1, size=(21, 17), depth=(1.4, 4.0), scale=0.9, count=3, sigma=3e-3, gamma=0.05
    ):
        rng = np.random.default_rng(seed)
        self.width, self.height = size
        self.sigma, self.gamma, self.views = sigma, gamma, views
        vertices = 3 * faces
        depths = rng.uniform(*depth, (views, vertices))
        w = depths * rng.uniform(0.8, 1.2, depths.shape)
        center = rng.uniform(-0.7, 0.7, (views, faces, 1, 2))
        xy = (center + rng.uniform(-scale, scale, (views, faces, 3, 2))).reshape(views, vertices, 2)
        self.clip = np.concatenate([xy * np.abs(w)[..., None], w[..., None], depths[..., None]], -1)
        self.faces = np.arange(vertices).reshape(faces, 3)
        rows = max(1, vertices - 2)
        self.attributes = rng.uniform(0, 1, (views, rows, count))
        self.attribute_faces = rng.integers(0, rows, (faces, 3))
        self.background = rng.uniform(0, 1, count)
        shape = (views, self.height, self.width)
        self.adjoints = rng.normal(size=(*shape, count)), rng.normal(size=shape), rng.normal(size=shape)

    def oracle(self, view=0, **modes):
        return oracle.render(
            self.clip[view],
            self.faces,
            self.attributes[view],
            self.attribute_faces,
            self.background,
            NEAR,
            FAR,
            self.sigma,
            self.gamma,
            self.width,
            self.height,
            **modes,
        )

    def soft_pass(self, **modes):
        return SoftPass(self.views, len(self.faces), len(self.background), self.width, self.height, **modes)

    def forward(self, soft):
        """Runs the kernels; (image, alpha, depth, face_id, barycentrics) in (V, H, W, ...)."""
        soft.forward(
            array_from(self.clip.reshape(-1, 4)),
            array_from(self.faces, ti.i32),
            array_from(self.attributes.reshape(-1, len(self.background))),
            array_from(self.attribute_faces, ti.i32),
            array_from(self.background),
            NEAR,
            FAR,
            self.sigma,
            self.gamma,
        )
        shape = (self.views, self.height, self.width)
        outputs = (soft.image, soft.alpha, soft.depth, soft.face_id, soft.barycentrics)
        return [a.to_numpy().reshape(shape + a.shape[1:]) for a in outputs]

    def adjoint(self, soft):
        """Adjoints of (clip, attributes, background) for ``self.adjoints``, after ``forward``."""
        pixels, count = self.views * self.height * self.width, len(self.background)
        image, alpha, depth = self.adjoints
        clip, rows = (
            make_array((self.views * self.clip.shape[1], 4)),
            make_array((self.views * self.attributes.shape[1], count)),
        )
        background = make_array((count,))
        adjacency = [
            tuple(array_from(a, ti.i32) for a in build_adjacency(faces, n))
            for faces, n in ((self.faces, self.clip.shape[1]), (self.attribute_faces, self.attributes.shape[1]))
        ]
        soft.adjoint(
            array_from(image.reshape(pixels, count)),
            array_from(alpha.reshape(pixels)),
            array_from(depth.reshape(pixels)),
            clip,
            rows,
            *adjacency,
            background,
        )
        return (
            clip.to_numpy().reshape(self.clip.shape),
            rows.to_numpy().reshape(self.attributes.shape),
            background.to_numpy(),
        )

    def loss(self, soft):
        return sum((a * b).sum() for a, b in zip(self.adjoints, self.forward(soft), strict=False))


def assert_forward(scene, tolerance=1e-10, packet=None, **modes):
    outputs = scene.forward(scene.soft_pass(packet=packet, **modes))
    for view in range(scene.views):
        for name, got, expected in zip(
            ("image", "alpha", "depth", "face_id", "barycentrics"), outputs, scene.oracle(view, **modes), strict=True
        ):
            np.testing.assert_allclose(got[view], expected, atol=tolerance, rtol=tolerance, err_msg=f"{name} {modes}")


def central_difference(scene, soft, parameter, step=1e-6):
    """Gradient of the kernel's own loss with respect to every number of ``scene.<parameter>``."""
    values = getattr(scene, parameter)
    gradient = np.zeros_like(values)
    for index in np.ndindex(values.shape):
        kept = values[index]
        values[index] = kept + step
        above = scene.loss(soft)
        values[index] = kept - step
        below = scene.loss(soft)
        values[index] = kept
        gradient[index] = (above - below) / (2 * step)
    return gradient


def assert_adjoint(scene, tolerance=1e-5, **modes):
    """All single components, compared relative to the largest of their kind."""
    soft = scene.soft_pass(**modes)
    scene.forward(soft)
    for parameter, got in zip(("clip", "attributes", "background"), scene.adjoint(soft), strict=True):
        expected = central_difference(scene, soft, parameter)
        for column in range(expected.shape[-1]):
            a, b = got[..., column], expected[..., column]
            error = np.abs(a - b).max() / max(np.abs(b).max(), 1e-3)
            assert error < tolerance, f"{parameter}[{column}]: relative error {error:.1e} {modes}"


@pytest.mark.parametrize("modes", MODES, ids=lambda modes: "-".join(modes.values()))
def test_every_mode_is_the_formula_and_its_derivative(cpu64, modes):
    assert_forward(Scene(1), packet=(1, 1), **modes)
    assert_adjoint(Scene(2, faces=3, size=(9, 8)), packet=(1, 1), **modes)


@pytest.mark.parametrize("modes", PAIRWISE_MODES, ids=lambda modes: "-".join(modes.values()))
def test_packets_of_every_mode_are_its_pixels(cpu64, modes):
    scene = Scene(3, faces=5, size=(39, 33))  # more tiles than threads, so that scratch is used again
    packets, pixels = scene.soft_pass(packet=(4, 2), **modes), scene.soft_pass(packet=(1, 1), **modes)
    for run in (scene.forward, scene.adjoint):
        for got, expected in zip(run(packets), run(pixels), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("modes", PAIRWISE_MODES, ids=lambda modes: "-".join(modes.values()))
def test_every_mode_in_single_precision(any32, modes):
    scene = _smooth_scene()
    outputs = scene.forward(scene.soft_pass(**modes))
    for view in range(scene.views):
        for got, expected in zip(outputs[:3], scene.oracle(view, **modes)[:3], strict=True):
            close = np.isclose(got[view], expected, atol=1e-4)
            assert close.mean() > 0.995, modes  # "hard" modes jump at edges


def scene_with_hidden_faces(seed, faces=16, size=(39, 33), views=1):
    """A large face near the camera; the weights of most others vanish behind it, some of them reach beyond far."""
    scene = Scene(seed, faces=faces, size=size, views=views, depth=(1.9, 7.0), scale=0.6, gamma=1e-3)
    scene.clip[:, 6:9, :] = np.array([[-3, -2, 1, 1.5], [3, -2, 1, 1.5], [0, 5, 1, 1.6]]) * [1.5, 1.5, 1.5, 1]
    hidden = scene.clip[0, :, 3].reshape(-1, 3).min(1) - 60 * scene.gamma * (FAR - NEAR) > 1.6
    assert 0.3 * faces < hidden.sum() < faces
    return scene


@pytest.mark.parametrize("modes", PAIRWISE_MODES, ids=lambda modes: "-".join(modes.values()))
def test_faces_far_behind_others_are_the_formula(cpu64, modes):
    """Packets leave them out of everything but alpha."""
    for seed in range(3):
        assert_forward(scene_with_hidden_faces(seed, views=1 + seed % 2), **modes)


def test_faces_far_behind_others_have_gradients(cpu64):
    assert_adjoint(scene_with_hidden_faces(3, faces=6, size=(13, 11), views=2))


def test_faces_far_behind_others_in_single_precision(any32):
    scene = scene_with_hidden_faces(4)
    for got, expected in zip(scene.forward(scene.soft_pass())[:3], scene.oracle()[:3], strict=True):
        assert np.isclose(got[0], expected, atol=1e-4).mean() > 0.995


@pytest.mark.parametrize("size", [(21, 17), (16, 16), (1, 1), (5, 33)])
def test_packets_are_the_formula(cpu64, size):
    assert_forward(Scene(1, size=size))


def test_adjoint_of_packets(cpu64):
    assert_adjoint(Scene(4, faces=4, views=2, size=(18, 10)))


@pytest.mark.parametrize("seed", range(4))
def test_faces_that_cross_the_near_plane(cpu64, seed):
    scene = Scene(seed, faces=4, depth=(0.3, 2.0))
    before = (scene.clip[0, :, 3].reshape(-1, 3) >= NEAR).sum(1)
    assert np.isin([1, 2], before).any()
    assert_forward(scene)
    assert_adjoint(Scene(seed, faces=4, depth=(0.3, 2.0), size=(11, 12)))


def test_a_corner_behind_the_eye(cpu64):
    """W <= 0: the screen position of that corner means nothing."""
    scene = Scene(5, faces=1, size=(14, 12))
    scene.clip[0, :, :] = [[-0.5, -0.6, 1.5, 1.5], [0.7, -0.3, 1.7, 1.7], [0.3, 0.9, -0.4, -0.4]]
    assert_forward(scene)
    assert_adjoint(scene)


def test_orthographic_faces_that_cross_the_near_plane(cpu64):
    scene = Scene(8, faces=3, depth=(0.3, 2.0), size=(12, 12))
    scene.clip[..., 2] = 1.0
    assert_forward(scene)
    assert_adjoint(scene)


def test_faces_off_screen_pass_back_what_they_do_on_screen(cpu64):
    scene = Scene(6, faces=3, size=(12, 10))
    scene.clip[..., 0] += 0.9 * scene.clip[..., 2]
    assert_forward(scene)
    assert_adjoint(scene)


def test_one_pixel(cpu64):
    assert_adjoint(Scene(7, faces=2, size=(1, 1), sigma=0.05))


def test_more_attributes_than_a_color(cpu64):
    scene = Scene(9, faces=3, size=(9, 9), count=6)
    assert_forward(scene, packet=(1, 1))
    assert_adjoint(scene, packet=(1, 1))


def test_faces_that_contribute_nothing(cpu64):
    """Behind near, beyond far, without area, off screen: the image is the background and no gradient arises."""
    scene = Scene(10, faces=4)
    scene.clip[0, 0:3, 2:] = [[0.5, 0.5], [-0.5, -0.5], [0.9, 0.9]]
    scene.clip[0, 3:6, 3] = FAR + 1
    scene.clip[0, 8] = scene.clip[0, 7]
    scene.clip[0, 9:12, 0] += 50
    soft = scene.soft_pass()
    image, alpha, depth, face_id, barycentrics = scene.forward(soft)
    np.testing.assert_allclose(image[0], np.broadcast_to(scene.background, image[0].shape), atol=1e-14)
    assert not alpha.any()
    np.testing.assert_allclose(depth, FAR)
    assert (face_id == -1).all()
    assert not barycentrics.any()
    clip, attributes, background = scene.adjoint(soft)
    _assert_zero(clip, attributes)
    np.testing.assert_allclose(background, scene.adjoints[0].sum((0, 1, 2)))


def _assert_zero(*arrays):
    for array in arrays:
        assert not array.any()


def _rendered(scene):
    soft = scene.soft_pass()
    scene.forward(soft)
    return soft


def test_the_order_of_faces_does_not_matter(cpu64):
    scene = Scene(12, faces=9)
    before = scene.forward(scene.soft_pass())
    order = np.random.default_rng(0).permutation(9)
    scene.faces, scene.attribute_faces = scene.faces[order], scene.attribute_faces[order]
    after = scene.forward(scene.soft_pass())
    for a, b in zip(before[:3] + before[4:], after[:3] + after[4:], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)
    np.testing.assert_array_equal(before[3], np.append(order, -1)[after[3]])


def test_a_batch_is_its_single_views(cpu64):
    batch = Scene(13, faces=5, views=3, depth=(0.8, 3.0))
    soft = _rendered(batch)
    images, gradients = batch.forward(soft), batch.adjoint(soft)
    for view in range(3):
        one = Scene(13, faces=5, views=3, depth=(0.8, 3.0))
        one.views = 1
        one.clip, one.attributes = batch.clip[view : view + 1], batch.attributes[view : view + 1]
        one.adjoints = [a[view : view + 1] for a in batch.adjoints]
        soft = one.soft_pass()
        for a, b in zip(images, one.forward(soft), strict=True):
            np.testing.assert_array_equal(a[view], b[0])
        for a, b in zip(gradients[:2], one.adjoint(soft)[:2], strict=True):
            np.testing.assert_allclose(a[view], b[0], atol=1e-12)


def test_bands_add_up(cpu64):
    scene = Scene(14, faces=3, size=(40, 50))
    soft = _rendered(scene)
    assert soft.bands > 1
    many = scene.adjoint(soft)
    soft = _rendered(scene)
    soft.bands = 1
    for a, b in zip(many, scene.adjoint(soft), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_double_precision_reference(cpu64):
    """Checks the gradient that ``test_single_precision`` compares with."""
    scene, gradients = _smooth_scene(), _double_gradients()
    soft = _rendered(scene)
    for name, gradient in gradients.items():
        direction = np.random.default_rng(1).normal(size=gradient.shape)
        kept = getattr(scene, name)
        losses = []
        for sign in (1, -1):
            setattr(scene, name, kept + sign * 1e-7 * direction)
            losses.append(scene.loss(soft))
        setattr(scene, name, kept)
        np.testing.assert_allclose((losses[0] - losses[1]) / 2e-7, (gradient * direction).sum(), rtol=1e-4)


def test_unknown_mode(cpu64):
    with pytest.raises(InputError, match="unknown alpha mode 'max': expected one of product, sum, hard"):
        Scene(0).soft_pass(alpha="max")


def _smooth_scene():
    return Scene(15, faces=12, views=2, size=(33, 29), depth=(0.7, 3.5), sigma=1e-3)


@functools.cache
def _double_gradients():
    """Of the smooth scene; the CPU in double precision must be in use."""
    scene = _smooth_scene()
    return dict(zip(("clip", "attributes", "background"), scene.adjoint(_rendered(scene)), strict=True))


@pytest.mark.parametrize("single", SINGLE)
def test_single_precision(request, single):
    request.getfixturevalue("cpu64")
    double = _double_gradients()
    request.getfixturevalue(single)
    scene = _smooth_scene()
    soft = scene.soft_pass()
    outputs, gradients = scene.forward(soft), scene.adjoint(soft)
    for view in range(2):
        expected = scene.oracle(view)
        for got, want in zip(outputs[:3], expected[:3], strict=True):
            np.testing.assert_allclose(got[view], want, atol=1e-4)
    assert (outputs[3][0] == scene.oracle(0)[3]).mean() > 0.99
    for (name, want), got in zip(double.items(), gradients, strict=True):
        np.testing.assert_allclose(got, want, atol=2e-3 * np.abs(want).max(), err_msg=name)


WHOLE, CUT = (1.4, 4.0), (0.3, 2.0)
PACKETS_BY_BACKEND = [("cpu32", (4, 2)), ("cpu32", (4, 4)), *((name, (1, 1)) for name in SINGLE)]


@pytest.mark.parametrize(("single", "packet"), PACKETS_BY_BACKEND)
@pytest.mark.parametrize("depth", [WHOLE, CUT], ids=["whole", "cut"])
def test_the_adjoint_weighs_faces_as_the_forward_has(request, depth, single, packet):
    """With colours 1 before a background of 0 a pixel's colour is the sum of the weights of its faces.

    Every view is the same, and each passes back a single pixel: the sum of the adjoints of its colours is that sum.
    """
    request.getfixturevalue(single)
    for seed, gamma in itertools.product(range(3), (1e-2, 1e-3, 1e-4, 1e-5)):
        scene = Scene(seed, faces=24, views=64, depth=depth, count=1, sigma=10.0 ** -(2 + seed), gamma=gamma)
        scene.clip[:], scene.attributes[:], scene.background[:] = scene.clip[:1], 1, 0
        soft = scene.soft_pass(packet=packet)
        weights = scene.forward(soft)[0][0, ..., 0]
        chosen = np.random.default_rng(seed).choice(np.flatnonzero(weights > 1e-3), 64)
        for a in scene.adjoints:
            a[:] = 0
        scene.adjoints[0].reshape(64, -1)[np.arange(64), chosen] = 1
        sums = scene.adjoint(soft)[1].sum((1, 2))
        np.testing.assert_allclose(sums, weights.flat[chosen], atol=2e-6, err_msg=f"seed {seed}, gamma {gamma}")


@pytest.mark.parametrize("packet", [(3, 2), (8, 4), (0, 1), (-2, 2)])
def test_packets_that_are_no_powers_of_two_or_too_large_are_refused(cpu64, packet):
    with pytest.raises(InputError, match="expected columns and rows, powers of two, at most 16 pixels"):
        Scene(1).soft_pass(packet=packet)


def test_sharp_settings_do_not_overflow(any32):
    """sigma = gamma = 1e-6 and a large far: exponents of a million."""
    scene = Scene(16, sigma=1e-6, gamma=1e-6)
    soft = scene.soft_pass()
    for a in (*scene.forward(soft), *scene.adjoint(soft)):
        assert np.isfinite(a).all()
