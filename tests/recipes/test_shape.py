"""Shapes that are found from images of them."""

import numpy as np
import pytest

import taichi_dr as dr

COLOR = (0.8, 0.3, 0.1)


def around(views=8):
    return dr.Camera.orbit(np.arange(views) * 360 / views, np.resize([-30, 20], views), 2.7, 45)


def egg():
    """A closed shape that is no sphere."""
    ball = dr.shapes.icosphere(3, colors=COLOR, name="egg")
    ball.set("vertices", ball.numpy("vertices") * (0.75, 0.5, 0.45) + (0.1, 0.05, 0))
    return ball


def start(**arguments):
    return dr.shapes.icosphere(2, radius=0.4, **arguments)


def iou(mesh, other):
    camera = dr.Camera.orbit([17, 120, 250], [50, 0, -20], 2.7, 45)
    a, b = (dr.Rasterizer(64).render(each, camera).numpy("alpha") for each in (mesh, other))
    return (a * b).sum() / np.maximum(a, b).sum()


def test_from_silhouettes(cpu32):
    images = dr.supersampled(egg(), around(), 48)[..., 3]
    sphere, told = start(), []
    fit = dr.fit_shape(
        sphere, images, around(), batch=4, steps=40, on_step=lambda fit: told.append(len(fit.losses)), progress=False
    )
    assert iou(sphere, egg()) < 0.65
    assert iou(fit.mesh, egg()) > 0.93, "in views that it has not seen"
    assert told == list(range(1, 42))
    assert fit.losses[-1] < 0.1 * fit.losses[0]
    np.testing.assert_allclose(np.linalg.norm(sphere.numpy("vertices"), axis=-1), 0.4, rtol=1e-5)
    assert repr(fit).startswith("ShapeFit('icosphere', 320 faces, loss ")


def test_colors_are_found_on_the_way(cpu32):
    images = dr.supersampled(egg(), around(), 48)
    fit = dr.fit_shape(start(colors=(0.5, 0.5, 0.5)), images, around(), batch=4, steps=60)
    assert iou(fit.mesh, egg()) > 0.93
    np.testing.assert_allclose(fit.mesh.numpy("colors").mean(axis=(0, 1)), COLOR, atol=0.06)


def test_the_same_seed_gives_the_same_shape(cpu32):
    images = dr.supersampled(egg(), around(), 32)
    one, two, other = (dr.fit_shape(start(), images, around(), batch=3, steps=3, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.mesh.numpy("vertices"), two.mesh.numpy("vertices"))
    assert one.losses == two.losses != other.losses


def test_an_open_mesh_and_larger_images(cpu32):
    """A square sheet that is moved and widened; images are averaged down to the size asked for."""
    n = np.linspace(-0.4, 0.4, 9)
    points = np.stack([*np.meshgrid(n, n), np.zeros((9, 9))], axis=-1).reshape(-1, 3)
    corner = (np.arange(8)[:, None] * 9 + np.arange(8)).ravel()
    faces = np.concatenate(
        [np.stack([corner, corner + 1, corner + 10], 1), np.stack([corner, corner + 10, corner + 9], 1)]
    )
    camera = dr.Camera.orbit([-30, 0, 30], [0, 20, -20], 2.7, 45)
    target = dr.Mesh(points * (1.5, 1, 1) + (0.1, 0, 0), faces)
    images = dr.supersampled(target, camera, 96)[..., 3]
    fit = dr.fit_shape(dr.Mesh(points, faces), images, camera, size=48, steps=40)
    alpha = dr.Rasterizer(96).render(fit.mesh, camera).numpy("alpha")
    assert (alpha * images).sum() / np.maximum(alpha, images).sum() > 0.93


def test_what_is_refused(cpu32):
    images, camera = dr.supersampled(egg(), around(), 8), around()
    inside_out = dr.Mesh(start().numpy("vertices")[0], start().numpy("faces")[:, ::-1])
    for arguments, error, message in (
        ((start(), images[..., :3], camera), dr.InputError, "background"),
        ((start(), images[:3], camera), dr.ShapeError, "with V = 8"),
        ((inside_out, images, camera), dr.GeometryError, "its faces look inwards"),
    ):
        with pytest.raises(error, match=message):
            dr.fit_shape(*arguments)
    with pytest.raises(dr.InputError, match="batch: expected a positive whole number, got 0"):
        dr.fit_shape(start(), images, camera, batch=0)
