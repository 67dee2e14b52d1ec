"""The camera pair against the oracle, and its adjoint against central differences in float64."""

import numpy as np
import pytest
from oracles import camera as oracle

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.camera.pack import ORTHOGRAPHIC, PERSPECTIVE, PINHOLE, pack_camera, pack_camera_adjoint

KINDS = {"perspective": PERSPECTIVE, "pinhole": PINHOLE, "orthographic": ORTHOGRAPHIC}
NAMES = ("eye", "target", "up", "pose", "lens", "principal")
SIZE = {"width": 40, "height": 30}


def parameters(kind, views=3, seed=0, pose=0.4):
    """Generic cameras; the last has the pose ``pose`` times a vector of length about 2."""
    r = np.random.default_rng(seed)
    return {
        "eye": r.normal(size=(views, 3)) + (0, 0, 3),
        "target": 0.3 * r.normal(size=(views, 3)),
        "up": 0.3 * r.normal(size=(views, 3)) + (0, 1, 0),
        "pose": pose * r.normal(size=(views, 6)),
        "lens": r.uniform(0.5, 1.2, size=(views, 2 if kind == "pinhole" else 1)),
        "principal": 0.2 * r.normal(size=(views, 2)),
    }


def rows(values):
    """The parameters as an array (V, 19); a lens of one number leaves the second column unused."""
    lens = np.pad(values["lens"], ((0, 0), (0, 2 - values["lens"].shape[1])))
    return array_from(np.concatenate([(values | {"lens": lens})[name] for name in NAMES], axis=1))


def packed(values, kind, **size):
    camera = make_array((len(values["eye"]), 16))
    pack_camera(rows(values), camera, KINDS[kind], **(size or SIZE))
    return camera.to_numpy()


def adjoints(values, weights, kind, times=1):
    adjoint = make_array((len(values["eye"]), 19))
    for _ in range(times):
        pack_camera_adjoint(rows(values), array_from(weights), adjoint, KINDS[kind], **SIZE)
    starts = np.cumsum([0, 3, 3, 3, 6, 2])
    widths = [values[name].shape[1] for name in NAMES]
    return {
        name: adjoint.to_numpy()[:, start : start + width]
        for name, start, width in zip(NAMES, starts, widths, strict=True)
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pose", [0.0, 1e-4, 0.4, 2.0])
def test_pack_matches_the_oracle(cpu64, kind, pose):
    values = parameters(kind, pose=pose)
    expected = oracle.pack(*values.values(), kind=kind, **SIZE)
    np.testing.assert_allclose(packed(values, kind), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("width", "height"), [(64, 64), (64, 16), (16, 64)])
def test_the_shorter_side_is_the_unit(cpu64, width, height):
    values = parameters("perspective")
    expected = oracle.pack(*values.values(), kind="perspective", width=width, height=height)
    np.testing.assert_allclose(packed(values, "perspective", width=width, height=height), expected, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pose", [0.0, 1e-9, 1e-3, 0.4, 2.0])
def test_adjoint_matches_central_differences(cpu64, kind, pose):
    values = parameters(kind, pose=pose)
    weights = np.random.default_rng(1).normal(size=(3, 16))
    gradients = adjoints(values, weights, kind)
    for name in NAMES:
        numeric = central_differences(values, name, lambda v: (packed(v, kind) * weights).sum())
        np.testing.assert_allclose(gradients[name], numeric, rtol=1e-7, atol=1e-7, err_msg=name)


def central_differences(values, name, loss, step=1e-4):
    """Fourth order, so that float64's rounding is the larger error."""
    result = np.zeros_like(values[name])
    for index in np.ndindex(result.shape):
        moved = []
        for factor in (1, -1, 2, -2):
            changed = values[name].copy()
            changed[index] += factor * step
            moved.append(loss(values | {name: changed}))
        result[index] = (8 * (moved[0] - moved[1]) - (moved[2] - moved[3])) / (12 * step)
    return result


def test_adjoint_around_the_end_of_the_series(cpu64):
    weights = np.random.default_rng(2).normal(size=(2, 16))
    values = parameters("perspective", views=2)
    for angle in (1 - 1e-9, 1 + 1e-9):
        values["pose"][:, :3] = np.array([0.48, 0.6, 0.64]) * angle
        gradient = adjoints(values, weights, "perspective")["pose"]
        numeric = central_differences(values, "pose", lambda v: (packed(v, "perspective") * weights).sum())
        np.testing.assert_allclose(gradient, numeric, rtol=1e-7, atol=1e-7)


def test_adjoint_adds(cpu64):
    values, weights = parameters("pinhole"), np.ones((3, 16))
    once, twice = adjoints(values, weights, "pinhole"), adjoints(values, weights, "pinhole", times=2)
    for name in NAMES:
        np.testing.assert_allclose(twice[name], 2 * once[name], rtol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pose", [0.0, 0.4])
def test_cpu_single_precision(cpu32, kind, pose):
    check_single_precision(kind, pose)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pose", [0.0, 0.4])
def test_gpu_single_precision(gpu, kind, pose):
    check_single_precision(kind, pose)


def check_single_precision(kind, pose):
    values = parameters(kind, pose=pose)
    expected = oracle.pack(*values.values(), kind=kind, **SIZE)
    np.testing.assert_allclose(packed(values, kind), expected, rtol=2e-5, atol=2e-6)
    weights = np.random.default_rng(1).normal(size=(3, 16))
    gradients = adjoints(values, weights, kind)

    def loss(v):
        return (oracle.pack(*v.values(), kind=kind, **SIZE) * weights).sum()

    for name in NAMES:
        numeric = central_differences(values, name, loss)
        np.testing.assert_allclose(gradients[name], numeric, rtol=1e-4, atol=1e-4, err_msg=name)
