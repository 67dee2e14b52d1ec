"""The losses against numbers worked out by hand."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from taichi_dr.scene import shapes  # noqa: E402
from taichi_dr.torch.single_image.losses import color_loss, terms  # noqa: E402


def half_covered(views=2):
    """Silhouettes of the upper half of 4 x 4 pixels."""
    mask = torch.zeros(views, 4, 4)
    mask[:, :2] = 1
    return mask


def test_colors():
    mask = half_covered()
    wanted = mask[..., None] * torch.tensor([1.0, 0.5, 0.0])
    assert color_loss(wanted, wanted, mask).item() == 0
    assert color_loss(0 * wanted, wanted, mask).item() == pytest.approx(0.5)
    over = wanted.clone()
    over[:, 2] = 1.0  # four pixels beside the object: 4 * 3 of 8 * 3
    assert color_loss(over, wanted, mask).item() == pytest.approx(0.5)


def test_terms_of_a_cube(cpu32):
    cube = shapes.box(2.0)
    vertices, faces = torch.from_numpy(cube.numpy("vertices")), torch.from_numpy(cube.numpy("faces"))
    mask = half_covered()
    wanted = torch.cat([torch.full((2, 4, 4, 3), 0.5), mask[..., None]], dim=-1)  # what is not covered has colours too
    alpha = mask.clone()
    alpha[:, 0] = 0  # half of it: 4 of 8
    color = 0.5 * alpha[..., None].expand(2, 4, 4, 3)
    found = {name: term.item() for name, term in terms(color, alpha, wanted, vertices, faces).items()}
    near = [set(cube.numpy("faces")[(cube.numpy("faces") == i).any(axis=1)].ravel()) - {i} for i in range(8)]
    points = cube.numpy("vertices")[0].astype(np.float64)
    laplacian = sum(((points[list(others)].mean(axis=0) - points[i]) ** 2).sum() for i, others in enumerate(near))
    expected = {"silhouette": 0.5, "color": 0.25, "laplacian": laplacian, "flatten": 12.0}  # 12 right angles
    assert found == pytest.approx(expected, rel=1e-5)
