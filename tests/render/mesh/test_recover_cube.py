"""Vertices and colours of a cube from 16 x 16 pictures: what antialiasing's gradient of visibility is good for.

The set-up of nvdiffrast's cube sample (Laine et al. 2020): every step shows the cube from a random side, the error is
the mean squared difference from the antialiased picture of the true cube.
"""

import numpy as np

import taichi_dr as dr

SIZE, STEPS = 16, 1000
CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 7, 5], [4, 6, 7], [0, 5, 1], [0, 4, 5], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4]]
    + [[1, 5, 7], [1, 7, 3]]
)


def recover(seed, steps=STEPS):
    """Mean distance of the recovered corners from the true ones, and that at the start."""
    rng = np.random.default_rng(seed)
    colors = CORNERS + 0.5
    true = dr.Mesh(CORNERS, FACES, colors=colors)
    found = dr.Mesh(
        CORNERS + rng.uniform(-0.5, 0.5, CORNERS.shape),
        FACES,
        colors=np.clip(colors + rng.uniform(-0.5, 0.5, colors.shape), 0, 1),
    )
    start = corner_error(found)
    camera = dr.Camera([0.0, 0.0, 3.5], fov_y=2 * np.arctan(0.4), near=1.0, far=10.0)
    target_of, renderer = (dr.Rasterizer((SIZE, SIZE), antialias=True) for _ in range(2))
    optimizer = dr.Adam([found.vertices, found.colors], lr=0.01)
    for step in range(steps):
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        camera.fields.set("eye", 3.5 * turn[:1])
        camera.fields.set("up", turn[1:2])
        target = target_of.render(true, camera).color.to_numpy()
        image = renderer.render(found, camera).color
        found.vertices.grad.fill(0)
        found.colors.grad.fill(0)
        image.grad.from_numpy((2 * (image.to_numpy() - target) / target.size).astype(np.float32))
        renderer.backward()
        optimizer.lr = 0.01 * max(0.01, 10 ** (-0.0005 * step * 1000 / steps))
        optimizer.step()
    return corner_error(found), start


def corner_error(mesh):
    return np.linalg.norm(mesh.vertices.to_numpy()[0] - CORNERS, axis=-1).mean()


def test_corners_come_back(cpu32):
    error, start = recover(seed=0)
    assert start > 0.3
    assert error < 0.02
