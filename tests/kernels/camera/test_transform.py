"""The transform pair against the oracle, and its adjoint against central differences in float64."""

import numpy as np
import pytest
import taichi as ti
from oracles import camera as oracle

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.gather import Adjacency
from taichi_dr.kernels.base.views import ShownMeshes
from taichi_dr.kernels.camera import transform as module
from taichi_dr.kernels.camera.transform import CHUNK, partial_shape, transform, transform_adjoint
from taichi_dr.scene.topology import group_by_owner


class Scene:
    """B meshes of N vertices in V generic views (the formulas hold for any packed numbers, orthonormal or not)."""

    def __init__(self, meshes, vertices, view_mesh, seed=0):
        r = np.random.default_rng(seed)
        self.vertices = r.normal(size=(meshes, vertices, 3))
        self.view_mesh = view_mesh
        self.camera = r.normal(size=(len(view_mesh), 16))
        self.weights = r.normal(size=(len(view_mesh) * vertices, 4))

    def forward(self, orthographic, **changes):
        vertices, camera = changes.get("vertices", self.vertices), changes.get("camera", self.camera)
        clip = make_array(self.weights.shape)
        view_mesh = array_from(self.view_mesh, ti.i32)
        transform(array_from(vertices.reshape(-1, 3)), view_mesh, array_from(camera), clip, orthographic)
        return clip.to_numpy()

    def oracle(self, orthographic):
        return oracle.transform(self.vertices, self.view_mesh, self.camera, orthographic)

    def adjoint(self, orthographic):
        meshes, count = self.vertices.shape[:2]
        start, views = group_by_owner(self.view_mesh, meshes)
        view_mesh, start, views = (array_from(part, ti.i32) for part in (self.view_mesh, start, views))
        shown = ShownMeshes(view_mesh, Adjacency(start, views))
        outputs = make_array((meshes * count, 3)), make_array(self.camera.shape)
        partial = make_array(partial_shape(len(self.view_mesh), count))
        inputs = (array_from(self.vertices.reshape(-1, 3)), shown, array_from(self.camera))
        transform_adjoint(*inputs, array_from(self.weights), *outputs, partial, orthographic)
        return outputs[0].to_numpy().reshape(self.vertices.shape), outputs[1].to_numpy()

    def loss(self, orthographic, **changes):
        return (self.forward(orthographic, **changes) * self.weights).sum()


SCENES = {
    "one mesh, one view": (1, 7, [0]),
    "one mesh, three views": (1, 5, [0, 0, 0]),
    "a mesh per view": (3, 4, [0, 1, 2]),
    "any order, one mesh unseen": (3, 4, [2, 0, 2, 0]),
    "one vertex": (1, 1, [0, 0]),
    "several chunks": (2, CHUNK + 3, [1, 0]),
}


@pytest.mark.parametrize("orthographic", [False, True])
@pytest.mark.parametrize("scene", SCENES)
def test_forward_matches_the_oracle(cpu64, scene, orthographic):
    scene = Scene(*SCENES[scene])
    np.testing.assert_allclose(scene.forward(orthographic), scene.oracle(orthographic), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("orthographic", [False, True])
@pytest.mark.parametrize("scene", SCENES)
def test_adjoint_matches_central_differences(cpu64, scene, orthographic):
    scene = Scene(*SCENES[scene])
    for name, gradient in zip(("vertices", "camera"), scene.adjoint(orthographic), strict=True):
        value = getattr(scene, name)
        r = np.random.default_rng(1)
        singles = [np.eye(1, value.size, k).reshape(value.shape) for k in r.integers(value.size, size=6)]
        for direction in [r.normal(size=value.shape) for _ in range(4)] + singles:
            a, b, c, d = (scene.loss(orthographic, **{name: value + s * direction}) for s in (0.1, -0.1, 0.2, -0.2))
            numeric = (8 * (a - b) - (c - d)) / 1.2  # exact but for rounding: clip is cubic in (e, u, fx) together
            assert numeric == pytest.approx((gradient * direction).sum(), rel=1e-8, abs=1e-8), name


@pytest.mark.parametrize("orthographic", [False, True])
def test_parallel_loops_give_the_same(cpu64, monkeypatch, orthographic):
    scene = Scene(2, 2 * CHUNK + 5, [1, 0, 1])
    serial = scene.forward(orthographic), *scene.adjoint(orthographic)
    monkeypatch.setattr(module, "SERIAL_VERTICES", 0)
    parallel = scene.forward(orthographic), *scene.adjoint(orthographic)
    for one, other in zip(serial, parallel, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("orthographic", [False, True])
def test_cpu_single_precision(cpu32, orthographic):
    check_single_precision(orthographic)


@pytest.mark.parametrize("orthographic", [False, True])
def test_gpu_single_precision(gpu, orthographic):
    check_single_precision(orthographic)


def check_single_precision(orthographic):
    scene = Scene(2, CHUNK + 3, [1, 0, 1])
    np.testing.assert_allclose(scene.forward(orthographic), scene.oracle(orthographic), rtol=1e-4, atol=1e-5)
    gradients = scene.adjoint(orthographic)
    r = np.random.default_rng(3)
    for k, gradient in enumerate(gradients):
        direction = r.normal(size=gradient.shape)
        a, b, c, d = (oracle_loss(scene, orthographic, k, s * direction) for s in (0.1, -0.1, 0.2, -0.2))
        assert (8 * (a - b) - (c - d)) / 1.2 == pytest.approx((gradient * direction).sum(), rel=1e-4, abs=1e-3)


def oracle_loss(scene, orthographic, argument, change):
    values = [scene.vertices, scene.camera]
    values[argument] = values[argument] + change
    return (oracle.transform(values[0], scene.view_mesh, values[1], orthographic) * scene.weights).sum()
