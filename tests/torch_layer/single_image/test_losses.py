"""The losses against numbers worked out by hand."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from taichi_dr.scene import shapes  # noqa: E402
from taichi_dr.torch.single_image.losses import Smoothness, color_loss, silhouette_loss  # noqa: E402


def test_silhouettes():
    a, b = torch.zeros(2, 4, 4), torch.zeros(2, 4, 4)
    a[:, :2] = 1  # 8 pixels
    b[0, 1:3] = 1  # 4 of them, and 4 others
    b[1] = 0.5  # 4 of 8 + 8 - 4
    assert silhouette_loss(a, b).item() == pytest.approx(1 - (4 / 12 + 4 / 12) / 2)
    assert silhouette_loss(a, a).item() == 0


def test_colors():
    alpha = torch.zeros(2, 4, 4)
    alpha[:, :2] = 1
    wanted = alpha[..., None].expand(2, 4, 4, 3) * torch.tensor([1.0, 0.5, 0.0])
    assert color_loss(wanted, wanted, alpha).item() == 0
    assert color_loss(0 * wanted, wanted, alpha).item() == pytest.approx(0.5)
    over = wanted.clone()
    over[:, 2] = 1.0  # four pixels beside the object: 4 * 3 of 8 * 3
    assert color_loss(over, wanted, alpha).item() == pytest.approx(0.5)


def test_smoothness_of_a_cube_and_an_octahedron(cpu32):
    cube = shapes.box(2.0)
    loss = Smoothness(torch.from_numpy(cube.numpy("faces")), 8)
    flatten = 12.0  # edges of right angles, and six diagonals that are flat
    vertices = cube.numpy("vertices")[0].astype(np.float64)
    near = [set(cube.numpy("faces")[(cube.numpy("faces") == i).any(axis=1)].ravel()) - {i} for i in range(8)]
    laplacian = sum(((vertices[list(others)].mean(axis=0) - vertices[i]) ** 2).sum() for i, others in enumerate(near))
    given = torch.from_numpy(cube.numpy("vertices"))
    assert loss(given).item() == pytest.approx(5e-3 * laplacian + 5e-4 * flatten, rel=1e-5)

    points = np.concatenate([np.eye(3), -np.eye(3)])
    faces = [[x, y, z] if (x < 3) ^ (y < 4) ^ (z < 5) else [x, z, y] for x in (0, 3) for y in (1, 4) for z in (2, 5)]
    loss = Smoothness(torch.tensor(faces, dtype=torch.int32), 6)
    found = loss(torch.tensor(np.stack([points, 2 * points]), dtype=torch.float32)).item()
    flatten = 12 * (1 - 1 / 3) ** 2  # normals (1, 1, 1) and (1, 1, -1) over sqrt(3)
    assert found == pytest.approx(5e-3 * (6 + 24) / 2 + 5e-4 * flatten, rel=1e-5)  # the mean of neighbours is 0
