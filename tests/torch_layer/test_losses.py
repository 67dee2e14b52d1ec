"""Losses and smooth coordinates of tensors: the numbers of the Taichi path bit by bit, and gradients by gradcheck."""

import pytest

pytest.importorskip("torch", reason="torch is not installed")

import copy
import pickle

import numpy as np
import taichi as ti
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch_layer.scenes import CORNERS, FACES, leaf, uniform

import taichi_dr as dr
from taichi_dr.errors import GradientError, InputError, ShapeError

VALUES = {
    "alpha": uniform(1, 2, 3, 4),
    "target": uniform(2, 2, 3, 4),
    "image": uniform(3, 2, 12, 11, 3),
    "image target": uniform(4, 2, 12, 11, 3),
    "normals": uniform(5, 1, 2, 3, 3),
    "normals target": uniform(6, 1, 2, 3, 3),
    "closest": 4 * uniform(7, 1, 3, 4) - 2,
    "vertices": np.stack([CORNERS, 0.8 * np.array(CORNERS) + 0.1 * uniform(8, 4, 3)]),
    "points": uniform(9, 2, 5, 3),
    "grid": uniform(10, 3, 4, 3),
}
MASK = (uniform(11, 2, 3, 4) > 0.5).astype(np.float64)


def of_mesh(name, **settings):
    return ["vertices"], lambda v: getattr(dr.torch.losses, name)(v, FACES, **settings)


CASES = {
    "iou": (["alpha", "target"], lambda a, t: dr.torch.losses.iou(a, t)),
    "soft_jaccard": (["alpha"], lambda a: dr.torch.losses.iou(a, leaf(MASK), kind="soft_jaccard")),
    "ssim": (["image", "image target"], lambda a, t: dr.torch.losses.ssim(a, t)),
    "depth": (["alpha", "target"], lambda a, t: dr.torch.losses.depth(a, t, mask=leaf(MASK), delta=0.2)),
    "normal": (["normals", "normals target"], lambda a, t: dr.torch.losses.normal(a, t)),
    "missed": (["closest"], lambda s: dr.torch.losses.missed(s, leaf(MASK[:1]))),
    "extra": (["closest"], lambda s: dr.torch.losses.extra(s, leaf(MASK[:1]))),
    "cross_entropy": (["closest"], lambda s: dr.torch.losses.silhouette_cross_entropy(s, leaf(MASK[:1]), 0.7)),
    "laplacian": of_mesh("laplacian"),
    "edge_length": of_mesh("edge_length", target=0.5),
    "normal_consistency": of_mesh("normal_consistency"),
    "flatten": of_mesh("flatten"),
    "flatten, softly": of_mesh("flatten", softness=0.2),
    "chamfer of points": (["points", "vertices"], lambda x, y: dr.torch.losses.chamfer(x, y)),
    "chamfer of surfaces": (
        ["points", "vertices"],
        lambda x, y: dr.torch.losses.chamfer(x, y, target_faces=FACES, samples=7),
    ),
    "eikonal": (["grid"], lambda v: dr.torch.losses.eikonal(v, (0.5, 0.4, 0.3))),
    "grid_laplacian": (["grid"], lambda v: dr.torch.losses.grid_laplacian(v, (0.5, 0.4, 0.3))),
}


@pytest.mark.parametrize("case", CASES)
def test_gradients_equal_central_differences(case, cpu64):
    names, loss = CASES[case]
    fast = case == "ssim"  # thousands of numbers
    inputs = [leaf(VALUES[name]) for name in names]
    assert gradcheck(loss, inputs, eps=1e-6, atol=1e-7, rtol=1e-5, fast_mode=fast)


def test_every_loss_that_torch_has_not_is_there():
    own = {"mse", "l1", "huber", "latent_prior", "sample_surface"}  # in torch, a line of it, or no loss
    assert {*dr.torch.losses.__all__} == {*dr.losses.__all__} - own


def test_values_and_gradients_are_those_of_the_taichi_path_bit_by_bit(any32):
    loss = ti.field(ti.f32, shape=(), needs_grad=True)
    mesh = dr.Mesh(VALUES["vertices"], FACES.numpy())
    with ti.ad.Tape(loss):
        dr.losses.laplacian(mesh, loss)
    vertices = leaf(VALUES["vertices"])
    value = dr.torch.losses.laplacian(vertices, FACES)
    value.backward()
    assert value.item() == loss[None]
    np.testing.assert_array_equal(vertices.grad.numpy(), mesh.gradient("vertices"))


def test_losses_leave_gradients_of_taichis_fields_alone(cpu32):
    field = ti.field(ti.f32, shape=(), needs_grad=True)
    field.grad[None] = 3.0
    dr.torch.losses.laplacian(leaf(CORNERS), FACES).backward()
    assert field.grad[None] == 3.0


def test_a_graph_of_several_uses_of_one_loss(cpu64):
    vertices = leaf(CORNERS)
    loss = dr.torch.losses.laplacian(vertices, FACES) + 3 * dr.torch.losses.laplacian(2 * vertices, FACES)
    loss.backward(retain_graph=True)
    first = vertices.grad.clone()
    loss.backward()
    torch.testing.assert_close(vertices.grad, 2 * first)
    vertices.grad = None
    dr.torch.losses.laplacian(vertices, FACES).backward()
    torch.testing.assert_close(first, 13 * vertices.grad)  # 1 + 3 * 2 * 2


def test_second_derivatives_are_refused(cpu64):
    vertices = leaf(CORNERS)
    (gradient,) = torch.autograd.grad(dr.torch.losses.laplacian(vertices, FACES), vertices, create_graph=True)
    with pytest.raises(GradientError, match="second derivatives"):
        gradient.sum().backward()


def test_numbers_that_are_not_finite_are_named(cpu32):
    alpha = uniform(1, 2, 3, 4)
    alpha[1, 2, 0] = np.nan
    with pytest.raises(InputError, match=r"iou: expected finite numbers, got nan in alpha at \[1, 2, 0\]"):
        dr.torch.losses.iou(leaf(alpha), leaf(MASK))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dr.torch.losses.iou(leaf(MASK), leaf(MASK[:1])), r"target: expected shape \(2, 3, 4\), got \(1, 3, 4"),
        (
            lambda: dr.torch.losses.chamfer(leaf([1.0, 2.0]), leaf(CORNERS)),
            r"source: expected shape \(P, 3\) or \(B, P",
        ),
        (lambda: dr.torch.losses.flatten(leaf([[1.0, 2.0]]), FACES), r"vertices: expected shape \(N, 3\) or \(B, N, 3"),
        (lambda: dr.torch.losses.iou(leaf(MASK[:0]), leaf(MASK[:0])), r"iou alpha: expected numbers, .* \(0, 3, 4\)"),
        (lambda: dr.torch.losses.chamfer(torch.zeros(0, 3), leaf(CORNERS)), r"source: expected numbers, .* \(0, 3\)"),
    ],
)
def test_wrong_shapes_are_named(call, message, cpu32):
    with pytest.raises(ShapeError, match=message):
        call()


def test_masks_may_be_numpy_arrays_and_what_is_no_tensor_is_named(cpu32):
    depths, mask = leaf(MASK), np.ones(MASK.shape)
    assert dr.torch.losses.depth(depths, depths.detach() + 1, mask=mask).item() == 1
    with pytest.raises(InputError, match="target: expected a tensor, got list"):
        dr.torch.losses.missed(depths, [1.0])


def test_the_imaginary_part_of_a_conjugate(cpu32):
    """A tensor that shows the negative of its memory."""
    points = torch.complex(leaf(CORNERS), leaf(CORNERS)).conj().imag
    assert points.is_neg()
    assert dr.torch.losses.laplacian(points, FACES) == dr.torch.losses.laplacian(-leaf(CORNERS), FACES)


def test_large_steps(cpu64):
    vertices = leaf(VALUES["vertices"])
    smooth = dr.torch.LargeSteps(vertices, FACES, strength=3.0)
    torch.testing.assert_close(smooth(), vertices)
    expected = dr.LargeSteps(dr.Mesh(VALUES["vertices"], FACES.numpy()), strength=3.0)
    np.testing.assert_array_equal(smooth.coordinates.detach(), expected.variable().to_numpy())
    assert gradcheck(smooth.vertices, [smooth.coordinates])
    assert gradgradcheck(lambda u: smooth.vertices(u).square().sum(), [smooth.coordinates])
    for other in (copy.deepcopy(smooth), pickle.loads(pickle.dumps(smooth))):
        assert torch.equal(other(), smooth())
    assert [*smooth.state_dict()] == ["coordinates"]
    with pytest.raises(InputError, match="strength: expected a number of at least 0, got -1"):
        dr.torch.LargeSteps(vertices, FACES, strength=-1)
    with pytest.raises(ShapeError, match=r"coordinates: expected shape \(\.\.\., 4, 3\), got \(5, 3\)"):
        smooth.vertices(torch.zeros(5, 3))
